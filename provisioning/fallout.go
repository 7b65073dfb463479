package provisioning

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
	"gyro/provisioning/workflow"
)

// Resolution is what a person decides about a task that fell out.
type Resolution string

// The resolutions.
const (
	Retry    Resolution = "retry"    // try again, with as much patience as before
	Skip     Resolution = "skip"     // it is not needed: go on without it, and do not undo it
	Complete Resolution = "complete" // it was carried out by hand: go on
	CancelIt Resolution = "cancel"   // undo the item, and those that need it
)

// Fallen is a task that waits for a person.
type Fallen struct {
	Task
	OrderState       workflow.State  `json:"order_state"`
	BillingAccountID int64           `json:"billing_account_id"`
	CustomerID       int64           `json:"customer_id"`
	Change           Change          `json:"change"`
	MSISDN           string          `json:"msisdn,omitempty"`
	Jeopardy         bool            `json:"jeopardy,omitempty"`
	Expected         instant.Instant `json:"expected_completion_at,omitempty"`
}

// FalloutQueue lists the tasks that wait for a person, the oldest first, after the task with the number after.
func (s *Service) FalloutQueue(ctx context.Context, q bun.IDB, after int64, limit int) (list []Fallen, err error) {
	tasks, err := database.Select[Task](ctx, q, "WHERE state = 'fallout' AND cause_code <> '' AND id > ? ORDER BY id LIMIT ?", after, limit)
	if err != nil {
		return nil, fmt.Errorf("the fallout queue: %w", err)
	}
	for _, t := range tasks {
		var o Order
		var item Item
		if err := q.NewSelect().Model(&o).Where("id = ?", t.OrderID).Scan(ctx); err != nil {
			return nil, fmt.Errorf("order %d: %w", t.OrderID, err)
		}
		if err := q.NewSelect().Model(&item).Where("id = ?", t.ItemID).Scan(ctx); err != nil {
			return nil, fmt.Errorf("item %d: %w", t.ItemID, err)
		}
		list = append(list, Fallen{
			Task: t, OrderState: o.State, BillingAccountID: o.BillingAccountID, CustomerID: o.CustomerID, Change: item.Change,
			MSISDN: item.Line.MSISDN, Jeopardy: o.Jeopardy, Expected: o.ExpectedCompletionAt,
		})
	}
	return list, nil
}

// Resolve carries out what a person decided about a task in the fallout queue; note is for the audit trail.
func (s *Service) Resolve(ctx context.Context, by database.Actor, task int64, r Resolution, note string) (o Order, err error) {
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		o, err = s.ResolveIn(ctx, tx, task, r, note)
		return err
	})
	return o, err
}

// ResolveIn is Resolve inside a transaction.
func (s *Service) ResolveIn(ctx context.Context, tx *database.Tx, task int64, r Resolution, note string) (Order, error) {
	var order int64
	err := tx.QueryRowContext(ctx, "SELECT order_id FROM order_task WHERE id = ?", task).Scan(&order)
	if errors.Is(err, sql.ErrNoRows) {
		return Order{}, refusal.New(refusal.NotFound, "task_unknown", "id", "there is no task %d; gyro fallout list shows those that wait", task)
	}
	if err != nil {
		return Order{}, fmt.Errorf("task %d: %w", task, err)
	}
	before, err := s.Order(ctx, tx, order)
	if err != nil {
		return before, err
	}
	after := before.clone()
	if err := s.resolve(after, task, r, tx.By().Name, note); err != nil {
		return before, err
	}
	err = s.intervene(ctx, tx, &before, after, "fallout "+string(r), note)
	return *after, err
}

func (s *Service) resolve(o *Order, task int64, r Resolution, who, note string) error {
	var t *Task
	for k := range o.Tasks {
		if o.Tasks[k].ID == task {
			t = &o.Tasks[k]
		}
	}
	if t.State != workflow.Fallout {
		return refusal.New(refusal.Conflict, "task_not_fallen", "id", "task %d (%s) is %s; only what is in the fallout queue waits for a decision", task, t.Name, t.State)
	}
	if t.Element == officeElement && (r == Skip || r == Complete) {
		return unprocessable("office_task", "resolution", "%s is the office's own and cannot be done by hand or left out; retry it or cancel the item", t.Name)
	}
	t.ResolvedBy = who
	switch r {
	case Retry:
		t.State, t.NotBefore, t.Attempts = workflow.Waiting, 0, 1 // it was begun before, and that counts
	case Skip:
		t.State = workflow.Skipped
	case Complete:
		t.State, t.Effect = workflow.Done, true
	case CancelIt:
		if t.Direction == workflow.Back {
			return unprocessable("undoing_already", "resolution", "%s is being undone already; retry, skip or complete that", t.Name)
		}
		if o.running() {
			return refusal.New(refusal.Conflict, "order_running", "resolution", "other tasks of order %d are under way; cancel the item in a moment", o.ID)
		}
		graph := o.graph()
		undone, err := workflow.Undo(graph, t.item, s.notBefore(o))
		if err != nil {
			return unprocessable("past_no_return", "resolution", "item %d of order %d has passed the point of no return; retry, skip or complete %s", t.item, o.ID, t.Name)
		}
		why := t.Name + ": " + t.Cause
		if note != "" {
			why = note + " (" + why + ")"
		}
		for _, position := range undone {
			o.item(position).Reason = why
		}
		o.take(graph)
	default:
		return invalid("resolution_unknown", "resolution", "%q is not retry, skip, complete or cancel", r)
	}
	return nil
}

