package provisioning

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
	"gyro/provisioning/workflow"
)

// advance takes over how tasks ended, and does what the office has to do now. refused are the last tasks of items of which
// it is known already that the inventory cannot take them over (see halfFinished).
func (s *Service) advance(ctx context.Context, tx *database.Tx, o *Order, ended []outcome, refused map[int]error) error {
	for _, e := range ended {
		t := &o.Tasks[e.position-1]
		if t.State == workflow.Running && t.Direction == e.direction && t.Attempts == e.attempts {
			s.end(t, e.err, tx.Now())
		}
	}
	for k := range o.Tasks {
		if t := &o.Tasks[k]; t.State == workflow.Running && s.over(t) <= tx.Now() {
			s.end(t, errInterrupted, tx.Now())
		}
	}
	if o.assessing() && !o.running() {
		if err := s.assess(ctx, tx, o); err != nil {
			return err
		}
	}
	if o.assessing() {
		return nil
	}
	return s.office(ctx, tx, o, refused)
}

// errInterrupted is the end of an attempt that nobody saw.
var errInterrupted = &ElementError{Temporary: true, Code: "interrupted", Message: "the attempt was interrupted, and nobody knows how it ended"}

// end notes how an attempt ended: done, to be tried again, or for a person.
func (s *Service) end(t *Task, err error, now instant.Instant) {
	t.FinishedAt = now
	t.Effect = t.Effect || !effectless(err)
	if err == nil {
		t.State, t.CauseCode, t.Cause, t.Suggestion = workflow.Done, "", "", ""
		return
	}
	policy := s.policy(t.Element)
	t.CauseCode, t.Cause = "error", err.Error()
	if refused, is := errors.AsType[*ElementError](err); is {
		t.CauseCode, t.Cause = cmp.Or(refused.Code, "error"), refused.Message
	}
	// A line that another order is changing is free again when that one has ended, however long a person takes about it.
	if Permanent(err) || t.Attempts >= policy.Attempts && !outlasts(t.CauseCode) {
		t.State, t.NotBefore, t.Suggestion = workflow.Fallout, 0, suggest(t, Permanent(err))
		return
	}
	t.State, t.NotBefore = workflow.Waiting, now.Add(policy.Backoff(t.Attempts))
	switch {
	case errors.Is(err, errInterrupted):
		t.NotBefore = now // it has waited for its time to be over
	case woken(t.CauseCode):
		t.NotBefore = now.Add(lookAgain)
	}
}

// effectless reports whether an attempt that ended so has certainly changed nothing: the request was answered, and refused.
func effectless(err error) bool {
	var half *halfDone
	if err == nil || errors.As(err, &half) {
		return false
	}
	var refused *ElementError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code {
	case "429", "503", "busy", "not_ready", "stopped":
		return true // nobody has looked at it
	}
	return outlasts(refused.Code) || !refused.Temporary
}

// halfDone is the error of a task of which a part was done.
type halfDone struct{ err error }

func (h *halfDone) Error() string { return h.err.Error() }
func (h *halfDone) Unwrap() error { return h.err }

// suggest says what a person may do about a task that failed.
func suggest(t *Task, permanent bool) string {
	way := "or carry it out by hand and complete the task; or cancel the item, which undoes what was done"
	if t.Direction == workflow.Back {
		way = "or undo it by hand and complete the task"
	} else if t.NoReturn && t.Effect {
		way = "or carry it out by hand and complete the task: there is no way back any more"
	}
	switch {
	case t.CauseCode == "insufficient_balance":
		return "let the customer top the account up, then retry; " + way
	case t.CauseCode == "identity_taken":
		return "find out who else has the number or card in the charging core and free it there, then retry; " + way
	case t.CauseCode == "offer_unknown":
		return "publish the catalogue that has the offer, then retry; " + way
	case t.Element == officeElement:
		return "correct what the cause names, then retry; or cancel the item"
	case !permanent:
		return "find out what is wrong with " + t.Element + ", then retry; " + way
	}
	return "correct what " + t.Element + " objects to, then retry; " + way
}

