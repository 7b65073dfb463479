package dunning

import (
	"context"
	"errors"

	"gyro/billing/ledger"
	"gyro/internal/database"
	"gyro/internal/instant"
)

type (
	// runArgs is the job of each hour, which begins a run.
	runArgs struct {
		AsOf string `json:"as_of"`
	}
	// batchesArgs is the job that carries a run out, for whoever began it.
	batchesArgs struct {
		Run  int64  `json:"run"`
		By   string `json:"by"`
		Role string `json:"role"`
	}
)

// Kind implements database.JobArgs.
func (runArgs) Kind() string { return "dunning_run" }

// Kind implements database.JobArgs.
func (batchesArgs) Kind() string { return "dunning_batches" }

// queue keeps runs from holding other jobs up, and other jobs from holding a run
// up that somebody watches.
const queue = "dunning"

// Register names the workers of dunning's jobs, and has a run begun every hour:
// what becomes overdue at midnight is seen within one, and a check of what was
// seen does nothing.
func (s *Service) Register(jobs *database.Jobs) {
	jobs.Queue(queue, 1)
	database.RegisterJob(jobs, func(ctx context.Context, a runArgs, _ database.JobInfo) error {
		return errors.Join(s.hourly(ctx, a.AsOf), s.ResumeAgain(ctx))
	})
	database.RegisterJob(jobs, func(ctx context.Context, a batchesArgs, _ database.JobInfo) error {
		run, err := s.GoOn(ctx, database.Actor{Name: a.By, Role: a.Role, Via: "job"}, a.Run, nil)
		if err == nil {
			s.o.Logger.InfoContext(ctx, "dunning", "run", run.ID, "came_to", run.String())
		}
		return err
	}, database.Timeout(0), database.Backoff(instant.Second, 10*instant.Minute), database.Forever())
	database.RegisterJob(jobs, func(ctx context.Context, a resumeArgs, _ database.JobInfo) error { return s.Resume(ctx, a.Account) },
		database.Backoff(instant.Second, 10*instant.Minute), database.Forever())
	jobs.Every("dunning", instant.Hour, func(slot instant.Instant) database.JobArgs { return runArgs{AsOf: ledger.Day(slot)} })
}
