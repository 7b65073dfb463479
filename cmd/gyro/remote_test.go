package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestCommandLine plays the scripts of testdata/cli: commands in the words that a user types, against the real program.
// Each script has a server of its own.
func TestCommandLine(t *testing.T) {
	scripts, err := filepath.Abs("../../testdata/cli")
	if err != nil {
		t.Fatal(err)
	}
	datadriven.Walk(t, scripts, func(t *testing.T, path string) {
		if filepath.Base(filepath.Dir(path)) == "files" {
			return
		}
		terminal := newTerminal(t, scripts)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "gyro" {
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			return terminal.run(t, d)
		})
	})
}

// terminal is where a script's commands are typed: in a folder of its own, beside a running server.
type terminal struct {
	dir, server string
}

func newTerminal(t *testing.T, scripts string) *terminal {
	t.Helper()
	site := newSite(t, "")
	p := site.start()
	dir := t.TempDir()
	inputs, err := filepath.Glob(filepath.Join(scripts, "files", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, input := range inputs {
		text, err := os.ReadFile(input)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(input)), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return &terminal{dir: dir, server: "http://" + p.http}
}

// run types a command: the words behind "gyro" on the first line, which datadriven has split, or on the lines below it.
func (c *terminal) run(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	line, input, _ := strings.Cut(d.Input, "\n")
	words := strings.Fields(line)
	for n, word := range words {
		words[n] = strings.Trim(word, "'")
	}
	cmd := command(t, words...)
	cmd.Dir = c.dir
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(cmd.Env, "GYRO_SERVER="+c.server)
	out, err := cmd.CombinedOutput()
	text := c.steady(string(out))
	if exit, found := errors.AsType[*exec.ExitError](err); found {
		return text + "exit status " + exit.String()[len("exit status "):] + "\n"
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What differs from run to run.
var (
	momentPattern  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)
	keyPattern     = regexp.MustCompile(`[A-Z2-7]{26}`)
	elapsedPattern = regexp.MustCompile(`vouchers, \d+s`)
	indexPattern   = regexp.MustCompile(`index: +\d+\n`)
)

func (c *terminal) steady(text string) string {
	text = momentPattern.ReplaceAllString(text, "MOMENT")
	text = keyPattern.ReplaceAllString(text, "KEY")
	text = elapsedPattern.ReplaceAllString(text, "vouchers, TIME")
	text = indexPattern.ReplaceAllString(text, "index:     N\n") // ticks are entries as well
	return strings.ReplaceAll(text, c.server, "SERVER")
}
