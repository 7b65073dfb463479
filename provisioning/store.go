package provisioning

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
	"gyro/provisioning/workflow"
)

// errOvertaken says that somebody else has written the order since it was read.
var errOvertaken = errors.New("the order was changed meanwhile")

// Order reads an order with its items and tasks.
func (s *Service) Order(ctx context.Context, q bun.IDB, id int64) (o Order, err error) {
	o, err = database.Get[Order](ctx, q, id)
	if errors.Is(err, sql.ErrNoRows) {
		return o, refusal.New(refusal.NotFound, "order_unknown", "productOrder.id", "there is no order %d; gyro order list shows those there are", id)
	}
	if err == nil {
		o.Items, err = database.Select[Item](ctx, q, "WHERE order_id = ? ORDER BY position", id)
	}
	if err == nil {
		o.Tasks, err = database.Select[Task](ctx, q, "WHERE order_id = ? ORDER BY position", id)
	}
	if err != nil {
		return o, fmt.Errorf("order %d: %w", id, err)
	}
	o.relate()
	return o, nil
}

// relate tells the tasks the positions of their items.
func (o *Order) relate() {
	positions := map[int64]int{}
	for k := range o.Items {
		positions[o.Items[k].ID] = o.Items[k].Position
	}
	for k := range o.Tasks {
		if o.Tasks[k].item == 0 {
			o.Tasks[k].item = positions[o.Tasks[k].ItemID]
		}
	}
}

// overtaken is errOvertaken if the order is not any more as it was read: what went wrong with it then says nothing.
func (o *Order) overtaken(ctx context.Context, tx *database.Tx) error {
	var version int64
	if err := tx.QueryRowContext(ctx, "SELECT version FROM product_order WHERE id = ?", o.ID).Scan(&version); err != nil || version == o.Version {
		return nil //nolint:nilerr // there is an error already
	}
	return errOvertaken
}

// clone copies what the workflow changes.
func (o *Order) clone() *Order {
	c := *o
	c.Items, c.Tasks = slices.Clone(o.Items), slices.Clone(o.Tasks)
	return &c
}

// addTasks stores the tasks that have no number yet.
func (o *Order) addTasks(ctx context.Context, tx *database.Tx) error {
	from := slices.IndexFunc(o.Tasks, func(t Task) bool { return t.ID == 0 })
	if from < 0 {
		return nil
	}
	added := o.Tasks[from:]
	ids, err := tx.NewIDs(ctx, "order_task", len(added))
	if err != nil {
		return fmt.Errorf("tasks of order %d: %w", o.ID, err)
	}
	for k := range added {
		added[k].ID, added[k].OrderID, added[k].ItemID = ids[k], o.ID, o.item(added[k].item).ID
	}
	if err := database.InsertAllLater(tx, added); err != nil {
		return fmt.Errorf("tasks of order %d: %w", o.ID, err)
	}
	return nil
}

// save writes what differs between two states of an order, if it is still in the one that it was read in: otherwise the
// transaction ends with errOvertaken.
func (o *Order) save(ctx context.Context, tx *database.Tx, before *Order, action string) error {
	if !before.State.May(o.State) {
		return fmt.Errorf("order %d cannot go from %s to %s", o.ID, before.State, o.State)
	}
	o.UpdatedAt, o.Version = tx.Now(), before.Version+1
	if err := tx.LaterOne(errOvertaken, `UPDATE product_order SET state = ?, reason = ?, description = ?, requested_start_at = ?, requested_completion_at = ?,
		expected_completion_at = ?, jeopardy = ?, updated_at = ?, started_at = ?, completed_at = ?, wake_at = ?, cancellation_id = ?, version = ?
		WHERE id = ? AND version = ?`,
		o.State, o.Reason, o.Description, o.RequestedStartAt, o.RequestedCompletionAt, o.ExpectedCompletionAt, o.Jeopardy, o.UpdatedAt,
		o.StartedAt, o.CompletedAt, o.WakeAt, sql.NullInt64{Int64: o.CancellationID, Valid: o.CancellationID != 0}, o.Version, o.ID, before.Version); err != nil {
		return fmt.Errorf("order %d: %w", o.ID, err)
	}
	for k := range o.Items {
		if reflect.DeepEqual(o.Items[k], before.Items[k]) {
			continue
		}
		columns := changing
		if !sameDocuments(&o.Items[k], &before.Items[k]) {
			columns = nil
		}
		if err := tx.UpdateLater(&o.Items[k], columns...); err != nil {
			return fmt.Errorf("item %d of order %d: %w", k+1, o.ID, err)
		}
	}
	if err := o.saveTasks(ctx, tx, before); err != nil {
		return err
	}
	return o.announce(ctx, tx, before, action)
}

