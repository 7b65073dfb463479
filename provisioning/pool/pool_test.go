package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

var by = database.Actor{Name: "tester", Via: "test"}

func TestCheckDigits(t *testing.T) {
	// The usual example of the algorithm.
	if luhn("7992739871") != '3' {
		t.Errorf("7992739871 gets %c", luhn("7992739871"))
	}
	for digits, want := range map[string]string{"894901000000000000": "8949010000000000008", "894901000000000001": "8949010000000000016"} {
		if got := WithCheckDigit(digits); got != want {
			t.Errorf("%s becomes %s, want %s", digits, got, want)
		}
	}
}

func loadNumbers(t *testing.T, db *database.DB, pool, first string, count int) error {
	return db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error { return LoadNumbers(ctx, tx, pool, first, count) })
}

func loadCards(t *testing.T, db *database.DB, pool, iccid, imsi string, count int) error {
	return db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error {
		return LoadCards(ctx, tx, pool, iccid, imsi, count)
	})
}

func write(t *testing.T, db *database.DB, fn func(ctx context.Context, tx *database.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), by, fn); err != nil {
		t.Fatal(err)
	}
}

// orders makes orders for what is reserved to refer to.
func orders(t *testing.T, db *database.DB, n int) {
	t.Helper()
	write(t, db, func(ctx context.Context, tx *database.Tx) error {
		for _, statement := range []string{
			"INSERT INTO party (id, kind, created_at, updated_at) VALUES (1, 'individual', 1, 1)",
			"INSERT INTO customer (id, party_id, name, segment, status, created_at, updated_at) VALUES (1, 1, 'x', 'residential', 'active', 1, 1)",
			`INSERT INTO billing_account (id, customer_id, name, kind, charging_account, currency, cycle_day, time_zone, tax_region, delivery, status, created_at, updated_at)
				VALUES (1, 1, 'x', 'prepaid', 'ba-1', 'EUR', 1, 'UTC', 'DE', 'none', 'active', 1, 1)`,
			"INSERT INTO subscription (id, billing_account_id, status, created_at, updated_at) VALUES (7, 1, 'active', 1, 1)",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		for k := range n {
			if _, err := tx.ExecContext(ctx, `INSERT INTO product_order (id, billing_account_id, customer_id, state, placed_by, created_at, updated_at)
				VALUES (?, 1, 1, 'acknowledged', 'x', 1, 1)`, k+1); err != nil {
				return err
			}
		}
		return nil
	})
}

func load(t *testing.T, db *database.DB, count int) {
	t.Helper()
	if err := loadNumbers(t, db, Default, "491700000000", count); err != nil {
		t.Fatal(err)
	}
	if err := loadCards(t, db, Default, "894901000000000000", "262011000000000", count); err != nil {
		t.Fatal(err)
	}
}

// TestManyOrdersAtOnceGetDifferentNumbers has more orders than numbers draw from one pool, all at once: each number goes to
// one order, and who gets none is told so.
func TestManyOrdersAtOnceGetDifferentNumbers(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		const many, there = 200, 180
		orders(t, db, many)
		load(t, db, there)
		var mu sync.Mutex
		taken, none := map[string]int64{}, 0
		var group sync.WaitGroup
		work := make(chan int64, many)
		for range 16 {
			group.Go(func() {
				for order := range work {
					var number string
					var card Card
					err := db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) (err error) {
						if number, err = ReserveNumber(ctx, tx, Default, "", order); err != nil {
							return err
						}
						card, err = ReserveCard(ctx, tx, Default, "", order)
						return err
					})
					mu.Lock()
					switch {
					case refusal.Is(err, "numbers_exhausted"):
						none++
					case err != nil:
						t.Error(err)
					default:
						for _, key := range []string{number, card.ICCID, card.IMSI} {
							if other := taken[key]; other != 0 {
								t.Errorf("%s was given to the orders %d and %d", key, other, order)
							}
							taken[key] = order
						}
					}
					mu.Unlock()
				}
			})
		}
		for order := range int64(many) {
			work <- order + 1
		}
		close(work)
		group.Wait()
		if none != many-there || len(taken) != 3*there {
			t.Errorf("%d got none and %d things were given, want %d and %d", none, len(taken), many-there, 3*there)
		}
	})
}

