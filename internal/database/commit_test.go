package database_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestAFailureThatIsDroppedCommitsNothing: what was left to the end of a transaction, or copied, fails half way, and the caller says
// nothing of it. Nothing of the transaction is stored.
func TestAFailureThatIsDroppedCommitsNothing(t *testing.T) {
	failures := map[string]func(ctx context.Context, tx *database.Tx) error{
		"a flush": func(ctx context.Context, tx *database.Tx) error {
			if err := tx.Later("UPDATE no_such_table SET x = ?", 1); err != nil {
				return nil //nolint:nilerr // the point of the test
			}
			return tx.Flush(ctx)
		},
		"a row that is not one": func(ctx context.Context, tx *database.Tx) error {
			_ = tx.LaterOne(errors.New("there must be one"), "UPDATE once SET response = ? WHERE key = ?", "", "none")
			return tx.Flush(ctx)
		},
		"a copy": func(ctx context.Context, tx *database.Tx) error {
			left := 3
			_, err := tx.Copy(ctx, "once", []string{"scope", "key", "request", "at"}, func() ([]any, bool) {
				left--
				return []any{"copied", "the same key", "", int64(1)}, left >= 0
			})
			return err
		},
	}
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, db *database.DB) {
				err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
					if err := everything(ctx, tx); err != nil {
						return err
					}
					if fail(ctx, tx) == nil {
						t.Error("it did not fail")
					}
					return nil
				})
				if err == nil {
					t.Error("it was committed")
				}
				for _, query := range left {
					holds(t, db, 0, query)
				}
				write(t, db, everything)
			})
		})
	}
}

// TestTheAnswerToACommitIsTrue: the context of a write ends at any moment around its commit. What is stored was said to be, and
// nothing else.
func TestTheAnswerToACommitIsTrue(t *testing.T) {
	const tries = 400
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		around := 2 * commitsFor(t, db) // and as long as it must be, should the machine become slower or faster
		stored, refused := 0, 0
		for n := range tries {
			ctx, cancel := context.WithCancel(t.Context())
			var timer *time.Timer
			err := db.Write(ctx, tester, func(ctx context.Context, tx *database.Tx) error {
				if _, err := tx.ExecContext(ctx, "INSERT INTO once (scope, key, request, at) VALUES ('commit', ?, '', 1)", strconv.Itoa(n)); err != nil {
					return err
				}
				if n%10 == 0 {
					cancel() // before the commit
				}
				timer = time.AfterFunc(time.Duration(rand.Int64N(int64(around))), cancel) //nolint:gosec // a test's
				return nil
			})
			if timer != nil {
				timer.Stop()
			}
			cancel()
			want := 1
			if err != nil {
				want = 0
				refused++
				around += around / 8
			} else {
				stored++
				around -= around / 9
			}
			holds(t, db, want, "SELECT count(*) FROM once WHERE scope = 'commit' AND key = ?", strconv.Itoa(n))
		}
		t.Logf("%d stored, %d refused", stored, refused)
		if stored == 0 || refused == 0 {
			t.Errorf("%d were stored and %d refused: the contexts did not end around the commits", stored, refused)
		}
	})
}

// commitsFor is about how long the end of a write takes.
func commitsFor(t *testing.T, db *database.DB) time.Duration {
	t.Helper()
	shortest := time.Second
	for n := range 20 {
		var began time.Time
		write(t, db, func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO once (scope, key, request, at) VALUES ('measure', ?, '', 1)", strconv.Itoa(n))
			began = time.Now()
			return err
		})
		shortest = min(shortest, time.Since(began))
	}
	return shortest
}
