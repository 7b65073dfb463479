package database_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// crashURL is set for the process that is killed: this very program, as TestMain runs it then.
const crashURL = "GYRO_TEST_CRASH_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(crashURL); url != "" {
		if err := untilKilled(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

// untilKilled works on the jobs of a database and prints a line for each one that had its effect; the job goes on when an octet
// comes for it, so that whoever reads the lines is never too late to kill it.
func untilKilled(url string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	db, err := database.Open(ctx, database.Options{URL: url, Workers: 8})
	if err != nil {
		return err
	}
	jobs := database.NewJobs()
	database.RegisterJob(jobs, effect(db, os.Stdout, os.Stdin))
	if err := db.StartJobs(ctx, jobs); err != nil {
		return err
	}
	<-ctx.Done()
	return db.Close()
}

type effectArgs struct{ N int }

func (effectArgs) Kind() string { return "effect" }

// effect is a job with an effect that must come once: an event, a number and another job, guarded in their transaction.
func effect(db *database.DB, out io.Writer, goOn io.Reader) func(context.Context, effectArgs, database.JobInfo) error {
	return func(ctx context.Context, a effectArgs, _ database.JobInfo) error {
		err := db.Write(ctx, database.Actor{Name: "effect", Via: "job"}, func(ctx context.Context, tx *database.Tx) error {
			if _, first, err := tx.Once(ctx, "effect", fmt.Sprint(a.N), a); err != nil || !first {
				return err
			}
			if _, err := tx.NextNumber(ctx, "effect"); err != nil {
				return err
			}
			if a.N < jobsToCrash { // the first half causes the second
				if err := tx.Enqueue(ctx, effectArgs{a.N + jobsToCrash}); err != nil {
					return err
				}
			}
			return tx.Emit(ctx, database.Event{Type: "Effect", Entity: "effect", ID: fmt.Sprint(a.N)})
		})
		_, _ = fmt.Fprintln(out, a.N) // whoever listens is about to kill us
		_, _ = goOn.Read(make([]byte, 1))
		// The moment that matters: what a job does has been committed, that it is done has not.
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(3 * time.Millisecond)):
		}
		return err
	}
}

const (
	jobsToCrash = 250
	kills       = 6
)

// TestCrash kills a process in the middle of jobs, again and again. Every job is done in the end, each effect is there once, and
// none waits longer than it takes to notice that its process is gone.
func TestCrash(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			url := dbtest.URL(t, dialect)
			db := dbtest.Reopen(t, url)
			write(t, db, func(ctx context.Context, tx *database.Tx) error {
				for n := range jobsToCrash {
					if err := tx.Enqueue(ctx, effectArgs{n}); err != nil {
						return err
					}
				}
				return nil
			})
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			for range kills {
				runAndKill(t, url, 1+random.IntN(2*jobsToCrash/kills/2))
			}
			interrupted := count(t, db, inState, "running")
			start(t, db, effect(db, io.Discard, http.NoBody))
			becomes(t, db, 2*jobsToCrash, inState, "completed")
			holds(t, db, 2*jobsToCrash, "SELECT count(*) FROM river_job")
			holds(t, db, 2*jobsToCrash, "SELECT last FROM number_series WHERE series = 'effect'")
			holds(t, db, 2*jobsToCrash, "SELECT count(*) FROM event")
			holds(t, db, 2*jobsToCrash, "SELECT count(DISTINCT entity_id) FROM event")
			again := count(t, db, "SELECT count(*) FROM river_job WHERE attempt > 1")
			if again == 0 {
				t.Error("no job was interrupted: this has tested nothing")
			}
			t.Logf("%d jobs ran more than once, %d were running at the last kill", again, interrupted)
		})
	}
}

// runAndKill starts the process and kills it when so many jobs have had their effect.
func runAndKill(t *testing.T, url string, after int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env, child.Stderr = append(os.Environ(), crashURL+"="+url), t.Output()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	goOn, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); ; {
		if !lines.Scan() {
			t.Errorf("the process ended by itself: %v", lines.Err())
			break
		}
		if after--; after == 0 {
			break // this job's effect is committed, and that it is done is not
		}
		if _, err := goOn.Write([]byte{'\n'}); err != nil {
			t.Error(err)
			break
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait() // it was killed
}