func TestLifeOfANumber(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		orders(t, db, 2)
		load(t, db, 3)
		const number, iccid = "491700000001", "8949010000000000016"
		reserve := func(order int64) error {
			return db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error {
				if _, err := ReserveNumber(ctx, tx, Default, number, order); err != nil {
					return err
				}
				card, err := ReserveCard(ctx, tx, Default, iccid, order)
				if err == nil && card != (Card{iccid, "262011000000001"}) {
					err = fmt.Errorf("got %v", card)
				}
				return err
			})
		}
		expect := func(state string, order int64) {
			t.Helper()
			var got string
			var of *int64
			if err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
				return q.QueryRowContext(ctx, "SELECT n.state || '/' || s.state, n.order_id FROM msisdn n, sim s WHERE number = ? AND iccid = ?", number, iccid).Scan(&got, &of)
			}); err != nil {
				t.Fatal(err)
			}
			if got != state+"/"+state || (of == nil) != (order == 0) || of != nil && *of != order {
				t.Errorf("it is %s of order %v, want %s of %d", got, of, state, order)
			}
		}
		if err := reserve(1); err != nil {
			t.Fatal(err)
		}
		if err := reserve(2); !refusal.Is(err, "number_taken") {
			t.Errorf("the second order is told %v", err)
		}
		expect("reserved", 1)
		write(t, db, func(ctx context.Context, tx *database.Tx) error { return Release(ctx, tx, number, iccid, 2) })
		expect("reserved", 1)
		write(t, db, func(ctx context.Context, tx *database.Tx) error { return Release(ctx, tx, number, iccid, 1) })
		expect("available", 0)
		if err := reserve(2); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), by, func(ctx context.Context, tx *database.Tx) error {
			return Assign(ctx, tx, number, iccid, 1, 7)
		}); !refusal.Is(err, "number_not_reserved") {
			t.Errorf("another order's number was assigned: %v", err)
		}
		write(t, db, func(ctx context.Context, tx *database.Tx) error { return Assign(ctx, tx, number, iccid, 2, 7) })
		expect("assigned", 2)
		until := db.Now().Add(instant.Day)
		write(t, db, func(ctx context.Context, tx *database.Tx) error {
			return Quarantine(ctx, tx, number, iccid, 7, until)
		})
		expect("quarantined", 0)
		if err := reserve(1); !refusal.Is(err, "number_taken") {
			t.Errorf("a resting number: %v", err)
		}
		write(t, db, revive(t, 0))
		expect("quarantined", 0)
		write(t, db, func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE msisdn SET quarantined_until = 1 WHERE number = ?", number)
			return err
		})
		write(t, db, func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE sim SET quarantined_until = 1 WHERE iccid = ?", iccid)
			return err
		})
		write(t, db, revive(t, 2))
		expect("available", 0)
	})
}

func revive(t *testing.T, want int) func(ctx context.Context, tx *database.Tx) error {
	return func(ctx context.Context, tx *database.Tx) error {
		got, err := Revive(ctx, tx)
		if got != want {
			t.Errorf("%d were revived, want %d", got, want)
		}
		return err
	}
}

func TestRangesThatAreNone(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	load(t, db, 10)
	for _, c := range []struct {
		code string
		err  error
	}{
		{"range_taken", loadNumbers(t, db, Default, "491700000009", 2)},
		{"number_invalid", loadNumbers(t, db, Default, "999999999999999", 2)},
		{"number_invalid", loadNumbers(t, db, Default, "+491700000009", 2)},
		{"count_invalid", loadNumbers(t, db, Default, "491700000100", 0)},
		{"pool_invalid", loadNumbers(t, db, "", "491700000100", 1)},
		{"range_taken", loadCards(t, db, "other", "894901000000000009", "262011000000100", 1)},
		{"range_taken", loadCards(t, db, "other", "894901000000000100", "262011000000000", 1)},
		{"iccid_invalid", loadCards(t, db, "other", "8949010000000000008", "262011000000100", 1)},
		{"imsi_invalid", loadCards(t, db, "other", "894901000000000100", "26201100000010", 1)},
	} {
		if !refusal.Is(c.err, c.code) {
			t.Errorf("want %s, got %v", c.code, c.err)
		}
	}
	var levels []Level
	if err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) (err error) {
		levels, err = Levels(ctx, q)
		return errors.Join(err)
	}); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprint([]Level{{"msisdn", Default, "available", 10}, {"sim", Default, "available", 10}}); fmt.Sprint(levels) != want {
		t.Errorf("levels %v, want %s", levels, want)
	}
}
