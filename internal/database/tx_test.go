package database_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

type noteArgs struct {
	Text string `json:"text"`
}

func (noteArgs) Kind() string { return "note" }

// everything leaves one of each kind of thing that a transaction can leave.
func everything(ctx context.Context, tx *database.Tx) error {
	if _, _, err := tx.Once(ctx, "order", "k", 1); err != nil {
		return err
	}
	if _, err := tx.NextNumber(ctx, "invoice"); err != nil {
		return err
	}
	return errors.Join(
		tx.Audit(ctx, "order", "7", "create", nil, map[string]int{"lines": 2}),
		tx.Emit(ctx, database.Event{Type: "ProductOrderCreateEvent", Entity: "order", ID: "7", Payload: map[string]int{"lines": 2}}),
		tx.Enqueue(ctx, noteArgs{"activate"}),
	)
}

// left are the queries that count what everything leaves.
var left = []string{
	"SELECT count(*) FROM audit", "SELECT count(*) FROM event", "SELECT count(*) FROM once",
	"SELECT count(*) FROM number_series", "SELECT count(*) FROM river_job",
}

func TestCommitBringsAll(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		write(t, db, everything)
		for _, query := range left {
			holds(t, db, 1, query)
		}
		trail, err := db.AuditTrail(t.Context(), "order", "7", 0, 10)
		if err != nil || len(trail) != 1 {
			t.Fatalf("%v, %v", trail, err)
		}
		if r := trail[0]; r.Actor != tester || r.Action != "create" || r.Before != nil || string(r.After) != `{"lines":2}` {
			t.Errorf("%+v", r)
		}
		events, err := db.Events(t.Context(), 0, 10)
		if err != nil || len(events) != 1 {
			t.Fatalf("%v, %v", events, err)
		}
		if e := events[0]; e.Seq != 1 || e.Type != "ProductOrderCreateEvent" || e.ID != "7" || e.Request != "r-1" || e.At != trail[0].At {
			t.Errorf("%+v", e)
		}
	})
}

func TestRollbackTakesAll(t *testing.T) {
	refused := errors.New("refused")
	ends := map[string]func(t *testing.T, db *database.DB){
		"error": func(t *testing.T, db *database.DB) {
			err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
				return errors.Join(everything(ctx, tx), refused)
			})
			if !errors.Is(err, refused) {
				t.Errorf("%v", err)
			}
		},
		"panic": func(t *testing.T, db *database.DB) {
			defer func() {
				if recover() == nil {
					t.Error("the panic was lost")
				}
			}()
			write(t, db, func(ctx context.Context, tx *database.Tx) error {
				if err := everything(ctx, tx); err != nil {
					return err
				}
				panic("a bug")
			})
		},
		"cancelled": func(t *testing.T, db *database.DB) {
			ctx, cancel := context.WithCancel(t.Context())
			err := db.Write(ctx, tester, func(ctx context.Context, tx *database.Tx) error {
				defer cancel()
				return everything(ctx, tx)
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, db *database.DB) {
				end(t, db)
				for _, query := range left {
					holds(t, db, 0, query)
				}
				write(t, db, everything) // and the database is as usable as before
				holds(t, db, 1, "SELECT last FROM number_series")
				holds(t, db, 1, "SELECT last FROM number_series WHERE series = 'invoice'")
				if events, err := db.Events(t.Context(), 0, 10); err != nil || len(events) != 1 || events[0].Seq != 1 {
					t.Errorf("%v, %v", events, err)
				}
			})
		})
	}
}

// TestConcurrentWrites reads a row, decides, and changes it, without any lock by hand.
func TestConcurrentWrites(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		const writers, times = 4, 25
		write(t, db, func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO number_series (series, last) VALUES ('balance', 0)")
			return err
		})
		parallel(t, writers, times, func(int, int) error {
			return db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
				var balance int
				err := tx.QueryRowContext(ctx, "SELECT last FROM number_series WHERE series = 'balance'").Scan(&balance)
				if err != nil {
					return err
				}
				_, err = tx.ExecContext(ctx, "UPDATE number_series SET last = ? WHERE series = 'balance'", balance+1)
				return err
			})
		})
		holds(t, db, writers*times, "SELECT last FROM number_series")
	})
}

// parallel runs fn in n goroutines, so many times in each.
func parallel(t *testing.T, n, times int, fn func(who, time int) error) {
	t.Helper()
	var wait sync.WaitGroup
	for who := range n {
		wait.Go(func() {
			for time := range times {
				if err := fn(who, time); err != nil {
					t.Errorf("%d, for the %dth time: %v", who, time, err)
					return
				}
			}
		})
	}
	wait.Wait()
}

