package payment

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/billing/ledger"
	"gyro/billing/payment/provider"
	"gyro/internal/database"
)

// odd is a report that cannot be booked: it is parked for people.
type odd struct{ why string }

func (o *odd) Error() string { return o.why }

// absorb takes in a report of a charge as it stood: see the package for the
// rules. changed is false where nothing is new. refund is the refund that the
// report is about, nil if none.
func (s *Service) absorb(ctx context.Context, tx *database.Tx, c *provider.Charge, refund *provider.Refund) (changed bool, err error) {
	p, err := ours(ctx, tx.IDB, c)
	if err != nil {
		return false, err
	}
	was := *p
	latest := c.Version >= p.Version
	if err := s.absorbState(ctx, tx, p, c, latest); err != nil {
		return false, err
	}
	refunds := c.Refunds
	if refund != nil {
		refunds = append([]provider.Refund{*refund}, refunds...)
	}
	booked := false
	for k := range refunds {
		did, err := s.absorbRefund(ctx, tx, p, &refunds[k])
		if err != nil {
			return false, err
		}
		booked = booked || did
	}
	if latest {
		did, err := s.absorbDispute(ctx, tx, p, c)
		if err != nil {
			return false, err
		}
		booked = booked || did
		if c.Version > p.Version {
			if err := s.noteVersion(ctx, tx, p, c.Version); err != nil {
				return false, err
			}
		}
	}
	return booked || was.State != p.State || was.Provider != p.Provider, nil
}

// ours is the payment that a report is about.
func ours(ctx context.Context, q bun.IDB, c *provider.Charge) (*Payment, error) {
	p, err := findPayment(ctx, q, "provider_reference = ?", c.ID)
	if err != nil {
		return nil, err
	}
	if p == nil {
		var id int64
		if n, err := fmt.Sscanf(c.Reference, "payment-%d", &id); n != 1 || err != nil || nameOf(id) != c.Reference {
			return nil, &odd{fmt.Sprintf("charge %s has the reference %q, which is no payment of ours", c.ID, c.Reference)}
		}
		if p, err = findPayment(ctx, q, "id = ? AND method = ?", id, ByProvider); err != nil {
			return nil, err
		}
	}
	switch {
	case p == nil:
		return nil, &odd{fmt.Sprintf("charge %s names %s, which is not there", c.ID, c.Reference)}
	case p.Provider != "" && p.Provider != c.ID:
		return nil, &odd{fmt.Sprintf("charge %s names %s, which is charge %s", c.ID, c.Reference, p.Provider)}
	case c.Amount != p.Amount || c.Currency.String() != p.Currency:
		return nil, &odd{fmt.Sprintf("charge %s is of %s %s, %s of %s %s", c.ID, c.Amount, c.Currency, p.Name(), p.Amount, p.Currency)}
	}
	return p, nil
}

func (s *Service) absorbState(ctx context.Context, tx *database.Tx, p *Payment, c *provider.Charge, latest bool) error {
	before := *p
	p.Provider = c.ID
	switch {
	case p.State == Settled: // final
	case c.State == provider.Succeeded:
		return s.settle(ctx, tx, p)
	case c.State == provider.Declined && p.State != Failed:
		p.State, p.Failure = Failed, c.DeclineCode
		if err := s.letter(ctx, tx, p.Account, "payment_failed", p.Name(), map[string]string{
			"reference": p.Name(), "amount": p.Amount.String() + " " + p.Currency, "reason": c.DeclineCode,
		}); err != nil {
			return err
		}
	case c.State == provider.Pending && p.State == Initiated && latest:
		p.State = Pending
	}
	if p.State == before.State && p.Provider == before.Provider {
		return nil
	}
	return s.save(ctx, tx, &before, p)
}

// noteVersion remembers the latest report; it is no change that anybody asks
// about, and leaves no audit row.
func (s *Service) noteVersion(ctx context.Context, tx *database.Tx, p *Payment, version int64) error {
	p.Version = version
	if _, err := tx.ExecContext(ctx, "UPDATE payment SET provider_version = ? WHERE id = ?", version, p.ID); err != nil {
		return fmt.Errorf("%s: %w", p.Name(), err)
	}
	return nil
}

// absorbRefund books a refund as the provider reports it; one that somebody made
// at the provider, not here, is booked from beginning to end.
func (s *Service) absorbRefund(ctx context.Context, tx *database.Tx, p *Payment, r *provider.Refund) (changed bool, err error) {
	if r.State == provider.Pending {
		return false, nil
	}
	refund, err := findRefund(ctx, tx.IDB, "provider_reference = ?", r.ID)
	if err != nil {
		return false, err
	}
	if refund == nil {
		var id int64
		if n, err := fmt.Sscanf(r.Key, "refund-%d", &id); n == 1 && err == nil {
			if refund, err = findRefund(ctx, tx.IDB, "id = ? AND payment_id = ?", id, p.ID); err != nil {
				return false, err
			}
		}
	}
	if refund == nil {
		return s.foreignRefund(ctx, tx, p, r)
	}
	if refund.State == RefundSettled || refund.State == RefundFailed {
		return false, nil
	}
	if refund.Amount != r.Amount {
		return false, &odd{fmt.Sprintf("refund %s is of %s, %s of %s", r.ID, r.Amount, refund.Name(), refund.Amount)}
	}
	refund.Provider = r.ID
	if r.State == provider.Declined {
		return true, s.refundFailed(ctx, tx, p, refund, "declined")
	}
	return true, s.refundSettled(ctx, tx, p, refund)
}

func (s *Service) foreignRefund(ctx context.Context, tx *database.Tx, p *Payment, r *provider.Refund) (bool, error) {
	if r.State != provider.Succeeded {
		return false, nil
	}
	if r.Amount > p.Refundable() {
		return false, &odd{fmt.Sprintf("refund %s of %s was made at the provider; only %s is left of %s", r.ID, r.Amount, p.Refundable(), p.Name())}
	}
	if p.Purpose == TopUp && p.Core == CoreDone {
		return false, &odd{fmt.Sprintf("refund %s of the top-up %s was made at the provider: take the money back in the core first", r.ID, p.Name())}
	}
	refund, err := s.newRefund(ctx, tx, p, r.Amount, "provider-"+r.ID, "made at the provider")
	if err != nil {
		return false, err
	}
	refund.Provider = r.ID
	if err := s.fund(ctx, tx, p, &refund, ledger.CustomerCredit); err != nil {
		return false, err
	}
	return true, s.refundSettled(ctx, tx, p, &refund)
}
