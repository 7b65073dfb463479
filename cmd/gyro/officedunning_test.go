package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"gyro/api/apitest"
	"gyro/billing/population"
	"gyro/catalog"
	"gyro/customer"
	"gyro/internal/config"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/provisioning"
)

// TestADebtKeepsWhatIsSuspendedAnyway has dunning suspend three accounts: of one the line is suspended on the customer's
// wish, of one for a debt already, and of one it is in use. Lifted is what is suspended for a debt, and nothing else.
func TestADebtKeepsWhatIsSuspendedAnyway(t *testing.T) {
	core := apitest.Start(t)
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(population.Make(t.Context(), db, population.Options{Accounts: 3, Records: 1}))
		o := &officeHalf{officeOptions: officeOptions{Config: &config.Config{}, Core: core.Charging}, db: db}
		o.services.customers, o.services.catalog = customer.New(db), catalog.New(db, core.Charging)
		var err error
		o.services.orders, err = o.openOrders()
		must(err)
		by := database.Actor{Name: "dunning", Role: "system", Via: "job"}
		suspended := func(product int64, reason string) {
			t.Helper()
			must(db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error {
				if _, err := tx.ExecContext(ctx, "INSERT INTO product_suspension (product_id, reason, from_at) VALUES (?, ?, 1)", product, reason); err != nil {
					return err
				}
				_, err := tx.ExecContext(ctx, "UPDATE product SET status = 'suspended' WHERE id IN (?, ?)", product, product+1)
				return err
			}))
		}
		suspended(4, "request")
		suspended(6, "debt")
		// placed is the change of each of the accounts that an order was placed for.
		placed := func(place func(ctx context.Context, tx *database.Tx, account int64, key string) (string, error), key string) (changes []string) {
			t.Helper()
			for account := int64(2); account <= 4; account++ {
				must(db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error {
					reference, err := place(ctx, tx, account, key+strings.Repeat("x", int(account)))
					if err != nil || reference == "" {
						changes = append(changes, "nothing")
						return err
					}
					var change string
					err = tx.NewRaw("SELECT i.change || ' ' || i.product_id FROM product_order_item i WHERE 'order-' || i.order_id = ?", reference).Scan(ctx, &change)
					changes = append(changes, change)
					return err
				}))
			}
			return changes
		}
		if got := strings.Join(placed(dunningOrders{o}.Suspend, "s"), ", "); got != "suspend 4, nothing, suspend 8" {
			t.Error("suspended:", got)
		}
		must(db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE product_order_item SET state = 'completed'")
			return err
		}))
		suspended(4, "debt")
		must(db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE product_suspension SET until_at = 2 WHERE product_id = 6")
			return err
		}))
		suspended(8, "theft")
		must(db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error { // in a month, which a payment does not wait for
			_, err := o.services.orders.PlaceIn(ctx, tx, provisioning.OrderRequest{AccountID: 2, StartAt: tx.Now().Add(30 * instant.Day), Items: []provisioning.ItemRequest{{
				Action: provisioning.Modify, Status: string(provisioning.ProductSuspended), ProductID: 4, Characteristics: map[string]string{"reason": "travels"},
			}}})
			return err
		}))
		if got := strings.Join(placed(dunningOrders{o}.Resume, "r"), ", "); got != "resume 4, nothing, nothing" {
			t.Error("resumed:", got)
		}
	}, dbtest.Clock(func() time.Time { return time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC) }))
}
