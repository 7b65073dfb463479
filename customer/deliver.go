package customer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// Letter is a message as a Sender gets it.
type Letter struct {
	ID       int64 // the same at every attempt
	Key      string
	Template string
	Language string
	To       string // an e-mail address, or where a webhook is
	Name     string // of the customer
	Subject  string
	Body     string
	Data     []byte // JSON, of the template
	Secret   string // of a webhook
	At       instant.Instant
}

// Sender hands letters over to whoever delivers them. It returns once the other
// side has accepted the letter, with what it said. A refusal that will not
// change is a *Refused; any other error is tried again.
type Sender interface {
	Send(ctx context.Context, letter Letter) (reply string, err error)
}

// Refused is the error of a letter that will never be accepted.
type Refused struct{ Reply string }

// Error implements error.
func (r *Refused) Error() string { return "refused: " + r.Reply }

// Outbox says how the outbox is emptied.
type Outbox struct {
	// Senders by channel. What has no sender is suppressed, with that reason.
	Email, Webhook Sender
	Logger         *slog.Logger // nil is slog.Default()
	// MaxAttempts is how often a message is tried before it is given up; 0 is 12,
	// which with doubling waits take some four hours.
	MaxAttempts int
	// Backoff is the wait before the second attempt; it doubles up to an hour. 0
	// is 5 seconds.
	Backoff instant.Span
}

const (
	defaultAttempts = 12
	defaultBackoff  = 5 * instant.Second
	maxBackoff      = instant.Hour
	// deliveryQueue keeps a mail server that hangs from holding up other jobs.
	deliveryQueue   = "notification"
	deliveryWorkers = 4
)

// deliverArgs is the job that sends one message.
type deliverArgs struct {
	Notification int64 `json:"notification"`
}

// Kind implements database.JobArgs.
func (deliverArgs) Kind() string { return "customer_notification" }

// riverAttempts is more than any delivery makes: what is given up is decided
// here, where it can be written down.
const riverAttempts = 1000

func (s *Service) enqueue(ctx context.Context, tx *database.Tx, id int64) error {
	return tx.Enqueue(ctx, deliverArgs{id}, database.Queue(deliveryQueue), database.MaxAttempts(riverAttempts))
}

// RegisterJobs lets a process empty the outbox.
func (s *Service) RegisterJobs(jobs *database.Jobs, d Outbox) {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.MaxAttempts == 0 {
		d.MaxAttempts = defaultAttempts
	}
	if d.Backoff == 0 {
		d.Backoff = defaultBackoff
	}
	jobs.Queue(deliveryQueue, deliveryWorkers)
	database.RegisterJob(jobs, func(ctx context.Context, args deliverArgs, _ database.JobInfo) error {
		return s.deliver(ctx, &d, args.Notification)
	}, database.Backoff(d.Backoff, maxBackoff))
}

// deliver makes one attempt at a message.
func (s *Service) deliver(ctx context.Context, d *Outbox, id int64) error {
	letter, m, err := s.letter(ctx, id)
	if refusal.Is(err, "notification_unknown") || err == nil && m.State != NotificationPending {
		return nil // sent already, or given up
	}
	if err != nil {
		return err
	}
	sender := map[string]Sender{EmailChannel: d.Email, WebhookChannel: d.Webhook}[m.Channel]
	var reply string
	switch {
	case sender == nil:
		err = errNoSender
	case m.ContactMediumID == 0:
		err = &Refused{"the contact medium was removed"}
	default:
		reply, err = sender.Send(ctx, letter)
	}
	if ctx.Err() != nil {
		// The process stops, or the time was up: what became of it is unknown.
		return fmt.Errorf("message %d: %w", id, errors.Join(err, ctx.Err()))
	}
	return s.settle(ctx, d, id, reply, err)
}

// errNoSender is the outcome of a message on a channel that is not configured.
var errNoSender = errors.New("nothing is configured that sends it")

// letter reads what is to be sent, as of now.
func (s *Service) letter(ctx context.Context, id int64) (l Letter, m Message, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		if m, err = s.Message(ctx, q, id); err != nil {
			return err
		}
		customer, err := s.Customer(ctx, q, m.CustomerID)
		if err != nil {
			return err
		}
		l = Letter{
			ID: id, Key: m.Key, Template: m.Template, Language: m.Language, To: m.Address, Name: customer.Name,
			Subject: m.Subject, Body: m.Body, Data: m.Data, At: m.CreatedAt,
		}
		if m.ContactMediumID == 0 {
			return nil
		}
		medium, err := byID[ContactMedium](ctx, q, m.ContactMediumID, "contact_medium", "")
		l.Secret = medium.Secret
		return err
	})
	return l, m, err
}

// settle writes down what came of an attempt. The error that it returns lets the
// job be tried again.
func (s *Service) settle(ctx context.Context, d *Outbox, id int64, reply string, sent error) error {
	var again error
	by := database.Actor{Name: "notifications", Via: "job"}
	err := s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		again = nil
		before, err := s.Message(ctx, tx, id)
		if err != nil || before.State != NotificationPending {
			return err
		}
		after := before
		after.Attempts++
		attempt := Attempt{NotificationID: id, Number: after.Attempts, At: tx.Now(), Outcome: "accepted", Reply: shortened(reply)}
		refused := (*Refused)(nil)
		switch {
		case sent == nil:
			after.State, after.SentAt = NotificationSent, tx.Now()
		case errors.Is(sent, errNoSender):
			attempt.Outcome, attempt.Reply = "refused", sent.Error()
			after.State, after.Reason = NotificationSuppressed, sent.Error()
		case errors.As(sent, &refused):
			attempt.Outcome, attempt.Reply = "refused", shortened(refused.Reply)
			after.State, after.Reason = NotificationFailed, attempt.Reply
		default:
			attempt.Outcome, attempt.Reply = "failed", shortened(sent.Error())
			again = sent
			if after.Attempts >= d.MaxAttempts {
				after.State, after.Reason = NotificationFailed, fmt.Sprintf("given up after %d attempts: %s", after.Attempts, attempt.Reply)
				again = nil
			}
		}
		if _, err := tx.NewInsert().Model(&attempt).Exec(ctx); err != nil {
			return err
		}
		return update(ctx, tx, "notification", id, "attempt", before, &after)
	})
	if err != nil {
		return err
	}
	if sent != nil && again == nil && !errors.Is(sent, errNoSender) {
		d.Logger.Warn("a message to a customer is given up", "notification", id, "error", sent)
	}
	return again
}

// maxReply bounds what is kept of an answer.
const maxReply = 500

// shortened is text that a database takes: a server may have answered anything.
func shortened(text string) string {
	if len(text) > maxReply {
		text = text[:maxReply]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "")
}
