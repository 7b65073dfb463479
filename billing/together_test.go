package billing_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/run"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// TestRunsStartedAtOnceBillEveryCycleOnce starts runs for one day twice, and one for a day before it, at the same moment.
func TestRunsStartedAtOnceBillEveryCycleOnce(t *testing.T) {
	each(t, 120, true, func(o *office) {
		days := []charge.Day{charge.Date(2026, 11, 1), charge.Date(2026, 11, 1), charge.Date(2026, 10, 20)}
		var together sync.WaitGroup
		failed := make([]error, len(days))
		for k, day := range days {
			together.Go(func() {
				_, failed[k] = run.New(o.db, run.Options{Batch: 10}).Run(o.Context(), clerk, run.Request{AsOf: day, Mode: run.Final})
			})
		}
		together.Wait()
		for k, err := range failed {
			if err != nil {
				o.Errorf("run %d: %v", k, err)
			}
		}
		o.whole()
		if more := o.bill(); more.Invoices+more.Statements+more.Empty+more.Parked != 0 {
			o.Errorf("left over: %+v", more)
		}
		if n := o.number(`SELECT COUNT(*) FROM usage_record u JOIN billing_account a ON a.id = u.billing_account_id JOIN billing_state s ON s.billing_account_id = a.id
			WHERE u.record <= s.usage_after AND (SELECT COUNT(*) FROM invoice_line l WHERE l.kind = 'usage' AND l.billing_account_id = a.id AND l.unit = u.unit AND l.subscription_id = COALESCE(u.subscription_id, 0)
			AND u.record BETWEEN l.usage_from AND l.usage_through) <> 1`); n != 0 {
			o.Errorf("%d records are on no bill, or on two", n)
		}
		documents := o.number("SELECT COUNT(*) FROM invoice")
		if counted := o.number("SELECT CAST(SUM(invoices + statements) AS BIGINT) FROM invoice_run"); counted != documents {
			o.Errorf("the runs count %d documents, there are %d", counted, documents)
		}
	})
}

// TestCreditNotesAtOnceCreditWhatThereIs asks at the same moment for 24 credit notes of a seventh of a line, each twice under its key:
// seven are made, once each, and the others are refused.
func TestCreditNotesAtOnceCreditWhatThereIs(t *testing.T) {
	each(t, 4, false, func(o *office) {
		o.bill()
		id := o.number("SELECT id FROM invoice WHERE billing_account_id = 3")
		line := o.get(id).Lines[0]
		part := line.Amount / 7 / (money.Unit / 100) * (money.Unit / 100)
		const asked = 24
		notes, failed := o.atOnce(2*asked, func(n int) (int64, error) {
			return o.s.Credit(o.Context(), clerk, id, billing.CreditRequest{
				Lines: []billing.CreditLine{{Position: line.Position, Amount: part}}, Reason: "outage", Key: fmt.Sprint("k", n%asked),
			})
		})
		for n, err := range failed {
			if err != nil && !refusal.Is(err, "credit_too_large") {
				o.Errorf("credit note %d: %v", n, err)
			}
			if other := (n + asked) % (2 * asked); notes[n] != notes[other] || (err == nil) != (failed[other] == nil) {
				o.Errorf("under one key: %d, %v and %d, %v", notes[n], err, notes[other], failed[other])
			}
		}
		slices.Sort(notes)
		if made := len(slices.Compact(slices.DeleteFunc(notes, func(id int64) bool { return id == 0 }))); made != 7 {
			o.Errorf("%d credit notes of %s were made for a line of %s", made, part, line.Amount)
		}
		o.creditedAtMost(id)
	})
}

// TestABillIsTakenBackOnceHoweverManyAsk: whole credit notes, some for parts, and a rebill, each under a key of its own.
func TestABillIsTakenBackOnceHoweverManyAsk(t *testing.T) {
	each(t, 4, false, func(o *office) {
		o.bill()
		id := o.number("SELECT id FROM invoice WHERE billing_account_id = 4")
		line := o.get(id).Lines[0]
		_, failed := o.atOnce(12, func(n int) (note int64, err error) {
			request := billing.CreditRequest{Reason: "outage", Key: fmt.Sprint("k", n)}
			switch n % 4 {
			case 0:
				request.Lines = []billing.CreditLine{{Position: line.Position, Amount: money.Unit}}
			case 1:
				note, _, err = o.s.Rebill(o.Context(), clerk, id, "wrong price", request.Key)
				return note, err
			}
			return o.s.Credit(o.Context(), clerk, id, request)
		})
		whole := 0
		for n, err := range failed {
			switch {
			case err == nil && n%4 > 0:
				whole++
			case err != nil && !refusal.Is(err, "invoice_not_creditable") && !refusal.Is(err, "invoice_not_last"):
				o.Errorf("%d: %v", n, err)
			}
		}
		if whole != 1 {
			o.Errorf("the bill was taken back %d times", whole)
		}
		o.creditedAtMost(id)
		if n := o.number("SELECT total + (SELECT CAST(SUM(total) AS BIGINT) FROM invoice n WHERE n.corrects_id = i.id) FROM invoice i WHERE id = ?", id); n != 0 {
			o.Errorf("%d are left of the bill that was taken back", n)
		}
	})
}

// atOnce does something n times at the same moment.
func (o *office) atOnce(n int, do func(n int) (int64, error)) (ids []int64, failed []error) {
	ids, failed = make([]int64, n), make([]error, n)
	begin := make(chan struct{})
	var together sync.WaitGroup
	for k := range n {
		together.Go(func() {
			<-begin
			ids[k], failed[k] = do(k)
		})
	}
	close(begin)
	together.Wait()
	return ids, failed
}

// creditedAtMost holds the credit notes of a bill against it, line by line and in all, and the books.
func (o *office) creditedAtMost(id int64) {
	o.Helper()
	if n := o.number(`SELECT COUNT(*) FROM invoice_line l WHERE l.invoice_id = ? AND ABS(l.amount) < (SELECT COALESCE(SUM(ABS(c.amount)), 0) FROM invoice_line c
		WHERE c.corrects_invoice = l.invoice_id AND c.corrects_position = l.position)`, id); n != 0 {
		o.Errorf("more than there was is credited of %d lines", n)
	}
	if n := o.number("SELECT COUNT(*) FROM invoice i WHERE i.id = ? AND i.total + (SELECT COALESCE(SUM(n.total), 0) FROM invoice n WHERE n.corrects_id = i.id) < 0", id); n != 0 {
		o.Error("more is credited than the bill came to")
	}
	if n := o.number("SELECT COUNT(*) FROM receivable r WHERE open <> total - (SELECT COALESCE(SUM(a.amount), 0) FROM payment_allocation a WHERE a.invoice_id = r.invoice_id AND a.reversed_at = 0)"); n != 0 {
		o.Errorf("%d receivables are not what is left of them", n)
	}
	o.whole()
}
