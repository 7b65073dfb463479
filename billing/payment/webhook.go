package payment

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/billing/payment/provider"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// MaxWebhook is the largest webhook that is read, in octets: an event is some
// hundreds.
const MaxWebhook = 64 << 10

// gateway is who a webhook writes as.
var gateway = database.Actor{Name: "payment provider", Role: "system", Via: "webhook"}

// Receive takes a webhook in: it is verified, stored once, and processed by a
// job. When Receive returns nil the event is durable and may be acknowledged.
func (s *Service) Receive(ctx context.Context, signature string, body []byte) error {
	if len(body) > MaxWebhook {
		return refusal.New(refusal.Invalid, "webhook_too_large", "", "the body has more than %d octets", MaxWebhook)
	}
	e, err := s.o.Verifier.Verify(signature, body, s.o.DB.Now())
	if err != nil {
		return refusal.New(refusal.Invalid, "webhook_refused", provider.SignatureHeader, "%v", err)
	}
	return s.o.DB.Write(ctx, gateway, func(ctx context.Context, tx *database.Tx) error {
		var ids []int64
		err := tx.NewRaw(`INSERT INTO provider_event (event_id, type, subject, payload, received_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (event_id) DO NOTHING RETURNING id`, e.ID, e.Type, e.Charge.ID, string(body), tx.Now()).Scan(ctx, &ids)
		if err != nil {
			return fmt.Errorf("store event %s: %w", e.ID, err)
		}
		if len(ids) == 0 {
			return nil // sent again
		}
		return tx.Enqueue(ctx, eventArgs{Event: ids[0]})
	})
}

// process takes a stored event in. Its outcome is written in the transaction of
// what it does, so that it does it once.
func (s *Service) process(ctx context.Context, id int64) error {
	err := s.o.DB.Write(ctx, gateway, func(ctx context.Context, tx *database.Tx) error { return s.processIn(ctx, tx, id) })
	strange := (*odd)(nil)
	if !errors.As(err, &strange) {
		return err
	}
	s.o.Logger.WarnContext(ctx, "a report of the payment provider needs somebody to look at it", "event", id, "why", strange.why)
	return s.o.DB.Write(ctx, gateway, func(ctx context.Context, tx *database.Tx) error {
		return finish(ctx, tx, id, "parked", strange.why)
	})
}

func (s *Service) processIn(ctx context.Context, tx *database.Tx, id int64) error {
	var row struct {
		Payload string `bun:"payload"`
		Outcome string `bun:"outcome"`
	}
	if err := tx.NewRaw("SELECT payload, outcome FROM provider_event WHERE id = ?", id).Scan(ctx, &row); err != nil {
		return fmt.Errorf("event %d: %w", id, err)
	}
	if row.Outcome != "" && row.Outcome != "parked" {
		return nil
	}
	e, err := provider.ParseEvent([]byte(row.Payload))
	if err != nil {
		return &odd{err.Error()}
	}
	changed, err := s.absorb(ctx, tx, &e.Charge, e.Refund)
	if err != nil {
		return err
	}
	if changed {
		return finish(ctx, tx, id, "applied", "")
	}
	return finish(ctx, tx, id, "ignored", "nothing in it was new")
}

func finish(ctx context.Context, tx *database.Tx, id int64, outcome, note string) error {
	_, err := tx.ExecContext(ctx, "UPDATE provider_event SET outcome = ?, note = ?, processed_at = ? WHERE id = ?", outcome, note, tx.Now(), id)
	if err != nil {
		return fmt.Errorf("event %d: %w", id, err)
	}
	return nil
}

// Retry processes a parked event again, after somebody has put right what was
// wrong.
func (s *Service) Retry(ctx context.Context, tx *database.Tx, id int64) error {
	done, err := tx.ExecContext(ctx, "UPDATE provider_event SET outcome = '', note = '' WHERE id = ? AND outcome = 'parked'", id)
	if err != nil {
		return fmt.Errorf("event %d: %w", id, err)
	}
	if n, err := done.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return refusal.New(refusal.Conflict, "event_not_parked", "event", "event %d is not parked", id)
	}
	if err := tx.Audit(ctx, "provider_event", fmt.Sprint(id), "retry", nil, nil); err != nil {
		return err
	}
	return tx.Enqueue(ctx, eventArgs{Event: id})
}

// Event is a stored report of the provider.
type Event struct {
	ID         int64           `bun:"id"`
	EventID    string          `bun:"event_id"`
	Type       string          `bun:"type"`
	Subject    string          `bun:"subject"` // the provider's name of the charge
	ReceivedAt instant.Instant `bun:"received_at"`
	Outcome    string          `bun:"outcome"` // "" while a job is on it
	Note       string          `bun:"note"`
}

// Events are the reports behind a cursor, those with one outcome or, with "",
// all of them.
func Events(ctx context.Context, q bun.IDB, outcome string, after int64, limit int) ([]Event, error) {
	var rows []Event
	err := q.NewRaw("SELECT id, event_id, type, subject, received_at, outcome, note FROM provider_event WHERE id > ? AND (? = '' OR outcome = ?) ORDER BY id LIMIT ?",
		after, outcome, outcome, limit).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("the provider's reports: %w", err)
	}
	return rows, nil
}
