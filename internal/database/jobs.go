package database

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivershared/uniquestates"
	"github.com/riverqueue/river/rivertype"

	"gyro/internal/instant"
)

// JobArgs is what a job is about: a struct kept as JSON, with a method Kind() string that names its worker. A kind stays
// what it is for ever, as rows of it may wait in a database.
type JobArgs = river.JobArgs

// JobOption says how one job is inserted.
type JobOption func(*river.InsertOpts)

// DefaultQueue is where jobs go that name no queue.
const DefaultQueue = river.QueueDefault

// Queue puts the job into a queue that Jobs.Queue declares.
func Queue(name string) JobOption { return func(o *river.InsertOpts) { o.Queue = name } }

// ScheduledAt lets the job wait until then.
func ScheduledAt(at instant.Instant) JobOption {
	return func(o *river.InsertOpts) { o.ScheduledAt = at.Time() }
}

// MaxAttempts is how often the job is tried before it is given up; without it, 25 times, which take a day.
func MaxAttempts(n int) JobOption { return func(o *river.InsertOpts) { o.MaxAttempts = n } }

// UniqueKey leaves the job out while another one of its kind with the same key is unfinished: waiting, running, or to be
// tried again. A finished one does not count: for what must happen once and never again there is Tx.Once.
func UniqueKey(key string) JobOption {
	return func(o *river.InsertOpts) { o.Tags = append(o.Tags, uniqueTag(key)) }
}

// uniqueTag makes a tag of a key: a tag is the one thing of a job's options that can carry what River has no option for.
// River's own uniqueness is by arguments alone, and what two jobs have in common need not be all of their arguments.
func uniqueTag(key string) string {
	sum := sha256.Sum256([]byte(key))
	return fmt.Sprintf("%s%x", uniquePrefix, sum[:16])
}

const uniquePrefix = "unique-"

// uniqueHook turns the tag into River's unique key, just before the job is inserted.
type uniqueHook struct{ river.HookDefaults }

// unfinished are the states in which a job keeps others with its key out. River moves a job between these without asking
// whether another one with the key has come, so none of them can be left out.
var unfinished = uniquestates.UniqueStatesToBitmask([]rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateRetryable, rivertype.JobStateScheduled,
})

func (*uniqueHook) InsertBegin(_ context.Context, p *rivertype.JobInsertParams) error {
	for _, tag := range p.Tags {
		if strings.HasPrefix(tag, uniquePrefix) {
			sum := sha256.Sum256([]byte(p.Kind + "\x00" + tag))
			p.UniqueKey, p.UniqueStates = sum[:], unfinished
		}
	}
	return nil
}

// jobMetadata goes with a job, so that its writes can be traced to the request that caused it.
type jobMetadata struct {
	Request string `json:"request,omitempty"`
}

// maxEnqueued is how many jobs wait for the end of a transaction at most.
const maxEnqueued = 1000

// Enqueue inserts a job at the end of the transaction: it exists if and only if the transaction commits.
func (tx *Tx) Enqueue(ctx context.Context, args JobArgs, options ...JobOption) error {
	metadata, err := json.Marshal(jobMetadata{tx.by.Request})
	if err != nil {
		return fmt.Errorf("job %s: %w", args.Kind(), err)
	}
	o := river.InsertOpts{Metadata: metadata, Queue: DefaultQueue}
	for _, option := range options {
		option(&o)
	}
	if !o.ScheduledAt.After(tx.at.Time()) {
		o.ScheduledAt = time.Time{} // River has a job with a time wait for the scheduler, even if the time has passed
	}
	if tx.enqueued.has(args.Kind(), o.Tags) {
		return nil
	}
	tx.enqueued = append(tx.enqueued, river.InsertManyParams{Args: args, InsertOpts: &o})
	tx.wake(o.Queue)
	if len(tx.enqueued) >= maxEnqueued {
		return tx.flushJobs(ctx)
	}
	return nil
}

// enqueued are jobs that wait for the end of a transaction.
type enqueued []river.InsertManyParams

// has reports whether one of a kind waits already that keeps others with its tag out: the database compares new jobs with
// those that it has, not with one another.
func (e enqueued) has(kind string, tags []string) bool {
	for _, tag := range tags {
		if strings.HasPrefix(tag, uniquePrefix) && slices.ContainsFunc(e, func(p river.InsertManyParams) bool {
			return p.Args.Kind() == kind && slices.Contains(p.InsertOpts.Tags, tag)
		}) {
			return true
		}
	}
	return false
}

func (tx *Tx) flushJobs(ctx context.Context) (err error) {
	defer tx.fail(&err)
	jobs := tx.enqueued
	tx.enqueued = nil
	if len(jobs) == 0 {
		return nil
	}
	if err := tx.db.queue.insert(ctx, tx, jobs); err != nil {
		return fmt.Errorf("%d jobs, the first of them %s: %w", len(jobs), jobs[0].Args.Kind(), err)
	}
	return nil
}

