package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/billing/tax"
	"gyro/internal/database"
	"gyro/internal/refusal"
)

// Mode is what a run stores.
type Mode string

// The modes of a run.
const (
	Dry   Mode = "dry"   // nothing but its own figures and the largest changes
	Draft Mode = "draft" // drafts: documents without numbers, which move nothing on
	Final Mode = "final" // finalised documents
)

// Options say how a Runner works.
type Options struct {
	Tax *tax.Config // nil is tax.Default()
	// Workers compute at once; 0 is one a processor.
	Workers int
	// Batch is how many payers are billed in one transaction; 0 is 1000.
	Batch  int
	Logger *slog.Logger
}

// Runner makes bills. It is safe for concurrent use; two runs for one day are one.
type Runner struct {
	db  *database.DB
	tax *tax.Config
	o   Options
}

// New returns a Runner on an open database.
func New(db *database.DB, o Options) *Runner {
	if o.Tax == nil {
		o.Tax = tax.Default()
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Batch == 0 {
		o.Batch = 1000
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Runner{db: db, tax: o.Tax, o: o}
}

// Tax is the configuration that bills are made with.
func (r *Runner) Tax() *tax.Config { return r.tax }

// Request says what to bill.
type Request struct {
	// AsOf is the day for which due accounts are selected: those whose cycle has ended by its beginning.
	AsOf charge.Day
	Mode Mode
	// Account bills one payer alone; 0 is all.
	Account int64
	// Retry bills those, too, that the run parked before.
	Retry bool
	// Behind lets a run begin though the intake of usage has not got all records
	// yet, or though cycles have not ended that do within a month: what is missing
	// will be on the next bill.
	Behind bool
	// Progress is called after each batch, from one goroutine; it may be nil.
	Progress func(Run)

	drafts, through int64 // see Commit
}

// AsOfCycle reads what people call a cycle: 2026-11 is all cycles that ended with that month, or in it; 2026-11-15
// those that ended by the beginning of that day.
func AsOfCycle(text string) (charge.Day, error) {
	if d, err := charge.ParseDay(text); err == nil {
		return d, nil
	}
	if d, err := charge.ParseDay(text + "-01"); err == nil {
		return charge.Cycle{Day: 1, Months: 1}.Of(d).Until, nil
	}
	return 0, refusal.New(refusal.Invalid, "cycle_invalid", "cycle", "%q is no cycle: write a month as 2026-11, or a day as 2026-11-15", text)
}

// Run carries a run out, or goes on with the one of the same day and mode that
// was interrupted. It returns the run with its figures when every due account is
// billed or parked.
func (r *Runner) Run(ctx context.Context, by database.Actor, request Request) (Run, error) {
	run, err := r.begin(ctx, by, &request)
	if err != nil {
		return Run{}, err
	}
	return r.resume(ctx, by, run, &request)
}

// Begin makes a run, or finds the one that is unfinished, without carrying it out: see Resume.
func (r *Runner) Begin(ctx context.Context, by database.Actor, request Request) (Run, error) {
	return r.begin(ctx, by, &request)
}

// Resume goes on with an interrupted run: a final one where it stopped, the others from their beginning.
func (r *Runner) Resume(ctx context.Context, by database.Actor, id int64, progress func(Run)) (Run, error) {
	run, err := r.Get(ctx, id)
	if err != nil {
		return Run{}, err
	}
	if run.State != Running {
		return run, nil
	}
	asOf, err := charge.ParseDay(run.AsOf)
	if err != nil {
		return Run{}, err
	}
	return r.resume(ctx, by, run, &Request{AsOf: asOf, Mode: run.Mode, Account: run.Account, Progress: progress})
}

func (r *Runner) resume(ctx context.Context, by database.Actor, run Run, request *Request) (Run, error) {
	if err := r.afresh(ctx, by, &run); err != nil {
		return run, err
	}
	j := newJob(&run, request)
	run, err := r.pipeline(ctx, by, j, request)
	if err != nil {
		return run, err
	}
	return r.finish(ctx, by, run.ID)
}

// pipeline lets workers compute batches and one committer store them.
func (r *Runner) pipeline(ctx context.Context, by database.Actor, j *job, request *Request) (last Run, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches := make(chan []int64)
	results := make(chan *computed) // unbuffered: as many batches are in memory as there are workers, and one
	go func() {
		defer close(batches)
		if err := r.due(ctx, j, request, batches); err != nil {
			cancel(err)
		}
	}()
	left := make(chan struct{})
	for range r.o.Workers {
		go func() {
			defer func() { left <- struct{}{} }()
			for payers := range batches {
				c, err := r.computeOn(ctx, j, payers)
				if err != nil {
					cancel(err)
					continue // so that whoever hands out batches does not wait
				}
				select {
				case results <- c:
				case <-ctx.Done():
				}
			}
		}()
	}
	go func() {
		for range r.o.Workers {
			<-left
		}
		close(results)
	}()
	for c := range results {
		if context.Cause(ctx) != nil {
			continue
		}
		run, err := r.store(ctx, by, j, c)
		if err != nil {
			cancel(err)
			continue
		}
		last = run
		if request.Progress != nil {
			request.Progress(run)
		}
	}
	if err := context.Cause(ctx); err != nil {
		return last, err
	}
	return r.Get(ctx, j.run)
}

func (r *Runner) computeOn(ctx context.Context, j *job, payers []int64) (c *computed, err error) {
	err = r.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		if c, err = r.compute(ctx, q, j, payers); err == nil && j.mode == Dry {
			err = differ(ctx, q, c)
		}
		return err
	})
	return c, err
}

