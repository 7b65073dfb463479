package database_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
)

// fakeClock is a clock that stands until it is set.
type fakeClock struct{ at atomic.Int64 }

func newClock() *fakeClock {
	c := &fakeClock{}
	c.at.Store(time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC).UnixMilli())
	return c
}

func (c *fakeClock) now() time.Time         { return time.UnixMilli(c.at.Load()) }
func (c *fakeClock) advance(s instant.Span) { c.at.Add(int64(s)) }

// patience is how long a test waits for what should take milliseconds; only one that fails waits so long.
const patience = 2 * time.Minute

// next is what comes out of a channel.
func next[T any](t testing.TB, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	return v
}

// becomes waits until a count is as wanted.
func becomes(t testing.TB, db *database.DB, want int, query string, args ...any) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(patience); count(t, db, query, args...) != want; <-ticker.C {
		if time.Now().After(end) {
			t.Fatalf("%s: %d, not %d", query, count(t, db, query, args...), want)
		}
	}
}

func enqueue(t testing.TB, db *database.DB, text string, options ...database.JobOption) {
	t.Helper()
	write(t, db, func(ctx context.Context, tx *database.Tx) error { return tx.Enqueue(ctx, noteArgs{text}, options...) })
}

const inState = "SELECT count(*) FROM river_job WHERE state = ?"

// TestJobIsTriedAgain lets time pass between the attempts: one second after the first, two after the second.
func TestJobIsTriedAgain(t *testing.T) {
	clock := newClock()
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		runs := make(chan database.JobInfo, 1)
		start(t, db, func(_ context.Context, _ noteArgs, info database.JobInfo) error {
			runs <- info
			return errors.New("the HSS does not answer")
		}, database.Backoff(10*instant.Second, 15*instant.Second))
		enqueue(t, db, "activate", database.MaxAttempts(3))
		for attempt, wait := range []instant.Span{0, 10 * instant.Second, 15 * instant.Second} {
			clock.advance(wait)
			info := next(t, runs)
			if info.Attempt != attempt+1 || info.MaxAttempts != 3 || info.Request != "r-1" {
				t.Errorf("attempt %d: %+v", attempt+1, info)
			}
			if attempt < 2 {
				becomes(t, db, 1, inState, "retryable")
			}
		}
		becomes(t, db, 1, inState, "discarded")
	}, dbtest.Clock(clock.now))
}

// TestJobIsTriedForEver has a job fail far more often than it has attempts.
func TestJobIsTriedForEver(t *testing.T) {
	clock := newClock()
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		runs := make(chan database.JobInfo, 1)
		const mended = 12
		failed := 0
		start(t, db, func(_ context.Context, _ noteArgs, info database.JobInfo) error {
			failed++
			runs <- info
			if failed > mended {
				return nil
			}
			return errors.New("the core does not answer")
		}, database.Backoff(10*instant.Second, 15*instant.Second), database.Forever())
		enqueue(t, db, "top up", database.MaxAttempts(4))
		for range mended {
			if info := next(t, runs); info.Attempt > 3 {
				t.Errorf("%+v", info)
			}
			becomes(t, db, 0, inState, "running")
			holds(t, db, 0, inState, "discarded")
			clock.advance(15 * instant.Second)
		}
		next(t, runs)
		becomes(t, db, 1, inState, "completed")
	}, dbtest.Clock(clock.now))
}

func TestJobWaitsForItsTime(t *testing.T) {
	clock := newClock()
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		runs := make(chan string, 1)
		later := db.Now().Add(31 * instant.Day)
		start(t, db, func(_ context.Context, a noteArgs, _ database.JobInfo) error {
			runs <- a.Text
			if a.Text == "snoozes" && db.Now() < later {
				return database.SnoozeUntil(later)
			}
			return nil
		})
		enqueue(t, db, "scheduled", database.ScheduledAt(later))
		enqueue(t, db, "now")
		if s := next(t, runs); s != "now" {
			t.Errorf("%s ran first", s)
		}
		holds(t, db, 1, inState, "scheduled")
		clock.advance(31 * instant.Day)
		if s := next(t, runs); s != "scheduled" {
			t.Errorf("%s ran", s)
		}
		later = later.Add(instant.Day)
		enqueue(t, db, "snoozes", database.MaxAttempts(1))
		for range 2 { // the first run did not count
			if s := next(t, runs); s != "snoozes" {
				t.Errorf("%s ran", s)
			}
			clock.advance(instant.Day)
		}
		becomes(t, db, 3, inState, "completed")
	}, dbtest.Clock(clock.now))
}

