package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

func packages(t *testing.T, root string) []Package {
	t.Helper()
	p, err := Packages(root)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func report(t *testing.T, found []Finding, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
}

func TestImports(t *testing.T) { report(t, CheckImports(packages(t, root)), nil) }

func TestPackageDocs(t *testing.T) { report(t, CheckPackageDocs(packages(t, root)), nil) }

func TestPurity(t *testing.T) {
	found, err := CheckPurity(root, packages(t, root))
	report(t, found, err)
}

func TestDocs(t *testing.T) {
	found, err := CheckDocs(root)
	report(t, found, err)
}

func TestConformance(t *testing.T) {
	found, err := CheckConformance(root)
	report(t, found, err)
}

// TestTree looks for the place of this very checkout too: whoever runs it cannot leave it behind.
func TestTree(t *testing.T) {
	var words []string
	if here, err := filepath.Abs(root); err != nil {
		t.Fatal(err)
	} else if strings.Count(here, string(filepath.Separator)) > 1 {
		words = append(words, here)
	}
	found, err := CheckTree(root, words...)
	report(t, found, err)
}

// TestCommands asks the program itself what commands it has.
func TestCommands(t *testing.T) {
	gyro := filepath.Join(t.TempDir(), "gyro")
	if out, err := exec.Command("go", "build", "-o", gyro, "gyro/cmd/gyro").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	found, err := CheckCommands(root, func(commands []string) string {
		out, err := exec.Command(gyro, append(commands, "--help")...).CombinedOutput()
		if err != nil {
			t.Logf("gyro %s --help: %v", strings.Join(commands, " "), err)
		}
		return string(out)
	})
	report(t, found, err)
}

// expect compares findings with the places and rules that are wanted, in order.
func expect(t *testing.T, found []Finding, err error, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, len(found))
	for k, f := range found {
		got[k] = f.Where + ": " + f.Rule
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("found\n%s\nwant\n%s", a, b)
	}
}

// The rest proves that the rules can fail, each at the right place and nowhere else.

const wrong = "testdata/wrong"

func TestImportsCanFail(t *testing.T) {
	expect(t, CheckImports(packages(t, wrong)), nil,
		"gyro/api: library",
		"gyro/charging/gy: import",
		"gyro/charging/journal: import",
		"gyro/network: import",
		"gyro/nowhere: layer",
		"gyro/rating: import",
		"gyro/rating: pure", // maps
		"gyro/rating: pure", // time
	)
}

func TestPurityCanFail(t *testing.T) {
	found, err := CheckPurity(wrong, packages(t, wrong))
	expect(t, found, err,
		"rating/rating.go:16: init",
		"rating/rating.go:17: global",
		"rating/rating.go:22: map order",
		"rating/rating.go:23: global",
		"rating/rating.go:25: global",
		"rating/rating.go:27: clock",
		"rating/rating.go:31: float",
		"rating/rating.go:32: float",
		"rating/rating.go:37: channel",
		"rating/rating.go:38: goroutine",
		"rating/rating.go:39: channel",
		"rating/rating.go:41: clock",
		"rating/rating.go:43: channel",
		"rating/rating.go:44: global",
	)
}

func TestPackageDocsCanFail(t *testing.T) {
	expect(t, CheckPackageDocs(packages(t, wrong)), nil, "gyro/charging: package doc")
}

func TestDocsCanFail(t *testing.T) {
	found, err := CheckDocs(wrong)
	expect(t, found, err,
		"README.md:5: link", // the file
		"README.md:5: link", // the section
		"README.md:5: path", // a folder that the architecture has
		"README.md:5: path", // a file
		"README.md:5: symbol",
		"README.md:8: make",
		"README.md:9: path",
		"docs/other.md:5: make",
	)
}

