package thread

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// requestTimeout bounds one request to the office.
const requestTimeout = 20 * time.Second

// tries is how often a request is sent that found the office busy.
const tries = 5

// answer is what the office says.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// refused is an answer that is none of success.
type refused struct {
	method, path  string
	status        int
	code, message string
}

func (r *refused) Error() string {
	return fmt.Sprintf("%s %s: %d %s: %s", r.method, r.path, r.status, r.code, r.message)
}

// isRefusal reports whether the office answered with a code.
func isRefusal(err error, code string) bool {
	r, is := errors.AsType[*refused](err)
	return is && r.code == code
}

// post sends a document and reads the answer into v, unless it is nil. The key
// makes sending it again harmless.
func (t *Thread) post(ctx context.Context, path, key string, document, v any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return t.do(ctx, http.MethodPost, path, key, "application/json", body, v)
}

// get reads a document.
func (t *Thread) get(ctx context.Context, path string, v any) error {
	return t.do(ctx, http.MethodGet, path, "", "", nil, v)
}

// do sends a request, again where the office is busy, and reads its answer.
func (t *Thread) do(ctx context.Context, method, path, key, contentType string, body []byte, v any) error {
	for try := 1; ; try++ {
		a, err := t.send(ctx, method, path, key, contentType, body)
		if err != nil {
			return err
		}
		if a.status >= 200 && a.status < 300 {
			if v == nil || len(a.body) == 0 {
				return nil
			}
			if err := json.Unmarshal(a.body, v); err != nil {
				return fmt.Errorf("%s %s: %w", method, path, err)
			}
			return nil
		}
		var said struct{ Code, Message, Reason string }
		_ = json.Unmarshal(a.body, &said) // what is no error document is shown as it is
		if said.Message == "" {
			said.Message = strings.TrimSpace(string(a.body))
		}
		busy := a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests
		if !busy || try == tries || method == http.MethodPost && key == "" {
			return &refused{method, path, a.status, said.Code, said.Message}
		}
		if err := pause(ctx, time.Duration(try)*100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (t *Thread) send(ctx context.Context, method, path, key, contentType string, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, method, t.o.Office+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	q.Header.Set("Authorization", "Bearer "+t.o.Key)
	if contentType != "" {
		q.Header.Set("Content-Type", contentType)
	}
	if key != "" {
		q.Header.Set("Idempotency-Key", key)
	}
	r, err := t.client.Do(q)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	return answer{r.StatusCode, r.Header, text}, err
}

// pause waits, or says that ctx has ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// until asks again and again until something holds.
func until(ctx context.Context, holds func() (bool, error)) error {
	for {
		if yes, err := holds(); yes || err != nil {
			return err
		}
		if err := pause(ctx, lookAgain); err != nil {
			return err
		}
	}
}

// lookAgain is how often it is looked whether something has happened.
const lookAgain = 50 * time.Millisecond
