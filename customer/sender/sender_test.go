package sender

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/outbound"
)

// house is a customer service with its outbox at work and one customer who is
// reached by mail.
type house struct {
	*testing.T
	db        *database.DB
	customers *customer.Service
	customer  int64
	party     int64
}

var desk = database.Actor{Name: "test", Role: "care", Via: "api"}

func open(t *testing.T, db *database.DB, o customer.Outbox, contacts ...customer.ContactMedium) *house {
	t.Helper()
	h := &house{T: t, db: db, customers: customer.New(db, customer.Brand("Gyro Mobile"))}
	o.Backoff = 10 * instant.Millisecond
	jobs := database.NewJobs()
	h.customers.RegisterJobs(jobs, o)
	if err := db.StartJobs(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	party, err := h.customers.CreateParty(t.Context(), desk, customer.Party{Kind: customer.Individual, GivenName: "Änne", FamilyName: "Groß", Language: "de"}, contacts...)
	if err != nil {
		t.Fatal(err)
	}
	made, err := h.customers.CreateCustomer(t.Context(), desk, customer.Customer{PartyID: party.ID})
	if err != nil {
		t.Fatal(err)
	}
	h.customer, h.party = made.ID, party.ID
	return h
}

func (h *house) notify(key string) {
	h.Helper()
	err := h.db.Write(h.Context(), desk, func(ctx context.Context, tx *database.Tx) error {
		return h.customers.Notify(ctx, tx, customer.Notification{
			CustomerID: h.customer, Template: customer.BillReady, Key: key,
			Data: map[string]string{"number": "2026-000001", "total": "12.34 EUR", "amount": "12.34 EUR", "due": "2026-12-07"},
		})
	})
	if err != nil {
		h.Fatal(err)
	}
}

// await waits until the only message with a key has left the outbox.
func (h *house) await(key string) (m customer.Message, attempts []customer.Attempt) {
	h.Helper()
	deadline := time.NewTimer(time.Minute)
	look := time.NewTicker(5 * time.Millisecond)
	defer deadline.Stop()
	defer look.Stop()
	for {
		err := h.db.Read(h.Context(), func(ctx context.Context, q bun.IDB) error {
			all, total, err := h.customers.Messages(ctx, q, customer.MessageFilter{Key: key}, customer.Page{})
			if err != nil || total != 1 {
				return errors.Join(err, errors.New("not one message"))
			}
			m = all[0]
			attempts, err = h.customers.Attempts(ctx, q, m.ID)
			return err
		})
		if err != nil {
			h.Fatal(err)
		}
		if m.State != customer.NotificationPending {
			return m, attempts
		}
		select {
		case <-look.C:
		case <-deadline.C:
			h.Fatalf("message %+v stays in the outbox; attempts %+v", m, attempts)
		}
	}
}

func outcomes(attempts []customer.Attempt) string {
	var words []string
	for k := range attempts {
		words = append(words, attempts[k].Outcome)
	}
	return strings.Join(words, " ")
}

func mailTo(s *sink) customer.Sender {
	sender, err := NewSMTP(SMTPOptions{Address: s.address, From: "Gyro Mobile <bills@gyro.example>", Security: None, Timeout: 5 * time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	return sender
}

var mailbox = customer.ContactMedium{Kind: customer.Email, Value: "aenne@example.org"}

// TestMail: a message arrives once a key, as a mail should look, whether the
// server takes it at once, has no time, or dies in the middle of it.
func TestMail(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		s := newSink(t)
		h := open(t, db, customer.Outbox{Email: mailTo(s)}, mailbox)
		h.notify("invoice-1")
		h.notify("invoice-1")
		m, attempts := h.await("invoice-1")
		if m.State != customer.NotificationSent || outcomes(attempts) != "accepted" || m.SentAt == 0 || s.count() != 1 {
			t.Fatalf("%+v %+v, %d accepted", m, attempts, s.count())
		}
		header := s.accepted[0].Header
		subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
		if err != nil || subject != "Ihre Rechnung 2026-000001 über 12,34 EUR" || header.Get("Message-ID") != "<notification-1@gyro.example>" ||
			header.Get("Auto-Submitted") != "auto-generated" || header.Get("Content-Language") != "de" {
			t.Errorf("%q %v in %v", subject, err, header)
		}
		if to, err := header.AddressList("To"); err != nil || to[0].Name != "Änne Groß" || to[0].Address != mailbox.Value {
			t.Errorf("to %v, %v", to, err)
		}
		if !strings.Contains(s.bodies[0], "07.12.2026") {
			t.Errorf("body\n%s", s.bodies[0])
		}

		s.next("later", "die", "later")
		h.notify("invoice-2")
		if m, attempts := h.await("invoice-2"); m.State != customer.NotificationSent || outcomes(attempts) != "failed failed failed accepted" || s.count() != 2 {
			t.Errorf("%+v %+v, %d accepted", m, attempts, s.count())
		}
	})
}

// TestMailIsGivenUp: what a server refuses for good is not sent again, and can be
// seen, with its words; so can what fails too often. By hand it is taken up again.
func TestMailIsGivenUp(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		s := newSink(t)
		h := open(t, db, customer.Outbox{Email: mailTo(s), MaxAttempts: 3}, mailbox)
		s.next("refuse")
		h.notify("invoice-1")
		m, attempts := h.await("invoice-1")
		if m.State != customer.NotificationFailed || outcomes(attempts) != "refused" || !strings.Contains(m.Reason, "no such user here") {
			t.Errorf("%+v %+v", m, attempts)
		}
		s.next("later", "later", "later")
		h.notify("invoice-2")
		if m, attempts := h.await("invoice-2"); m.State != customer.NotificationFailed || outcomes(attempts) != "failed failed failed" || !strings.Contains(m.Reason, "given up after 3 attempts") {
			t.Errorf("%+v %+v", m, attempts)
		}
		if s.count() != 0 {
			t.Errorf("%d accepted", s.count())
		}
		if _, err := h.customers.Resend(t.Context(), desk, m.ID); err != nil {
			t.Fatal(err)
		}
		if m, attempts := h.await("invoice-1"); m.State != customer.NotificationSent || outcomes(attempts) != "refused accepted" || s.count() != 1 {
			t.Errorf("%+v %+v", m, attempts)
		}
	})
}

