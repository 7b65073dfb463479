package database

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/internal/instant"
)

// KeptKeys is how long Once remembers a key at least: docs/operations/office-api.md says so to clients.
const KeptKeys = 90 * instant.Day

// forgetArgs is the job that forgets keys.
type forgetArgs struct{}

// Kind implements JobArgs.
func (forgetArgs) Kind() string { return "database_forget_keys" }

const (
	forgetEvery  = instant.Day
	forgetAtOnce = 500 // rows of one transaction, so that nobody waits for it
)

var housekeeper = Actor{Name: "housekeeping", Role: "system", Via: "job"}

// RegisterHousekeeping has jobs forget, once a day, the keys that Once has remembered for longer than KeptKeys.
func RegisterHousekeeping(jobs *Jobs, db *DB) {
	RegisterJob(jobs, func(ctx context.Context, _ forgetArgs, _ JobInfo) error { return db.ForgetKeys(ctx) }, Timeout(0))
	jobs.Every("forget_keys", forgetEvery, func(instant.Instant) JobArgs { return forgetArgs{} }, UniqueKey("forget"), MaxAttempts(3))
}

// ForgetKeys forgets what Once has remembered for longer than KeptKeys. The rows have no index by time, which each request
// would pay for: they are looked for on a snapshot, and deleted by their keys.
func (db *DB) ForgetKeys(ctx context.Context) error {
	before := db.Now().Add(-KeptKeys)
	var old []struct{ Scope, Key string }
	err := db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw("SELECT scope, key FROM once WHERE at < ? ORDER BY scope, key", before).Scan(ctx, &old)
	})
	if err != nil {
		return fmt.Errorf("keys of more than %d days: %w", KeptKeys/instant.Day, err)
	}
	for len(old) > 0 {
		part := old[:min(len(old), forgetAtOnce)]
		old = old[len(part):]
		err := db.Write(ctx, housekeeper, func(_ context.Context, tx *Tx) error {
			for _, k := range part {
				if err := tx.Later("DELETE FROM once WHERE scope = ? AND key = ? AND at < ?", k.Scope, k.Key, before); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("forget keys: %w", err)
		}
	}
	return nil
}