func TestUniqueKey(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		runs, end := make(chan string), make(chan error)
		start(t, db, func(_ context.Context, a noteArgs, _ database.JobInfo) error {
			runs <- a.Text
			return <-end
		})
		enqueue(t, db, "first", database.UniqueKey("run 2027-01"))
		next(t, runs)
		enqueue(t, db, "while it runs", database.UniqueKey("run 2027-01"))
		holds(t, db, 1, "SELECT count(*) FROM river_job")
		enqueue(t, db, "another", database.UniqueKey("run 2027-02"))
		next(t, runs)
		end <- nil
		end <- nil
		becomes(t, db, 2, inState, "completed")
		enqueue(t, db, "when it is done", database.UniqueKey("run 2027-01"))
		if s := next(t, runs); s != "when it is done" {
			t.Error(s)
		}
		end <- nil
	})
}

// TestPeriodicJob has its slot once, also when the process starts again, and once for all slots that were missed.
func TestPeriodicJob(t *testing.T) {
	clock := newClock()
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			url, runs := dbtest.URL(t, dialect), make(chan string, 10)
			jobs := func() *database.Jobs {
				j := database.NewJobs()
				database.RegisterJob(j, func(_ context.Context, a noteArgs, _ database.JobInfo) error {
					runs <- a.Text
					return nil
				})
				j.Every("dunning", instant.Hour, func(slot instant.Instant) database.JobArgs { return noteArgs{slot.String()} })
				return j
			}
			for range 3 {
				db := dbtest.Reopen(t, url, dbtest.Clock(clock.now))
				clock.advance(3*instant.Hour + instant.Minute)
				startJobs(t, db, jobs())
				slot := db.Now() - db.Now()%instant.Instant(instant.Hour)
				if s := next(t, runs); s != slot.String() {
					t.Errorf("slot %s, not %s", s, slot)
				}
				clock.advance(instant.Minute)
				becomes(t, db, 0, "SELECT count(*) FROM river_job WHERE state <> 'completed'")
				if err := db.StopJobs(t.Context()); err != nil {
					t.Fatal(err)
				}
				startJobs(t, db, jobs()) // the slot is still the same
				enqueue(t, db, "a job of its own")
				if s := next(t, runs); s != "a job of its own" {
					t.Errorf("slot %s came twice", s)
				}
				if err := db.StopJobs(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestStop waits for a job that ends by itself, cancels one that does not, and leaves that one to be run again.
func TestStop(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		running, end := make(chan string), make(chan error, 1)
		var hung atomic.Bool
		work := func(ctx context.Context, a noteArgs, _ database.JobInfo) error {
			running <- a.Text
			if a.Text == "hangs" && !hung.Swap(true) {
				<-ctx.Done()
				return ctx.Err()
			}
			return <-end
		}
		start(t, db, work)
		enqueue(t, db, "ends")
		next(t, running)
		go func() { end <- nil }()
		if err := db.StopJobs(t.Context()); err != nil {
			t.Fatal(err)
		}
		holds(t, db, 1, inState, "completed")
		start(t, db, work)
		enqueue(t, db, "hangs")
		next(t, running)
		now, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.StopJobs(now); err != nil {
			t.Fatal(err)
		}
		start(t, db, work)
		next(t, running)
		end <- nil
		becomes(t, db, 2, inState, "completed")
	})
}

// TestUnknownJobsWait for a program that has a worker for them.
func TestUnknownJobsWait(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		ran := make(chan benchArgs)
		start(t, db, func(_ context.Context, a benchArgs, _ database.JobInfo) error { ran <- a; return nil })
		enqueue(t, db, "of another program")
		write(t, db, func(ctx context.Context, tx *database.Tx) error { return tx.Enqueue(ctx, benchArgs{}) })
		next(t, ran)
		becomes(t, db, 1, inState, "completed")
		holds(t, db, 1, "SELECT count(*) FROM river_job WHERE state = 'available' AND attempt = 0")
	})
}

// TestWhoRunsJobs: on SQLite one process, on PostgreSQL as many as want to, and one job is for one of them.
func TestWhoRunsJobs(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			url, ran := dbtest.URL(t, dialect), make(chan string, 100)
			work := func(_ context.Context, a noteArgs, _ database.JobInfo) error { ran <- a.Text; return nil }
			one, other := dbtest.Reopen(t, url), dbtest.Reopen(t, url)
			start(t, one, work)
			jobs := database.NewJobs()
			database.RegisterJob(jobs, work)
			if err := other.StartJobs(t.Context(), jobs); dialect == database.SQLite {
				if err == nil || !strings.Contains(err.Error(), "another process runs the jobs") {
					t.Errorf("%v", err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			const many = 50
			for range many {
				enqueue(t, other, "x")
			}
			becomes(t, one, many, inState, "completed")
			if len(ran) != many {
				t.Errorf("%d jobs ran %d times", many, len(ran))
			}
		})
	}
}
