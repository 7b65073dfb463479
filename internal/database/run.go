package database

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

const (
	// fetchCooldown is the least time between two fetches of a queue. A job that is inserted waits half of it on average.
	fetchCooldown = 2 * time.Millisecond
	// fetchPoll finds jobs that no notification told of: a retry that is due, what another process left in SQLite, and on
	// PostgreSQL what was inserted within fetchCooldown of another one's notification but committed before it.
	fetchPoll = 50 * time.Millisecond
	// upkeepEvery is how often jobs whose time has come are made available, the periodic ones inserted, and those of
	// processes that are gone given to others. River's own scheduler looks every 5 s, and only on an elected leader.
	upkeepEvery = 100 * time.Millisecond
	// stopWithin is how long jobs may go on when the process ends; those that are not done are run again.
	stopWithin = 10 * time.Second
	// cancelWithin is how long a cancelled job may take to notice.
	cancelWithin = 2 * time.Second
	// maxUpkeep bounds what one round of upkeep does of each kind.
	maxUpkeep = 1000
	// never is River's limit for a job that runs: it cannot tell a slow job from one whose process was killed. We can: see
	// rescueOrphans.
	never = 100 * 365 * 24 * time.Hour
)

// upkeeper is who the upkeep of jobs writes as.
var upkeeper = Actor{Name: "jobs", Role: "system", Via: "job"}

// running are jobs at work.
type running struct {
	jobs    *Jobs
	client  jobClient
	alive   alive
	stop    context.CancelFunc // of the upkeep
	stopped chan struct{}
}

// StartJobs begins to work on jobs, until StopJobs or Close; the context is for the start alone. Jobs that a process was
// working on when it died are available again at once (on PostgreSQL when the server has noticed).
//
// On SQLite one process at a time may run jobs. On PostgreSQL any number may.
func (db *DB) StartJobs(ctx context.Context, jobs *Jobs) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.running != nil {
		return errRunning
	}
	if err := errors.Join(jobs.problems...); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	jobs.db = db
	id := clientID()
	alive, err := db.announce(ctx, id)
	if err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	r := &running{jobs: jobs, alive: alive, stopped: make(chan struct{})}
	if err := db.rescueOrphans(ctx); err != nil {
		return errors.Join(fmt.Errorf("start jobs: %w", err), alive.end())
	}
	if r.client, err = db.queue.newClient(db.workConfig(id, jobs)); err == nil {
		err = r.client.Start(context.WithoutCancel(ctx))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("start jobs: %w", err), alive.end())
	}
	upkeep, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop, db.running = stop, r
	go db.upkeep(upkeep, r)
	return nil
}

func (db *DB) workConfig(id string, jobs *Jobs) *river.Config {
	c := db.riverConfig()
	c.ID, c.Workers = id, jobs.workers
	c.FetchOnlyKnownKinds = true // the others wait for a program that knows them
	c.RescueStuckJobsAfter = never
	queues := maps.Clone(jobs.queues)
	if queues[DefaultQueue] == 0 {
		queues[DefaultQueue] = db.options.Workers
	}
	c.Queues = map[string]river.QueueConfig{}
	for name, workers := range queues {
		c.Queues[name] = river.QueueConfig{MaxWorkers: workers}
	}
	return c
}

// StopJobs takes no new jobs and waits for those at work until the context ends; then it cancels them, and waits no longer
// than two seconds. What was not done is run again by whoever starts next.
func (db *DB) StopJobs(ctx context.Context) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	r := db.running
	if r == nil {
		return nil
	}
	db.running = nil
	r.stop()
	<-r.stopped
	err := r.client.Stop(ctx)
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelWithin)
		defer cancel()
		err = r.client.StopAndCancel(ctx)
	}
	if err != nil {
		err = fmt.Errorf("stop jobs: some do not end: %w", err)
	}
	return errors.Join(err, r.alive.end())
}

// upkeep does what must be done from time to time while jobs run.
func (db *DB) upkeep(ctx context.Context, r *running) {
	defer close(r.stopped)
	logger := quiet(db.options.Logger)
	ticker := time.NewTicker(upkeepEvery)
	defer ticker.Stop()
	for {
		if err := db.upkeepOnce(ctx, r); err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "upkeep of jobs failed; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (db *DB) upkeepOnce(ctx context.Context, r *running) error {
	if err := r.alive.check(ctx); err != nil {
		return fmt.Errorf("tell others that this process lives: %w", err)
	}
	if db.dialect == PostgreSQL { // on SQLite others would have run in this process only
		if err := db.rescueOrphans(ctx); err != nil {
			return err
		}
	}
	if err := db.scheduleDue(ctx); err != nil {
		return err
	}
	return db.insertPeriodic(ctx, r.jobs)
}

// scheduleDue makes jobs available whose time has come.
func (db *DB) scheduleDue(ctx context.Context) error {
	return db.Write(ctx, upkeeper, func(ctx context.Context, tx *Tx) error {
		now := tx.Now().Time()
		due, err := db.queue.schedule(ctx, tx, &riverdriver.JobScheduleParams{Max: maxUpkeep, Now: &now})
		for _, job := range due {
			tx.wake(job.Job.Queue)
		}
		return err
	})
}

// orphan is a job that was running in a process which is gone.
type orphan struct {
	id             int64
	attempt, tries int
}

// rescueOrphans makes jobs available again whose process is gone; one that has had its last attempt is given up, so that a
// job that kills its process does not do so for ever.
func (db *DB) rescueOrphans(ctx context.Context) error {
	return db.Write(ctx, upkeeper, func(ctx context.Context, tx *Tx) error {
		orphans, err := tx.orphans(ctx)
		if err != nil || len(orphans) == 0 {
			return err
		}
		now := tx.Now().Time()
		p := &riverdriver.JobRescueManyParams{StuckHorizon: now.Add(never)}
		for _, o := range orphans {
			state, final := rivertype.JobStateAvailable, (*time.Time)(nil)
			if o.attempt >= o.tries {
				state, final = rivertype.JobStateDiscarded, &now
			}
			p.ID = append(p.ID, o.id)
			p.Error = append(p.Error, fmt.Appendf(nil, `{"at":%q,"attempt":%d,"error":"the process that ran it is gone","trace":""}`, now.Format(time.RFC3339Nano), o.attempt))
			p.FinalizedAt = append(p.FinalizedAt, final)
			p.ScheduledAt = append(p.ScheduledAt, now)
			p.State = append(p.State, string(state))
		}
		db.options.Logger.InfoContext(ctx, "jobs of a process that is gone run again", "jobs", len(orphans))
		return db.queue.rescue(ctx, tx, p)
	})
}
