package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const firstDay = "../../docs/operations/first-day.md"

// rewritingGuide tells whether -rewrite has TestFirstDay write what the commands said into the guide, to be read.
func rewritingGuide() bool { return flag.Lookup("rewrite").Value.String() == "true" }

// TestFirstDay runs every command of the first-day guide in the order of the guide, by a shell in an empty folder, and holds what it
// says against the guide: line by line, with numbers counting as numbers, for amounts depend on the day of the month.
func TestFirstDay(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(firstDay)
	if err != nil {
		t.Fatal(err)
	}
	g := newGuide(t)
	commands := 0
	written := consoles.ReplaceAllStringFunc(string(text), func(block string) string {
		var b strings.Builder
		b.WriteString("```console\n")
		for _, c := range commandsOf(block) {
			commands++
			b.WriteString(c.text + g.check(c))
		}
		b.WriteString("```\n")
		return b.String()
	})
	if rewritingGuide() && !t.Failed() {
		if err := os.WriteFile(firstDay, []byte(written), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if commands < 10 {
		t.Errorf("only %d commands were found", commands)
	}
}

// consoles are the blocks of the guide that show a terminal.
var consoles = regexp.MustCompile("(?s)```console\n(.*?)```\n")

// guided is a command of the guide: as it stands there, with its prompt, and what it says.
type guided struct{ text, says string }

// commandsOf takes a block apart. A command goes on behind a line that ends in a backslash, behind an open quote, and up to the
// end of a text that is typed in (<<END).
func commandsOf(block string) (list []guided) {
	block = consoles.FindStringSubmatch(block)[1]
	open, typed := false, false
	for line := range strings.Lines(block) {
		switch {
		case typed:
			list[len(list)-1].text += line
			typed = line != "END\n"
			continue
		case open:
			list[len(list)-1].text += line
		case strings.HasPrefix(line, "$ "):
			list = append(list, guided{text: line})
		default:
			list[len(list)-1].says += line
			continue
		}
		last := list[len(list)-1].text
		open = strings.HasSuffix(last, "\\\n") || strings.Count(last, "'")%2 == 1
		typed = strings.Contains(line, "<<END")
	}
	return list
}

// guide is the shell that the commands are typed into.
type guide struct {
	t     *testing.T
	in    io.Writer
	lines chan string
	ports *strings.Replacer // from the guide's addresses to those of the test
	back  *strings.Replacer
	days  int // how much later the test runs than the guide was written, in days between cycles
}

// writtenFor is the first bill day after the day on which the guide was written.
var writtenFor = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func newGuide(t *testing.T) *guide {
	t.Helper()
	now := time.Now().UTC()
	next := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	g := &guide{t: t, lines: make(chan string, 4096), days: int(next.Sub(writtenFor) / (24 * time.Hour))}
	var there, back []string
	for _, port := range []string{"3868", "8080", "8090", "8301", "8302", "8303"} {
		free := freeAddress(t)
		there, back = append(there, "127.0.0.1:"+port, free), append(back, free, "127.0.0.1:"+port)
	}
	g.ports, g.back = strings.NewReplacer(there...), strings.NewReplacer(back...)
	bin, work, home := t.TempDir(), t.TempDir(), t.TempDir()
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(source, filepath.Join(home, "gyro")); err != nil { // where the guide has the source
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "gyro"), fmt.Appendf(nil, "#!/bin/bash\n%s=1 exec -a gyro %s \"$@\"\n", asProgram, self), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "--norc")
	cmd.Dir = work
	cmd.Env = []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + t.TempDir(), "LANG=C.UTF-8",
		"GYRO_OFFICE=" + g.ports.Replace("http://127.0.0.1:8090"), "GYRO_SERVER=" + g.ports.Replace("http://127.0.0.1:8080"),
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if g.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with all that it has started
		_ = cmd.Wait()
	})
	go func() {
		defer close(g.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			g.lines <- lines.Text()
		}
	}()
	g.say("exec 2>&1")
	return g
}

// mark ends what a command says.
const mark = "end-of-the-command"

// say types a command and returns what it says, and its status.
func (g *guide) say(command string) (said, status string) {
	g.t.Helper()
	if _, err := fmt.Fprintf(g.in, "%s\necho \"%s $?\"\n", command, mark); err != nil {
		g.t.Fatal(err)
	}
	late := time.After(patience)
	var b strings.Builder
	for {
		select {
		case line, open := <-g.lines:
			if !open {
				g.t.Fatalf("the shell ended at %s", command)
			}
			if before, status, found := strings.Cut(line, mark+" "); found {
				return b.String() + before, status
			}
			b.WriteString(line + "\n")
		case <-late:
			g.t.Fatalf("%s says nothing more:\n%s", command, b.String())
		}
	}
}

// looks are commands that change nothing: what somebody does again until it is there.
var looks = regexp.MustCompile(`^gyro ([a-z]+ ){1,2}(list|show|intake|parked|runs|open|verify|trial-balance)\b|^grep`)

// What is written into the guide is what a look shows after a while.
const lookFor = 3 * time.Second

// check runs a command and returns what the guide should say of it.
func (g *guide) check(c guided) string {
	g.t.Helper()
	command := g.today(strings.TrimPrefix(c.text, "$ "))
	var said, status string
	most := time.Now().Add(patience)
	if rewritingGuide() {
		most = time.Now().Add(lookFor)
	}
	for {
		said, status = g.say(g.ports.Replace(strings.TrimSuffix(command, "\n")))
		said = g.back.Replace(said)
		if !looks.MatchString(command) || time.Now().After(most) {
			break
		}
		if !rewritingGuide() && alike(said, c.says) {
			break
		}
		<-time.After(300 * time.Millisecond)
	}
	if (status != "0") != strings.HasPrefix(c.says, "gyro: ") {
		g.t.Fatalf("%s: status %s\n%s", command, status, said)
	}
	if rewritingGuide() {
		return said
	}
	if !alike(said, c.says) {
		g.t.Errorf("%sit says\n%swhere the guide has\n%s", command, said, c.says)
	}
	return c.says
}

var (
	dates  = regexp.MustCompile(`\b20\d\d-\d\d(-\d\d)?\b`)
	digits = regexp.MustCompile(`\d+([.,:]\d+)*`)
	blanks = regexp.MustCompile(`[ \t-]+`)
	random = regexp.MustCompile(`[0-9a-f]{16,}|[A-Z2-7]{26}`)
)

// today moves the dates of a command to where they are as seen from today.
func (g *guide) today(command string) string {
	return dates.ReplaceAllStringFunc(command, func(date string) string {
		if len(date) == len("2026-11") { // a month: in the middle of it no number of days leads far away
			day, err := time.Parse(time.DateOnly, date+"-15")
			if err != nil {
				g.t.Fatal(err)
			}
			return day.AddDate(0, 0, g.days).Format("2006-01")
		}
		day, err := time.Parse(time.DateOnly, date)
		if err != nil {
			g.t.Fatal(err)
		}
		return day.AddDate(0, 0, g.days).Format(time.DateOnly)
	})
}

// rounding is there on days on which amounts do not come out even.
var rounding = regexp.MustCompile(`(?m)^.*ounding (differences|of lines).*\n`)

// alike reports whether two outputs differ in nothing but numbers, dates, keys, the width of columns, and rounding.
func alike(a, b string) bool {
	plain := func(s string) string {
		s = rounding.ReplaceAllString(s, "")
		return strings.TrimSpace(blanks.ReplaceAllString(digits.ReplaceAllString(random.ReplaceAllString(s, "0"), "0"), " "))
	}
	return plain(a) == plain(b)
}
