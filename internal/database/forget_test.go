package database_test

import (
	"context"
	"fmt"
	"testing"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
)

// TestKeysAreForgottenAfterTheirTime remembers more keys than one transaction forgets, and some that are younger by one
// millisecond; the job that an office has every day does it.
func TestKeysAreForgottenAfterTheirTime(t *testing.T) {
	clock := newClock()
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		remember := func(key string) (first bool) {
			write(t, db, func(ctx context.Context, tx *database.Tx) (err error) {
				if _, first, err = tx.Once(ctx, "sale", key, key); err != nil || !first {
					return err
				}
				return tx.Remember(ctx, "sale", key, key)
			})
			return first
		}
		write(t, db, func(ctx context.Context, tx *database.Tx) error {
			for n := range 1203 {
				if _, _, err := tx.Once(ctx, "old", fmt.Sprint(n), n); err != nil {
					return err
				}
			}
			return nil
		})
		clock.advance(1)
		if !remember("young") || remember("young") {
			t.Error("a key is not remembered")
		}
		clock.advance(database.KeptKeys)
		jobs := database.NewJobs()
		database.RegisterHousekeeping(jobs, db)
		startJobs(t, db, jobs)
		becomes(t, db, 1, inState, "completed")
		holds(t, db, 0, "SELECT count(*) FROM once WHERE scope = 'old'")
		if remember("young") {
			t.Error("a key was forgotten too early")
		}
		clock.advance(instant.Day)
		becomes(t, db, 0, "SELECT count(*) FROM once")
		if !remember("young") {
			t.Error("a key that is forgotten is not free")
		}
		if err := db.StopJobs(t.Context()); err != nil {
			t.Error(err)
		}
	}, dbtest.Clock(clock.now))
}
