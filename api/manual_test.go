package api

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gyro/charging"
	"gyro/charging/engine"
)

const manual = "../docs/operations/charging-api.md"

// TestManual runs the curl commands of the manual, in their order.
func TestManual(t *testing.T) {
	client, _ := newServer(t, Options{Engine: newCore(t, engine.Options{})})
	commands := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readFile(t, manual), -1) {
		want := ""
		for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", " ")) {
			if comment, found := strings.CutPrefix(line, "# answers "); found {
				want = comment[:3]
			}
			if !strings.HasPrefix(line, "curl ") {
				continue
			}
			commands++
			client.curl(t, commandAt(block[1], line), want)
			want = ""
		}
	}
	if commands < 15 {
		t.Errorf("only %d commands were found", commands)
	}
}

// commandAt is the command that begins with a line and ends where its quotes
// are closed.
func commandAt(block, line string) string {
	joined := strings.ReplaceAll(block, "\\\n", " ")
	from := strings.Index(joined, line)
	quoted := byte(0)
	for n := from; n < len(joined); n++ {
		switch c := joined[n]; {
		case quoted == 0 && (c == '\'' || c == '"'):
			quoted = c
		case quoted == c:
			quoted = 0
		case quoted == 0 && c == '\n':
			return joined[from:n]
		}
	}
	return joined[from:]
}

var word = regexp.MustCompile(`(?s)'[^']*'|"[^"]*"|\S+`)

// curl does what the command would, as far as the manual uses it.
func (c *client) curl(t *testing.T, command, want string) {
	t.Helper()
	method, path, body := "GET", "", ""
	var header []string
	words := word.FindAllString(command, -1)[1:]
	for n := 0; n < len(words); n++ {
		value := func() string {
			n++
			return strings.Trim(words[n], `'"`)
		}
		switch words[n] {
		case "-X":
			method = value()
		case "-H":
			name, text, _ := strings.Cut(value(), ": ")
			header = append(header, name, os.Expand(text, func(string) string { return "any" }))
		case "-d", "--data-binary":
			body = value()
			if name, found := strings.CutPrefix(body, "@"); found {
				body = readFile(t, "../"+name)
			}
		case "-i":
		default:
			rest, found := strings.CutPrefix(strings.Trim(words[n], `'"`), "http://127.0.0.1:8080")
			if !found {
				t.Fatalf("%q is not understood in %s", words[n], command)
			}
			path = rest
		}
	}
	a := c.send(method, path, body, header...)
	if (want == "" && a.status/100 != 2) || (want != "" && want != strconv.Itoa(a.status)) {
		t.Errorf("%s: %d, want %s\n%s", command, a.status, want, a.body)
	}
}

// TestManualIsComplete: every route, metric and error code is in the manual.
func TestManualIsComplete(t *testing.T) {
	text := readFile(t, manual)
	for _, route := range routes() {
		if !strings.Contains(text, route.path+"`") {
			t.Errorf("%s is not in %s", route.path, manual)
		}
	}
	for r := range charging.Result(math.MaxUint8) {
		if _, code, known := statusOf(r); known && code != "" && !strings.Contains(text, "`"+code+"`") {
			t.Errorf("%s is not in %s", code, manual)
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	literal := regexp.MustCompile(`refuse\(fasthttp\.Status\w+, "(\w+)"|desc\("(\w+)"`)
	for _, entry := range entries {
		if entry.IsDir() || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		for _, match := range literal.FindAllStringSubmatch(readFile(t, entry.Name()), -1) {
			if code, metric := match[1], match[2]; code != "" && !strings.Contains(text, "`"+code+"`") {
				t.Errorf("%s is not in %s", code, manual)
			} else if metric != "" && !strings.Contains(text, "`gyro_"+metric) {
				t.Errorf("gyro_%s is not in %s", metric, manual)
			}
		}
	}
}
