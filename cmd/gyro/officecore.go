package main

import (
	"context"
	"errors"

	"gyro/api/client"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// coreMoney is the charging core as payments move it: top-ups of prepaid
// accounts, and what is taken back of them.
type coreMoney struct {
	core *client.Charging
	now  func() instant.Instant
}

// fresh is how long after a movement was decided the core surely knows its
// Idempotency-Key still. charging.command_retention says how long it does, which
// an office elsewhere cannot see; it is a day unless an operator made it shorter.
const fresh = 10 * instant.Second

// TopUp implements payment.Core.
func (c coreMoney) TopUp(ctx context.Context, account, key string, amount money.Amount, currency money.Currency, since instant.Instant) error {
	return c.once(ctx, account, client.TopUpKind, key, since, func() error {
		_, err := c.core.TopUp(ctx, account, key, client.TopUp{Amount: amount, Currency: currency, Reason: "payment"})
		return err
	})
}

// TakeBack implements payment.Core.
func (c coreMoney) TakeBack(ctx context.Context, account, key string, amount money.Amount, currency money.Currency, since instant.Instant) error {
	return c.once(ctx, account, client.AdjustmentKind, key, since, func() error {
		_, err := c.core.Adjust(ctx, account, key, client.Adjustment{Amount: -amount, Currency: currency, Reason: "payment-returned"})
		return err
	})
}

// terms implements customer.Terms.
func (o *officeHalf) terms(ctx context.Context, account string, limit money.Amount, currency money.Currency, cycleDay int) (known bool, err error) {
	err = o.Core.SetTerms(ctx, account, limit, currency, cycleDay)
	if client.Refused(err, "account_unknown") {
		return false, nil
	}
	return err == nil, err
}

// once moves money once for a key, however late it is repeated: a request that
// may be older than the core remembers keys is looked for among the account's
// postings first.
func (c coreMoney) once(ctx context.Context, account, kind, key string, since instant.Instant, move func() error) error {
	if c.now().Sub(since) > fresh {
		if _, found, err := c.core.Moved(ctx, account, kind, key, since); err != nil || found {
			return final(err)
		}
	}
	return final(move())
}

// final makes a refusal of the core's final no; what is temporary stays as it is.
func final(err error) error {
	p, answered := errors.AsType[*client.Problem](err)
	if err == nil || !answered || client.Temporary(err) {
		return err
	}
	const clientError, serverError = 400, 500
	if p.Status < clientError || p.Status >= serverError {
		return err
	}
	switch p.Status {
	case 401, 403, 408, 429: // a matter of the configuration or of load, not of the request
		return err
	}
	return refusal.New(refusal.Unprocessable, p.Code, "", "the charging core refuses: %s", p.Message)
}
