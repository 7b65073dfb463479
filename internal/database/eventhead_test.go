package database_test

import (
	"context"
	"fmt"
	"testing"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestTheLastEventIsBeforeTheTransaction, however many gathered while nobody read, and while others read.
func TestTheLastEventIsBeforeTheTransaction(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		by := database.Actor{Name: "test", Via: "test"}
		emit := func(n int) {
			t.Helper()
			err := db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error {
				events := make([]database.Event, n)
				for k := range events {
					events[k] = database.Event{Type: "customerCreateEvent", Entity: "customer", ID: fmt.Sprint(k), Payload: k}
				}
				return tx.EmitMany(ctx, events)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		last := func() (last int64) {
			t.Helper()
			err := db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) (err error) {
				last, err = tx.LastEvent(ctx)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return last
		}
		if got := last(); got != 0 {
			t.Errorf("%d before any", got)
		}
		emit(21_000)
		if err := db.NumberEvents(t.Context()); err != nil {
			t.Fatal(err)
		}
		emit(3)
		if got := last(); got != 21_003 {
			t.Errorf("the last of 21003 is %d", got)
		}
		done := make(chan error)
		go func() {
			for range 50 {
				if _, err := db.Events(context.WithoutCancel(t.Context()), 21_003, 10); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		for n := range 20 {
			emit(1)
			if got := last(); got != 21_004+int64(n) {
				t.Errorf("the last of %d is %d", 21_004+n, got)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
