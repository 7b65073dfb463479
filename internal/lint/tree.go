package lint

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// maxLines is the most lines of a Go file that people wrote. A reader keeps about this much in mind; what is longer has
// more than one subject.
const maxLines = 500

// fixture is the module that breaks the rules; the rules of the tree do not look into it.
const fixture = "internal/lint/testdata"

// eachFile calls fn with the path from the root of every file that belongs to the project.
func eachFile(root string, fn func(name string) error) error {
	ignored := ignoredFolders(root)
	return filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := relative(root, file)
		switch {
		case name == ".git" || slices.Contains(ignored, name) || name == fixture:
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !e.Type().IsRegular():
			return nil
		}
		return fn(name)
	})
}

// ignoredFolders are the folders at the root that .gitignore names.
func ignoredFolders(root string) []string {
	text, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		return nil
	}
	var folders []string
	for entry := range strings.FieldsSeq(string(text)) {
		if strings.HasPrefix(entry, "/") && strings.HasSuffix(entry, "/") {
			folders = append(folders, strings.Trim(entry, "/"))
		}
	}
	return folders
}

// pattern is text that has no place in the tree.
type pattern struct {
	rule string
	text *regexp.Regexp
	why  string
	// in limits the pattern to files whose name ends so; empty is every file.
	in string
	// unless lifts it for files that contain this.
	unless string
}

// patterns are put together from pieces so that this file does not contain what it forbids.
var patterns = []pattern{
	{
		rule: "machine", text: regexp.MustCompile(`(^|[\s"'=(:` + "`" + `])/(work|home/[a-z]+|root|Users/[A-Za-z]+)/`),
		why: "a path of one machine means nothing on another",
	},
	{
		rule: "registry", text: regexp.MustCompile(`(?i)(proxy\.go` + `lang\.org|registry\.npm` + `js\.org|deb\.deb` + `ian\.org|GO` + `PROXY=|GONO` + `SUMDB=)`),
		why: "where packages come from is the machine's business; name packages, not hosts",
	},
	{
		rule: "later", text: regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`), in: ".go",
		why: "work that is left belongs where work is tracked; the code says what is",
	},
	{
		rule: "skip", text: regexp.MustCompile(`\b[tb]\.Sk` + `ip(f|Now)?\(`), in: "_test.go",
		why: "a test that is skipped passes without having looked: install what it needs (scripts/packages.txt) and fail without it",
	},
	{
		rule: "sleep", text: regexp.MustCompile(`\btime\.Sl` + `eep\(`), in: "_test.go", unless: "synctest.Test(",
		why: "a test that sleeps is slow when it passes and fails when the machine is busy: use a fake clock or testing/synctest",
	},
	{
		rule: "merge", text: regexp.MustCompile(`(?m)^(<<<<` + `<<<|>>>>` + `>>>) `),
		why: "a merge that nobody finished: take one side, or what both come to",
	},
}

// CheckTree holds the files of the module at root against the rules for files. words are further strings that must not
// occur, such as the place of the checkout itself.
func CheckTree(root string, words ...string) ([]Finding, error) {
	var found findings
	err := eachFile(root, func(name string) error {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil || bytes.IndexByte(text, 0) >= 0 || path.Base(name) == "go.sum" {
			return err
		}
		checkText(&found, name, text, words)
		checkReferences(&found, root, name, text)
		if path.Ext(name) == ".go" && !generated(text) {
			if n := bytes.Count(text, []byte("\n")); n > maxLines {
				found.add("length", name, "has %d lines, more than %d: it has more than one subject", n, maxLines)
			}
		}
		return nil
	})
	return found.sorted(), err
}

func checkText(found *findings, name string, text []byte, words []string) {
	for _, p := range patterns {
		if !strings.HasSuffix(name, p.in) || p.unless != "" && bytes.Contains(text, []byte(p.unless)) {
			continue
		}
		for _, at := range p.text.FindAllIndex(text, -1) {
			found.add(p.rule, position(name, lineOf(text, at[0])), "%q: %s", bytes.TrimSpace(text[at[0]:at[1]]), p.why)
		}
	}
	for _, word := range words {
		if at := bytes.Index(text, []byte(word)); at >= 0 {
			found.add("machine", position(name, lineOf(text, at)), "names something of the machine that this test runs on")
		}
	}
}

// documentName is how comments name a document.
var documentName = regexp.MustCompile(`\bdocs/[A-Za-z0-9_/.-]+\.md\b`)

// checkReferences looks for the documents that comments and messages of a Go file name. The tests of this package name
// documents of modules that are made up.
func checkReferences(found *findings, root, name string, text []byte) {
	if path.Ext(name) != ".go" || within(name, "internal/lint") {
		return
	}
	for _, at := range documentName.FindAllIndex(text, -1) {
		document := string(text[at[0]:at[1]])
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(document))); err != nil {
			found.add("path", position(name, lineOf(text, at[0])), "names %s, which does not exist", document)
		}
	}
}

func lineOf(text []byte, at int) int { return 1 + bytes.Count(text[:at], []byte("\n")) }

func position(name string, line int) string { return fmt.Sprintf("%s:%d", name, line) }

var generatedBy = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func generated(text []byte) bool { return generatedBy.Match(text) }

// CheckPackageDocs reports packages without documentation.
func CheckPackageDocs(packages []Package) []Finding {
	var found findings
	for _, p := range packages {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			found.add("package doc", p.ImportPath, "has no package comment: say what the package is for and what it is not")
		}
	}
	return found.sorted()
}
