package billing_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"gyro/api/client"
	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/population"
	"gyro/billing/run"
	"gyro/billing/usage"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// The environment of a child: what it is to do, and on which database.
const (
	childTask = "GYRO_TEST_BILLING_TASK"
	childURL  = "GYRO_TEST_BILLING_URL"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(childTask); task != "" {
		if err := child(task, os.Getenv(childURL)); err != nil {
			panic(err)
		}
		return
	}
	m.Run()
}

func november() time.Time { return time.Date(2026, 11, 4, 9, 0, 0, 0, time.UTC) }

// committed writes a line after a transaction of a child, which then waits for an octet, as long as there is somebody who
// sends some.
func committed() {
	fmt.Println("committed")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// child does its task and says after each transaction that it has committed, until it is done or killed.
func child(task, url string) (err error) {
	ctx := context.Background()
	db, err := database.Open(ctx, database.Options{URL: url, Clock: november})
	if err != nil {
		return err
	}
	if task == "run" {
		_, err = run.New(db, run.Options{Batch: 4}).Run(ctx, clerk, run.Request{
			AsOf: charge.Date(2026, 11, 4), Mode: run.Final, Behind: true, Progress: func(run.Run) { committed() },
		})
		return err
	}
	if task == "dun" {
		return dunInChild(ctx, db)
	}
	intake := usage.New(db, longFeed{})
	for more := true; more && err == nil; {
		_, more, err = intake.Page(ctx)
		committed()
	}
	return err
}

// killed starts a child for a task and kills it after some of its transactions; it reports whether the child was done before.
// The first is killed right behind a transaction, which it cannot escape; the others anywhere in the next one, and the later
// the more often it was done, so that a machine on which a process takes long to end comes to an end as well.
func killed(t *testing.T, task, url string, before int) (done bool) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), childTask+"="+task, childURL+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	goOn, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := range 1 + rand.IntN(4) {
		if n > 0 {
			_, _ = goOn.Write([]byte{'\n'}) // it may have ended
		}
		if !lines.Scan() {
			break
		}
	}
	if before == 0 {
		_ = cmd.Process.Kill()
	}
	_ = goOn.Close()
	after := time.Duration(rand.IntN(15_000)*(1+before/20)) * time.Microsecond
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	for lines.Scan() { // until its end
		continue
	}
	return cmd.Wait() == nil
}

// TestKilledRunMakesTheSameInvoices kills the run again and again and compares what comes of it with an undisturbed computation.
func TestKilledRunMakesTheSameInvoices(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			url := dbtest.URL(t, dialect)
			db := dbtest.Reopen(t, url, dbtest.Clock(november))
			if err := population.Make(t.Context(), db, population.Options{Accounts: 150, Records: 8, Spread: true}); err != nil {
				t.Fatal(err)
			}
			o := &office{T: t, db: db, core: &core{}}
			o.s = billing.New(db, o.core, billing.Options{})
			dry, err := o.s.Runs.Run(t.Context(), clerk, run.Request{AsOf: charge.Date(2026, 11, 4), Mode: run.Dry})
			if err != nil {
				t.Fatal(err)
			}
			kills := 0
			for !killed(t, "run", url, kills) {
				if kills++; kills > 200 {
					t.Fatal("the run never ends")
				}
				o.whole()
			}
			t.Logf("killed %d times", kills)
			final, err := o.s.Runs.Get(t.Context(), dry.ID+1)
			if err != nil {
				t.Fatal(err)
			}
			if kills == 0 || final.State != run.Done || final.Digest != dry.Digest || final.Invoices != dry.Invoices || final.Statements != dry.Statements || final.Empty != dry.Empty {
				t.Errorf("killed %d times the run made %+v, undisturbed %+v", kills, final, dry)
			}
			// A kill between the run's last commit and the process's end is taken for one within it: the next child finds nothing due.
			if n := o.number("SELECT COUNT(*) FROM invoice_run WHERE id > ? AND (accounts > 0 OR invoices > 0 OR state <> ?)", final.ID, run.Done); n != 0 {
				t.Errorf("%d runs after the one that was killed billed something, or are open: one that was killed goes on", n)
			}
			if n := o.number("SELECT COUNT(*) FROM invoice WHERE type <> 'statement'"); n != final.Invoices {
				t.Errorf("%d invoices are stored, the run counts %d", n, final.Invoices)
			}
			if n := o.number("SELECT COUNT(*) FROM river_job WHERE kind = 'billing_follow_up'"); n == 0 {
				t.Error("no job follows the bills up")
			}
			o.whole()
		})
	}
}

const longFeedRecords = 12_000

// longFeed is a core with many records, of which every seventh is another's.
type longFeed struct{}

func (longFeed) Usage(_ context.Context, after uint64, limit int) (p client.UsagePage, err error) {
	p.Next, p.Last = after, longFeedRecords
	for n := after + 1; n <= longFeedRecords && len(p.Records) < min(limit, 250); n++ {
		p.Next = n
		if n%7 == 0 {
			continue // no usage
		}
		account := population.Name(int(n%5) + 1)
		if n%5 == 4 {
			account = "stranger"
		}
		at := instant.Of(november()) + instant.Instant(n)
		p.Records = append(p.Records, client.UsageRecord{
			Record: n, Kind: "session", Account: account, Service: "data", Unit: "octets", Used: n, Billed: n, Opened: at, Closed: at, Charged: money.Amount(n), Currency: money.EUR,
		})
	}
	return p, nil
}

// TestKilledIntakeStoresEachRecordOnce kills the intake again and again.
func TestKilledIntakeStoresEachRecordOnce(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			url := dbtest.URL(t, dialect)
			db := dbtest.Reopen(t, url, dbtest.Clock(november))
			if err := population.Make(t.Context(), db, population.Options{Accounts: 5}); err != nil {
				t.Fatal(err)
			}
			o := &office{T: t, db: db}
			kills := 0
			for !killed(t, "intake", url, kills) {
				if kills++; kills > 200 {
					t.Fatal("the intake never ends")
				}
			}
			t.Logf("killed %d times", kills)
			var stored, parked, sum int64
			for n := int64(1); n <= longFeedRecords; n++ {
				switch {
				case n%7 == 0:
				case n%5 == 4:
					parked++
				default:
					stored++
					sum += n
				}
			}
			if a, b := o.number("SELECT COUNT(*) FROM usage_record"), o.number("SELECT CAST(SUM(charged) AS BIGINT) FROM usage_record"); kills == 0 || a != stored || b != sum {
				t.Errorf("killed %d times: %d records of %d, want %d of %d", kills, a, b, stored, sum)
			}
			if n := o.number("SELECT COUNT(*) FROM usage_parked"); n != parked {
				t.Errorf("%d records are parked, want %d", n, parked)
			}
		})
	}
}
