package usage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/api/client"
	"gyro/billing/population"
	"gyro/billing/usage"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/money"
)

var noon = instant.Of(time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC))

// feed is a core's feed: records in order, pages of at most as many as asked for.
type feed struct {
	records []client.UsageRecord
	// fails is asked before each page.
	fails func() error
}

func (f *feed) Usage(_ context.Context, after uint64, limit int) (p client.UsagePage, err error) {
	if f.fails != nil {
		if err := f.fails(); err != nil {
			return p, err
		}
	}
	p.Next = after
	for k := range f.records {
		if r := &f.records[k]; r.Record > after && len(p.Records) < limit {
			p.Records, p.Next = append(p.Records, *r), r.Record
		}
	}
	if n := len(f.records); n > 0 {
		p.Last = f.records[n-1].Record
	}
	return p, nil
}

func (f *feed) add(n int, account func(k int) string) {
	for k := range n {
		record := uint64(len(f.records)*2 + 1) // the core's other records lie between
		f.records = append(f.records, client.UsageRecord{
			Record: record, Kind: "session", Account: account(k), Subscriber: fmt.Sprintf("msisdn:4915%09d", k%5+1), Service: "data", Offer: "Flat M",
			Opened: noon.Add(instant.Span(record) * instant.Second), Closed: noon.Add(instant.Span(record) * instant.Minute),
			Unit: "octets", Used: 1000 + uint64(k), Billed: 1024, Currency: money.EUR, Charged: money.Amount(1000 + k),
		})
	}
}

func stored(t *testing.T, db *database.DB) (records, charged, lines int64) {
	t.Helper()
	err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw("SELECT COUNT(*), CAST(COALESCE(SUM(charged), 0) AS BIGINT), COUNT(subscription_id) FROM usage_record").Scan(ctx, &records, &charged, &lines)
	})
	if err != nil {
		t.Fatal(err)
	}
	return records, charged, lines
}

// TestEachRecordIsStoredOnce follows a feed of several pages, fails in between, and goes on with another intake.
func TestEachRecordIsStoredOnce(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		if err := population.Make(t.Context(), db, population.Options{Accounts: 5}); err != nil {
			t.Fatal(err)
		}
		f := &feed{}
		f.add(2500, func(k int) string { return population.Name(k%5 + 1) })
		var want int64
		for k := range f.records {
			want += int64(f.records[k].Charged)
		}
		asked := 0
		f.fails = func() error {
			if asked++; asked == 2 {
				return errors.New("the core is away")
			}
			return nil
		}
		if n, err := usage.New(db, f).CatchUp(t.Context()); err == nil || n != 1000 {
			t.Fatalf("%d records stored, %v", n, err)
		}
		status, err := usage.New(db, f).Status(t.Context())
		if err != nil || status.Lag() != 3000 {
			t.Fatalf("%d records behind, %v", status.Lag(), err)
		}
		if _, err := usage.New(db, f).CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := usage.New(db, f).CatchUp(t.Context()); err != nil || n != 0 {
			t.Fatalf("nothing is new, but %d came: %v", n, err)
		}
		if records, charged, lines := stored(t, db); records != 2500 || charged != want || lines != 2500 {
			t.Errorf("stored %d records of %d with %d lines, want 2500 of %d", records, charged, lines, want)
		}
	})
}

// TestTwoIntakesStoreEachRecordOnce lets two read the same pages at the same time.
func TestTwoIntakesStoreEachRecordOnce(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		if err := population.Make(t.Context(), db, population.Options{Accounts: 5}); err != nil {
			t.Fatal(err)
		}
		f := &feed{}
		f.add(4000, func(k int) string { return population.Name(k%5 + 1) })
		ended := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := usage.New(db, f).CatchUp(context.Background())
				ended <- err
			}()
		}
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if records, _, _ := stored(t, db); records != 4000 {
			t.Errorf("stored %d records of 4000", records)
		}
	})
}

// TestUsageOfUnknownAccountsWaits parks it, shows it, and stores it in order once the account is there.
func TestUsageOfUnknownAccountsWaits(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		if err := population.Make(t.Context(), db, population.Options{Accounts: 1}); err != nil {
			t.Fatal(err)
		}
		f := &feed{}
		f.add(10, func(k int) string { return []string{population.Name(1), "stranger"}[k%2] })
		intake := usage.New(db, f)
		if _, err := intake.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		status, err := intake.Status(t.Context())
		if err != nil || status.Parked != 5 || status.Lag() != 0 {
			t.Fatalf("%+v, %v", status, err)
		}
		err = db.Write(t.Context(), usage.Actor, func(ctx context.Context, tx *database.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE billing_account SET charging_account = 'stranger' WHERE id = 1")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		f.add(1, func(int) string { return "stranger" })
		if _, err := intake.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if status, err = intake.Status(t.Context()); err != nil || status.Parked != 0 {
			t.Errorf("%+v, %v", status, err)
		}
		var moments []int64
		err = db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			return q.NewRaw("SELECT occurred_at FROM usage_record ORDER BY record").Scan(ctx, &moments)
		})
		if err != nil || len(moments) != 11 || !slices.IsSorted(moments) {
			t.Errorf("records closed at %v: %v", moments, err)
		}
	})
}