// maxStale is how often a batch is computed anew because its accounts were
// billed by somebody else meanwhile. More than a few times does not happen, for
// what was billed is not due any more.
const maxStale = 10

// store writes a batch, computing it anew where its accounts have moved on.
func (r *Runner) store(ctx context.Context, by database.Actor, j *job, c *computed) (Run, error) {
	for range maxStale {
		run, err := r.commit(ctx, by, j, c)
		if !errors.Is(err, errStale) {
			return run, err
		}
		if c, err = r.computeOn(ctx, j, c.payers); err != nil {
			return Run{}, err
		}
	}
	return Run{}, fmt.Errorf("accounts %d to %d: %w", c.payers[0], c.payers[len(c.payers)-1], errStale)
}

// due hands out the payers that are due, in the order of their numbers.
func (r *Runner) due(ctx context.Context, j *job, request *Request, batches chan<- []int64) error {
	var batch []int64
	send := func() error {
		select {
		case batches <- batch:
			batch = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := r.eachDue(ctx, j, request, func(a *account) error {
		if batch = append(batch, a.id); len(batch) < r.o.Batch {
			return nil
		}
		return send()
	})
	if err == nil && len(batch) > 0 {
		err = send()
	}
	return err
}

// eachDue calls fn with each payer that is due, page by page.
func (r *Runner) eachDue(ctx context.Context, j *job, request *Request, fn func(a *account) error) error {
	const page = 2000
	zones, after := zones{}, int64(0)
	where := `WHERE a.id > ? AND a.payer_id IS NULL AND (s.billed_until IS NULL OR s.billed_until < ?) `
	args := []any{int64(0), j.asOf.String()}
	if request.Account > 0 {
		where += "AND a.id = ? "
		args = append(args, request.Account)
	}
	if j.drafts > 0 {
		where += "AND EXISTS (SELECT 1 FROM invoice d WHERE d.run_id = ? AND d.billing_account_id = a.id AND d.state IN ('draft', 'reviewed')) "
		args = append(args, j.drafts)
	}
	if !request.Retry && request.Account == 0 {
		where += "AND NOT EXISTS (SELECT 1 FROM invoice_run_account x WHERE x.run_id = ? AND x.billing_account_id = a.id AND x.state = 'parked') "
		args = append(args, j.run)
	}
	for {
		args[0] = after
		var found []*account
		err := r.db.Read(ctx, func(ctx context.Context, q bun.IDB) (err error) {
			found, _, err = accounts(ctx, q, zones, where+"ORDER BY a.id LIMIT ?", append(args[:len(args):len(args)], page)...)
			return err
		})
		if err != nil {
			return err
		}
		for _, a := range found {
			after = a.id
			if a.next().Until > j.asOf {
				continue
			}
			if err := fn(a); err != nil {
				return err
			}
		}
		if len(found) < page {
			return nil
		}
	}
}
