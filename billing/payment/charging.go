package payment

import (
	"context"
	"errors"

	"gyro/api/client"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// chargingCore is the charging core as payments move it, over its API.
type chargingCore struct {
	core *client.Charging
	now  func() instant.Instant
}

// NewCore is the charging core behind its API.
func NewCore(core *client.Charging, now func() instant.Instant) Core { return chargingCore{core, now} }

// fresh is how long after a movement was decided the core surely knows its
// Idempotency-Key still. charging.command_retention says how long it does, which
// an office elsewhere cannot see; it is a day unless an operator made it shorter.
const fresh = 10 * instant.Second

// TopUp implements Core.
func (c chargingCore) TopUp(ctx context.Context, account, key string, amount money.Amount, currency money.Currency, since instant.Instant) error {
	return c.once(ctx, account, client.TopUpKind, key, since, func() error {
		_, err := c.core.TopUp(ctx, account, key, client.TopUp{Amount: amount, Currency: currency, Reason: "payment"})
		return err
	})
}

// TakeBack implements Core.
func (c chargingCore) TakeBack(ctx context.Context, account, key string, amount money.Amount, currency money.Currency, since instant.Instant) error {
	return c.once(ctx, account, client.AdjustmentKind, key, since, func() error {
		_, err := c.core.Adjust(ctx, account, key, client.Adjustment{Amount: -amount, Currency: currency, Reason: "payment-returned"})
		return err
	})
}

// Adjust implements Core.
func (c chargingCore) Adjust(ctx context.Context, account string, a *Adjustment, currency money.Currency) error {
	return c.once(ctx, account, client.AdjustmentKind, a.Name(), a.CreatedAt, func() error {
		move := client.Adjustment{Amount: a.Amount, Currency: currency, Reason: a.Reason}
		if a.ApprovedBy != "" {
			move.AskedBy, move.ApprovedBy = a.AskedBy, a.ApprovedBy
		}
		_, err := c.core.Adjust(ctx, account, a.Name(), move)
		return err
	})
}

// once moves money once for a key, however late it is repeated: a request that
// may be older than the core remembers keys is looked for among the account's
// postings first.
func (c chargingCore) once(ctx context.Context, account, kind, key string, since instant.Instant, move func() error) error {
	if c.now().Sub(since) > fresh {
		if _, found, err := c.core.Moved(ctx, account, kind, key, since); err != nil || found {
			return final(err)
		}
	}
	return final(move())
}

// final makes a refusal of the core's final no; what may be answered otherwise later stays as it is.
func final(err error) error {
	p, answered := errors.AsType[*client.Problem](err)
	if !answered || !client.Final(err) {
		return err
	}
	return refusal.New(refusal.Unprocessable, p.Code, "", "the charging core refuses: %s", p.Message)
}