// wake lets those who work on a queue look after the commit.
func (tx *Tx) wake(queue string) {
	if !slices.Contains(tx.queues, queue) {
		tx.queues = append(tx.queues, queue)
	}
}

// JobInfo is what a worker is told of the job besides its arguments.
type JobInfo struct {
	ID          int64
	Attempt     int // 1 the first time
	MaxAttempts int // the last one, after which the job is given up
	ScheduledAt instant.Instant
	Request     string // of whose transaction inserted it
}

// Jobs are the kinds of jobs that a process works on. They are put together before DB.StartJobs and not changed after.
type Jobs struct {
	workers  *river.Workers
	queues   map[string]int
	periodic []periodic
	db       *DB // from StartJobs on
	problems []error
}

// NewJobs returns no jobs at all.
func NewJobs() *Jobs { return &Jobs{workers: river.NewWorkers(), queues: map[string]int{}} }

// Queue declares a queue of which so many jobs run at once, so that a flood of them does not keep others waiting.
func (j *Jobs) Queue(name string, workers int) { j.queues[name] = workers }

// WorkerOption says how jobs of a kind are run.
type WorkerOption func(*workerOptions)

type workerOptions struct {
	timeout     time.Duration
	first, most instant.Span
	forever     bool
}

// Timeout is how long one run may take before its context ends; without it, a minute. 0 or less is no bound.
func Timeout(d time.Duration) WorkerOption {
	return func(o *workerOptions) {
		if o.timeout = d; d <= 0 {
			o.timeout = -1
		}
	}
}

// Backoff is how long a failed job waits before it is tried again: first, then twice as long each time, but not longer than
// most. Without it, one second and two hours.
func Backoff(first, most instant.Span) WorkerOption {
	return func(o *workerOptions) { o.first, o.most = first, most }
}

// Forever has a job that has failed for half of its attempts tried on, each time after the longest wait and with a warning
// in the log, until it succeeds: what it does must not be missing, however long somebody takes to mend what keeps it from it.
func Forever() WorkerOption { return func(o *workerOptions) { o.forever = true } }

// RegisterJob names the worker of a kind. It runs at least once for each job, and again after an error or a crash; it gets
// a context that ends with its time or the process. Errors that mean something else: SnoozeUntil, Cancel.
func RegisterJob[T JobArgs](jobs *Jobs, work func(ctx context.Context, args T, info JobInfo) error, options ...WorkerOption) {
	w := &worker[T]{jobs: jobs, work: work, options: workerOptions{first: instant.Second, most: 2 * instant.Hour}}
	for _, option := range options {
		option(&w.options)
	}
	if err := river.AddWorkerSafely(jobs.workers, w); err != nil {
		jobs.problems = append(jobs.problems, err)
	}
}

// worker is a worker as River knows it.
type worker[T JobArgs] struct {
	river.WorkerDefaults[T]
	jobs    *Jobs
	work    func(ctx context.Context, args T, info JobInfo) error
	options workerOptions
}

func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.options.timeout }

func (w *worker[T]) NextRetry(job *river.Job[T]) time.Time {
	wait := w.options.first
	for range job.Attempt - 1 {
		if wait *= 2; wait >= w.options.most {
			wait = w.options.most
			break
		}
	}
	return w.jobs.db.Now().Add(wait).Time()
}

func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	var m jobMetadata
	if err := json.Unmarshal(job.Metadata, &m); err != nil {
		return fmt.Errorf("metadata of job %d: %w", job.ID, err)
	}
	err := w.work(ctx, job.Args, JobInfo{
		ID: job.ID, Attempt: job.Attempt, MaxAttempts: job.MaxAttempts, ScheduledAt: instant.Of(job.ScheduledAt), Request: m.Request,
	})
	if snooze := (*snoozeError)(nil); errors.As(err, &snooze) {
		return river.JobSnooze(max(snooze.until.Time().Sub(w.jobs.db.Now().Time()), 0))
	}
	if cancelled := (*rivertype.JobCancelError)(nil); err != nil && w.options.forever && job.Attempt > job.MaxAttempts/2 && !errors.As(err, &cancelled) {
		// The other half is for attempts of which nobody sees the end: a killed process has them counted.
		w.jobs.db.options.Logger.WarnContext(ctx, "a job has failed again and again; it is tried on until what keeps it from its work is mended", "job", job.ID, "kind", job.Kind, "args", string(job.EncodedArgs), "error", err)
		return river.JobSnooze(time.Duration(w.options.most) * time.Millisecond)
	}
	return err
}

type snoozeError struct{ until instant.Instant }

func (e *snoozeError) Error() string { return "not before " + e.until.String() }

// SnoozeUntil is returned by a worker that has nothing to do yet: the job runs again then, and this run does not count as
// an attempt.
func SnoozeUntil(at instant.Instant) error { return &snoozeError{at} }
