package apitest_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"gyro/api/client"
)

// TestWhichAnswersAreFinal asks a server that answers each status code in the words of gyro, and as a proxy does.
func TestWhichAnswersAreFinal(t *testing.T) {
	final := map[int]bool{
		400: true, 404: true, 409: true, 413: true, 422: true,
		401: false, 403: false, 408: false, 429: false, 500: false, 502: false, 503: false, 504: false, 302: false,
	}
	for status, want := range final {
		for _, body := range []string{`{"code":"some_code","message":"no"}`, "<html>no such page</html>"} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = fmt.Fprint(w, body)
			}))
			_, err := client.NewCharging(server.URL, "").Account(t.Context(), "ba-1")
			server.Close()
			if got := client.Final(fmt.Errorf("account: %w", err)); err == nil || got != (want && body[0] == '{') {
				t.Errorf("%d %s: final %v (%v)", status, body, got, err)
			}
		}
	}
	if client.Final(nil) || client.Final(errors.New("broken")) {
		t.Error("what is no answer is final")
	}
}
