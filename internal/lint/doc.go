// Package lint keeps the rules of the house: who may import whom, what pure packages may not do, what the documents
// may claim, what a file may hold. Each rule says why it is there, and each is proved able to fail: testdata/wrong is a
// module that breaks all of them.
//
// The rules are ordinary tests of this package, so they run with the rest and need no tool:
//
//	go test ./internal/lint
package lint

import (
	"cmp"
	"fmt"
	"slices"
)

// Finding is one place that breaks a rule.
type Finding struct {
	Rule  string // which rule, for example "import" or "clock"
	Where string // a file with a line, or a package
	What  string // what is wrong there, why it matters and what to do
}

// String is the finding as a compiler would print it.
func (f Finding) String() string { return fmt.Sprintf("%s: %s: %s", f.Where, f.Rule, f.What) }

// findings collects what checks come upon.
type findings []Finding

func (f *findings) add(rule, where, format string, args ...any) {
	*f = append(*f, Finding{Rule: rule, Where: where, What: fmt.Sprintf(format, args...)})
}

// sorted returns the findings in the order of their places, each once.
func (f findings) sorted() []Finding {
	slices.SortFunc(f, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.What, b.What))
	})
	return slices.Compact(f)
}
