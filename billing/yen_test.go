package billing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/ledger"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// TestWhatIsDoneByHandIsInWholeCoins bills in yen, which have no smaller coin: half of one is neither credited nor disputed. The audit trail has yen without decimals.
func TestWhatIsDoneByHandIsInWholeCoins(t *testing.T) {
	each(t, 4, false, func(o *office) {
		o.sql("UPDATE billing_account SET currency = 'JPY'", "UPDATE product_offering SET currency = 'JPY'", "UPDATE product_price SET currency = 'JPY'", "UPDATE usage_record SET currency = 'JPY'")
		_, err := o.s.Runs.Run(o.Context(), clerk, run.Request{AsOf: charge.Date(2026, 11, 1), Mode: run.Draft})
		o.must(err)
		if made := o.bill(); made.Invoices != 4 || made.Parked != 0 {
			o.Fatalf("%+v", made)
		}
		o.must(o.s.FollowUp(o.Context(), run.FollowUp{First: 1, Last: 1000}))
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			return billing.AddCharge(ctx, tx, billing.Charge{Account: 3, Kind: billing.OneTime, Amount: 7 * money.Unit, Currency: "JPY", Description: "SIM card", Key: "sim"})
		}))
		id := o.number("SELECT id FROM invoice WHERE billing_account_id = 3 AND state = 'finalised'")
		credit := func(key string, amount money.Amount) error {
			_, err := o.s.Credit(o.Context(), clerk, id, billing.CreditRequest{Lines: []billing.CreditLine{{Position: 1, Amount: amount}}, Reason: "outage", Key: key})
			return err
		}
		dispute := func(_ string, amount money.Amount) error {
			return o.write(func(ctx context.Context, tx *database.Tx) error {
				d, err := ledger.OpenDispute(ctx, tx, id, amount, "wrong")
				if err == nil {
					_, err = ledger.CloseDispute(ctx, tx, d.ID, false)
				}
				return err
			})
		}
		o.sql("INSERT INTO payment (id, billing_account_id, purpose, method, amount, currency, state, key, created_at) VALUES (1, 3, 'bills', 'bank_transfer', 20000000, 'JPY', 'settled', 'k', 1)")
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			paid, err := ledger.TakeIn(ctx, tx, ledger.Bank, 1, 3, 20*money.Unit, "JPY", ledger.Day(tx.Now()))
			if err != nil {
				return err
			}
			a, err := ledger.Allocate(ctx, tx, paid, id, 3*money.Unit, ledger.Day(tx.Now()))
			if err != nil {
				return err
			}
			return ledger.Unallocate(ctx, tx, a, ledger.Day(tx.Now()))
		}))
		for what, do := range map[string]func(string, money.Amount) error{"credited": credit, "disputed": dispute} {
			if err := do("half", money.Unit/2); !refusal.Is(err, "amount_invalid") {
				o.Errorf("half a yen was %s: %v", what, err)
			}
			if err := do("whole", 3*money.Unit); err != nil {
				o.Errorf("3 yen were not %s: %v", what, err)
			}
		}
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			_, err := ledger.WriteOff(ctx, tx, id, ledger.Day(tx.Now()), "insolvent")
			return err
		}))
		if n := o.number("SELECT COUNT(*) FROM receivable WHERE open % 1000000 <> 0"); n != 0 {
			o.Errorf("of %d bills something is open that nobody can pay", n)
		}
		o.yenInTheTrail(12)
		o.whole()
	})
}

// aYen is an amount in the audit trail, which is text.
var aYen = regexp.MustCompile(`"(amount|net|tax|total|debit|credit)":("-?[0-9.]+"|-?[0-9]+)`)

// yenInTheTrail holds the amounts of the audit trail, which are all in yen, against what is written of them: the settled usage alone is exact.
func (o *office) yenInTheTrail(least int) {
	o.Helper()
	trail, err := o.db.AuditTrail(o.Context(), "", "", 0, 1000)
	o.must(err)
	n := 0
	for _, row := range trail {
		for _, document := range []json.RawMessage{row.Before, row.After} {
			for _, found := range aYen.FindAllSubmatch(document, -1) {
				if row.Entity == "payment_allocation" && string(found[1]) == "credit" {
					continue // which one
				}
				n++
				var text string
				if err := json.Unmarshal(found[2], &text); err != nil {
					o.Errorf("%s %s of %s is no decimal: %s", row.Entity, row.Action, found[1], document)
					continue
				}
				exact := row.Action == "settle"
				amount, err := money.Parse(text, money.Decimals)
				if err != nil || text != amount.Format(0) || !exact && amount%money.Unit != 0 {
					o.Errorf("%s %s has %s yen: %s", row.Entity, row.Action, text, document)
				}
			}
		}
	}
	if n < least {
		o.Errorf("%s are all that the audit trail has", fmt.Sprint(n, " amounts"))
	}
}
