package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answering is a server that gives every request the same answer, and counts them.
func answering(t *testing.T, status int, body string, header ...string) (base string, requests *int) {
	t.Helper()
	requests = new(int)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*requests++
		for n := 0; n < len(header); n += 2 {
			w.Header().Set(header[n], header[n+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

// typed is what a command prints on both outputs, and whether it succeeds.
func typed(t *testing.T, server string, words ...string) (string, bool) {
	t.Helper()
	cmd := command(t, append(words, "--server", server)...)
	cmd.Stdin = strings.NewReader("{}")
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// TestRedirections: nothing is sent on. A PUT would arrive as a GET, whose answer shows an account as if it had been changed, and keys
// would reach a server that nobody named.
func TestRedirections(t *testing.T) {
	elsewhere, followed := answering(t, http.StatusOK, `{"account":"1001"}`)
	for _, status := range []int{301, 302, 303, 307, 308} {
		server, _ := answering(t, status, "", "Location", elsewhere+"/x")
		said, ok := typed(t, server, "account", "put", "1001", "--file", "-")
		if ok || *followed != 0 || !strings.Contains(said, elsewhere) {
			t.Errorf("%d: followed %d times, %q", status, *followed, said)
		}
	}
}

// TestLostByAProxy: when a proxy has lost the server, the money may have moved. A repetition under another key would move it twice.
func TestLostByAProxy(t *testing.T) {
	for status, c := range map[int]struct {
		body string
		open bool
	}{
		500: {`{"code":"internal","message":"a fault"}`, true},
		502: {"<html>Bad Gateway</html>", true},
		503: {"<html>Service Unavailable</html>", true},
		504: {`{"code":"timeout","message":"late"}`, true},
		409: {`{"code":"account_busy","message":"busy"}`, false},
		302: {"", false},
	} {
		server, _ := answering(t, status, c.body)
		said, ok := typed(t, server, "balance", "top-up", "1001", "5.00", "EUR")
		if ok || strings.Contains(said, "--idempotency-key") != c.open {
			t.Errorf("%d: %q", status, said)
		}
	}
	server, _ := answering(t, 503, `{"code":"busy","message":"256 requests are being worked on"}`)
	if said, ok := typed(t, server, "balance", "top-up", "1001", "5.00", "EUR"); ok || strings.Contains(said, "--idempotency-key") {
		t.Errorf("busy: %q", said)
	}
}

// TestTerminalsAreSafe: a Session-Id is what a gateway made of it, and must not reach the terminal as a command to it.
func TestTerminalsAreSafe(t *testing.T) {
	hostile := `{"session":"\u001b[31ma\tb\rc\nd\u202e\u0007é","\u001b]0;x":1,"list":[{"apn":"\u009b2J"}],"words":["\u001b[2J"]}`
	for status, words := range map[int][]string{200: {"session", "list"}, 201: {"explain", "1"}, 500: {"account", "show", "1"}} {
		body := hostile
		if status == 500 {
			body = `{"message":"\u001b[31mred"}`
		}
		server, _ := answering(t, status, body)
		said, _ := typed(t, server, words...)
		if strings.ContainsAny(said, "\x1b\r\a\u202e\u009b") || !strings.Contains(said, `\x1b[`) {
			t.Errorf("%v: %q", words, said)
		}
		if status == 200 && !strings.Contains(said, `\x1b[31ma\tb\rc\nd\u202e\aé`) {
			t.Errorf("%v: %q", words, said)
		}
	}
}

// TestServersThatAreNone: what cannot be sent is refused before anything is, and a password is not repeated.
func TestServersThatAreNone(t *testing.T) {
	server, requests := answering(t, http.StatusOK, "{}")
	for _, bad := range []string{server + "?x=1", server + "#x", strings.Replace(server, "://", "://somebody:secret@", 1)} {
		if said, ok := typed(t, bad, "books"); ok || strings.Contains(said, "secret") || !strings.Contains(said, "write it as") {
			t.Errorf("%s: %q", bad, said)
		}
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("two\nlines"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, ok := typed(t, server, "books", "--api-key-file", key); ok || !strings.Contains(said, "API key") || strings.Contains(said, "two") {
		t.Errorf("a key of two lines: %q", said)
	}
	if *requests != 0 {
		t.Errorf("%d requests were sent", *requests)
	}
}

// TestVouchersThatCannotBeMade: where no codes can be made there is no file, which a corrected command would take for those of a batch.
func TestVouchersThatCannotBeMade(t *testing.T) {
	server, requests := answering(t, http.StatusOK, `{"salt":""}`)
	for _, wrong := range [][]string{{"--count", "0"}, {"--count", "10000001"}, {"--count", "2", "--digits", "3"}} {
		dir := t.TempDir()
		words := append([]string{"voucher", "make", "a", "--codes", filepath.Join(dir, "codes")}, wrong...)
		said, ok := typed(t, server, words...)
		if ok || !strings.Contains(said, "1") {
			t.Errorf("%v: %q", wrong, said)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%v: %v, %v", wrong, left, err)
		}
	}
	if *requests != 0 {
		t.Errorf("%d requests were sent", *requests)
	}
}

// TestCodesAreWhole: the file has its name once all codes are in it, nobody else can read it, and that of other codes stays.
func TestCodesAreWhole(t *testing.T) {
	b := voucherBatch{file: filepath.Join(t.TempDir(), "codes"), digits: 16, terms: voucherTerms{Count: 3}}
	made, err := b.codes()
	if err != nil || len(made) != 3 {
		t.Fatalf("%v, %v", made, err)
	}
	if info, err := os.Stat(b.file); err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("%v, %v", info, err)
	}
	again, err := b.codes()
	if err != nil || strings.Join(again, " ") != strings.Join(made, " ") {
		t.Errorf("%v, not %v: %v", again, made, err)
	}
	if left, err := filepath.Glob(b.file + "?*"); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	b.file = filepath.Join(t.TempDir(), "missing", "codes")
	if _, err := b.codes(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in no folder: %v", err)
	}
}

// TestTheApproverOfTheEnvironmentIsNamed to the office, with what changes something.
func TestTheApproverOfTheEnvironmentIsNamed(t *testing.T) {
	approvers := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		approvers[r.Method] = r.Header.Get("X-Approver-Key")
		_, _ = w.Write([]byte(`[]`))
	}))
	defer server.Close()
	t.Setenv(officeVariable, server.URL)
	t.Setenv(approverVariable, "the-key-of-bob")
	for _, line := range []string{"payment list", "invoice charge 1 --for goodwill -- -5"} {
		root := newRootCommand()
		root.SetArgs(strings.Fields(line))
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		_ = root.ExecuteContext(t.Context()) // what is answered is no invoice
	}
	if approvers["GET"] != "" || approvers["POST"] != "the-key-of-bob" {
		t.Errorf("approvers: %v", approvers)
	}
}

// TestUnknownKeys: who is not let in is told whose key was sent, and how to send another one.
func TestUnknownKeys(t *testing.T) {
	base, _ := answering(t, http.StatusUnauthorized, `{"code":"unauthorized","message":"the key is none of this server"}`)
	t.Setenv(officeVariable, base)
	t.Setenv(dataVariable, t.TempDir())
	file := filepath.Join(t.TempDir(), "some.key")
	if err := os.WriteFile(file, []byte("gyro_nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	try := func(want ...string) {
		t.Helper()
		root := newRootCommand()
		root.SetArgs(want[1:])
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want[0]) {
			t.Errorf("%v: %v, want %q", want[1:], err, want[0])
		}
	}
	t.Setenv(officeKeyVariable, "")
	try("no key was sent: name the file that has it with --office-key-file, or put the key itself into GYRO_OFFICE_KEY", "pool", "show")
	try("the key is none of this server; it was the key of "+file, "pool", "show", "--office-key-file", file)
	t.Setenv(officeKeyVariable, file) // the name of the file, where the key is wanted
	try("the key is none of this server; it was the key of GYRO_OFFICE_KEY: name the file of another one with --office-key-file, or put that itself into GYRO_OFFICE_KEY", "pool", "show")
	try("--api-key-file, or put the key itself into GYRO_API_KEY", "account", "show", "1", "--server", base)
}
