package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gyro/billing/charge"
	"gyro/billing/population"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/database/cluster"
)

// Invoices is the benchmark of the invoice run: a made-up population is billed
// for a month, itemised from its usage, on PostgreSQL and on SQLite.
type Invoices struct {
	Accounts int
	Records  int    // usage records an account
	Database string // URL of an empty database; without it a PostgreSQL server that is thrown away, and SQLite beside it
	Workers  int
	Batch    int
	SQLite   bool // measure SQLite as well
}

// EnsureDefaults fills in what was left zero.
func (c *Invoices) EnsureDefaults() {
	if c.Accounts == 0 {
		c.Accounts = 100_000
	}
	if c.Records == 0 {
		c.Records = 10
	}
}

// gateInvoices is the target: itemised invoices a second, on two cores with the database.
const gateInvoices = 5000

// InvoicesResult is what one run came to.
type InvoicesResult struct {
	Database   string
	Invoices   int64
	Lines      int64
	Elapsed    time.Duration
	CPU        time.Duration // of this process, without the database
	PeakMB     int64         // of this process, resident
	SettledMB  int64         // resident, after a tenth of the run
	Timeline   []Sample
	Population time.Duration
	Total      string
}

// Sample is a moment of a run.
type Sample struct {
	After      time.Duration
	Invoices   int64
	ResidentMB int64
}

// PerSecond is invoices a second.
func (r *InvoicesResult) PerSecond() int64 {
	return r.Invoices * int64(time.Second) / max(int64(r.Elapsed), 1)
}

// Run fills the databases and bills them.
func (c *Invoices) Run(ctx context.Context, log io.Writer) (results []InvoicesResult, err error) {
	c.EnsureDefaults()
	if c.Accounts < 1 || c.Accounts > 10_000_000 || c.Records < 0 || c.Records > 1000 {
		return nil, fmt.Errorf("%d accounts with %d records: give 1 to 10,000,000 and 0 to 1000", c.Accounts, c.Records)
	}
	url := c.Database
	if url == "" {
		server, err := cluster.Start(ctx, cluster.Options{Durable: true})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		url = server.URL("postgres")
	}
	urls := []string{url}
	if c.SQLite {
		dir, err := os.MkdirTemp("", "gyro-bench-")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		urls = append(urls, "sqlite:"+filepath.Join(dir, "office.db"))
	}
	for _, url := range urls {
		one, err := c.on(ctx, url, log)
		if err != nil {
			return results, err
		}
		results = append(results, one)
	}
	return results, nil
}

// on measures one database.
func (c *Invoices) on(ctx context.Context, url string, log io.Writer) (result InvoicesResult, err error) {
	clock := func() time.Time { return time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC) }
	db, err := database.Open(ctx, database.Options{URL: url, Clock: clock, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	result.Database = string(db.Dialect())
	fmt.Fprintf(log, "%s: %d accounts with %d records each ...\n", result.Database, c.Accounts, c.Records)
	began := time.Now()
	if err := population.Make(ctx, db, population.Options{Accounts: c.Accounts, Records: c.Records}); err != nil {
		return result, err
	}
	result.Population = time.Since(began)
	fmt.Fprintf(log, "%s: the run ...\n", result.Database)
	october, err := run.AsOfCycle("2026-10")
	if err != nil {
		return result, err
	}
	return c.measure(ctx, db, october, result)
}

func (c *Invoices) measure(ctx context.Context, db *database.DB, asOf charge.Day, result InvoicesResult) (InvoicesResult, error) {
	r := run.New(db, run.Options{Workers: c.Workers, Batch: c.Batch})
	by := database.Actor{Name: "bench", Role: "administrator", Via: "cli"}
	cpu, err := cpuTime(os.Getpid())
	if err != nil {
		return result, err
	}
	began := time.Now()
	made, err := r.Run(ctx, by, run.Request{AsOf: asOf, Mode: run.Final, Progress: func(at run.Run) {
		resident := residentMB("VmRSS")
		result.Timeline = append(result.Timeline, Sample{time.Since(began), at.Invoices, resident})
		if at.Invoices <= int64(c.Accounts)/10 {
			result.SettledMB = resident
		}
	}})
	if err != nil {
		return result, err
	}
	result.Elapsed = time.Since(began)
	if result.CPU, err = cpuTime(os.Getpid()); err != nil {
		return result, err
	}
	result.CPU -= cpu
	result.Invoices, result.Lines, result.PeakMB = made.Invoices, made.Lines, residentMB("VmHWM")
	result.Total = made.Totals["EUR"].Total.Format(2)
	if made.Parked > 0 || made.Invoices < int64(c.Accounts) {
		return result, fmt.Errorf("%d accounts made %d invoices, %d were parked: that is no measurement", c.Accounts, made.Invoices, made.Parked)
	}
	return result, nil
}

// residentMB reads a figure of this process's memory; 0 where the system does not tell.
func residentMB(key string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb int64
		if name, value, _ := strings.Cut(line, ":"); name == key {
			if _, err := fmt.Sscan(value, &kb); err == nil {
				return kb / 1024
			}
		}
	}
	return 0
}

// PrintInvoices shows the results side by side, with the memory over time.
func PrintInvoices(w io.Writer, results []InvoicesResult) {
	for k := range results {
		r := &results[k]
		fmt.Fprintf(w, "%-9s %7d invoices, %8d lines in %6.2f s: %6d invoices/s; %5.1f s CPU of this process; memory %d MB after a tenth, %d MB at most\n",
			r.Database, r.Invoices, r.Lines, r.Elapsed.Seconds(), r.PerSecond(), r.CPU.Seconds(), r.SettledMB, r.PeakMB)
		drawTimeline(w, r)
	}
	for k := range results {
		r := &results[k]
		verdict := "reached"
		if r.PerSecond() < gateInvoices {
			verdict = "missed"
		}
		bar := strings.Repeat("#", int(min(r.PerSecond()*40/gateInvoices, 80)))
		fmt.Fprintf(w, "%-9s %s %d/s (target %d: %s)\n", r.Database, bar, r.PerSecond(), gateInvoices, verdict)
	}
}

// drawTimeline draws the process's memory and the rate over the run, a column for each fortieth of it.
func drawTimeline(w io.Writer, r *InvoicesResult) {
	const columns = 40
	var most int64
	for _, s := range r.Timeline {
		most = max(most, s.ResidentMB)
	}
	if most == 0 {
		return
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	var memory, rate strings.Builder
	var last Sample
	for column := range columns {
		at := r.Timeline[min((column+1)*len(r.Timeline)/columns, len(r.Timeline)-1)]
		memory.WriteRune(levels[min(at.ResidentMB*int64(len(levels))/(most+1), int64(len(levels)-1))])
		speed := (at.Invoices - last.Invoices) * int64(time.Second) / max(int64(at.After-last.After), 1)
		rate.WriteRune(levels[min(speed*int64(len(levels))/(2*max(r.PerSecond(), 1)), int64(len(levels)-1))])
		last = at
	}
	fmt.Fprintf(w, "          memory   %s  0..%d MB\n          speed    %s  0..%d/s\n", memory.String(), most, rate.String(), 2*r.PerSecond())
}
