package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gyro/internal/datadir"
)

// mentions reports what of the words is missing in a sentence.
func mentions(t *testing.T, said string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("it said %q, want %q in it", said, word)
		}
	}
}

// write makes a file with the given text.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRefusedSettings: what cannot work is refused at the start, in one sentence that names the setting and what to do.
func TestRefusedSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		config      string
		environment string
		args        []string
		words       []string
	}{
		"unknown key":           {config: "http: {lisen: 127.0.0.1:0}", words: []string{"lisen", "gyro config show"}},
		"unknown key in a list": {config: "diameter: {peers: [{host: a.example, profil: strict}]}", words: []string{"profil", "gyro config show"}},
		"peer without name":     {config: "diameter: {peers: [{host: \"pgw 1\"}]}", words: []string{"diameter.peers[0].host", "pgw 1", "pgw01.example.org"}},
		"no YAML":               {config: "http: [", words: []string{"gyro.yaml", "yaml"}},
		"no duration":           {config: "journal: {checkpoint_interval: soon}", words: []string{"journal.checkpoint_interval", "soon", "30s"}},
		"too short":             {config: "charging: {supervision: 10ms}", words: []string{"charging.supervision", "10ms", "at least 1s"}},
		"no address":            {config: "http: {listen: everywhere}", words: []string{"http.listen", "everywhere", "host:port"}},
		"unknown level":         {config: "log: {level: loud}", words: []string{"log.level", "loud", "debug, info, warn, error"}},
		"unknown profile":       {config: "diameter: {profile: mild}", words: []string{"diameter.profile", "mild", "lenient, strict, open5gs"}},
		"short watchdog":        {config: "diameter: {watchdog: 1s}", words: []string{"diameter.watchdog", "6s"}},
		"identity":              {config: "origin: {host: \"two words\"}", words: []string{"origin.host", "two words", "ocs.example.org"}},
		"two at once": {
			config: "log: {level: loud}\ndiameter: {watchdog: 1s}", words: []string{"log.level", "diameter.watchdog"},
		},
		"half a certificate": {config: "http: {tls: {cert: a.pem}}", words: []string{"http.tls", "key"}},
		"missing certificate": {
			config: "http: {tls: {cert: /nowhere/a.pem, key: /nowhere/a.key}}", words: []string{"http.tls", "/nowhere/a.pem"},
		},
		"bad key hash": {
			config: "http: {api_keys: [{name: crm, hash: secret, scope: write}]}", words: []string{"http.api_keys[0].hash", "crm", "gyro config api-key"},
		},
		"missing file": {
			args: []string{"--config", filepath.Join(dir, "missing.yaml")}, words: []string{"missing.yaml", "does not exist", "--config"},
		},
		"unknown variable": {environment: "GYRO_HTTP_LISEN=127.0.0.1:0", words: []string{"GYRO_HTTP_LISEN", "gyro config show"}},
		"bad variable":     {environment: "GYRO_DIAMETER_WATCHDOG=1s", words: []string{"diameter.watchdog", "6s"}},
		"unknown flag":     {args: []string{"--lisen", "a"}, words: []string{"lisen"}},
		"demo's flag":      {args: []string{"--for", "1s"}, words: []string{"--for", "--demo"}},
		"HTTP for everybody": {
			args: []string{"--http-listen", "0.0.0.0:0"}, words: []string{"http.listen", "0.0.0.0:0", "gyro config api-key", "http.api_keys"},
		},
		"HTTP for everybody, no host": {args: []string{"--http-listen", ":0"}, words: []string{"http.listen", "gyro config api-key"}},
		"Diameter for everybody": {
			args: []string{"--diameter-listen", "0.0.0.0:0"}, words: []string{"diameter.peers", "0.0.0.0:0", "diameter.allow_unknown"},
		},
		"Diameter for nobody": {config: "diameter: {allow_unknown: \"false\"}", words: []string{"diameter.peers"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			args := []string{"up", "--data", data, "--diameter-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"}
			if strings.Contains(tt.config, "listen") || strings.Contains(tt.environment, "LIST") {
				args = []string{"up", "--data", data, "--diameter-listen", "127.0.0.1:0"}
			}
			if tt.config != "" {
				args = append(args, "--config", write(t, filepath.Join(t.TempDir(), "gyro.yaml"), tt.config))
			}
			var environment []string
			if tt.environment != "" {
				environment = append(environment, tt.environment)
			}
			mentions(t, refused(t, environment, append(args, tt.args...)...), tt.words...)
			if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the data directory was touched: %v", err)
			}
		})
	}
}