// changing are the columns of an item that change while it is carried out; its documents do when somebody amends it only.
var changing = []string{"change", "state", "reason", "offering_id", "product_id", "subscription_id", "due_at"}

func sameDocuments(a, b *Item) bool {
	return reflect.DeepEqual(a.Characteristics, b.Characteristics) && reflect.DeepEqual(a.Plan, b.Plan) && a.Line == b.Line
}

// saveTasks writes the tasks that changed: each by a statement of its own, which finds its row by its number however
// PostgreSQL has come to plan it.
func (o *Order) saveTasks(ctx context.Context, tx *database.Tx, before *Order) error {
	for k := range before.Tasks {
		t := &o.Tasks[k]
		if t.standing() == before.Tasks[k].standing() {
			continue
		}
		if err := tx.UpdateLater(t, "direction", "state", "attempts", "effect", "not_before", "started_at", "finished_at",
			"cause_code", "cause", "suggestion", "resolved_by"); err != nil {
			return fmt.Errorf("task %d of order %d: %w", k+1, o.ID, err)
		}
	}
	return o.addTasks(ctx, tx)
}

// taskStanding is what changes of a task while its order is carried out.
type taskStanding struct {
	direction                        workflow.Direction
	state                            workflow.TaskState
	attempts                         int
	effect                           bool
	notBefore, started, finished     instant.Instant
	causeCode, cause, suggestion, by string
}

func (t *Task) standing() taskStanding {
	return taskStanding{
		t.Direction, t.State, t.Attempts, t.Effect, t.NotBefore, t.StartedAt, t.FinishedAt, t.CauseCode, t.Cause, t.Suggestion, t.ResolvedBy,
	}
}

// standing is an order as the audit trail has it.
type standing struct {
	State  workflow.State   `json:"state"`
	Reason string           `json:"reason,omitempty"`
	Items  []workflow.State `json:"items,omitempty"`
	Tasks  []string         `json:"tasks,omitempty"` // such as hss.create done
}

func (o *Order) standing() standing {
	st := standing{State: o.State, Reason: o.Reason}
	for k := range o.Items {
		st.Items = append(st.Items, o.Items[k].State)
	}
	for k := range o.Tasks {
		t := &o.Tasks[k]
		word := t.Name + " " + string(t.State)
		if t.Direction == workflow.Back {
			word += " (undoing)"
		}
		st.Tasks = append(st.Tasks, word)
	}
	return st
}

// announce leaves the audit row of a change and, where the state is another one, its event.
func (o *Order) announce(ctx context.Context, tx *database.Tx, before *Order, action string) error {
	var was any
	if before != nil {
		was = before.standing()
	}
	if err := tx.Audit(ctx, "product_order", strconv.FormatInt(o.ID, 10), action, was, o.standing()); err != nil {
		return err
	}
	switch {
	case before == nil:
		return o.emit(ctx, tx, "productOrderCreateEvent")
	case before.State != o.State:
		return o.emit(ctx, tx, "productOrderStateChangeEvent")
	case before.Jeopardy != o.Jeopardy || before.ExpectedCompletionAt != o.ExpectedCompletionAt:
		return o.emit(ctx, tx, "productOrderAttributeValueChangeEvent")
	}
	return nil
}

func (o *Order) emit(ctx context.Context, tx *database.Tx, event string) error {
	short := *o
	short.Items, short.Tasks = nil, nil
	return tx.Emit(ctx, database.Event{Type: event, Entity: "product_order", ID: strconv.FormatInt(o.ID, 10), Payload: short})
}
