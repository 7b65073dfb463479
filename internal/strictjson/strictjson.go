// Package strictjson reads the JSON bodies of the APIs: one value of the declared
// type, every field known and named once, in the letter case it is declared in,
// and nothing behind it. encoding/json alone lets fields that are named twice or
// in another case pass, and a misspelt field that is ignored moves the wrong money.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// MaxDepth bounds the nesting of a body; the deepest one of the APIs, a product
// order, has about ten levels.
const MaxDepth = 32

// Error is what is wrong with a body, and where.
type Error struct {
	// Line and Column count from 1; both are 0 where the body as a whole is meant.
	Line, Column int
	// Key is the path of fields to the value, such as orderItem[0].action.
	Key    string
	Reason string
	Remedy string
}

// Error implements error.
func (e *Error) Error() string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf("line %d, column %d: ", e.Line, e.Column)
	}
	if e.Key != "" {
		where += e.Key + ": "
	}
	return where + e.Reason + "; " + e.Remedy
}

// Decode reads body into v, a pointer. What it refuses is an *Error.
func Decode(body []byte, v any) error {
	if !utf8.Valid(body) {
		return &Error{Reason: "the body is not UTF-8", Remedy: "JSON must be"}
	}
	w := walker{body: body, decoder: json.NewDecoder(bytes.NewReader(body)), root: reflect.TypeOf(v)}
	w.decoder.UseNumber()
	if err := w.value("", 0, w.root); err != nil {
		return w.explain(err)
	}
	if bytes.Equal(bytes.TrimSpace(body), []byte("null")) { // which encoding/json takes for an empty object
		return w.at(0, "", "null is not expected here", "write an object")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(v); err != nil {
		return w.explain(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return w.at(decoder.InputOffset(), "", "data follows the JSON value", "send one object and nothing behind it")
	}
	return nil
}

// walker goes over a body once, beside the type that it is for.
type walker struct {
	decoder *json.Decoder
	body    []byte
	root    reflect.Type // what the body is read into
}

var errDepth = errors.New("nested too deeply")

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// value walks over one value of type t; t is nil where anything may stand.
func (w *walker) value(path string, depth int, t reflect.Type) error {
	if depth > MaxDepth {
		return errDepth
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && reflect.PointerTo(t).Implements(unmarshaler) {
		return w.custom(path, depth, t)
	}
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	if text, ok := token.(string); ok && strings.IndexByte(text, 0) >= 0 {
		return w.at(w.decoder.InputOffset(), path, "the text has the character U+0000", "leave it out: no database and no element keeps it")
	}
	switch token {
	case json.Delim('{'):
		return w.object(path, depth, t)
	case json.Delim('['):
		var element reflect.Type
		if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
			element = t.Elem()
		}
		for n := 0; w.decoder.More(); n++ {
			if err := w.value(path+"["+strconv.Itoa(n)+"]", depth+1, element); err != nil {
				return err
			}
		}
		_, err = w.decoder.Token()
	}
	return err
}

// custom lets a type that reads itself have its value here already, because
// encoding/json would not say where it stands.
func (w *walker) custom(path string, depth int, t reflect.Type) error {
	from := w.next()
	if err := w.value(path, depth, nil); err != nil {
		return err
	}
	raw := w.body[from:w.decoder.InputOffset()]
	target, _ := reflect.TypeAssert[json.Unmarshaler](reflect.New(t))
	err := target.UnmarshalJSON(raw)
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return w.at(int64(from)+1, strings.TrimPrefix(path+"."+e.Key, "."), e.Reason, e.Remedy).trimmed()
	}
	return w.at(int64(from)+1, path, err.Error(), "correct it")
}

func (e *Error) trimmed() *Error {
	e.Key = strings.TrimSuffix(e.Key, ".")
	return e
}

// next is the offset at which the next token begins.
func (w *walker) next() int {
	from := int(w.decoder.InputOffset())
	return from + len(w.body[from:]) - len(bytes.TrimLeft(w.body[from:], " \t\r\n,:"))
}

func (w *walker) object(path string, depth int, t reflect.Type) error {
	var known map[string]reflect.Type
	var element reflect.Type
	if t != nil {
		switch t.Kind() {
		case reflect.Struct:
			known = fieldsOf(t)
		case reflect.Map:
			element = t.Elem()
		}
	}
	seen := map[string]bool{}
	for w.decoder.More() {
		from := w.next()
		token, err := w.decoder.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		at := strings.TrimPrefix(path+"."+key, ".")
		if strings.IndexByte(key, 0) >= 0 {
			return w.at(int64(from)+1, path, "the name of a field has the character U+0000", "leave it out")
		}
		if seen[key] {
			return w.at(w.decoder.InputOffset(), at, "the field is there twice", "keep one of them")
		}
		seen[key] = true
		inside := element
		if known != nil {
			declared, found := known[key]
			if !found {
				return w.at(int64(from)+1, at, "the field is unknown", "check its spelling, or leave it out")
			}
			inside = declared
		}
		if err := w.value(at, depth+1, inside); err != nil {
			return err
		}
	}
	_, err := w.decoder.Token()
	return err
}

var fieldCache sync.Map // reflect.Type to map[string]reflect.Type

// fieldsOf returns the JSON names of a struct's fields, embedded ones included.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if cached, found := fieldCache.Load(t); found {
		return cached.(map[string]reflect.Type)
	}
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() || (f.Anonymous && name == "") {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields[name] = f.Type
	}
	fieldCache.Store(t, fields)
	return fields
}

// FieldNames returns the names of the fields that t, a struct or a pointer to
// one, has in JSON.
func FieldNames(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	fields := fieldsOf(t)
	names := make([]string, 0, len(fields))
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		if _, found := fields[name]; found {
			names = append(names, name)
		}
	}
	return names
}

// at makes an error with the position behind the first offset octets.
func (w *walker) at(offset int64, key, reason, remedy string) *Error {
	before := w.body[:min(int(max(offset, 0)), len(w.body))]
	return &Error{
		Line: bytes.Count(before, []byte("\n")) + 1, Column: len(before) - bytes.LastIndexByte(before, '\n'),
		Key: key, Reason: reason, Remedy: remedy,
	}
}
