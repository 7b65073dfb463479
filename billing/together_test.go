package billing_test

import (
	"sync"
	"testing"

	"gyro/billing/charge"
	"gyro/billing/run"
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
