package billing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"gyro/api/client"
	"gyro/billing/charge"
	"gyro/billing/invoice"
	"gyro/billing/run"
	"gyro/billing/usage"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
)

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// Core is what billing needs of the charging core; *client.Charging is it.
type Core interface {
	usage.Feed
	// Settle takes what was billed off what an account owes in the core, once a key: for as long as the core remembers
	// keys, which is a day. Later than that Moved says whether it did.
	Settle(ctx context.Context, account, key string, s client.Settlement) (client.Movement, error)
	Moved(ctx context.Context, account, kind, key string, since instant.Instant) (m client.Posted, found bool, err error)
}

// Notify tells the customer of an account something, once for its key.
type Notify func(ctx context.Context, tx *database.Tx, account int64, template string, data map[string]string, key string) error

// Options say how a Service works.
type Options struct {
	Run    run.Options
	Notify Notify // nil tells nobody
	Logger *slog.Logger
}

// Service is billing as the office runs it.
type Service struct {
	db     *database.DB
	core   Core
	notify Notify
	log    *slog.Logger

	Runs   *run.Runner
	Intake *usage.Intake
}

// New makes a Service on an open database.
func New(db *database.DB, core Core, o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Service{db: db, core: core, notify: o.Notify, log: o.Logger, Runs: run.New(db, o.Run), Intake: usage.New(db, core)}
}

// intakeJob fetches usage; runJob carries an invoice run out.
type (
	intakeJob struct{}
	// settleJob tries again what the core refused to settle: an account that was missing may be there by now.
	settleJob struct{}
	runJob    struct {
		Run int64  `json:"run"`
		By  string `json:"by"`
	}
)

func (intakeJob) Kind() string { return "billing_usage_intake" }
func (settleJob) Kind() string { return "billing_settle_again" }
func (runJob) Kind() string    { return "billing_invoice_run" }

const (
	intakeEvery      = 2 * instant.Second
	settleAgainEvery = instant.Hour
	// followUpWithin bounds one run of the job behind a batch: some hundred settlements over HTTP.
	followUpWithin = 10 * time.Minute
	// queue keeps bills from holding other jobs up.
	queue = "billing"
)

// Register names the workers of billing's jobs and lets the intake run.
func (s *Service) Register(jobs *database.Jobs) {
	jobs.Queue(queue, 2)
	database.RegisterJob(jobs, func(ctx context.Context, _ intakeJob, _ database.JobInfo) error {
		_, err := s.Intake.CatchUp(ctx)
		return err
	}, database.Timeout(followUpWithin), database.Backoff(instant.Second, 10*instant.Second))
	jobs.Every("billing_usage_intake", intakeEvery, func(instant.Instant) database.JobArgs { return intakeJob{} },
		database.UniqueKey("intake"), database.MaxAttempts(3))
	database.RegisterJob(jobs, func(ctx context.Context, f run.FollowUp, _ database.JobInfo) error { return s.FollowUp(ctx, f) }, database.Timeout(followUpWithin), database.Forever())
	database.RegisterJob(jobs, func(ctx context.Context, _ settleJob, _ database.JobInfo) error {
		return s.settle(ctx, run.FollowUp{First: 1, Last: math.MaxInt64})
	}, database.Timeout(followUpWithin))
	jobs.Every("billing_settle_again", settleAgainEvery, func(instant.Instant) database.JobArgs { return settleJob{} }, database.UniqueKey("settle"), database.MaxAttempts(1))
	database.RegisterJob(jobs, func(ctx context.Context, r runJob, _ database.JobInfo) error {
		_, err := s.Runs.Resume(ctx, database.Actor{Name: r.By, Role: "finance", Via: "job"}, r.Run, nil)
		return err
	}, database.Timeout(0))
}

// StartRun begins a run, or finds the one that is unfinished, and leaves it to a job.
func (s *Service) StartRun(ctx context.Context, by database.Actor, request run.Request) (run.Run, error) {
	made, err := s.Runs.Begin(ctx, by, request)
	if err != nil {
		return made, err
	}
	return made, s.hand(ctx, by, made.ID)
}

// ResumeRun leaves a run that was interrupted to a job.
func (s *Service) ResumeRun(ctx context.Context, by database.Actor, id int64) (run.Run, error) {
	found, err := s.Runs.Get(ctx, id)
	if err != nil || found.State != run.Running {
		return found, err
	}
	return found, s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		if err := tx.Audit(ctx, "invoice_run", strconv.FormatInt(id, 10), "resume", nil, nil); err != nil {
			return err
		}
		return enqueue(ctx, tx, by, id)
	})
}

// CommitRun leaves the finalising of drafts to a job.
func (s *Service) CommitRun(ctx context.Context, by database.Actor, id int64) (run.Run, error) {
	made, err := s.Runs.BeginCommit(ctx, by, id)
	if err != nil {
		return made, err
	}
	return made, s.hand(ctx, by, made.ID)
}

func (s *Service) hand(ctx context.Context, by database.Actor, id int64) error {
	return s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error { return enqueue(ctx, tx, by, id) })
}

func enqueue(ctx context.Context, tx *database.Tx, by database.Actor, id int64) error {
	return tx.Enqueue(ctx, runJob{id, by.Name}, database.Queue(queue), database.UniqueKey(fmt.Sprint("run-", id)))
}

// tellAtOnce is how many messages one transaction writes.
const tellAtOnce = 100

// toTell is an invoice with the credit that was used for it as it was finalised.
type toTell struct {
	invoice.Invoice `bun:",extend"`

	SetOff money.Amount `bun:"set_off,scanonly"`
}

// data is what the message says, as the invoice does: what it comes to, what credit was used, and what is to be paid by when.
func (t *toTell) data() map[string]string {
	written := func(a money.Amount) string { return a.In(t.Currency) + " " + t.Currency }
	data := map[string]string{"number": *t.Number, "total": written(t.Total), "amount": written(t.ToPay(t.SetOff)), "due": t.DueOn}
	if t.SetOff > 0 {
		data["credit"] = written(t.SetOff)
	}
	return data
}

func (s *Service) tell(ctx context.Context, f run.FollowUp) error {
	if s.notify == nil {
		return nil
	}
	var all []toTell
	err := s.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		return q.NewSelect().Model(&all).ColumnExpr("i.*").ColumnExpr("COALESCE((SELECT r.set_off FROM receivable r WHERE r.invoice_id = i.id), 0) AS set_off").Where("id BETWEEN ? AND ? AND type = 'invoice' AND state = 'finalised'", f.First, f.Last).
			Where("billing_account_id IN (SELECT id FROM billing_account WHERE delivery <> 'none')").Order("id").Scan(ctx)
	})
	if err != nil {
		return fmt.Errorf("read the invoices to tell of: %w", err)
	}
	for len(all) > 0 {
		part := all[:min(len(all), tellAtOnce)]
		all = all[len(part):]
		if err := s.db.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
			for k := range part {
				i := &part[k]
				if err := s.notify(ctx, tx, i.Account, "bill_ready", i.data(), fmt.Sprintf("invoice-%d", i.ID)); err != nil {
					return fmt.Errorf("tell of invoice %d: %w", i.ID, err)
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// Today is the day in UTC, which runs without a day of their own are of.
func (s *Service) Today() charge.Day {
	z := instant.UTC()
	return charge.DayOf(&z, s.db.Now())
}
