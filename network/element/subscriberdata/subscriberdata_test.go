package subscriberdata

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"gyro/network/element/repository"
)

type element struct {
	t    *testing.T
	path string
	r    *repository.Repository
}

func open(t *testing.T) *element {
	e := &element{t: t, path: filepath.Join(t.TempDir(), "state")}
	e.start()
	t.Cleanup(func() { _ = e.r.Close() })
	return e
}

func (e *element) start() {
	e.t.Helper()
	r, err := Open(e.path)
	if err != nil {
		e.t.Fatal(err)
	}
	e.r = r
}

func (e *element) restart() {
	e.t.Helper()
	if err := e.r.Close(); err != nil {
		e.t.Fatal(err)
	}
	e.start()
}

func (e *element) ask(method, path, body, key string) (int, string) {
	q := httptest.NewRequest(method, Path+path, strings.NewReader(body))
	q.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	e.r.ServeHTTP(w, q)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func document(imsi, more string) string {
	return fmt.Sprintf(`{"imsi":%q,"authenticationPresent":true,"subscriberStatus":"SERVICE_GRANTED","profile":"basic"%s}`, imsi, more)
}

const imsi = "262011234567890"

// TestARequestIsHonouredOnce, also after a restart, and although the subscriber has changed since.
func TestARequestIsHonouredOnce(t *testing.T) {
	e := open(t)
	status, made := e.ask(http.MethodPut, "/imsi-"+imsi, document(imsi, ""), "one")
	if status != http.StatusCreated {
		t.Fatal(status, made)
	}
	if status, said := e.ask(http.MethodPatch, "/imsi-"+imsi, `{"profile":"gold","ambr":{"uplink":"1 Mbps","downlink":"2 Mbps"}}`, "two"); status != http.StatusOK {
		t.Fatal(status, said)
	}
	if status, said := e.ask(http.MethodPatch, "/imsi-"+imsi, `{"ambr":{"uplink":"3 Mbps"}}`, ""); status != http.StatusOK || !strings.Contains(said, `{"uplink":"3 Mbps","downlink":"2 Mbps"}`) {
		t.Fatal(status, said)
	}
	for range 2 {
		if status, again := e.ask(http.MethodPut, "/imsi-"+imsi, document(imsi, ""), "one"); status != http.StatusCreated || again != made {
			t.Errorf("again: %d %s, want what it was told before", status, again)
		}
		if _, shown := e.ask(http.MethodGet, "/imsi-"+imsi, "", ""); !strings.Contains(shown, `"profile":"gold"`) {
			t.Errorf("a repeated request undid a later one: %s", shown)
		}
		if status, said := e.ask(http.MethodDelete, "/imsi-"+imsi, "", "one"); status != http.StatusUnprocessableEntity {
			t.Errorf("the key for something else: %d %s", status, said)
		}
		e.restart()
	}
}

// TestTheFileStaysSmall: a subscriber changed a thousand times is one record after a restart, and the requests' keys are
// still known.
func TestTheFileStaysSmall(t *testing.T) {
	e := open(t)
	for n := range 1200 {
		if status, said := e.ask(http.MethodPut, "/imsi-"+imsi, document(imsi, fmt.Sprintf(`,"msisdn":"49170%d"`, n)), ""); status >= 300 {
			t.Fatal(status, said)
		}
	}
	if status, said := e.ask(http.MethodPatch, "/imsi-"+imsi, `{"profile":"gold"}`, "last"); status != http.StatusOK {
		t.Fatal(status, said)
	}
	_, before := e.ask(http.MethodGet, "/imsi-"+imsi, "", "")
	e.restart()
	e.restart()
	if _, after := e.ask(http.MethodGet, "/imsi-"+imsi, "", ""); after != before {
		t.Errorf("%s became %s", before, after)
	}
	if _, again := e.ask(http.MethodPatch, "/imsi-"+imsi, `{"profile":"gold"}`, "last"); again != before || e.r.Statistics()["repeated"] != uint64(1) {
		t.Errorf("the key was forgotten: %s, %v", again, e.r.Statistics())
	}
	if status, said := e.ask(http.MethodPut, "/imsi-262010000000001", document("262010000000001", `,"msisdn":"491700"`), ""); status != http.StatusCreated {
		t.Errorf("a number that was given up: %d %s", status, said)
	}
}

func TestTheListIsRead(t *testing.T) {
	e := open(t)
	for n := range 7 {
		id := fmt.Sprint(262010000000000 + n)
		if status, said := e.ask(http.MethodPut, "/imsi-"+id, document(id, ""), ""); status != http.StatusCreated {
			t.Fatal(status, said)
		}
	}
	seen, after := 0, ""
	for pages := range 4 {
		_, text := e.ask(http.MethodGet, "?limit=3&after="+after, "", "")
		var page struct {
			Subscribers []Subscription
			Next        string
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			t.Fatal(err, text)
		}
		for _, s := range page.Subscribers {
			if s.IMSI != fmt.Sprint(262010000000000+seen) {
				t.Errorf("page %d has %s", pages, s.IMSI)
			}
			seen++
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if seen != 7 {
		t.Errorf("%d subscribers, want 7", seen)
	}
}

func TestWhatIsNoSubscriberIsRefused(t *testing.T) {
	e := open(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{http.MethodPut, "/imsi-" + imsi, document("262019999999999", ""), 400, "the URI says " + imsi},
		{http.MethodPut, "/imsi-" + imsi, document(imsi, `,"colour":"red"`), 400, "colour"},
		{http.MethodPut, "/imsi-" + imsi, document(imsi, `,"msisdn":"+49"`), 400, "5 to 15 digits"},
		{http.MethodPut, "/imsi-" + imsi, document(imsi, `,"apns":["Inter net"]`), 400, "apns"},
		{http.MethodPut, "/imsi-" + imsi, document(imsi, `,"ambr":{"uplink":"50"}`), 400, "50 Mbps"},
		{http.MethodPut, "/imsi-" + imsi, strings.Replace(document(imsi, ""), "true", "false", 1), 400, "SIM's key"},
		{http.MethodPut, "/imsi-" + imsi, document(imsi, "") + "{}", 400, "follows"},
		{http.MethodPut, "/imsi-12", "{}", 404, "imsi-DIGITS"},
		{http.MethodGet, "/msisdn-491701234567", "", 404, "imsi-DIGITS"},
		{http.MethodGet, "/imsi-" + imsi, "", 404, "USER_NOT_FOUND"},
		{http.MethodPost, "/imsi-" + imsi, "{}", 405, "GET, PUT, PATCH and DELETE"},
		{http.MethodPatch, "/imsi-" + imsi, `{"profile":"x"}`, 404, "USER_NOT_FOUND"},
		{http.MethodGet, "?limit=0", "", 400, "from 1 to 1000"},
	} {
		if status, said := e.ask(c.method, c.path, c.body, ""); status != c.status || !strings.Contains(said, c.says) {
			t.Errorf("%s %s %s: %d %s, want %d that says %s", c.method, c.path, c.body, status, said, c.status, c.says)
		}
	}
}