// TestRefusedDirectory starts on directories that are not free, not ours, or of another time.
func TestRefusedDirectory(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		words []string
	}{
		"newer":        {map[string]string{"FORMAT": "gyro-data 999\n", "LOCK": ""}, []string{"newer gyro", "format 999", "upgrade"}},
		"somebody's":   {map[string]string{"letters/to-anna.txt": "Dear Anna"}, []string{"not a gyro data directory", "letters", "--data"}},
		"other format": {map[string]string{"FORMAT": "something else"}, []string{"not a gyro data directory", "something else"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, text := range tt.files {
				write(t, filepath.Join(dir, file), text)
			}
			before := tree(t, dir)
			said := refused(t, nil, "up", "--data", dir, "--diameter-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
			mentions(t, said, append(tt.words, dir)...)
			if after := tree(t, dir); after != before {
				t.Errorf("a refused directory was changed: it held\n%s, now\n%s", before, after)
			}
		})
	}
}

// tree lists a directory's files with their contents.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s: %q\n", path, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestTwoAtOnce starts what another process already has: its data directory, its ports. The first must not notice.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	p := s.start()
	newOffice(t, p.http).open(1)
	pid := fmt.Sprint(p.cmd.Process.Pid)
	free := "127.0.0.1:0"
	for name, tt := range map[string]struct {
		data, diameter, http string
		words                []string
	}{
		"data directory": {s.dir, free, free, []string{"data directory", s.dir, "process " + pid, "--data"}},
		"diameter":       {t.TempDir(), p.diameter, free, []string{"diameter.listen", p.diameter, "in use"}},
		"http":           {t.TempDir(), free, p.http, []string{"http.listen", p.http, "in use"}},
	} {
		said := refused(t, nil, "up", "--data", tt.data, "--diameter-listen", tt.diameter, "--http-listen", tt.http)
		if mentions(t, said, tt.words...); strings.Count(said, "\n") > 0 {
			t.Errorf("%s: more than a sentence: %q", name, said)
		}
	}
	if out, err := verifyDirectory(t, s.dir); err == nil || !strings.Contains(out, "process "+pid) {
		t.Errorf("ledger verify beside the running process: %v, %s", err, out)
	}
	g := connectGateway(t, p.diameter)
	if code := resultOf(t, g.ask(g.ccr(ccr{session: "b;1", kind: oneTime}))); code != 2001 {
		t.Errorf("the first process answers %d", code)
	}
}

// TestDiskFull starts on a disk with too little room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("gyro-test", dir, "tmpfs", 0, "size=32m"); err != nil {
		// Without the right to mount, the same code is asked for more room than there can be.
		_, err := datadir.Open(dir, datadir.Options{Create: true, MinFree: math.MaxInt64})
		if !errors.Is(err, datadir.ErrDiskFull) {
			t.Fatalf("opened with %v", err)
		}
		mentions(t, err.Error(), dir, "MiB", "--data")
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	said := refused(t, nil, "up", "--data", dir, "--diameter-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
	mentions(t, said, dir, "free space", "MiB", "--data")
	if _, err := os.Stat(filepath.Join(dir, "FORMAT")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the full disk was made ours: %v", err)
	}
}

// TestStopUnderLoad stops the program by SIGTERM in the middle of traffic and starts it again: no acknowledged charge may be
// missing or doubled, as after a kill, and it must end by itself with status 0.
func TestStopUnderLoad(t *testing.T) {
	s := newSite(t, crashConfig)
	p := s.start()
	o := newOffice(t, p.http)
	o.open(crashSubscribers)
	c := &crash{t: t, site: s, program: p, traffic: startTraffic(t, p.diameter, 1), vouchers: startVouchers(t, o), counters: startCounters(t, o)}
	for range 3 {
		c.flows(300)
		c.program.stop()
		s.verify(s.dir)
		c.program = s.start()
	}
	c.flows(300)
	c.settle(o)
	c.compare()
}

// TestListenersAreFreed: the ports of a stopped program can be used at once.
func TestListenersAreFreed(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	p := s.start()
	p.stop()
	for _, address := range []string{p.diameter, p.http} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		_ = l.Close()
	}
	s.verify(s.dir)
}
