package provisioning

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/provisioning/pool"
)

// driveArgs is the job that carries an order out: one an order, which sleeps while the order waits.
type driveArgs struct {
	Order int64 `json:"order"`
}

// Kind implements database.JobArgs.
func (driveArgs) Kind() string { return "order.drive" }

// sweepArgs is the periodic job that finds orders which nobody carries on, and those that will be late.
type sweepArgs struct{}

// Kind implements database.JobArgs.
func (sweepArgs) Kind() string { return "order.sweep" }

// reviveArgs is the periodic job that ends quarantines.
type reviveArgs struct{}

// Kind implements database.JobArgs.
func (reviveArgs) Kind() string { return "pool.revive" }

const (
	driveQueue = "orders"
	// driveWorkers is how many orders are under way at once in one process. They wait for elements most of the time: at
	// 200 orders a second and 100 ms each, 20 are busy.
	driveWorkers = 64
	// driveAttempts is how often the database may fail an order; the order itself counts its attempts in its tasks.
	driveAttempts = 1000
	sweepEvery    = 30 * instant.Second
	reviveEvery   = 10 * instant.Minute
	// sweepLate is how long an order may be overdue before the sweep takes it up: its own job is at it, most likely.
	sweepLate = 10 * instant.Second
	sweepMost = 500
)

// enqueue lets a job carry the order on as soon as the transaction is committed.
func (s *Service) enqueue(ctx context.Context, tx *database.Tx, o *Order) error {
	return tx.Enqueue(ctx, driveArgs{o.ID}, database.Queue(driveQueue), database.MaxAttempts(driveAttempts))
}

// RegisterJobs lets a process carry orders out and keep the pools.
func (s *Service) RegisterJobs(jobs *database.Jobs) {
	jobs.Queue(driveQueue, driveWorkers)
	database.RegisterJob(jobs, func(ctx context.Context, args driveArgs, _ database.JobInfo) error {
		next, err := s.Drive(ctx, args.Order)
		if err == nil && next > 0 {
			return database.SnoozeUntil(next)
		}
		return err
	}, database.Backoff(instant.Second, instant.Minute), database.Timeout(0))
	database.RegisterJob(jobs, func(ctx context.Context, _ sweepArgs, _ database.JobInfo) error { return s.Sweep(ctx) })
	jobs.Every("order.sweep", sweepEvery, func(instant.Instant) database.JobArgs { return sweepArgs{} }, database.UniqueKey("sweep"))
	database.RegisterJob(jobs, func(ctx context.Context, _ reviveArgs, _ database.JobInfo) error { return s.Revive(ctx) })
	jobs.Every("pool.revive", reviveEvery, func(instant.Instant) database.JobArgs { return reviveArgs{} }, database.UniqueKey("revive"))
}

// Sweep gives orders whose time has come, and that nobody carries on, a new job, and flags those that will be late.
func (s *Service) Sweep(ctx context.Context) error {
	return s.db.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		var ids []int64
		err := tx.NewSelect().Table("product_order").Column("id").Where("wake_at > 0 AND wake_at <= ?", tx.Now().Add(-sweepLate)).
			Order("wake_at").Limit(sweepMost).Scan(ctx, &ids)
		if err != nil {
			return fmt.Errorf("orders that are due: %w", err)
		}
		for _, id := range ids {
			if err := tx.Enqueue(ctx, driveArgs{id}, database.Queue(driveQueue), database.MaxAttempts(driveAttempts), database.UniqueKey(fmt.Sprint(id))); err != nil {
				return err
			}
		}
		return s.flag(ctx, tx)
	})
}

// flag marks orders that miss their expected completion, or certainly will: they are overdue, or wait for something beyond it.
func (s *Service) flag(ctx context.Context, tx *database.Tx) error {
	var late []Order
	if err := tx.NewSelect().Model(&late).Where("jeopardy = ? AND state IN ('acknowledged', 'pending', 'held', 'inProgress')", false).
		Where("expected_completion_at > 0 AND (expected_completion_at <= ? OR wake_at > expected_completion_at)", tx.Now()).
		Order("expected_completion_at").Limit(sweepMost).Scan(ctx); err != nil {
		return fmt.Errorf("orders that are late: %w", err)
	}
	for k := range late {
		before, o := late[k], late[k]
		o.Jeopardy = true
		if err := o.save(ctx, tx, &before, "jeopardy"); err != nil {
			return err
		}
	}
	return nil
}

// Revive ends quarantines that are over.
func (s *Service) Revive(ctx context.Context) error {
	for {
		n := 0
		if err := s.db.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) (err error) {
			n, err = pool.Revive(ctx, tx)
			return err
		}); err != nil || n == 0 {
			return err
		}
	}
}

// Waiting counts orders by state, for metrics.
func (s *Service) Waiting(ctx context.Context, q bun.IDB) (map[string]int64, error) {
	rows, err := q.QueryContext(ctx, "SELECT state, count(*) FROM product_order GROUP BY state")
	if err != nil {
		return nil, fmt.Errorf("orders by state: %w", err)
	}
	defer func() { _ = rows.Close() }() // only read
	counts := map[string]int64{}
	for rows.Next() {
		var state string
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return nil, err
		}
		counts[state] = n
	}
	return counts, rows.Err()
}
