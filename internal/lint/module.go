package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
)

// modulePath is the module that the rules are about.
const modulePath = "gyro"

// Package is what the go command knows of a package.
type Package struct {
	ImportPath string
	Name       string
	Dir        string
	Doc        string // the first sentence of the package's documentation
	Standard   bool
	Export     string // file with the compiled package's export data, only if asked for
	GoFiles    []string
	CgoFiles   []string
	Imports    []string
}

// folder is the package's place in the module: "" for its root.
func (p *Package) folder() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, modulePath), "/")
}

// list runs "go list" in a directory of a module.
func list(dir string, args ...string) ([]Package, error) {
	var out, problems bytes.Buffer
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Dir,Doc,Standard,Export,GoFiles,CgoFiles,Imports"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s in %s: %w\n%s", cmd, dir, err, problems.String())
	}
	var packages []Package
	for decoder := json.NewDecoder(&out); ; {
		var p Package
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", cmd, err)
		}
		packages = append(packages, p)
	}
}

// Packages returns all packages of the module at root, tests and testdata apart. One that does not load is among them
// all the same: the compiler says what is wrong with it better than a rule could.
func Packages(root string) ([]Package, error) { return list(root, "-e", "./...") }

// within reports whether a folder is one of the given ones or lies in one.
func within(folder string, parents ...string) bool {
	for _, parent := range parents {
		if folder == parent || strings.HasPrefix(folder, parent+"/") {
			return true
		}
	}
	return false
}

// relative is a file's path from the root, with slashes.
func relative(root, file string) string {
	if filepath.IsAbs(file) {
		if absolute, err := filepath.Abs(root); err == nil {
			root = absolute
		}
	}
	path, err := filepath.Rel(root, file)
	if err != nil {
		return file
	}
	return filepath.ToSlash(path)
}
