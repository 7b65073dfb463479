package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gyro/billing/payment/provider"
	"gyro/internal/instant"
	"gyro/internal/money"
	shared "gyro/internal/simulator"
)

const secret = "whsec_0123456789abcdef"

// patience is reached only by a test that fails.
const patience = time.Minute

// receiver is the office: it proves webhooks and notes what they say.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	refuse int // so many deliveries get 500
	events []provider.Event
	forged int
	came   chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{came: make(chan struct{}, 1000)}
	verifier := provider.Verifier{Secrets: []string{secret}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		e, err := verifier.Verify(q.Header.Get(provider.SignatureHeader), body, instant.Of(time.Now()))
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case err != nil:
			r.forged++
			w.WriteHeader(http.StatusBadRequest)
			return
		case r.refuse > 0:
			r.refuse--
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		r.events = append(r.events, e)
		r.came <- struct{}{}
	}))
	t.Cleanup(r.Close)
	return r
}

// await waits until so many webhooks have come in all.
func (r *receiver) await(t *testing.T, n int) []provider.Event {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		events := slices.Clone(r.events)
		r.mu.Unlock()
		if len(events) >= n {
			return events
		}
		select {
		case <-r.came:
		case <-deadline.C:
			t.Fatalf("%d webhooks came, want %d", len(events), n)
		}
	}
}

// site is a provider that can be stopped and started, and its client.
type site struct {
	t        *testing.T
	path     string
	settings Settings
	p        *Provider
	server   *httptest.Server
	stop     func()
	client   *provider.Client
	hasty    *provider.Client // for what never answers
	faults   shared.Faults
}

