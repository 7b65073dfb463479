package tmf_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/internal/database"
)

const manual = "docs/operations/office-api.md"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tmftest.Root(), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestManual runs the curl commands of the manual, in their order.
func TestManual(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		var key string
		c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
			all := everything(t, db)
			all.Server = o
			_, err := all.Access.Bootstrap(t.Context(), func(secret string) error { key = secret; return nil })
			if err != nil {
				return nil, err
			}
			return tmf.New(all)
		})
		c.Roles = 0
		commands := 0
		for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(read(t, manual), -1) {
			want := ""
			for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", " ")) {
				if comment, found := strings.CutPrefix(line, "# answers "); found {
					want = comment[:3]
				}
				if strings.HasPrefix(line, "curl ") {
					commands++
					curl(t, c, line, key, want)
					want = ""
				}
			}
		}
		if commands < 15 {
			t.Errorf("only %d commands were found", commands)
		}
	})
}

var word = regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)

// curl does what a command would, as far as the manual uses it.
func curl(t *testing.T, c *tmftest.Client, command, key, want string) {
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
			header = append(header, name, strings.ReplaceAll(text, "$GYRO_OFFICE_KEY", key))
		case "-d":
			body = value()
		case "-i":
		default:
			rest, found := strings.CutPrefix(strings.Trim(words[n], `'"`), "http://127.0.0.1:8090")
			if !found {
				t.Fatalf("%q is not understood in %s", words[n], command)
			}
			path = rest
		}
	}
	x := c.Do(t, method, path, body, header...)
	if (want == "" && x.Status/100 != 2) || (want != "" && want != strconv.Itoa(x.Status)) {
		t.Errorf("%s: %d, want %s\n%s", command, x.Status, want, x.Body)
	}
}

// TestManualIsComplete: every API, role, error code and metric of the framework is in the manual.
func TestManualIsComplete(t *testing.T) {
	text := read(t, manual)
	wanted := append([]string{rest.SessionCookie, rest.CSRFHeader, rest.ApproverHeader}, access.Anyone.Names()...)
	for _, api := range rest.APIs {
		wanted = append(wanted, api.Base, "TMF"+strconv.Itoa(api.Number))
	}
	literal := regexp.MustCompile(`(?:refusal\.New\(refusal\.\w+|fail\(fasthttp\.Status\w+), "(\w+)"|Code: +"(\w+)"|Name: "(gyro_office_\w+)"`)
	for _, folder := range []string{"api/rest", "api/access", "api/hub"} {
		files, err := filepath.Glob(filepath.Join(tmftest.Root(), folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
		if len(files) == 0 {
			t.Errorf("no files in %s", folder)
		}
		for _, file := range files {
			source, err := filepath.Rel(tmftest.Root(), file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range literal.FindAllStringSubmatch(read(t, source), -1) {
				wanted = append(wanted, match[1]+match[2]+match[3])
			}
		}
	}
	if len(wanted) < 60 {
		t.Errorf("only %d words were found", len(wanted))
	}
	for _, w := range wanted {
		if !strings.Contains(text, "`"+w+"`") && !strings.Contains(text, "| "+w+" ") {
			t.Errorf("%s is not in %s", w, manual)
		}
	}
}