// office performs the tasks of the office itself, which are part of the transaction, and closes items that have been undone.
func (s *Service) office(ctx context.Context, tx *database.Tx, o *Order, refused map[int]error) error {
	for {
		ready, _ := workflow.Ready(o.graph(), tx.Now())
		performed := false
		for _, p := range ready {
			if o.Tasks[p-1].Element != officeElement {
				continue
			}
			performed = true
			if err := s.officeTask(ctx, tx, o, p, refused); err != nil {
				return err
			}
		}
		if !performed {
			return nil
		}
	}
}

// halfFinished ends a transaction in which an item's last task was refused: what it had written before goes with it. The
// step is made anew, and the task only notes its refusal there. A savepoint before each such task would do the same, and
// cost every order a message to the database for what hardly ever happens.
type halfFinished struct {
	position int
	err      error
}

func (h *halfFinished) Error() string { return h.err.Error() }
func (h *halfFinished) Unwrap() error { return h.err }

func (s *Service) officeTask(ctx context.Context, tx *database.Tx, o *Order, position int, known map[int]error) error {
	t := &o.Tasks[position-1]
	t.StartedAt, t.Attempts = tx.Now(), t.Attempts+1
	var err error
	switch {
	case t.Direction == workflow.Back: // what the office has done is undone when the item is closed
	case t.Operation.Do.Kind == officePlan:
		err = s.replan(ctx, tx, o, t)
		t = &o.Tasks[position-1] // there may be more of them now
	case t.Operation.Do.Kind == officeFinish && known[position] != nil:
		err = known[position]
	case t.Operation.Do.Kind == officeFinish:
		err = s.finish(ctx, tx, o, o.item(t.item))
		if refusal.Of(err) != nil {
			return &halfFinished{position, err}
		}
	default:
		err = fmt.Errorf("the office has no task %q", t.Operation.Do.Kind)
	}
	refused := refusal.Of(err)
	if err != nil && refused == nil {
		return err
	}
	if refused != nil {
		err = &ElementError{Temporary: outlasts(refused.Code) || refused.Kind == refusal.Unavailable, Code: refused.Code, Message: refused.Message}
	}
	s.end(t, err, tx.Now())
	return nil
}

// assess decides whether an order that somebody wants cancelled can be, and turns it back if so.
func (s *Service) assess(ctx context.Context, tx *database.Tx, o *Order) error {
	graph := o.graph()
	for k := range o.Items {
		if workflow.Irreversible(graph, o.Items[k].Position) {
			id := o.CancellationID
			o.CancellationID = 0
			return closeCancellation(ctx, tx, id, "terminatedWithError", fmt.Sprintf("item %d has passed the point of no return; the order goes on", k+1))
		}
	}
	for k := range o.Items {
		if o.Items[k].State.Final() {
			continue
		}
		if _, err := workflow.Undo(graph, o.Items[k].Position, s.notBefore(o)); err != nil {
			return err
		}
	}
	o.take(graph)
	_, err := tx.ExecContext(ctx, "UPDATE order_cancellation SET state = 'inProgress' WHERE id = ?", o.CancellationID)
	return err
}

// notBefore holds back the undoing of a task whose last attempt may still be on its way to the element.
func (s *Service) notBefore(o *Order) func(position int) instant.Instant {
	return func(position int) instant.Instant {
		if t := &o.Tasks[position-1]; t.State != workflow.Done {
			return s.over(t)
		}
		return 0
	}
}

// closeCancellation notes what became of the wish to cancel an order.
func closeCancellation(ctx context.Context, tx *database.Tx, id int64, state, outcome string) error {
	if _, err := tx.ExecContext(ctx, "UPDATE order_cancellation SET state = ?, outcome = ?, effective_at = ? WHERE id = ?", state, outcome, tx.Now(), id); err != nil {
		return fmt.Errorf("cancellation %d: %w", id, err)
	}
	return tx.Audit(ctx, "order_cancellation", fmt.Sprint(id), "close", nil, map[string]string{"state": state, "outcome": outcome})
}
