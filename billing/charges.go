package billing

import (
	"context"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
	"gyro/internal/zone"
)

// ChargeKind says what a waiting charge is.
type ChargeKind string

// The kinds of waiting charges.
const (
	OneTime ChargeKind = "one_time"
	Debit   ChargeKind = "debit"
	Credit  ChargeKind = "credit" // its amount is negative
)

// Charge is a one-time charge or a credit for the next bill of an account.
type Charge struct {
	Account     int64
	Product     int64 // 0 if it is for none
	Kind        ChargeKind
	Amount      money.Amount
	Currency    string
	Description string
	TaxCategory string // standard, reduced or zero; "" is standard
	GLCode      string // "" is that of the kind
	// Key makes the charge once: a second with the same key changes nothing.
	Key string
}

// AddCharge puts a charge on the next bill of its account. It is refused for
// prepaid accounts, whose money is in the charging core.
func AddCharge(ctx context.Context, tx *database.Tx, c Charge) error {
	if c.TaxCategory == "" {
		c.TaxCategory = "standard"
	}
	if err := c.check(); err != nil {
		return err
	}
	var account struct{ Kind, Currency, TimeZone string }
	err := tx.NewRaw("SELECT kind, currency, time_zone FROM billing_account WHERE id = ?", c.Account).Scan(ctx, &account)
	if isNoRows(err) {
		return refusal.New(refusal.NotFound, "account_unknown", "account", "there is no billing account %d", c.Account)
	}
	switch {
	case err != nil:
		return fmt.Errorf("account of a charge: %w", err)
	case account.Kind != "postpaid":
		return refusal.New(refusal.Unprocessable, "account_prepaid", "account", "account %d is prepaid: charge its balance in the charging core", c.Account)
	case account.Currency != c.Currency:
		return refusal.New(refusal.Unprocessable, "currency_differs", "currency", "the charge is in %s, account %d in %s", c.Currency, c.Account, account.Currency)
	}
	z, ok := zone.Load(account.TimeZone)
	if !ok {
		z = instant.UTC()
	}
	done, err := tx.ExecContext(ctx, `INSERT INTO billing_charge (billing_account_id, product_id, kind, amount, currency, description, tax_category, gl_code, key, charged_on, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`, c.Account, c.Product, c.Kind, c.Amount, c.Currency, c.Description, c.TaxCategory,
		c.GLCode, c.Key, charge.DayOf(&z, tx.Now()).String(), tx.Now())
	if err != nil {
		return fmt.Errorf("add a charge: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return tx.Audit(ctx, "billing_account", strconv.FormatInt(c.Account, 10), "charge", nil, map[string]any{
		"kind": c.Kind, "amount": c.Amount.In(c.Currency), "currency": c.Currency, "description": c.Description, "key": c.Key,
	})
}

func (c *Charge) check() error {
	switch {
	case c.Key == "":
		return refusal.New(refusal.Invalid, "key_missing", "key", "a charge without a key could be made twice")
	case c.Description == "" || len(c.Description) > 200:
		return refusal.New(refusal.Invalid, "description_invalid", "description", "say in at most 200 characters what the charge is for: it is a line of the bill")
	case c.Kind != OneTime && c.Kind != Debit && c.Kind != Credit:
		return refusal.New(refusal.Invalid, "kind_invalid", "kind", "kind %q: give one_time, debit or credit", c.Kind)
	case c.Amount == 0 || (c.Amount < 0) != (c.Kind == Credit):
		return refusal.New(refusal.Invalid, "amount_invalid", "amount", "%s of a %s: credits are below zero, charges above", c.Amount, c.Kind)
	case c.TaxCategory != "standard" && c.TaxCategory != "reduced" && c.TaxCategory != "zero":
		return refusal.New(refusal.Invalid, "tax_category_invalid", "taxCategory", "tax category %q: give standard, reduced or zero", c.TaxCategory)
	}
	return nil
}

// Cycle is how an account is billed, as far as its periods go.
type Cycle struct {
	Day, Months int
	TimeZone    string
}

// CycleOf returns the cycle that a moment lies in: the moments at which it begins and ends.
func CycleOf(c Cycle, at instant.Instant) (from, until instant.Instant, err error) {
	z, ok := zone.Load(c.TimeZone)
	if !ok {
		return 0, 0, refusal.New(refusal.Invalid, "time_zone_unknown", "timeZone", "time zone %q: use a name such as Europe/Berlin", c.TimeZone)
	}
	span := charge.Cycle{Day: c.Day, Months: max(c.Months, 1)}.Of(charge.DayOf(&z, at))
	return span.From.Start(&z), span.Until.Start(&z), nil
}

// WaitingCharge is a charge that is on no bill yet.
type WaitingCharge struct {
	ID          int64        `bun:"id"`
	Kind        ChargeKind   `bun:"kind"`
	Amount      money.Amount `bun:"amount"`
	Currency    string       `bun:"currency"`
	Description string       `bun:"description"`
	ChargedOn   string       `bun:"charged_on"`
}

// WaitingCharges are those of an account.
func WaitingCharges(ctx context.Context, q bun.IDB, account int64) (found []WaitingCharge, err error) {
	err = q.NewRaw(`SELECT id, kind, amount, currency, description, charged_on FROM billing_charge
		WHERE billing_account_id = ? AND invoice_id IS NULL ORDER BY id`, account).Scan(ctx, &found)
	if err != nil {
		return nil, fmt.Errorf("waiting charges of account %d: %w", account, err)
	}
	return found, nil
}
