package database_test

import (
	"context"
	"errors"
	"testing"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

type noteArgs struct{ Text string }

func (noteArgs) Kind() string { return "note" }

func TestSmoke(t *testing.T) { dbtest.Run(t, testSmoke) }

func testSmoke(t *testing.T, db *database.DB) {
	jobs := database.NewJobs()
	got := make(chan string, 1)
	database.RegisterJob(jobs, func(_ context.Context, a noteArgs, info database.JobInfo) error {
		if info.Request != "r-1" {
			return database.Cancel(errors.New("no request"))
		}
		got <- a.Text
		return nil
	})
	if err := db.StartJobs(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	err := db.Write(t.Context(), tester, func(ctx context.Context, tx *database.Tx) error {
		n, err := tx.NextNumber(ctx, "x")
		if err != nil || n != 1 {
			return errors.Join(err, errors.New("number"))
		}
		return errors.Join(tx.Audit(ctx, "thing", "1", "create", nil, map[string]int{"a": 1}),
			tx.Emit(ctx, database.Event{Type: "Made", Entity: "thing", ID: "1", Payload: 1}),
			tx.Enqueue(ctx, noteArgs{"hello"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "hello" {
		t.Fatal(s)
	}
	events, err := db.Events(t.Context(), 0, 10)
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
}
