package provisioning

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"gyro/customer"
	"gyro/internal/database/dbtest"
	"gyro/internal/refusal"
	"gyro/provisioning/workflow"
)

// insurance is something of the account that binds the customer.
const insurance = `  - name: insurance
    title: Insurance
    kind: postpaid
    add_on: true
    commitment: 12 months
    prices: [{name: Insurance, type: recurring, amount: 3.00, every: 1 month}]
`

// TestWhatIsOfTheAccountIsChangedOnce: orders that come at once for what an account has beside its lines do not get it
// twice, nor end it twice.
func TestWhatIsOfTheAccountIsChangedOnce(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			w := newWorld(t, dialect)
			ada, bob := w.customer("Ada", customer.Postpaid, customer.Residential), w.customer("Bob", customer.Postpaid, customer.Residential)
			paper := OrderRequest{AccountID: ada, Items: []ItemRequest{{Action: Add, Offering: "paper-bill"}}}
			w.atOnce(6, paper, 1, "account_busy")
			w.work()
			if o, err := w.Place(t.Context(), sales, paper); err != nil || o.State != workflow.Rejected {
				t.Errorf("%+v, %v, want that the account has it already", o, err)
			}
			product := w.products(ada)[0]
			end := ItemRequest{Action: Delete, ProductID: product.ID}
			_, err := w.Place(t.Context(), sales, OrderRequest{AccountID: ada, Items: []ItemRequest{end, end}})
			wantRefusal(t, err, "product_twice")
			w.atOnce(6, OrderRequest{AccountID: ada, Items: []ItemRequest{end}}, 1, "account_busy")
			w.work()
			if got := w.products(ada); len(got) != 1 || got[0].Status != ProductTerminated {
				t.Errorf("%+v", got)
			}
			o, err := w.Place(t.Context(), sales, paper)
			must(t, err)
			w.work()
			if o, err = w.order(o.ID); err != nil || o.State != workflow.Completed {
				t.Errorf("the account stays locked: %+v, %v", o, err)
			}
			_, err = w.Place(t.Context(), sales, OrderRequest{AccountID: bob, Items: []ItemRequest{{Action: NoChange, ProductID: product.ID}}})
			wantRefusal(t, err, "product_unknown")
		})
	}
}

// TestWhatIsOfTheAccountMayBind: what an account has beside its lines has a commitment, too.
func TestWhatIsOfTheAccountMayBind(t *testing.T) {
	source, err := os.ReadFile("../testdata/order/catalog.yaml")
	must(t, err)
	file := filepath.Join(t.TempDir(), "catalog.yaml")
	must(t, os.WriteFile(file, append(source, insurance...), 0o600))
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			w := newWorld(t, dialect)
			w.publish(file)
			ada := w.customer("Ada", customer.Postpaid, customer.Residential)
			o, err := w.Place(t.Context(), sales, OrderRequest{AccountID: ada, Items: []ItemRequest{{Action: Add, Offering: "insurance"}}})
			must(t, err)
			w.work()
			if o, err = w.order(o.ID); err != nil || o.State != workflow.Completed {
				t.Fatalf("%s, %v", &o, err)
			}
			if p := w.products(ada)[0]; p.CommitmentUntil <= w.db.Now() {
				t.Errorf("%+v is not bound", p)
			}
		})
	}
}

// atOnce places an order from several sides at once: so many are taken, the others are refused.
func (w *world) atOnce(sides int, r OrderRequest, taken int, refused string) {
	w.t.Helper()
	errs := make([]error, sides)
	var all sync.WaitGroup
	for k := range errs {
		all.Go(func() { _, errs[k] = w.Place(w.t.Context(), sales, r) })
	}
	all.Wait()
	for _, err := range errs {
		if err == nil {
			taken--
		} else {
			wantRefusal(w.t, err, refused)
		}
	}
	if taken != 0 {
		w.t.Errorf("%d orders too few were taken", taken)
	}
}

func wantRefusal(t testing.TB, err error, code string) {
	t.Helper()
	if !refusal.Is(err, code) {
		t.Errorf("%v, want the refusal %s", err, code)
	}
}

func (w *world) order(id int64) (o Order, err error) {
	err = w.db.Read(w.t.Context(), func(ctx context.Context, q bun.IDB) error {
		o, err = w.Order(ctx, q, id)
		return err
	})
	return o, err
}

// products are all that an account ever had, but for what it never got.
func (w *world) products(account int64) (list []Product) {
	w.t.Helper()
	must(w.t, w.db.Read(w.t.Context(), func(ctx context.Context, q bun.IDB) error {
		return q.NewSelect().Model(&list).Where("p.billing_account_id = ? AND p.status <> 'cancelled'", account).Order("p.id").Scan(ctx)
	}))
	return list
}
