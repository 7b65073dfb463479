package adapter_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gyro/internal/simulator"
	"gyro/provisioning"
	"gyro/provisioning/adapter"
)

// liar stands before an element and changes what it says about it; what the element does stays as it is.
type liar struct {
	t       testing.TB
	element string
	// change makes another of an answer; nil leaves all as they are.
	change atomic.Pointer[func(method string, status int, body []byte) (int, []byte)]
	twice  atomic.Bool // each answer is sent again, as that to the next request on its connection, which the element never sees
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	forward, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+l.element+r.URL.Path, r.Body)
	if err != nil {
		l.t.Error(err)
		return
	}
	forward.Header = r.Header
	answer, err := http.DefaultClient.Do(forward)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	status := answer.StatusCode
	if change := l.change.Load(); change != nil {
		status, body = (*change)(r.Method, status, body)
	}
	if !l.twice.Load() {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(body)
		return
	}
	conn, out, err := w.(http.Hijacker).Hijack()
	if err != nil {
		l.t.Error(err)
		return
	}
	defer conn.Close()
	for range 2 {
		fmt.Fprintf(out, "HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
		if out.Flush() != nil {
			return
		}
		if _, err := http.ReadRequest(out.Reader); err != nil {
			return
		}
	}
}

func (l *liar) says(change func(method string, status int, body []byte) (int, []byte)) {
	l.change.Store(&change)
}

// TestElementsThatLie: an answer of success that shows somebody else, or another service than was asked for, is not taken for
// done. Where the element has done what was wanted all the same, it is; where it has not, people are told what it said.
func TestElementsThatLie(t *testing.T) {
	t.Parallel()
	const other = "262010000000042"
	for k := range kinds {
		kind := &kinds[k]
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, kind.name)
			l := &liar{t: t, element: p.address}
			server := httptest.NewServer(l)
			t.Cleanup(server.Close)
			e, err := kind.open(adapter.Options{URL: server.URL, Timeout: patience})
			if err != nil {
				t.Fatal(err)
			}
			hasty, err := kind.open(adapter.Options{URL: server.URL, Timeout: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			operations, shown := kind.life("order-1")
			create, suspend := operations[0], operations[1]
			lies := func(what string, op provisioning.Operation, words ...string) {
				t.Helper()
				err := e.Apply(t.Context(), op)
				if !provisioning.Permanent(err) {
					t.Errorf("%s: %v, want a permanent error", what, err)
					return
				}
				for _, word := range append(words, "CONTRADICTION", imsi) {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("%s: %v does not say %q", what, err, word)
					}
				}
			}
			ofAnother := func(body []byte) []byte { return bytes.ReplaceAll(body, []byte(imsi), []byte(other)) }

			// Everything that it says is about somebody else.
			l.says(func(_ string, status int, body []byte) (int, []byte) { return status, ofAnother(body) })
			lies("another's IMSI", create, other)
			// It says so once, and shows what was wanted when asked.
			l.says(func(method string, status int, body []byte) (int, []byte) {
				if method == http.MethodGet {
					return status, body
				}
				return status, ofAnother(body)
			})
			if err := e.Apply(t.Context(), create); err != nil {
				t.Errorf("the element has it as ordered: %v", err)
			}
			expect(t, p, kind, create, shown[0])
			// It confirms a suspension, with the service granted.
			granted := func(_ string, status int, body []byte) (int, []byte) {
				return status, bytes.ReplaceAll(body, []byte(kind.barred), []byte(kind.granted))
			}
			l.says(granted)
			lies("still granted", suspend, kind.granted)
			// A lost answer, and another's document to read back: not done, and tried again.
			p.fail(simulator.Faults{HangAfter: 1000, Limit: 1})
			l.says(func(_ string, status int, body []byte) (int, []byte) { return status, ofAnother(body) })
			resume := operations[3]
			var silent *provisioning.ElementError
			if err := hasty.Apply(t.Context(), resume); !errors.As(err, &silent) || !silent.Temporary {
				t.Errorf("another's document is read back: %v", err)
			}
			l.says(func(_ string, status int, body []byte) (int, []byte) { return status, body })
			if err := e.Apply(t.Context(), resume); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAnswersThatComeTwice: an element, or what stands before it, sends its answer again when the next request comes on the
// connection. That one is not taken for done: somebody else was.
func TestAnswersThatComeTwice(t *testing.T) {
	t.Parallel()
	p := start(t, "pcrf")
	l := &liar{t: t, element: p.address}
	l.twice.Store(true)
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	e, err := adapter.NewPolicy(adapter.Options{URL: server.URL, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		op := provisioning.Operation{Key: fmt.Sprintf("order-%d", n), Kind: provisioning.OperationCreate, IMSI: fmt.Sprint(262010000000000 + n), Profile: "basic"}
		err := e.Apply(t.Context(), op)
		status, _ := p.ask(http.MethodGet, "/nudr-dr/v2/policy-data/ues/imsi-"+op.IMSI+"/sm-data", nil)
		if (err == nil) != (status == http.StatusOK) {
			t.Errorf("order %d: the element shows %d, the adapter says %v", n, status, err)
		}
		if n == 1 && (err == nil || !strings.Contains(err.Error(), "CONTRADICTION")) {
			t.Errorf("the answer to order 0 is taken for that to order 1: %v", err)
		}
	}
}
