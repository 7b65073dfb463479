package provisioning

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/provisioning/workflow"
)

// settle works out what the tasks make of the items and of the order, and when the workflow has to look at it again.
func (s *Service) settle(o *Order, now instant.Instant) {
	graph := o.graph()
	states := make([]workflow.State, len(o.Items))
	for k := range o.Items {
		item := &o.Items[k]
		if !item.State.Final() {
			item.State = item.State.Then(workflow.ItemState(graph, item.Position, now, o.CancellationID != 0))
		}
		states[k] = item.State
	}
	o.State = o.State.Then(workflow.OrderState(states))
	if o.assessing() {
		o.State = workflow.AssessingCancellation
	}
	o.WakeAt = s.wake(o, now)
	o.Reason = o.waitsFor()
	if o.State.Final() {
		o.CompletedAt, o.WakeAt, o.Jeopardy = now, 0, false
	}
}

// wake is the next moment at which something can begin, or at which what was begun is over; 0 if only a person brings
// anything about.
func (s *Service) wake(o *Order, now instant.Instant) instant.Instant {
	ready, wake := workflow.Ready(o.graph(), now)
	if len(ready) > 0 || o.assessing() && !o.running() {
		return now
	}
	for k := range o.Tasks {
		if t := &o.Tasks[k]; t.State == workflow.Running {
			if over := s.over(t); wake == 0 || over < wake {
				wake = over
			}
		}
	}
	return wake
}

// over is when an attempt is over, however it ended.
func (s *Service) over(t *Task) instant.Instant {
	return t.StartedAt.Add(s.policy(t.Element).Timeout + grace)
}

// grace is how much longer than its timeout an attempt is taken for under way: clocks of two processes differ a little, and
// the timeout begins a little after the write.
const grace = instant.Second

// running reports whether a task was begun and its end is not known.
func (o *Order) running() bool {
	return slices.ContainsFunc(o.Tasks, func(t Task) bool { return t.State == workflow.Running })
}

// assessing reports whether it is still to be found out if the order can be cancelled.
func (o *Order) assessing() bool {
	return o.CancellationID != 0 && slices.ContainsFunc(o.Tasks, func(t Task) bool {
		return t.Direction == workflow.Forward && !o.item(t.item).State.Final()
	})
}

// waitsFor says what an order waits for, a person or the end of something else, and of one that came to nothing, or not to all of it, why.
func (o *Order) waitsFor() string {
	waits := func(t *Task) bool { return t.State == workflow.Fallout }
	switch o.State {
	case workflow.Held:
	case workflow.InProgress:
		waits = func(t *Task) bool { return t.State == workflow.Waiting && outlasts(t.CauseCode) }
	case workflow.Failed, workflow.Cancelled, workflow.Partial:
		for k := range o.Items {
			if item := &o.Items[k]; item.State != workflow.Completed && item.Reason != "" {
				return item.Reason
			}
		}
		return ""
	default:
		return ""
	}
	for k := range o.Tasks {
		if t := &o.Tasks[k]; waits(t) {
			return t.Name + ": " + t.Cause
		}
	}
	return ""
}

// outcome is how an attempt at a task ended.
type outcome struct {
	position  int
	direction workflow.Direction
	attempts  int
	err       error
}

// Drive carries an order on as far as it goes now: until it has ended, waits for its date, for the next attempt or for a
// person. It returns when it is to be called next, 0 for never. It may be called at any time, by several at once and again
// after a crash: what was done is not done again but under the same key, and a task that was begun and whose end is not
// known is touched only when its time is over.
//
// When ctx ends, the attempts under way are brought to their end, and nothing new begins.
func (s *Service) Drive(ctx context.Context, id int64) (next instant.Instant, err error) {
	o := s.placed.take(id)
	remembered := o != nil
	if !remembered {
		if o, err = s.read(context.WithoutCancel(ctx), id); err != nil {
			return 0, err
		}
	}
	var ended []outcome
	for {
		after, started, err := s.step(ctx, o, ended)
		switch {
		case errors.Is(err, errOvertaken), err == nil && remembered && after.Version == o.Version: // it may be another one by now
			remembered = false
			if o, err = s.read(context.WithoutCancel(ctx), id); err != nil {
				return 0, err
			}
			continue // with what has ended still to be told
		case err != nil:
			return 0, err
		case len(started) == 0:
			return after.WakeAt, ctx.Err()
		}
		remembered = false
		o, ended = after, s.performAll(ctx, after, started)
	}
}

