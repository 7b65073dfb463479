package provisioning

import (
	"context"
	"testing"

	"github.com/uptrace/bun"

	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/provisioning/workflow"
)

// TestAnEndThatIsRefusedHalfWayLeavesNothing: the inventory takes over the whole of an item or nothing of it, until a person
// has put right what stood in the way.
func TestAnEndThatIsRefusedHalfWayLeavesNothing(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			w := newWorld(t, dialect)
			account := w.customer("Ada", customer.Postpaid, customer.Residential)
			_, err := w.Place(t.Context(), sales, OrderRequest{AccountID: account, Items: []ItemRequest{{Action: Add, Offering: "mobile-s"}}})
			must(t, err)
			w.work()
			product := w.products(account)[0]
			w.putLine(product.SubscriptionID, customer.LineTerminated)
			placed, err := w.Place(t.Context(), sales, OrderRequest{AccountID: account, Items: []ItemRequest{
				{Action: Modify, ProductID: product.ID, Status: string(ProductSuspended)},
			}})
			must(t, err)
			w.work()
			if o := w.stands(placed.ID); o.State != workflow.Held || o.Tasks[len(o.Tasks)-1].CauseCode != "line_terminated" {
				t.Fatalf("%s: %s", o.String(), o.Reason)
			}
			if got := w.products(account)[0]; got.Status != ProductActive || w.suspensions(product.ID) != 0 {
				t.Errorf("the product is %s, with %d suspensions", got.Status, w.suspensions(product.ID))
			}
			w.putLine(product.SubscriptionID, customer.LineActive)
			o := w.stands(placed.ID)
			_, err = w.Resolve(t.Context(), network, o.Tasks[len(o.Tasks)-1].ID, Retry, "")
			must(t, err)
			w.work()
			if o := w.stands(placed.ID); o.State != workflow.Completed {
				t.Errorf("%s: %s", o.String(), o.Reason)
			}
			if got := w.products(account)[0]; got.Status != ProductSuspended || w.suspensions(product.ID) != 1 {
				t.Errorf("the product is %s, with %d suspensions", got.Status, w.suspensions(product.ID))
			}
		})
	}
}

// putLine writes a line's status past the rules, as a hand in the database does.
func (w *world) putLine(line int64, status customer.LineStatus) {
	w.t.Helper()
	must(w.t, w.db.Write(w.t.Context(), network, func(ctx context.Context, tx *database.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE subscription SET status = ? WHERE id = ?", status, line)
		return err
	}))
}

func (w *world) suspensions(product int64) (n int) {
	w.t.Helper()
	must(w.t, w.db.Read(w.t.Context(), func(ctx context.Context, q bun.IDB) (err error) {
		reasons, err := openReasons(ctx, q, product)
		n = len(reasons)
		return err
	}))
	return n
}