func newSite(t *testing.T, r *receiver, change func(*Settings)) *site {
	s := &site{t: t, path: filepath.Join(t.TempDir(), "state"), settings: Defaults()}
	s.settings.Late, s.settings.RetryFirst = shared.Duration(20*time.Millisecond), shared.Duration(2*time.Millisecond)
	s.settings.Secrets = []string{secret}
	if r != nil {
		s.settings.Webhook = r.URL
	}
	if change != nil {
		change(&s.settings)
	}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *site) start() {
	s.t.Helper()
	p, err := Open(Options{Path: s.path, Settings: s.settings, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.p = p
	server, err := shared.NewServer(shared.Options{
		Name: "payments", Handler: p.Handler(), Subject: p.Subject, Admin: p.Admin(), Statistics: p.Statistics,
		Faults: s.faults, Exit: func(int) {}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.server = httptest.NewServer(server)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Run(ctx)
	}()
	s.stop = func() {
		s.server.CloseClientConnections()
		s.server.Close()
		cancel()
		<-ended
		_ = p.Close()
	}
	for timeout, client := range map[time.Duration]**provider.Client{patience: &s.client, 300 * time.Millisecond: &s.hasty} {
		if *client, err = provider.NewClient(provider.Options{URL: s.server.URL, Timeout: timeout}); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *site) charge(key, token string) provider.Charge {
	s.t.Helper()
	c, err := s.client.Charge(s.t.Context(), request(key, token))
	if err != nil {
		s.t.Fatalf("%s: %v", token, err)
	}
	return c
}

func request(key, token string) provider.ChargeRequest {
	return provider.ChargeRequest{Key: key, Token: token, Amount: 11_900_000, Currency: money.EUR, Reference: key, Description: "Invoice R-17"}
}

func (s *site) admin(method, path, body string) map[string]any {
	s.t.Helper()
	q, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var said map[string]any
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: %d %v %v", method, path, response.StatusCode, said, err)
	}
	return said
}

// story is what the events of a charge say, in the order of their versions and without repetitions.
func story(events []provider.Event, id string) string {
	last := map[int64]string{}
	var versions []int64
	for k := range events {
		if e := &events[k]; e.Charge.ID == id {
			if last[e.Charge.Version] == "" {
				versions = append(versions, e.Charge.Version)
			}
			last[e.Charge.Version] = string(e.Type)
		}
	}
	slices.Sort(versions)
	var told []string
	for _, v := range versions {
		told = append(told, last[v])
	}
	return strings.Join(told, " ")
}

func TestATokenDecidesWhatBecomesOfACharge(t *testing.T) {
	t.Parallel()
	office := newReceiver(t)
	s := newSite(t, office, nil)
	for _, c := range []struct {
		token string
		first provider.State
		code  string
		story string
	}{
		{"tok_visa", provider.Succeeded, "", "payment.succeeded"},
		{"tok_declined", provider.Declined, "card_declined", "payment.declined"},
		{"tok_insufficient", provider.Declined, "insufficient_funds", "payment.declined"},
		{"tok_late", provider.Pending, "", "payment.pending payment.succeeded"},
		{"tok_late_declined", provider.Pending, "", "payment.pending payment.declined"},
		{"tok_disputed", provider.Succeeded, "", "payment.succeeded dispute.opened"},
		{"mnd_1", provider.Pending, "", "payment.pending payment.succeeded"},
		{"mnd_revoked_1", provider.Declined, "mandate_revoked", "payment.declined"},
	} {
		charge := s.charge("payment-"+c.token, c.token)
		if charge.State != c.first || charge.DeclineCode != c.code || charge.Amount != 11_900_000 || charge.Reference != "payment-"+c.token {
			t.Errorf("%s was answered with %+v", c.token, charge)
		}
		seen := 0
		for story(office.await(t, seen), charge.ID) != c.story {
			seen = len(office.await(t, seen)) + 1
		}
	}
}

// TestAnAttemptThatIsRepeatedIsOne: under its key, whatever happens between.
func TestAnAttemptThatIsRepeatedIsOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	first := s.charge("payment-1", "tok_visa")
	refund := provider.RefundRequest{Key: "refund-1", Charge: first.ID, Amount: 1_900_000, Reason: "goodwill"}
	for range 2 {
		if again := s.charge("payment-1", "tok_visa"); again.ID != first.ID {
			t.Errorf("charged twice: %s and %s", first.ID, again.ID)
		}
		r, err := s.client.Refund(t.Context(), refund)
		if err != nil || r.Amount != 1_900_000 || r.State != provider.Succeeded {
			t.Errorf("refund %+v, %v", r, err)
		}
		s.stop()
		s.start()
	}
	now, err := s.client.Fetch(t.Context(), first.ID)
	if err != nil || now.Refunded != 1_900_000 || len(now.Refunds) != 1 {
		t.Errorf("%+v, %v", now, err)
	}
	other := request("payment-1", "tok_visa")
	other.Amount = 1_000_000
	for what, do := range map[string]func() error{
		"idempotency_key_reused": func() error { _, err := s.client.Charge(t.Context(), other); return err },
		"refund_too_large": func() error {
			_, err := s.client.Refund(t.Context(), provider.RefundRequest{Key: "refund-2", Charge: first.ID, Amount: 10_010_000})
			return err
		},
		"charge_unknown": func() error { _, err := s.client.Fetch(t.Context(), "ch_none"); return err },
		"card_number_refused": func() error {
			_, err := s.client.Charge(t.Context(), request("payment-2", "tok_4111111111111111"))
			return err
		},
		"token_malformed": func() error { _, err := s.client.Charge(t.Context(), request("payment-2", "visa")); return err },
		"amount_invalid": func() error {
			r := request("payment-2", "tok_visa")
			r.Amount = 5_000 // half a cent
			_, err := s.client.Charge(t.Context(), r)
			return err
		},
		"key_malformed": func() error { _, err := s.client.Charge(t.Context(), request("", "tok_visa")); return err },
	} {
		if err := do(); !provider.Permanent(err) || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want a permanent error %s", err, what)
		}
	}
	page, err := s.client.List(t.Context(), provider.ListRequest{})
	if err != nil || len(page.Charges) != 1 {
		t.Errorf("of all that there is one charge: %+v, %v", page, err)
	}
	if status := rawCharge(t, s, `{"number":"4111111111111111","amount":1,"currency":"EUR"}`); status != http.StatusBadRequest {
		t.Errorf("a card number got %d", status)
	}
	if status := rawCharge(t, s, `{"token":"tok_4111111111111111","amount":1,"currency":"EUR"}`); status != http.StatusBadRequest {
		t.Errorf("a card number as token got %d", status)
	}
}

func rawCharge(t *testing.T, s *site, body string) int {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL+"/v1/charges", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Idempotency-Key", "raw")
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// TestEveryWebhookArrives: refused, duplicated, out of order, and across a restart, nothing is lost and nothing forged.
func TestEveryWebhookArrives(t *testing.T) {
	t.Parallel()
	office := newReceiver(t)
	office.refuse = 25
	const charges = 30
	s := newSite(t, office, func(s *Settings) {
		s.Duplicate, s.Shuffle, s.ShuffleBy, s.Pending = 500, 500, shared.Duration(500*time.Millisecond), 500
	})
	for n := range charges {
		s.charge(fmt.Sprintf("payment-%d", n), "tok_visa")
		if n == charges/2 {
			s.stop() // as kill -9 would: nothing is written at the end
			s.start()
		}
	}
	for n := range charges {
		for s.charge(fmt.Sprintf("payment-%d", n), "tok_visa").State == provider.Pending {
			office.await(t, 1)
		}
	}
	copies := map[string]int{}
	events, _ := s.admin(http.MethodGet, "/admin/events", "")["events"].([]any)
	for _, e := range events {
		d, _ := e.(map[string]any)
		id, _ := d["id"].(string)
		n, _ := d["copies"].(float64)
		copies[id] = int(n)
	}
	got, seen := office.await(t, len(copies)), map[string]int{}
	for {
		clear(seen)
		missing := maps.Clone(copies)
		for k := range got {
			id := got[k].ID
			if seen[id]++; seen[id] == copies[id] {
				delete(missing, id)
			}
		}
		if len(missing) == 0 {
			break
		}
		got = office.await(t, len(got)+1)
	}
	if office.forged > 0 {
		t.Errorf("%d webhooks had no good signature", office.forged)
	}
	overtaken, latest := false, map[string]int64{}
	for k := range got {
		e := &got[k]
		overtaken = overtaken || e.Charge.Version < latest[e.Charge.ID]
		latest[e.Charge.ID] = max(latest[e.Charge.ID], e.Charge.Version)
	}
	if len(latest) != charges || len(seen) >= len(got) || !overtaken {
		t.Errorf("%d webhooks, %d events, %d charges, out of order: %v; want %d charges, some events twice, some out of order", len(got), len(seen), len(latest), overtaken, charges)
	}
	for n := range charges {
		c := s.charge(fmt.Sprintf("payment-%d", n), "tok_visa")
		if c.State != provider.Succeeded || latest[c.ID] != c.Version {
			t.Errorf("charge %s is %s at version %d, the last webhook told of %d", c.ID, c.State, c.Version, latest[c.ID])
		}
	}
}

// TestEventsWaitForAReceiver that is named later, and are signed with both secrets while one is being replaced.
func TestEventsWaitForAReceiver(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, func(s *Settings) { s.RetryFirst, s.RetryMost = shared.Duration(time.Hour), shared.Duration(time.Hour) })
	c := s.charge("payment-1", "tok_visa")
	office := newReceiver(t)
	said := s.admin(http.MethodPatch, "/admin/settings", fmt.Sprintf(`{"webhook":%q,"secrets":["whsec_of_tomorrow_",%q]}`, office.URL, secret))
	if said["webhook"] != office.URL || said["secrets"] != nil {
		t.Errorf("settings %v", said)
	}
	if told := story(office.await(t, 1), c.ID); told != "payment.succeeded" {
		t.Errorf("told %s", told)
	}
}

func TestByHand(t *testing.T) {
	t.Parallel()
	office := newReceiver(t)
	s := newSite(t, office, nil)
	c := s.charge("payment-1", "tok_visa")
	s.admin(http.MethodPost, "/admin/charges/"+c.ID+"/dispute", "")
	if _, err := s.client.Refund(t.Context(), provider.RefundRequest{Key: "refund-1", Charge: c.ID, Amount: 1_000_000}); !provider.Permanent(err) {
		t.Errorf("refund of what is disputed: %v", err)
	}
	s.admin(http.MethodPost, "/admin/charges/"+c.ID+"/win", "")
	if _, err := s.client.Refund(t.Context(), provider.RefundRequest{Key: "refund-1", Charge: c.ID, Amount: 1_000_000}); err != nil {
		t.Error(err)
	}
	if told := story(office.await(t, 4), c.ID); told != "payment.succeeded dispute.opened dispute.won refund.succeeded" {
		t.Errorf("told %s", told)
	}
	// A token that never answers is charged all the same, and decided by hand.
	silent := request("payment-2", "tok_silent")
	var page provider.Page
	for tries := 0; tries < 2 || len(page.Charges) < 2; tries++ { // a request that is hasty may not even arrive
		_, err := s.hasty.Charge(t.Context(), silent)
		if err == nil || provider.Permanent(err) {
			t.Fatalf("silence is %v", err)
		}
		if page, err = s.client.List(t.Context(), provider.ListRequest{Since: c.Created}); err != nil || len(page.Charges) > 2 {
			t.Fatalf("%+v, %v", page, err)
		}
	}
	for _, found := range page.Charges {
		if found.Key == "payment-2" && found.State == provider.Pending {
			s.admin(http.MethodPost, "/admin/charges/"+found.ID+"/succeed", "")
			if told := story(office.await(t, 5), found.ID); told != "payment.succeeded" {
				t.Errorf("told %s", told)
			}
			return
		}
	}
	t.Errorf("the silent charge is not listed as pending: %+v", page)
}

// TestTheListIsReadInPages: in the order of change, each charge once.
func TestTheListIsReadInPages(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	for n := range 25 {
		s.charge(fmt.Sprintf("payment-%d", n), "tok_visa")
	}
	seen, after := map[string]bool{}, ""
	for pages := 0; ; pages++ {
		page, err := s.client.List(t.Context(), provider.ListRequest{After: after, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Charges {
			seen[c.ID] = true
		}
		if after = page.Next; after == "" {
			if pages != 2 {
				t.Errorf("%d further pages, want 2", pages)
			}
			break
		}
	}
	if len(seen) != 25 {
		t.Errorf("%d charges, want 25", len(seen))
	}
}

// TestRepeatingEndsInOneCharge: whatever the provider does, a charge that is asked for again under its key is one.
func TestRepeatingEndsInOneCharge(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]shared.Faults{
		"overloaded":    {Refuse: 1000, Limit: 2},
		"late":          {Latency: shared.Duration(time.Minute)},
		"closes before": {DropBefore: 1000, Limit: 3},
		"closes after":  {DropAfter: 1000, Limit: 3},
		"silent before": {HangBefore: 1000, Limit: 2},
		"silent after":  {HangAfter: 1000, Limit: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, nil, nil)
			text, err := json.Marshal(faults)
			if err != nil {
				t.Fatal(err)
			}
			s.admin(http.MethodPut, "/admin/faults", string(text))
			for {
				_, err := s.hasty.Charge(t.Context(), request("payment-1", "tok_visa"))
				if err == nil {
					break
				}
				if provider.Permanent(err) || t.Context().Err() != nil {
					t.Fatal(err)
				}
				if name == "late" {
					s.admin(http.MethodDelete, "/admin/faults", "")
				}
			}
			if page, err := s.client.List(t.Context(), provider.ListRequest{}); err != nil || len(page.Charges) != 1 || page.Charges[0].State != provider.Succeeded {
				t.Errorf("%+v, %v", page, err)
			}
		})
	}
}
