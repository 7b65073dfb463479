package tmftest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gyro/api/rest"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// definitions is where TM Forum's definitions lie, relative to the module's root. They are not part of the module: where
// they are absent, answers are held against the golden bodies only.
const definitions = "../shared/data/tmf"

// compiled are schemas by file and name.
var compiled sync.Map

// check holds a JSON value against a definition of an API: required fields, types, enumerations, formats. It returns nil
// where the definitions are absent.
func check(api rest.API, definition string, body []byte) error {
	schema, err := schemaOf(api, definition)
	if schema == nil || err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	err = schema.Validate(value)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	var lines []string
	leaves(invalid, &lines)
	return fmt.Errorf("not a %s of TMF%d: %s", definition, api.Number, strings.Join(lines, "; "))
}

// leaves lists what is wrong, each with its place.
func leaves(e *jsonschema.ValidationError, lines *[]string) {
	if len(e.Causes) == 0 {
		*lines = append(*lines, "/"+strings.Join(e.InstanceLocation, "/")+": "+e.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
	}
	for _, cause := range e.Causes {
		leaves(cause, lines)
	}
}

func schemaOf(api rest.API, definition string) (*jsonschema.Schema, error) {
	path := filepath.Join(Root(), definitions, api.Definition)
	key := path + "#" + definition
	if found, ok := compiled.Load(key); ok {
		return found.(*jsonschema.Schema), nil
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no definitions here
	} else if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	document, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4) // which the schemas of Swagger 2.0 extend
	compiler.AssertFormat()
	if err := compiler.AddResource("tmf:"+api.Definition, document); err != nil {
		return nil, err
	}
	schema, err := compiler.Compile("tmf:" + api.Definition + "#/definitions/" + definition)
	if err != nil {
		return nil, fmt.Errorf("%s has no usable definition %s: %w", api.Definition, definition, err)
	}
	compiled.Store(key, schema)
	return schema, nil
}

// Root is the module's root.
func Root() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			panic("tmftest: no go.mod above the working directory")
		}
		dir = parent
	}
}

// Valid holds the body of an exchange against a definition of an API.
func (x *Exchange) Valid(t testing.TB, api rest.API, definition string) {
	t.Helper()
	if err := check(api, definition, x.Body); err != nil {
		t.Errorf("%s %s: %v\n%s", x.Method, x.Path, err, x.Body)
	}
}