// TestTheWindow: a server that accepts a message and dies before it says so gets
// it a second time, under the same Message-ID: at least once, never a doubt about
// which.
func TestTheWindow(t *testing.T) {
	s := newSink(t)
	h := open(t, dbtest.Open(t, database.SQLite), customer.Outbox{Email: mailTo(s)}, mailbox)
	s.next("die-accepted")
	h.notify("invoice-1")
	h.await("invoice-1")
	if s.count() != 2 || s.accepted[0].Header.Get("Message-ID") != s.accepted[1].Header.Get("Message-ID") {
		t.Errorf("%d accepted: %v", s.count(), s.accepted)
	}
}

// hook is a customer's program.
type hook struct {
	*httptest.Server
	mu       sync.Mutex
	statuses []int // of the next requests; then 204
	bodies   []Document
	good     int // signatures that hold
	secret   string
}

func newHook(t testing.TB) *hook {
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		status := http.StatusNoContent
		if len(h.statuses) > 0 {
			status, h.statuses = h.statuses[0], h.statuses[1:]
		}
		if status/100 == 2 {
			var d Document
			if err := json.Unmarshal(body, &d); err != nil {
				t.Error(err)
			}
			h.bodies = append(h.bodies, d)
			if r.Header.Get(SignatureHeader) == outbound.Sign(h.secret, time.Unix(1_800_000_000, 0), body) {
				h.good++
			}
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(h.Close)
	return h
}

// TestWebhook: a customer's program gets what the mail would say, signed with its
// own secret; it may ask for patience, or refuse.
func TestWebhook(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		program := newHook(t)
		sender := NewWebhook(WebhookOptions{AllowPrivate: true, Timeout: 5 * time.Second, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
		h := open(t, db, customer.Outbox{Webhook: sender})
		medium, err := h.customers.AddContact(t.Context(), desk, customer.ContactMedium{PartyID: h.party, Kind: customer.Webhook, Value: program.URL})
		if err != nil || medium.Secret == "" {
			t.Fatal(medium, err)
		}
		program.secret, program.statuses = medium.Secret, []int{503, 429}
		h.notify("invoice-1")
		m, attempts := h.await("invoice-1")
		if m.State != customer.NotificationSent || outcomes(attempts) != "failed failed accepted" || len(program.bodies) != 1 || program.good != 1 {
			t.Fatalf("%+v %+v, %+v", m, attempts, program.bodies)
		}
		if d := program.bodies[0]; d.Key != "invoice-1" || d.Template != customer.BillReady || !strings.Contains(string(d.Data), `"amount":"12.34 EUR"`) {
			t.Errorf("%+v", d)
		}
		program.statuses = []int{410}
		h.notify("invoice-2")
		if m, attempts := h.await("invoice-2"); m.State != customer.NotificationFailed || outcomes(attempts) != "refused" || !strings.HasPrefix(m.Reason, "410 Gone") {
			t.Errorf("%+v %+v", m, attempts)
		}
	})
}

// TestWebhooksStayOutside: a name that leads to a machine of our own networks is
// refused when it is dialled.
func TestWebhooksStayOutside(t *testing.T) {
	program := newHook(t)
	u, err := url.Parse(program.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewWebhook(WebhookOptions{}).Send(t.Context(), customer.Letter{To: "http://localhost:" + u.Port() + "/"})
	refused := (*customer.Refused)(nil)
	if !errors.As(err, &refused) || !strings.Contains(refused.Reply, "no public address") || len(program.bodies) != 0 {
		t.Errorf("%v, got %v", err, program.bodies)
	}
}

// TestWithoutAMailServer: messages wait for nobody, and say why.
func TestWithoutAMailServer(t *testing.T) {
	h := open(t, dbtest.Open(t, database.SQLite), customer.Outbox{}, mailbox)
	h.notify("invoice-1")
	if m, _ := h.await("invoice-1"); m.State != customer.NotificationSuppressed || !strings.Contains(m.Reason, "nothing is configured") {
		t.Errorf("%+v", m)
	}
}
