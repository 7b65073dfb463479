package customer

import (
	"context"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestOneMessageOfManyAtOnce puts a message with one new key into the outbox from many transactions, all of which have
// begun before the first one ends: there is one message, with one job, and nobody fails.
func TestOneMessageOfManyAtOnce(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		s := New(db)
		opened, err := s.Open(t.Context(), careDesk, Opening{
			Party: Party{Kind: Individual, GivenName: "Ada", FamilyName: "Lang"}, Customer: Customer{Segment: Residential},
			Contacts: []ContactMedium{{Kind: Email, Value: "ada@example.com"}},
			Account:  BillingAccount{Kind: Postpaid, Currency: "EUR", TimeZone: "Europe/Berlin", TaxRegion: "DE"},
		})
		if err != nil {
			t.Fatal(err)
		}
		const many = 8
		var began, ended sync.WaitGroup
		began.Add(many)
		for range many {
			ended.Go(func() {
				first := true
				err := db.Write(t.Context(), careDesk, func(ctx context.Context, tx *database.Tx) error {
					if _, err := s.Account(ctx, tx, opened.Account.ID); err != nil { // the snapshot is taken
						return err
					}
					if first && db.Dialect() == database.PostgreSQL {
						first = false
						began.Done()
						began.Wait()
					}
					return s.Notify(ctx, tx, Notification{AccountID: opened.Account.ID, Template: "resumed", Key: "once"})
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		ended.Wait()
		var messages, jobs, audited int
		err = db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			return q.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM notification WHERE key = 'once'), (SELECT COUNT(*) FROM river_job WHERE kind = 'customer_notification') - (SELECT COUNT(*) FROM notification WHERE key <> 'once'),
				(SELECT COUNT(*) FROM audit WHERE entity = 'notification') - (SELECT COUNT(*) FROM notification WHERE key <> 'once')`).Scan(&messages, &jobs, &audited)
		})
		if err != nil || messages != 1 || jobs != 1 || audited != 1 {
			t.Errorf("%d messages, %d jobs, %d rows of audit, %v", messages, jobs, audited, err)
		}
	})
}
