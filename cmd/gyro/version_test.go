package main

import (
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"gyro/api"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	stamped := []debug.BuildSetting{
		{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "cf6b949"}, {Key: "vcs.time", Value: "2026-11-23T09:55:00Z"}, {Key: "vcs.modified", Value: "false"},
	}
	modified := append(append([]debug.BuildSetting{}, stamped[:3]...), debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	for want, info := range map[string]*debug.BuildInfo{
		"gyro (devel), go1.26.8": {GoVersion: "go1.26.8"},
		"gyro v1.2.3, go1.26.8":  {GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"}},
		"gyro v1.2.3, revision cf6b949 of 2026-11-23T09:55:00Z, go1.26.8":            {GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"}, Settings: stamped},
		"gyro (devel), revision cf6b949 of 2026-11-23T09:55:00Z, modified, go1.26.8": {GoVersion: "go1.26.8", Main: debug.Module{Version: "(devel)"}, Settings: modified},
	} {
		if got := describe(info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestVersion asks in both ways.
func TestVersion(t *testing.T) {
	t.Parallel()
	var said []string
	for _, word := range []string{"version", "--version"} {
		p := launch(t, command(t, word))
		if err := p.exit(); err != nil {
			t.Fatalf("gyro %s: %v\n%s", word, err, p.output())
		}
		said = append(said, p.text())
	}
	if said[0] != said[1] || !strings.HasPrefix(said[0], "gyro ") || !strings.HasSuffix(said[0], ", "+runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH+"\n") {
		t.Errorf("%q", said)
	}
}

// TestAPIKeyStreams redirects the output into a configuration: it must hold the hash of the key that standard error showed, and
// not the key.
func TestAPIKeyStreams(t *testing.T) {
	t.Parallel()
	p := launch(t, command(t, "config", "api-key"))
	if err := p.exit(); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	shown, stdout := strings.Join(p.log, "\n"), p.stdout.String()
	p.mu.Unlock()
	secret := shown[strings.LastIndexByte(shown, ' ')+1:]
	if len(secret) < 40 || strings.Contains(stdout, secret) || !strings.Contains(stdout, api.HashKey(secret)) {
		t.Errorf("standard error %q, standard output %q", shown, stdout)
	}
	s := newSite(t, regexp.MustCompile(`name: \w+`).ReplaceAllString(stdout, "name: crm"))
	s.start().stop()
}
