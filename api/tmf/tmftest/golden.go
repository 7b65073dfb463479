package tmftest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/cockroachdb/datadriven" // has the flag -rewrite
)

// Golden compares exchanges with testdata/tmf/NAME.txt, or writes them there with -rewrite. Both databases must give the
// same, so whatever the database decides (order, numbers) is settled.
func Golden(t testing.TB, name string, exchanges ...*Exchange) {
	t.Helper()
	var b strings.Builder
	for _, x := range exchanges {
		x.print(&b)
	}
	GoldenText(t, name, b.String())
}

// GoldenText is Golden of a text.
func GoldenText(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join(Root(), "testdata", "tmf", name+".txt")
	if rewrite := flag.Lookup("rewrite"); rewrite != nil && rewrite.Value.String() == "true" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil { //nolint:gosec // a file of the source tree
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: write it with go test -rewrite, and read it", err)
	}
	if got != string(want) {
		t.Errorf("%s has changed: look at the difference after go test -rewrite\n%s", path, firstDifference(got, string(want)))
	}
}

// print writes an exchange so that people can read it.
func (x *Exchange) print(b *strings.Builder) {
	fmt.Fprintf(b, "%s %s\n%s", x.Method, strings.TrimPrefix(x.Path, PublicURL), indented([]byte(x.Request)))
	fmt.Fprintf(b, "----\n%d %s\n", x.Status, http.StatusText(x.Status))
	for _, name := range []string{"Location", "X-Total-Count", "X-Result-Count", "Link", "Allow", "Idempotency-Replayed"} {
		if value := x.Header.Get(name); value != "" {
			fmt.Fprintf(b, "%s: %s\n", name, value)
		}
	}
	b.WriteString(indented(x.Body) + "\n")
}

func indented(body []byte) string {
	if len(bytes.TrimSpace(body)) == 0 {
		return ""
	}
	var b bytes.Buffer
	if json.Indent(&b, bytes.TrimSpace(body), "", "  ") != nil {
		return string(body)
	}
	return b.String() + "\n"
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for n := range g {
		if n >= len(w) || g[n] != w[n] {
			expected := "the end"
			if n < len(w) {
				expected = w[n]
			}
			return fmt.Sprintf("line %d:\n got %s\nwant %s", n+1, g[n], expected)
		}
	}
	return fmt.Sprintf("line %d:\n got the end\nwant %s", len(g)+1, w[len(g)])
}
