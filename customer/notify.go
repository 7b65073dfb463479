package customer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// Notification is something to be told to a customer.
type Notification struct {
	CustomerID int64 // 0: whoever the account belongs to
	AccountID  int64 // what it is about; 0 is no account in particular
	Template   string
	Data       map[string]string // what the template wants
	// Key names the occasion, such as "invoice-17": a second notification with
	// the same key is none.
	Key string
}

// NotificationState is what became of a message.
type NotificationState string

// The states of a message.
const (
	NotificationPending    NotificationState = "pending"    // a job is on it
	NotificationSent       NotificationState = "sent"       // accepted by the server of the address
	NotificationFailed     NotificationState = "failed"     // given up; Reason says why
	NotificationSuppressed NotificationState = "suppressed" // there is nowhere to send it, or nothing that does
)

// The channels of messages: e-mail, a webhook, or none where the party has no
// address.
const (
	EmailChannel   = "email"
	WebhookChannel = "webhook"
	NoChannel      = "none"
)

// Message is one message to one address: a row of the outbox.
type Message struct {
	bun.BaseModel `bun:"table:notification" json:"-"`

	ID               int64             `bun:",pk,autoincrement" json:"id"`
	Key              string            `json:"key"`
	Channel          string            `json:"channel"`
	CustomerID       int64             `json:"customer_id"`
	BillingAccountID int64             `bun:",nullzero" json:"billing_account_id,omitempty"`
	Template         string            `json:"template"`
	Language         string            `json:"language"`
	Address          string            `json:"address,omitempty"`
	ContactMediumID  int64             `bun:",nullzero" json:"-"`
	Subject          string            `json:"subject"`
	Body             string            `json:"body"`
	Data             json.RawMessage   `bun:"type:text" json:"data"` // what the template was filled in with
	State            NotificationState `json:"state"`
	Reason           string            `json:"reason,omitempty"` // of failing or suppressing
	Attempts         int               `json:"attempts"`
	CreatedAt        instant.Instant   `json:"created_at"`
	SentAt           instant.Instant   `json:"sent_at,omitempty"`
}

// Attempt is one try to send a message.
type Attempt struct {
	bun.BaseModel `bun:"table:notification_attempt" json:"-"`

	ID             int64           `bun:",pk,autoincrement" json:"-"`
	NotificationID int64           `json:"-"`
	Number         int             `json:"number"` // from 1
	At             instant.Instant `json:"at"`
	Outcome        string          `json:"outcome"` // accepted; refused, for good; failed, for now
	Reply          string          `json:"reply,omitempty"`
}

// Notify puts a message into the outbox, one for each channel that the party
// has, with the jobs that send them: they exist if and only if the transaction
// commits. A template that is unknown or lacks data is an error, for it is a
// fault of the program; a customer that cannot be reached is none.
func (s *Service) Notify(ctx context.Context, tx *database.Tx, n Notification) error {
	if n.Key == "" {
		return errors.New("a notification without a key could be sent twice")
	}
	var err error
	if n.CustomerID == 0 {
		account, err := s.Account(ctx, tx, n.AccountID)
		if err != nil {
			return err
		}
		n.CustomerID = account.CustomerID
	}
	customer, err := s.Customer(ctx, tx, n.CustomerID)
	if err != nil {
		return err
	}
	party, media, err := s.reach(ctx, tx, customer.PartyID)
	if err != nil {
		return err
	}
	data := map[string]string{"name": party.Name(), "customer": text(n.CustomerID), "brand": s.brand}
	maps.Copy(data, n.Data)
	words, err := render(n.Template, party.Language, data)
	if err != nil {
		return fmt.Errorf("notification %s: %w", n.Key, err)
	}
	kept, err := json.Marshal(data)
	if err != nil {
		return err
	}
	m := Message{
		Key: n.Key, CustomerID: n.CustomerID, BillingAccountID: n.AccountID, Template: n.Template, Language: words.Language,
		Subject: words.Subject, Body: words.Body, Data: kept, State: NotificationPending, CreatedAt: tx.Now(),
	}
	reached := false
	for _, way := range []struct {
		channel string
		kind    ContactKind
	}{{EmailChannel, Email}, {WebhookChannel, Webhook}} {
		if medium := contactOf(media, way.kind); medium != nil {
			reached = true
			one := m
			one.Channel, one.Address, one.ContactMediumID = way.channel, medium.Value, medium.ID
			if err := s.post(ctx, tx, &one); err != nil {
				return err
			}
		}
	}
	if !reached {
		m.Channel, m.State, m.Reason = NoChannel, NotificationSuppressed, "the party has neither an e-mail address nor a webhook"
		return s.post(ctx, tx, &m)
	}
	return nil
}

// post stores a message and its job, unless there is one with its key.
func (s *Service) post(ctx context.Context, tx *database.Tx, m *Message) error {
	is, err := tx.InsertNew(ctx, m, "key, channel")
	if err != nil {
		return fmt.Errorf("new notification: %w", err)
	}
	if !is {
		return nil
	}
	if err := tx.Audit(ctx, "notification", text(m.ID), "create", nil, m); err != nil || m.State != NotificationPending {
		return err
	}
	return s.enqueue(ctx, tx, m.ID)
}

// Message reads a message.
func (s *Service) Message(ctx context.Context, q bun.IDB, id int64) (Message, error) {
	return byID[Message](ctx, q, id, "notification", "notification.id")
}

// Attempts are the tries to send a message, the oldest first.
func (s *Service) Attempts(ctx context.Context, q bun.IDB, id int64) (attempts []Attempt, err error) {
	err = q.NewSelect().Model(&attempts).Where("notification_id = ?", id).Order("number").Scan(ctx)
	return attempts, err
}

// MessageFilter narrows a list of messages down; what is empty does not.
type MessageFilter struct {
	CustomerID int64
	State      NotificationState
	Template   string
	Key        string
}

// Messages lists the outbox in the order of its ids, and counts the whole list.
func (s *Service) Messages(ctx context.Context, q bun.IDB, f MessageFilter, page Page) (rows []Message, total int, err error) {
	query := q.NewSelect()
	if f.CustomerID != 0 {
		query.Where("customer_id = ?", f.CustomerID)
	}
	if f.State != "" {
		query.Where("state = ?", f.State)
	}
	if f.Template != "" {
		query.Where("template = ?", f.Template)
	}
	if f.Key != "" {
		query.Where("key = ?", f.Key)
	}
	total, err = list(ctx, query, &rows, page)
	return rows, total, err
}

// Resend takes a message up again that was given up, or had no sender.
func (s *Service) Resend(ctx context.Context, by database.Actor, id int64) (Message, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (Message, error) {
		return s.ResendIn(ctx, tx, id)
	})
}

// ResendIn is Resend inside a transaction.
func (s *Service) ResendIn(ctx context.Context, tx *database.Tx, id int64) (Message, error) {
	before, err := s.Message(ctx, tx, id)
	if err != nil {
		return before, err
	}
	if before.Channel == NoChannel || before.State != NotificationFailed && before.State != NotificationSuppressed {
		return before, refusal.New(refusal.Conflict, "notification_not_failed", "state", "message %d is %s by %s; only one that failed or had no sender is sent again", id, before.State, before.Channel)
	}
	after := before
	after.State, after.Reason = NotificationPending, ""
	if err := update(ctx, tx, "notification", id, "resend", before, &after); err != nil {
		return before, err
	}
	return after, s.enqueue(ctx, tx, id)
}
