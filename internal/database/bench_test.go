package database_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"gyro/internal/database"
	"gyro/internal/database/cluster"
	"gyro/internal/database/dbtest"
)

// each runs a benchmark on both databases; PostgreSQL's commits wait for the disk, as SQLite's do.
func each(b *testing.B, run func(b *testing.B, db *database.DB)) {
	b.Run("sqlite", func(b *testing.B) { run(b, dbtest.Open(b, database.SQLite)) })
	b.Run("postgres", func(b *testing.B) {
		server, err := cluster.Start(b.Context(), cluster.Options{Durable: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := server.Stop(); err != nil {
				b.Error(err)
			}
		})
		run(b, dbtest.Reopen(b, server.URL("postgres")))
	})
}

type benchArgs struct {
	N        int
	Inserted int64 // ns
}

func (benchArgs) Kind() string { return "bench" }

// BenchmarkJobs is how many jobs a second run that write one event and are guarded by Once, having been inserted a hundred in a
// transaction.
func BenchmarkJobs(b *testing.B) {
	each(b, func(b *testing.B, db *database.DB) {
		done := make(chan int64, b.N)
		start(b, db, func(ctx context.Context, a benchArgs, _ database.JobInfo) error {
			err := db.Write(ctx, tester, func(ctx context.Context, tx *database.Tx) error {
				if _, _, err := tx.Once(ctx, "bench", time.Unix(0, int64(a.N)).String(), a.N); err != nil {
					return err
				}
				return tx.Emit(ctx, database.Event{Type: "Done", Entity: "bench", ID: "1", Payload: a.N})
			})
			done <- 1
			return err
		})
		b.ResetTimer()
		for n := 0; n < b.N; n += 100 {
			write(b, db, func(ctx context.Context, tx *database.Tx) error {
				for k := n; k < min(n+100, b.N); k++ {
					if err := tx.Enqueue(ctx, benchArgs{N: k}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		for range b.N {
			<-done
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	})
}

// BenchmarkLatency is the time from the commit of one job to its start, with nothing else to do.
func BenchmarkLatency(b *testing.B) {
	each(b, func(b *testing.B, db *database.DB) {
		started := make(chan time.Time, 1)
		start(b, db, func(context.Context, benchArgs, database.JobInfo) error {
			started <- time.Now()
			return nil
		})
		var took []time.Duration
		for b.Loop() {
			write(b, db, func(ctx context.Context, tx *database.Tx) error { return tx.Enqueue(ctx, benchArgs{}) })
			committed := time.Now()
			took = append(took, (<-started).Sub(committed))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
	})
}