// TestNumbersHaveNoGaps draws numbers of two series in opposite order, each third in vain.
func TestNumbersHaveNoGaps(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		const writers, times = 4, 30
		refused := errors.New("refused")
		var mu sync.Mutex
		drawn := map[string]map[int64]bool{"invoice": {}, "credit note": {}}
		parallel(t, writers, times, func(who, time int) error {
			order := []string{"invoice", "credit note"}
			if who%2 == 1 {
				order[0], order[1] = order[1], order[0]
			}
			var numbers [2]int64
			err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) (err error) {
				for k, series := range order {
					if numbers[k], err = tx.NextNumber(ctx, series); err != nil {
						return err
					}
				}
				if time%3 == 2 {
					return refused
				}
				return nil
			})
			if time%3 == 2 && errors.Is(err, refused) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			for k, series := range order {
				if err == nil && drawn[series][numbers[k]] {
					return fmt.Errorf("%s %d came twice", series, numbers[k])
				}
				drawn[series][numbers[k]] = true
			}
			return err
		})
		for series, numbers := range drawn {
			for n := range int64(writers * times * 2 / 3) {
				if !numbers[n+1] {
					t.Errorf("%s has no %d", series, n+1)
				}
			}
		}
	})
}

func TestOnce(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		var mu sync.Mutex
		firsts := 0
		parallel(t, 4, 10, func(_, time int) error {
			var replay []byte
			var first bool
			key := fmt.Sprint(time)
			err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) (err error) {
				if replay, first, err = tx.Once(ctx, "payment", key, map[string]int{"amount": time}); err != nil || !first {
					return err
				}
				return tx.Remember(ctx, "payment", key, map[string]int{"id": time})
			})
			mu.Lock()
			defer mu.Unlock()
			if first {
				firsts++
			} else if err == nil && string(replay) != fmt.Sprintf(`{"id":%d}`, time) {
				err = fmt.Errorf("replay %q", replay)
			}
			return err
		})
		if firsts != 10 {
			t.Errorf("%d of 10 keys were first", firsts)
		}
		err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
			_, _, err := tx.Once(ctx, "payment", "1", "another request")
			return err
		})
		if !errors.Is(err, database.ErrKeyReused) {
			t.Errorf("%v", err)
		}
	})
}

func TestReadIsOneSnapshotAndReadOnly(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			var before, after int
			if err := q.QueryRowContext(ctx, "SELECT count(*) FROM audit").Scan(&before); err != nil {
				return err
			}
			write(t, db, everything) // elsewhere: t.Context() is not the reader's
			if err := q.QueryRowContext(ctx, "SELECT count(*) FROM audit").Scan(&after); err != nil {
				return err
			}
			if before != 0 || after != 0 {
				t.Errorf("a read saw %d rows and then %d", before, after)
			}
			_, err := q.ExecContext(ctx, "DELETE FROM once")
			return err
		})
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "read") {
			t.Errorf("a read wrote: %v", err)
		}
		holds(t, db, 1, "SELECT count(*) FROM once")
	})
}

func TestRefusals(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		nested := func(ctx context.Context, _ *database.Tx) error { return db.Write(ctx, tester, everything) }
		if err := db.Write(t.Context(), tester, nested); err == nil || !strings.Contains(err.Error(), "inside another") {
			t.Errorf("nested: %v", err)
		}
		if err := db.Write(t.Context(), database.Actor{Via: "api"}, everything); err == nil || !strings.Contains(err.Error(), "say who") {
			t.Errorf("anonymous: %v", err)
		}
		write(t, db, everything)
		for _, statement := range []string{"UPDATE audit SET actor = 'somebody else'", "DELETE FROM audit"} {
			err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
				_, err := tx.ExecContext(ctx, statement)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), "an audit row is never") {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
	for _, url := range []string{"", "sqlite:", "mysql://host/name"} {
		if db, err := database.Open(t.Context(), database.Options{URL: url}); err == nil {
			t.Errorf("%q was opened: %v", url, db.Close())
		}
	}
}

func TestCopy(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		const many = 10_001 // more than SQLite takes at once, and not a multiple
		copyRows := func(width int) (n int64, err error) {
			err = db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
				next := 0
				n, err = db.Copy(ctx, tx, "number_series", []string{"series", "last"}, func() ([]any, bool) {
					next++
					return []any{fmt.Sprint("series ", next), int64(next)}[:width], next <= many
				})
				return err
			})
			return n, err
		}
		if n, err := copyRows(1); err == nil {
			t.Errorf("%d rows with a value too few were copied", n)
		}
		holds(t, db, 0, "SELECT count(*) FROM number_series")
		if n, err := copyRows(2); err != nil || n != many {
			t.Fatalf("%d, %v", n, err)
		}
		holds(t, db, many*(many+1)/2, "SELECT sum(last) FROM number_series")
	})
}
