package lint

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// pureFolders hold the deterministic part of the product: the same commands give the same outcomes on every machine and
// at every replay. They are listed one by one, for charging/diameter is none of them.
var pureFolders = []string{
	"balance", "charging", "charging/session", "charging/usage", "rating",
	"internal/ident", "internal/instant", "internal/money", "internal/slab", "internal/wire",
}

// pureImports are the packages from outside the module that pure packages may import. maps is not among them: its
// functions yield keys in an order that differs from run to run.
var pureImports = []string{
	"bytes", "cmp", "encoding/binary", "encoding/json", "errors", "fmt", "hash/crc32", "iter",
	"io", // for its interfaces and errors; it reaches nothing by itself
	"math", "math/bits", "slices", "sort", "strconv", "strings", "unicode", "unicode/utf8",
	"github.com/cespare/xxhash/v2",
}

// pureExceptions are further imports of single folders.
var pureExceptions = map[string][]string{
	"rating":           {"gopkg.in/yaml.v3", "go.yaml.in/yaml/v3", "net/netip"}, // catalogues are YAML; netip reads addresses and reaches none
	"internal/instant": {"time"},                                                // converts; see clock for what it may not call
}

// clock are the functions of package time that look at the clock, wait, or read the machine's time-zone database.
var clock = []string{
	"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation",
}

func isPure(folder string) bool { return slices.Contains(pureFolders, folder) }

// CheckPurity type-checks the pure packages of the module at root and reports whatever could make two runs differ.
func CheckPurity(root string, packages []Package) ([]Finding, error) {
	paths := []string{}
	for k := range packages {
		if isPure(packages[k].folder()) {
			paths = append(paths, packages[k].ImportPath)
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no pure package in %s", root)
	}
	// Dependencies are read from their export data, which the build cache has: checking them from source would take
	// many seconds.
	compiled, err := list(root, append([]string{"-export", "-deps", "-e"}, paths...)...)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for k := range compiled {
		exports[compiled[k].ImportPath] = compiled[k].Export
	}
	set := token.NewFileSet()
	imports := importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("%s has no export data: does it compile?", path)
		}
		return os.Open(exports[path])
	})
	var found findings
	for k := range compiled {
		if p := &compiled[k]; !p.Standard && isPure(p.folder()) {
			if err := checkPackage(&found, root, p, set, imports); err != nil {
				return nil, err
			}
		}
	}
	return found.sorted(), nil
}

func checkPackage(found *findings, root string, p *Package, set *token.FileSet, imports types.Importer) error {
	var files []*ast.File
	for _, name := range append(p.GoFiles, p.CgoFiles...) {
		file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	info := &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{},
		Defs:  map[*ast.Ident]types.Object{},
		Uses:  map[*ast.Ident]types.Object{},
	}
	config := types.Config{Importer: imports}
	if _, err := config.Check(p.ImportPath, set, files, info); err != nil {
		return fmt.Errorf("%s: %w", p.ImportPath, err)
	}
	v := visitor{found: found, root: root, set: set, info: info}
	for _, file := range files {
		ast.Inspect(file, v.visit)
	}
	return nil
}

// visitor looks at one package.
type visitor struct {
	found *findings
	root  string
	set   *token.FileSet
	info  *types.Info
}

func (v *visitor) add(rule string, at ast.Node, format string, args ...any) {
	position := v.set.Position(at.Pos())
	v.found.add(rule, fmt.Sprintf("%s:%d", relative(v.root, position.Filename), position.Line), format, args...)
}

func (v *visitor) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		v.add("goroutine", n, "a go statement: the order in which goroutines run differs from run to run")
	case *ast.SelectStmt:
		v.add("channel", n, "a select statement: which case is taken differs from run to run")
	case *ast.ChanType:
		v.add("channel", n, "a channel: pure packages have nobody to talk to")
	case *ast.RangeStmt:
		v.checkRange(n)
	case *ast.AssignStmt:
		for _, target := range n.Lhs {
			v.checkGlobal(target)
		}
	case *ast.IncDecStmt:
		v.checkGlobal(n.X)
	case *ast.FuncDecl:
		if n.Recv == nil && n.Name.Name == "init" {
			v.add("init", n, "an init function: it runs before anyone can say with what; make the value in a constructor")
		}
	case *ast.Ident:
		v.checkName(n)
	}
	if e, ok := n.(ast.Expr); ok && isFloat(v.info.TypeOf(e)) {
		v.add("float", n, "a floating-point value: money and units are integers; floats round differently by expression and by machine")
	}
	return true
}

func (v *visitor) checkRange(n *ast.RangeStmt) {
	switch t := v.info.TypeOf(n.X); t.Underlying().(type) {
	case *types.Map:
		v.add("map order", n, "ranges over a map (%s), whose order differs from run to run: keep a slice beside it, or sort its keys where they are added", t)
	case *types.Chan:
		v.add("channel", n, "ranges over a channel")
	}
}

// checkName reports names that bring time or the machine in.
func (v *visitor) checkName(n *ast.Ident) {
	used := v.info.Uses[n]
	if used == nil || used.Pkg() == nil || used.Pkg().Path() != "time" {
		return
	}
	if used.Parent() == used.Pkg().Scope() && slices.Contains(clock, used.Name()) {
		v.add("clock", n, "time.%s: time comes in with the batch, zones with the catalogue", used.Name())
	}
}

// checkGlobal reports an assignment to a variable of the package or to a part of it.
func (v *visitor) checkGlobal(target ast.Expr) {
	for {
		switch t := target.(type) {
		case *ast.IndexExpr:
			target = t.X
		case *ast.StarExpr:
			target = t.X
		case *ast.ParenExpr:
			target = t.X
		case *ast.SelectorExpr:
			if v.global(t.Sel) {
				v.add("global", t, "assigns to %s, a variable of a package: state lives in values that are passed", t.Sel.Name)
				return
			}
			target = t.X
		case *ast.Ident:
			if v.global(t) {
				v.add("global", t, "assigns to %s, a variable of the package: state lives in values that are passed", t.Name)
			}
			return
		default:
			return
		}
	}
}

func (v *visitor) global(name *ast.Ident) bool {
	variable, ok := v.info.Uses[name].(*types.Var)
	return ok && !variable.IsField() && variable.Pkg() != nil && variable.Parent() == variable.Pkg().Scope()
}

// isFloat reports whether a value of the type is a floating-point or complex number, or holds one in an array, slice,
// pointer or the results of a call. Structs of other packages may have such fields as long as nobody touches them.
func isFloat(t types.Type) bool {
	switch t := t.(type) {
	case nil:
		return false
	case *types.Tuple:
		for variable := range t.Variables() {
			if isFloat(variable.Type()) {
				return true
			}
		}
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Info()&(types.IsFloat|types.IsComplex) != 0
	case *types.Array:
		return isFloat(u.Elem())
	case *types.Slice:
		return isFloat(u.Elem())
	case *types.Map:
		return isFloat(u.Key()) || isFloat(u.Elem())
	}
	return false
}
