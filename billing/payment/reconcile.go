package payment

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/billing/payment/provider"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// Difference is a place where the provider's books and ours disagree.
type Difference struct {
	Charge  string `json:"charge,omitempty"`
	Payment int64  `json:"payment,omitempty"`
	What    string `json:"what"`
	Theirs  string `json:"theirs"`
	Ours    string `json:"ours"`
	// Repaired says that their report was taken in.
	Repaired bool `json:"repaired,omitempty"`
}

// Reconciliation is what a comparison came to.
type Reconciliation struct {
	Charges     int          `json:"charges"`  // the provider's, that were looked at
	Payments    int          `json:"payments"` // ours
	Differences []Difference `json:"differences"`
}

// maxDifferences bounds a report: whoever has more has one cause to look for.
const maxDifferences = 10_000

// Reconcile compares everything that the provider says happened since a moment
// (0 is ever) with our books. With repair, reports that were lost on the way
// are taken in. Payments of ours that the provider does not know are found only
// when everything is compared.
func (s *Service) Reconcile(ctx context.Context, since instant.Instant, repair bool) (Reconciliation, error) {
	var r Reconciliation
	if s.o.Provider == nil {
		return r, refusal.New(refusal.Unavailable, "no_provider", "", "no payment provider is configured: there is nothing to compare with")
	}
	began := s.o.DB.Now()
	seen := map[int64]struct{}{} // 100 k payments are a few MB
	for after, more := "", true; more; {
		page, err := s.o.Provider.List(ctx, provider.ListRequest{Since: since, After: after, Limit: 500})
		if err != nil {
			return r, fmt.Errorf("the provider's list: %w", err)
		}
		for k := range page.Charges {
			r.Charges++
			if err := s.compare(ctx, &page.Charges[k], seen, repair, &r); err != nil {
				return r, err
			}
		}
		after, more = page.Next, page.Next != ""
	}
	err := s.unknownToThem(ctx, since, began, seen, &r)
	return r, err
}

func (s *Service) compare(ctx context.Context, c *provider.Charge, seen map[int64]struct{}, repair bool, r *Reconciliation) error {
	found, payment, err := s.differences(ctx, c)
	if err != nil {
		return err
	}
	if payment != 0 {
		seen[payment] = struct{}{}
	}
	if len(found) > 0 && repair && payment != 0 {
		err := s.o.DB.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
			_, err := s.absorb(ctx, tx, c, nil)
			return err
		})
		strange := (*odd)(nil)
		if err != nil && !errors.As(err, &strange) && !errors.Is(err, errCoreFirst) {
			return err
		}
		left, _, err := s.differences(ctx, c)
		if err != nil {
			return err
		}
		for k := range found {
			found[k].Repaired = len(left) == 0
		}
	}
	if len(r.Differences)+len(found) > maxDifferences {
		return refusal.New(refusal.Unprocessable, "too_many_differences", "", "there are more than %d differences: is this the right provider, and the right account there?", maxDifferences)
	}
	r.Differences = append(r.Differences, found...)
	return nil
}

// stateOf is what a charge's state is called here.
var stateOf = map[provider.State]State{provider.Pending: Pending, provider.Succeeded: Settled, provider.Declined: Failed}

// differences compares one charge with our payment.
func (s *Service) differences(ctx context.Context, c *provider.Charge) (found []Difference, payment int64, err error) {
	err = s.o.DB.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		p, err := ours(ctx, q, c)
		strange := (*odd)(nil)
		if errors.As(err, &strange) {
			found = append(found, Difference{Charge: c.ID, What: "unknown", Theirs: fmt.Sprintf("%s %s %s", c.State, c.Amount, c.Currency), Ours: strange.why})
			return nil
		}
		if err != nil {
			return err
		}
		payment = p.ID
		add := func(what, theirs, ours string) {
			if theirs != ours {
				found = append(found, Difference{Charge: c.ID, Payment: p.ID, What: what, Theirs: theirs, Ours: ours})
			}
		}
		add("state", string(stateOf[c.State]), string(p.State))
		refunded, err := sumOf(ctx, q, "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM refund WHERE payment_id = ? AND state = 'settled'", p.ID)
		if err != nil {
			return err
		}
		add("refunded", c.Refunded.String(), refunded.String())
		lost, err := sumOf(ctx, q, "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM chargeback WHERE payment_id = ? AND state = 'lost'", p.ID)
		if err != nil {
			return err
		}
		theirs := money.Amount(0)
		if c.Dispute == provider.DisputeOpened || c.Dispute == provider.DisputeLost {
			theirs = c.Amount - c.Refunded
		}
		add("charged back", theirs.String(), lost.String())
		return nil
	})
	return found, payment, err
}

func sumOf(ctx context.Context, q bun.IDB, query string, args ...any) (sum money.Amount, err error) {
	err = q.NewRaw(query, args...).Scan(ctx, &sum)
	return sum, err
}

// unknownToThem looks for payments that we think the provider has, and which
// were not in its list.
func (s *Service) unknownToThem(ctx context.Context, since, before instant.Instant, seen map[int64]struct{}, r *Reconciliation) error {
	after := int64(0)
	for {
		var rows []Payment
		err := s.o.DB.Read(ctx, func(ctx context.Context, q bun.IDB) error {
			return q.NewRaw("SELECT "+paymentColumns+" FROM payment WHERE id > ? AND method = 'provider' AND created_at >= ? AND created_at <= ? ORDER BY id LIMIT 1000", after, since, before).Scan(ctx, &rows)
		})
		if err != nil {
			return fmt.Errorf("our payments: %w", err)
		}
		for k := range rows {
			p := &rows[k]
			r.Payments++
			after = p.ID
			if _, there := seen[p.ID]; !there && p.Provider != "" && len(r.Differences) < maxDifferences {
				r.Differences = append(r.Differences, Difference{Charge: p.Provider, Payment: p.ID, What: "missing there", Theirs: "no such charge", Ours: string(p.State)})
			}
		}
		if len(rows) < 1000 {
			return nil
		}
	}
}