func TestConformanceCanFail(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"docs/conformance.md": `| | | |
|---|---|---|
| proved by a script | M | ` + "`testdata/gy/a.txt`" + ` |
| proved by a test | M | ` + "`charging/gy/gy_test.go:TestScenarios`" + ` |
| proved by nothing | M | |
| need not be | N | |
| by a script that is gone | M | ` + "`testdata/gy/gone.txt`" + ` |
| by a script that nobody walks | M | ` + "`testdata/b.txt`" + ` |
| by a test that is gone | M | ` + "`charging/gy/gy_test.go:TestGone`" + ` |
| by what is no test | N | ` + "`charging/gy/gy_test.go:helper`" + ` |
| need not be | N | |
| neither | X | |
| of two cells | M |
`,
		"testdata/gy/a.txt": "", "testdata/b.txt": "",
	}
	for _, w := range walkers {
		name, symbol, _ := strings.Cut(w.test, ":")
		files[name] = "package p\n\nfunc " + symbol + "() { datadriven.Walk(\"" + w.folder + "\") }\n\nfunc helper() {}\n"
	}
	files["rating/scenario_test.go"] = "package p\n\nfunc TestScenarios() {}\n"
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := CheckConformance(dir)
	expect(t, found, err,
		"docs/conformance.md:10: conformance",
		"docs/conformance.md:11: conformance",
		"docs/conformance.md:12: conformance",
		"docs/conformance.md:13: conformance",
		"docs/conformance.md:5: conformance",
		"docs/conformance.md:7: conformance",
		"docs/conformance.md:8: conformance",
		"docs/conformance.md:9: conformance",
		"rating/scenario_test.go:TestScenarios: conformance",
	)
}

func TestCommandsCanFail(t *testing.T) {
	help := map[string]string{
		"up":            "Usage:\n  gyro up [flags]\n\nFlags:\n  --data directory\n",
		"gone":          "", // an error
		"simulate gone": "Usage:\n  gyro simulate [command]\n\nAvailable Commands:\n  pgw\n\nFlags:\n  --rate\n",
		"simulate pgw":  "Usage:\n  gyro simulate pgw [flags]\n\nFlags:\n  --rate int\n",
	}
	found, err := CheckCommands(wrong, func(commands []string) string { return help[strings.Join(commands, " ")] })
	expect(t, found, err,
		"README.md:10: flag",
		"README.md:12: command",
		"README.md:13: command",
	)
}

// TestTreeCanFail puts the forbidden words together here, so that no file of the project has them.
func TestTreeCanFail(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		".gitignore":        "/bin/\n*.test\n",
		"bin/built":         "/" + "work/x",
		"docs/a.md":         "see\n /" + "home/ann/notes",
		"docs/b.md":         "the network/work/ of others, at /homework/",
		"docs/c.md":         "this is the place",
		"docs/d.md":         "one\n<<<<" + "<<< HEAD\ntwo\n=======\nthree\n>>>>" + ">>> 1a2b3c4\n",
		"setup.sh":          "export GO" + "PROXY=x",
		"a/doc.go":          "// Package a is described in docs/a.md, docs/gone.md and\n// docs/decisions.\npackage a\n",
		"a/a.go":            "package a\n\n// TO" + "DO: more\n",
		"a/a_test.go":       "package a\n\nfunc f() { t.Sk" + "ip() }\n",
		"a/b_test.go":       "package a\n\nfunc f() { time.Sl" + "eep(1) }\n",
		"a/virtual_test.go": "package a\n\nfunc f() { synctest.Test(t, func() { time.Sl" + "eep(1) }) }\n",
		"a/long.go":         "package a\n" + strings.Repeat("\n", maxLines),
		"a/made.go":         "// Code generated by make. DO NOT EDIT.\n" + strings.Repeat("\n", maxLines),
		"a/long.txt":        strings.Repeat("\n", maxLines+1),
		"a/picture":         "\x00/" + "work/x",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := CheckTree(dir, "the place")
	expect(t, found, err,
		"a/a.go:3: later",
		"a/a_test.go:3: skip",
		"a/b_test.go:3: sleep",
		"a/doc.go:1: path",
		"a/long.go: length",
		"docs/a.md:2: machine",
		"docs/c.md:1: machine",
		"docs/d.md:2: merge",
		"docs/d.md:6: merge",
		"setup.sh:1: registry",
	)
}
