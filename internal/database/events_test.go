package database_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestEventsWhileOthersWrite follows the events with two cursors while writers leave one to three in each transaction,
// some of which are rolled back and some of which take their time between the event and the commit.
func TestEventsWhileOthersWrite(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		const writers, times = 4, 40
		done := make(chan struct{})
		var readers sync.WaitGroup
		seen := make([][]database.StoredEvent, 2)
		for k := range seen {
			readers.Go(func() { seen[k] = follow(t, db, done) })
		}
		parallel(t, writers, times, func(who, time int) error {
			failed := fmt.Errorf("writer %d gives up", who)
			err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
				for k := range time%3 + 1 {
					e := database.Event{Type: "Changed", Entity: fmt.Sprint(who), ID: fmt.Sprint(time), Payload: k}
					if err := tx.Emit(ctx, e); err != nil {
						return err
					}
				}
				if time%5 == 0 { // longer than others need for a whole transaction
					if _, err := tx.ExecContext(ctx, slow[db.Dialect()]); err != nil {
						return err
					}
				}
				if time%7 == 0 {
					return failed
				}
				return nil
			})
			if time%7 == 0 && err == failed { //nolint:errorlint // this very one
				return nil
			}
			return err
		})
		close(done)
		readers.Wait()
		for _, events := range seen {
			check(t, events, writers, times)
		}
	})
}

// slow keeps the database busy for some milliseconds.
var slow = map[database.Dialect]string{
	database.SQLite:     "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000) SELECT count(*) FROM n",
	database.PostgreSQL: "SELECT pg_sleep(0.02)",
}

// follow reads until nothing more comes.
func follow(t *testing.T, db *database.DB, done <-chan struct{}) (all []database.StoredEvent) {
	var cursor int64
	for last := false; ; {
		events, err := db.Events(t.Context(), cursor, 7)
		if err != nil {
			t.Error(err)
			return all
		}
		if len(events) > 0 {
			cursor = events[len(events)-1].Seq
			all = append(all, events...)
			continue
		}
		if last {
			return all
		}
		select {
		case <-done:
			last = true
		default:
		}
	}
}

// check looks that events came without gaps, each once, and those of one writer in its order.
func check(t *testing.T, events []database.StoredEvent, writers, times int) {
	t.Helper()
	want := 0
	for time := range times {
		if time%7 != 0 {
			want += writers * (time%3 + 1)
		}
	}
	if len(events) != want {
		t.Errorf("%d events, not %d", len(events), want)
	}
	last := map[string][2]int{}
	for k, e := range events {
		if e.Seq != int64(k+1) {
			t.Fatalf("event %d follows %d", e.Seq, k)
		}
		var now [2]int
		if _, err := fmt.Sscan(e.ID, &now[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(string(e.Payload), &now[1]); err != nil {
			t.Fatal(err)
		}
		if was, ok := last[e.Entity]; ok && (now[0] < was[0] || now[0] == was[0] && now[1] <= was[1]) {
			t.Errorf("writer %s: %v after %v", e.Entity, now, was)
		}
		last[e.Entity] = now
	}
}
