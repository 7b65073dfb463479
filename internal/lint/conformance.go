package lint

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// conformance is the document whose tables say what the product does and what proves it.
const conformance = "docs/conformance.md"

// walkers are the folders of scripts and the tests that carry out every script in them.
var walkers = []struct{ folder, test string }{
	{"testdata/charging", "charging/scenario_test.go:TestScenarios"},
	{"testdata/diameter/base", "charging/diameter/base_test.go:TestBaseProtocol"},
	{"testdata/gy", "charging/gy/gy_test.go:TestScenarios"},
	{"testdata/rating", "rating/scenario_test.go:TestScenarios"},
	{"testdata/stock/dialogues", "cmd/gyro/stock_test.go:TestErlangGateway"},
}

// CheckConformance holds docs/conformance.md against the tests: each row that must be true names what proves it, a proof is
// a script in a folder that a test walks or a test itself, and exists; no row is there twice. Rows have three cells: what is
// true, M or N (must, nice to have), and the proofs in code spans.
func CheckConformance(root string) ([]Finding, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(conformance)))
	if err != nil {
		return nil, err
	}
	var found findings
	for _, w := range walkers {
		checkWalker(&found, root, w.folder, w.test)
	}
	d := &document{name: conformance}
	seen := map[string]bool{}
	rows, at := 0, 0
	for s := range strings.Lines(string(text)) {
		at++
		cells := strings.Split(strings.Trim(strings.TrimSpace(s), "|"), "|")
		if !strings.HasPrefix(s, "|") || strings.HasPrefix(s, "|---") || strings.TrimSpace(cells[0]) == "" {
			continue
		}
		l := line{at: at}
		if len(cells) != 3 || !slices.Contains([]string{"M", "N"}, strings.TrimSpace(cells[1])) {
			found.add("conformance", place(d, l), "a row has three cells, the second of which is M or N")
			continue
		}
		rows++
		what := strings.TrimSpace(cells[0])
		if seen[what] {
			found.add("conformance", place(d, l), "%q is there twice", what)
		}
		seen[what] = true
		proofs := codeSpan.FindAllStringSubmatch(cells[2], -1)
		if len(proofs) == 0 && strings.TrimSpace(cells[1]) == "M" {
			found.add("conformance", place(d, l), "nothing proves %q", what)
		}
		for _, m := range proofs {
			checkProof(&found, root, d, l, m[1])
		}
	}
	if rows == 0 {
		found.add("conformance", conformance, "has no rows")
	}
	return found.sorted(), nil
}

// checkWalker checks that the test that is to walk a folder does.
func checkWalker(found *findings, root, folder, test string) {
	file, symbol, _ := strings.Cut(test, ":")
	name := filepath.Join(root, filepath.FromSlash(file))
	text, err := os.ReadFile(name)
	if err != nil || !declares(name, symbol) || !strings.Contains(string(text), "datadriven.Walk") || !strings.Contains(string(text), path.Base(folder)) {
		found.add("conformance", test, "does not walk %s; say in internal/lint/conformance.go which test does", folder)
	}
}

func checkProof(found *findings, root string, d *document, l line, proof string) {
	name, symbol, isTest := strings.Cut(proof, ":")
	file := filepath.Join(root, filepath.FromSlash(name))
	if isTest {
		if !strings.HasSuffix(name, "_test.go") || !strings.HasPrefix(symbol, "Test") || !declares(file, symbol) {
			found.add("conformance", place(d, l), "%s is no test", proof)
		}
		return
	}
	walked := slices.ContainsFunc(walkers, func(w struct{ folder, test string }) bool { return path.Dir(name) == w.folder })
	if _, err := os.Stat(file); err != nil || !walked {
		found.add("conformance", place(d, l), "%s is no script that a test carries out", proof)
	}
}
