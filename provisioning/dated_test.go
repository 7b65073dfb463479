package provisioning

import (
	"context"
	"testing"

	"github.com/uptrace/bun"

	"gyro/customer"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/provisioning/workflow"
)

// TestAnOrderIsAmendedWhenItsDateHasCome and nobody has begun it yet: by a word about it, or by that date itself.
func TestAnOrderIsAmendedWhenItsDateHasCome(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			w := newWorld(t, dialect)
			account := w.customer("Ada", customer.Postpaid, customer.Residential)
			dated := func() int64 {
				t.Helper()
				o, err := w.Place(t.Context(), sales, OrderRequest{
					AccountID: account, StartAt: w.db.Now().Add(instant.Hour), Items: []ItemRequest{{Action: Add, Offering: "mobile-s"}},
				})
				must(t, err)
				if o.State != workflow.Pending {
					t.Fatalf("it is %s", o.State)
				}
				return o.ID
			}
			moved, due := dated(), dated()
			start, text := w.db.Now(), "the customer has called"
			_, err := w.Amend(t.Context(), sales, moved, Amendment{StartAt: &start})
			must(t, err)
			w.core.Set(start.Add(instant.Hour))
			o, err := w.Amend(t.Context(), sales, due, Amendment{Description: &text})
			must(t, err)
			if o.State != workflow.Pending || o.WakeAt != w.db.Now() || o.Items[0].State != workflow.Pending {
				t.Errorf("it is %s (item %s) until %s", o.State, o.Items[0].State, o.WakeAt)
			}
			w.work()
			for _, id := range []int64{moved, due} {
				if o := w.stands(id); o.State != workflow.Completed {
					t.Errorf("%s: %s", o.String(), o.Reason)
				}
			}
		})
	}
}

// TestNothingBeginsInThePast: neither an order, nor an item, nor one that is moved. A repetition is the order that there is.
func TestNothingBeginsInThePast(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			w := newWorld(t, dialect)
			account := w.customer("Ada", customer.Postpaid, customer.Residential)
			line := []ItemRequest{{Action: Add, Offering: "mobile-s"}}
			past := w.db.Now().Add(-instant.Day)
			_, err := w.Place(t.Context(), sales, OrderRequest{AccountID: account, StartAt: past, Items: line})
			wantRefusal(t, err, "date_past")
			_, err = w.Place(t.Context(), sales, OrderRequest{AccountID: account, Items: []ItemRequest{{Action: Add, Offering: "mobile-s", When: OnDate, At: past}}})
			wantRefusal(t, err, "date_past")
			later := OrderRequest{AccountID: account, ExternalID: "shop-1", StartAt: w.db.Now().Add(instant.Hour), Items: line}
			placed, err := w.Place(t.Context(), sales, later)
			must(t, err)
			_, err = w.Amend(t.Context(), sales, placed.ID, Amendment{StartAt: &past})
			wantRefusal(t, err, "date_past")
			w.core.Set(w.db.Now().Add(instant.Day))
			if again, err := w.Place(t.Context(), sales, later); err != nil || again.ID != placed.ID {
				t.Errorf("%s, %v, want order %d", again.String(), err, placed.ID)
			}
			o, err := w.Place(t.Context(), sales, OrderRequest{AccountID: account, StartAt: w.db.Now().Add(-instant.Minute), Items: line})
			if err != nil || o.State != workflow.Acknowledged {
				t.Errorf("the caller's now: %s, %v", o.String(), err)
			}
		})
	}
}

// TestAnItemIsUndoneWhileAnotherWaitsForItsDate: the order waits on for the date, and what the one had is free.
func TestAnItemIsUndoneWhileAnotherWaitsForItsDate(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			w := newWorld(t, dialect)
			account := w.customer("Ada", customer.Postpaid, customer.Residential)
			w.elements["pcrf"].script = []behaviour{{times: 1, err: &ElementError{Code: "409", Message: "refused"}}}
			placed, err := w.Place(t.Context(), sales, OrderRequest{AccountID: account, Items: []ItemRequest{
				{Action: Add, Offering: "mobile-s"},
				{Action: Add, Offering: "mobile-s", When: OnDate, At: w.db.Now().Add(instant.Day)},
			}})
			must(t, err)
			w.work()
			o := w.stands(placed.ID)
			if o.State != workflow.Held {
				t.Fatalf("%s: %s", o.String(), o.Reason)
			}
			for k := range o.Tasks {
				if o.Tasks[k].State == workflow.Fallout {
					_, err := w.Resolve(t.Context(), network, o.Tasks[k].ID, CancelIt, "")
					must(t, err)
				}
			}
			w.wait(instant.Hour)
			if o = w.stands(placed.ID); o.State != workflow.Pending || o.Items[0].State != workflow.Failed {
				t.Errorf("%s: item 1 is %s", o.String(), o.Items[0].State)
			}
			w.wait(instant.Day)
			if o = w.stands(placed.ID); o.State != workflow.Partial || o.Items[1].State != workflow.Completed {
				t.Errorf("%s: item 2 is %s", o.String(), o.Items[1].State)
			}
		})
	}
}

func (w *world) stands(id int64) (o Order) {
	w.t.Helper()
	must(w.t, w.db.Read(w.t.Context(), func(ctx context.Context, q bun.IDB) (err error) {
		o, err = w.Order(ctx, q, id)
		return err
	}))
	return o
}
