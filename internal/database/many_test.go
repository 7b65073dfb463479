package database_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestManyNumbersAtOnce draws runs of different lengths, each third in vain, from one series beside single numbers: every
// number up to the last is somebody's, and nobody's twice.
func TestManyNumbersAtOnce(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		const writers, times = 4, 20
		refused := errors.New("refused")
		var mu sync.Mutex
		drawn, last := map[int64]bool{}, int64(0)
		parallel(t, writers, times, func(who, time int) error {
			count := (who+time)%5 + 1
			var first int64
			err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) (err error) {
				if count == 1 {
					first, err = tx.NextNumber(ctx, "invoice")
				} else {
					first, err = tx.NextNumbers(ctx, "invoice", count)
				}
				if err == nil && time%3 == 2 {
					err = refused
				}
				return err
			})
			if time%3 == 2 && errors.Is(err, refused) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			for n := first; err == nil && n < first+int64(count); n++ {
				if drawn[n] {
					return fmt.Errorf("number %d came twice", n)
				}
				drawn[n], last = true, max(last, n)
			}
			return err
		})
		if int64(len(drawn)) != last || last < writers*times {
			t.Errorf("%d numbers were drawn up to %d", len(drawn), last)
		}
		for n := range last {
			if !drawn[n+1] {
				t.Errorf("nobody has %d", n+1)
			}
		}
	})
}

// TestManyNumbersInOneTransaction follow one another; what cannot be drawn is refused, and leaves no series behind.
func TestManyNumbersInOneTransaction(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		write(t, db, func(ctx context.Context, tx *database.Tx) error {
			for k, want := range []int64{1, 4, 5, 105} {
				first, err := tx.NextNumbers(ctx, "invoice/north/2026", []int{3, 1, 100, 1}[k])
				if err != nil || first != want {
					t.Errorf("the %dth draw begins with %d, %v; want %d", k+1, first, err, want)
				}
			}
			if first, err := tx.NextNumbers(ctx, "invoice/south/2026", 2); err != nil || first != 1 {
				t.Errorf("another series begins with %d, %v", first, err)
			}
			return nil
		})
		for want, draw := range map[string]struct {
			series string
			count  int
		}{"draw at least one": {"none", 0}, "-1 numbers": {"none", -1}, "name it": {"", 1}} {
			err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
				_, err := tx.NextNumbers(ctx, draw.series, draw.count)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%d of %q: %v, want %s", draw.count, draw.series, err, want)
			}
		}
		holds(t, db, 2, "SELECT count(*) FROM number_series")
	})
}

// TestManyEventsAtOnce: they are what Emit would have left, one by one, in their order and without gaps between those of
// others; a reader that follows sees each once.
func TestManyEventsAtOnce(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		const writers, times = 3, 12
		failed := errors.New("gives up")
		parallel(t, writers, times, func(who, time int) error {
			err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
				if time%3 == 0 { // beside single ones
					if err := tx.Emit(ctx, database.Event{Type: "Single", Entity: fmt.Sprint(who), ID: fmt.Sprint(time)}); err != nil {
						return err
					}
				}
				var many []database.Event
				for k := range time * 40 {
					many = append(many, database.Event{Type: "Many", Entity: fmt.Sprint(who), ID: fmt.Sprint(time), Payload: map[string]int{"k": k}})
				}
				if err := tx.EmitMany(ctx, many); err != nil || time%4 != 1 {
					return err
				}
				return failed
			})
			if time%4 == 1 && errors.Is(err, failed) {
				return nil
			}
			return err
		})
		next, cursor, single, many := map[string]int{}, int64(0), 0, 0
		for {
			events, err := db.Events(t.Context(), cursor, 97)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 0 {
				break
			}
			for k := range events {
				e := &events[k]
				if cursor++; e.Seq != cursor {
					t.Fatalf("event %d has the number %d", cursor, e.Seq)
				}
				if e.Actor != tester.Name || e.At == 0 {
					t.Fatalf("%+v", *e)
				}
				if e.Type == "Single" {
					single++
					continue
				}
				many++
				of := e.Entity + " " + e.ID
				if want := fmt.Sprintf(`{"k":%d}`, next[of]); string(e.Payload) != want {
					t.Fatalf("event %d of %s is %s, want %s", cursor, of, e.Payload, want)
				}
				next[of]++
			}
		}
		wantSingle, wantMany := 0, 0
		for time := range times {
			if time%4 == 1 {
				continue
			}
			wantMany += writers * time * 40
			if time%3 == 0 {
				wantSingle += writers
			}
		}
		if single != wantSingle || many != wantMany {
			t.Errorf("%d single events and %d of many, want %d and %d", single, many, wantSingle, wantMany)
		}
	})
}

// TestManyEventsAreBehindThoseBefore: a transaction's events are read in the order in which it left them, one by one or many
// at once.
func TestManyEventsAreBehindThoseBefore(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		event := func(id string) database.Event { return database.Event{Type: "Moved", Entity: "parcel", ID: id} }
		write(t, db, func(ctx context.Context, tx *database.Tx) error {
			return errors.Join(tx.Emit(ctx, event("1")), tx.EmitMany(ctx, []database.Event{event("2"), event("3")}), tx.Emit(ctx, event("4")))
		})
		events, err := db.Events(t.Context(), 0, 10)
		if err != nil || len(events) != 4 {
			t.Fatalf("%d events: %v", len(events), err)
		}
		for k := range events {
			if want := fmt.Sprint(k + 1); events[k].ID != want {
				t.Errorf("event %d is %s", k+1, events[k].ID)
			}
		}
	})
}

// TestManyEventsThatCannotBeLeft leave none: what cannot be written as JSON is named.
func TestManyEventsThatCannotBeLeft(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		write(t, db, func(ctx context.Context, tx *database.Tx) error { return tx.EmitMany(ctx, nil) })
		err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
			return tx.EmitMany(ctx, []database.Event{{Type: "Good", Entity: "bill", ID: "1"}, {Type: "Bad", Entity: "bill", ID: "2", Payload: func() {}}})
		})
		if err == nil || !strings.Contains(err.Error(), "event Bad of bill 2") {
			t.Errorf("it was taken: %v", err)
		}
		holds(t, db, 0, "SELECT count(*) FROM event")
	})
}