// intervene writes what a person changed of an order, and lets a job carry it on.
func (s *Service) intervene(ctx context.Context, tx *database.Tx, before, after *Order, action, note string) error {
	s.settle(after, tx.Now())
	if err := s.close(ctx, tx, before, after); err != nil {
		return err
	}
	if note != "" {
		if err := tx.Audit(ctx, "product_order", fmt.Sprint(after.ID), "note", nil, map[string]string{"note": note}); err != nil {
			return err
		}
	}
	if err := after.save(ctx, tx, before, action); err != nil || after.State.Final() {
		return err
	}
	return s.enqueue(ctx, tx, after)
}

// Cancellation is a wish to cancel an order (TMF 622 cancelProductOrder).
type Cancellation struct {
	bun.BaseModel `bun:"table:order_cancellation,alias:order_cancellation" json:"-"`

	ID          int64           `bun:",pk,autoincrement" json:"id"`
	OrderID     int64           `json:"order_id"`
	Reason      string          `json:"reason,omitempty"`
	RequestedBy string          `json:"requested_by"`
	State       string          `json:"state"` // acknowledged, inProgress, done or terminatedWithError
	Outcome     string          `json:"outcome,omitempty"`
	RequestedAt instant.Instant `json:"requested_at"`
	EffectiveAt instant.Instant `json:"effective_at,omitempty"`
}

// Cancel asks for an order to be undone. Whether there is a way back is found out when what is under way has ended; until
// then, and while it is undone, the order says so by its state.
func (s *Service) Cancel(ctx context.Context, by database.Actor, order int64, reason string) (c Cancellation, err error) {
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		c, err = s.CancelIn(ctx, tx, order, reason)
		return err
	})
	return c, err
}

// CancelIn is Cancel inside a transaction.
func (s *Service) CancelIn(ctx context.Context, tx *database.Tx, order int64, reason string) (c Cancellation, err error) {
	before, err := s.Order(ctx, tx, order)
	if err != nil {
		return c, err
	}
	switch {
	case before.State.Final():
		return c, refusal.New(refusal.Conflict, "order_ended", "productOrder.id", "order %d is %s; order the opposite instead", order, before.State)
	case before.CancellationID != 0:
		return c, refusal.New(refusal.Conflict, "order_cancelling", "productOrder.id", "order %d is being cancelled already", order)
	}
	c = Cancellation{OrderID: order, Reason: reason, RequestedBy: tx.By().Name, State: "acknowledged", RequestedAt: tx.Now()}
	if _, err := tx.NewInsert().Model(&c).Returning("id").Exec(ctx); err != nil {
		return c, fmt.Errorf("cancel order %d: %w", order, err)
	}
	if err := tx.Audit(ctx, "order_cancellation", fmt.Sprint(c.ID), "request", nil, c); err != nil {
		return c, err
	}
	after := before.clone()
	after.CancellationID = c.ID
	for k := range after.Items {
		if item := &after.Items[k]; !item.State.Final() {
			item.Reason = reason
		}
	}
	return c, s.intervene(ctx, tx, &before, after, "request cancellation", "")
}

// CancellationByID reads one.
func (s *Service) CancellationByID(ctx context.Context, q bun.IDB, id int64) (c Cancellation, err error) {
	err = q.NewSelect().Model(&c).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return c, refusal.New(refusal.NotFound, "cancellation_unknown", "id", "there is no cancellation %d", id)
	}
	return c, err
}

// Cancellations lists them, those of one order or all (0), and counts the whole list.
func (s *Service) Cancellations(ctx context.Context, q bun.IDB, order int64, offset, limit int) (list []Cancellation, total int, err error) {
	query := q.NewSelect().Model(&list).Order("id").Offset(int64(offset)).Limit(int64(limit))
	if order != 0 {
		query = query.Where("order_id = ?", order)
	}
	n, err := query.ScanAndCount(ctx)
	return list, int(n), err
}
