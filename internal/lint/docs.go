package lint

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// document is a Markdown file, cut into what the checks look at.
type document struct {
	name  string // from the root
	code  []line // code spans and lines of fenced blocks
	links []line // targets of links
	heads []string
}

// line is a piece of a document and the line it is on.
type line struct {
	text  string
	at    int
	fence bool // from a fenced block
}

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	linkTo   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`^#+ (.+)$`)
	unlinked = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// readDocument cuts a Markdown file up.
func readDocument(root, name string) (*document, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	d := &document{name: name}
	fenced := false
	lines := bufio.NewScanner(bytes.NewReader(text))
	for at := 1; lines.Scan(); at++ {
		s := lines.Text()
		if strings.HasPrefix(strings.TrimSpace(s), "```") {
			fenced = !fenced
			continue
		}
		if fenced {
			d.fence(s, at)
			continue
		}
		for _, m := range codeSpan.FindAllStringSubmatch(s, -1) {
			d.code = append(d.code, line{m[1], at, false})
		}
		for _, m := range linkTo.FindAllStringSubmatch(s, -1) {
			d.links = append(d.links, line{m[1], at, false})
		}
		if m := heading.FindStringSubmatch(s); m != nil {
			d.heads = append(d.heads, anchor(m[1]))
		}
	}
	return d, lines.Err()
}

// fence adds a line of a fenced block, joined to the one before where that ends with a backslash.
func (d *document) fence(text string, at int) {
	if n := len(d.code); n > 0 && d.code[n-1].fence && strings.HasSuffix(d.code[n-1].text, `\`) {
		last := &d.code[n-1]
		last.text = strings.TrimSuffix(last.text, `\`) + strings.TrimSpace(text)
		return
	}
	d.code = append(d.code, line{text, at, true})
}

// anchor is the name that a heading can be linked by.
func anchor(heading string) string {
	return strings.ReplaceAll(unlinked.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// CheckDocs holds the Markdown files of the module at root against it: every path, link and make target that they name
// must exist, and every symbol in a path of the form file.go:Type.Method.
func CheckDocs(root string) ([]Finding, error) {
	documents, err := readDocuments(root)
	if err != nil {
		return nil, err
	}
	targets, err := makeTargets(filepath.Join(root, "Makefile"))
	if err != nil {
		return nil, err
	}
	folders, err := topFolders(root)
	if err != nil {
		return nil, err
	}
	var found findings
	for _, d := range documents {
		for _, l := range d.links {
			checkLink(&found, root, documents, d, l)
		}
		for _, l := range d.code {
			checkPaths(&found, root, folders, d, l)
			checkMake(&found, targets, d, l)
		}
	}
	return found.sorted(), nil
}

func readDocuments(root string) ([]*document, error) {
	var documents []*document
	err := eachFile(root, func(name string) error {
		if path.Ext(name) != ".md" {
			return nil
		}
		d, err := readDocument(root, name)
		documents = append(documents, d)
		return err
	})
	return documents, err
}

// topFolders are the folders at the root, and those that the architecture has at its root whether they exist or not: a
// document that names a file in a folder that is gone is wrong.
func topFolders(root string) ([]string, error) {
	folders := []string{"docs", "scripts", "testdata"}
	for _, l := range layers {
		top, _, _ := strings.Cut(l.folder, "/")
		folders = append(folders, top)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	ignored := ignoredFolders(root)
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(ignored, e.Name()) {
			folders = append(folders, e.Name())
		}
	}
	return folders, nil
}

func checkLink(found *findings, root string, documents []*document, d *document, l line) {
	if strings.Contains(l.text, "://") || strings.HasPrefix(l.text, "mailto:") {
		return
	}
	file, section, _ := strings.Cut(l.text, "#")
	target := d.name
	if file != "" {
		target = path.Join(path.Dir(d.name), file)
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
			found.add("link", place(d, l), "links to %s, which does not exist", target)
			return
		}
	}
	if section == "" {
		return
	}
	k := slices.IndexFunc(documents, func(other *document) bool { return other.name == target })
	if k < 0 || !slices.Contains(documents[k].heads, section) {
		found.add("link", place(d, l), "links to the section %q of %s, which has none of that name", section, target)
	}
}

// repositoryPath is a path, perhaps with a symbol of the file behind a colon.
var repositoryPath = regexp.MustCompile(`^\.?[A-Za-z0-9_][A-Za-z0-9_./-]*(:[A-Za-z0-9_.]+)?$`)

// rootFiles are files at the root that need no slash to be taken for a path.
var rootFiles = []string{"Makefile", "README.md", "CHANGELOG.md", "go.mod", "go.sum", ".golangci.yml", ".gitignore"}

func checkPaths(found *findings, root string, folders []string, d *document, l line) {
	words := []string{l.text}
	if l.fence {
		words = strings.FieldsFunc(l.text, func(r rune) bool { return strings.ContainsRune(" \t\"'@=(),;|", r) })
	}
	for _, word := range words {
		word = strings.TrimPrefix(word, "./")
		if !repositoryPath.MatchString(word) {
			continue
		}
		name, symbol, _ := strings.Cut(word, ":")
		top, _, inFolder := strings.Cut(name, "/")
		if !(inFolder && slices.Contains(folders, top)) && !slices.Contains(rootFiles, name) {
			continue
		}
		file, ok := locate(root, d, strings.TrimRight(name, "/."))
		if !ok {
			found.add("path", place(d, l), "names %s, which does not exist", name)
			continue
		}
		if path.Ext(name) == ".go" && symbol != "" && !declares(file, symbol) {
			found.add("symbol", place(d, l), "names %s in %s, which declares nothing of that name", symbol, name)
		}
	}
}

// locate finds a file that a document names: from the root, or from where the document is.
func locate(root string, d *document, name string) (file string, ok bool) {
	for _, from := range []string{".", path.Dir(d.name)} {
		file = filepath.Join(root, filepath.FromSlash(path.Join(from, name)))
		if _, err := os.Stat(file); err == nil {
			return file, true
		}
	}
	return "", false
}

func place(d *document, l line) string { return position(d.name, l.at) }

// declares reports whether a Go file declares a function, type, constant or variable, or a method as Type.Method.
func declares(file, symbol string) bool {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return false
	}
	for _, declaration := range parsed.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if funcName(d) == symbol {
				return true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.Name == symbol {
						return true
					}
				case *ast.ValueSpec:
					if slices.ContainsFunc(s.Names, func(n *ast.Ident) bool { return n.Name == symbol }) {
						return true
					}
				}
			}
		}
	}
	return false
}

func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	receiver := d.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	if name, ok := receiver.(*ast.Ident); ok {
		return name.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

var (
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)
	makeCall   = regexp.MustCompile(`(?:^|&& |\$ |; )make((?: [a-z][a-z0-9-]*)+)(?:$|[^=a-z0-9-])`)
)

// makeTargets returns the targets of a Makefile.
func makeTargets(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var targets []string
	for _, m := range makeTarget.FindAllSubmatch(text, -1) {
		targets = append(targets, string(m[1]))
	}
	return targets, nil
}

func checkMake(found *findings, targets []string, d *document, l line) {
	for _, m := range makeCall.FindAllStringSubmatch(strings.TrimSpace(l.text), -1) {
		for target := range strings.FieldsSeq(m[1]) {
			if !slices.Contains(targets, target) {
				found.add("make", place(d, l), "names the make target %s, which the Makefile does not have", target)
			}
		}
	}
}