func (s *Service) read(ctx context.Context, id int64) (*Order, error) {
	var o Order
	err := s.db.Read(ctx, func(ctx context.Context, q bun.IDB) (err error) {
		o, err = s.Order(ctx, q, id)
		return err
	})
	return &o, err
}

// step writes, in one transaction, how the last tasks ended, what follows from that in the office, and which tasks begin
// now. It returns the order as it is then, and the positions of the tasks to perform.
func (s *Service) step(ctx context.Context, before *Order, ended []outcome) (after *Order, started []int, err error) {
	refused := map[int]error{}
	for {
		after, started, err = s.stepKnowing(ctx, before, ended, refused)
		half, is := errors.AsType[*halfFinished](err)
		if !is || errors.Is(err, errOvertaken) {
			return after, started, err
		}
		refused[half.position] = half.err
	}
}

func (s *Service) stepKnowing(ctx context.Context, before *Order, ended []outcome, refused map[int]error) (after *Order, started []int, err error) {
	err = s.group.write(ctx, func(txContext context.Context, tx *database.Tx) error {
		after, started = before.clone(), nil
		if !s.due(after, ended, tx.Now()) {
			return nil
		}
		if err := s.advance(txContext, tx, after, ended, refused); err != nil {
			return errors.Join(err, before.overtaken(txContext, tx))
		}
		if ctx.Err() == nil {
			started = s.start(after, tx.Now())
		}
		s.settle(after, tx.Now())
		if err := s.close(txContext, tx, before, after); err != nil {
			return errors.Join(err, before.overtaken(txContext, tx))
		}
		return after.save(txContext, tx, before, "advance")
	})
	return after, started, err
}

// due reports whether there is anything to write.
func (s *Service) due(o *Order, ended []outcome, now instant.Instant) bool {
	if o.State.Final() {
		return false
	}
	if ready, _ := workflow.Ready(o.graph(), now); len(ready) > 0 || len(ended) > 0 {
		return true
	}
	return o.assessing() && !o.running() || slices.ContainsFunc(o.Tasks, func(t Task) bool { return t.State == workflow.Running && s.over(&t) <= now })
}

// start begins the tasks that can begin. None does while it is found out whether the order can be cancelled.
func (s *Service) start(o *Order, now instant.Instant) []int {
	if o.assessing() {
		return nil
	}
	ready, _ := workflow.Ready(o.graph(), now)
	for _, p := range ready {
		t := &o.Tasks[p-1]
		t.State, t.StartedAt, t.Attempts = workflow.Running, now, t.Attempts+1
	}
	if len(ready) > 0 && o.StartedAt == 0 {
		o.StartedAt = now
	}
	return ready
}

// performAll performs tasks at the same time and returns how they ended.
func (s *Service) performAll(ctx context.Context, o *Order, positions []int) []outcome {
	ended := make([]outcome, len(positions))
	var wait sync.WaitGroup
	for k, p := range positions {
		perform := func() {
			t := &o.Tasks[p-1]
			timeout := time.Duration(s.policy(t.Element).Timeout) * time.Millisecond
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
			defer cancel()
			ended[k] = outcome{p, t.Direction, t.Attempts, s.perform(ctx, o, t)}
		}
		if k == len(positions)-1 {
			perform()
		} else {
			wait.Go(perform)
		}
	}
	wait.Wait()
	return ended
}
