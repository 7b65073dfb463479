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
	err = q.NewSelect().Model(&o).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return o, refusal.New(refusal.NotFound, "order_unknown", "productOrder.id", "there is no order %d; gyro order list shows those there are", id)
	}
	if err == nil {
		err = q.NewSelect().Model(&o.Items).Where("order_id = ?", id).Order("position").Scan(ctx)
	}
	if err == nil {
		err = q.NewSelect().Model(&o.Tasks).Where("order_id = ?", id).Order("position").Scan(ctx)
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

// clone copies what the workflow changes.
func (o *Order) clone() *Order {
	c := *o
	c.Items, c.Tasks = slices.Clone(o.Items), slices.Clone(o.Tasks)
	return &c
}

// insert stores a new order with its items; tasks follow with addTasks.
func (o *Order) insert(ctx context.Context, tx *database.Tx) error {
	if _, err := tx.NewInsert().Model(o).Returning("id").Exec(ctx); err != nil {
		return fmt.Errorf("new order: %w", err)
	}
	return nil
}

// addTasks stores the tasks that have no number yet.
func (o *Order) addTasks(ctx context.Context, tx *database.Tx) error {
	from := slices.IndexFunc(o.Tasks, func(t Task) bool { return t.ID == 0 })
	if from < 0 {
		return nil
	}
	added := o.Tasks[from:]
	for k := range added {
		added[k].OrderID, added[k].ItemID = o.ID, o.item(added[k].item).ID
	}
	if _, err := tx.NewInsert().Model(&added).Returning("id").Exec(ctx); err != nil {
		return fmt.Errorf("tasks of order %d: %w", o.ID, err)
	}
	return nil
}

// claim makes the order this transaction's. It is errOvertaken, with nothing written, when the order is not in the state
// any more that it was read in.
func (o *Order) claim(ctx context.Context, tx *database.Tx) error {
	updated, err := tx.ExecContext(ctx, "UPDATE product_order SET version = version + 1 WHERE id = ? AND version = ?", o.ID, o.Version)
	if err != nil {
		return fmt.Errorf("order %d: %w", o.ID, err)
	}
	if n, err := updated.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errOvertaken)
	}
	o.Version++
	return nil
}

// save writes what differs between two states of an order that was claimed.
func (o *Order) save(ctx context.Context, tx *database.Tx, before *Order, action string) error {
	if !before.State.May(o.State) {
		return fmt.Errorf("order %d cannot go from %s to %s", o.ID, before.State, o.State)
	}
	o.UpdatedAt = tx.Now()
	if _, err := tx.ExecContext(ctx, `UPDATE product_order SET state = ?, reason = ?, description = ?, requested_start_at = ?, requested_completion_at = ?,
		expected_completion_at = ?, jeopardy = ?, updated_at = ?, started_at = ?, completed_at = ?, wake_at = ?, cancellation_id = ? WHERE id = ?`,
		o.State, o.Reason, o.Description, o.RequestedStartAt, o.RequestedCompletionAt, o.ExpectedCompletionAt, o.Jeopardy, o.UpdatedAt,
		o.StartedAt, o.CompletedAt, o.WakeAt, sql.NullInt64{Int64: o.CancellationID, Valid: o.CancellationID != 0}, o.ID); err != nil {
		return fmt.Errorf("order %d: %w", o.ID, err)
	}
	for k := range o.Items {
		if reflect.DeepEqual(o.Items[k], before.Items[k]) {
			continue
		}
		update := tx.NewUpdate().Model(&o.Items[k]).WherePK()
		if sameDocuments(&o.Items[k], &before.Items[k]) {
			update = update.Column(changing...)
		}
		if _, err := update.Exec(ctx); err != nil {
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

// saveTasks writes the tasks that changed, those that changed alike with one statement.
func (o *Order) saveTasks(ctx context.Context, tx *database.Tx, before *Order) error {
	type values struct {
		direction                        workflow.Direction
		state                            workflow.TaskState
		attempts                         int
		effect                           bool
		notBefore, started, finished     instant.Instant
		causeCode, cause, suggestion, by string
	}
	of := func(t *Task) values {
		return values{
			t.Direction, t.State, t.Attempts, t.Effect, t.NotBefore, t.StartedAt, t.FinishedAt, t.CauseCode, t.Cause, t.Suggestion, t.ResolvedBy,
		}
	}
	var order []values
	ids := map[values][]int64{}
	for k := range before.Tasks {
		v := of(&o.Tasks[k])
		if v == of(&before.Tasks[k]) {
			continue
		}
		if ids[v] == nil {
			order = append(order, v)
		}
		ids[v] = append(ids[v], o.Tasks[k].ID)
	}
	for _, v := range order {
		if _, err := tx.ExecContext(ctx, `UPDATE order_task SET direction = ?, state = ?, attempts = ?, effect = ?, not_before = ?, started_at = ?, finished_at = ?,
			cause_code = ?, cause = ?, suggestion = ?, resolved_by = ? WHERE id IN (?)`, v.direction, v.state, v.attempts, v.effect, v.notBefore, v.started,
			v.finished, v.causeCode, v.cause, v.suggestion, v.by, bun.List(ids[v])); err != nil {
			return fmt.Errorf("tasks of order %d: %w", o.ID, err)
		}
	}
	return o.addTasks(ctx, tx)
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
