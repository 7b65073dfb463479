package provisioning

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gyro/internal/database"
	"gyro/internal/refusal"
	"gyro/provisioning/workflow"
)

// officePlan is the first task of an item that is dated, or waits until its line is free: when that has come the line is
// looked at again, and the tasks follow from what it has then.
const officePlan = "plan"

// alone checks an item against the line that it changes, and against the items before it.
func (d *drafting) alone(ctx context.Context, tx *database.Tx, item *Item) error {
	d.found = situation{}
	if item.Change == NoneAtAll || item.Change == Activate {
		return nil
	}
	if earlier := d.last[item.SubscriptionID]; earlier != 0 && item.SubscriptionID != 0 {
		if err := together(d.order.item(earlier), item); err != nil {
			return err
		}
	}
	if item.waits {
		return nil // what counts is what the line has when it is free
	}
	if item.SubscriptionID == 0 {
		for k := range d.order.Items {
			if other := &d.order.Items[k]; item.ProductID != 0 && other.ProductID == item.ProductID {
				return invalid("product_twice", "product.id", "item %d changes the same product; put this one into an order of its own", other.Position)
			}
		}
	}
	var err error
	d.found, err = d.s.situation(ctx, tx, d.order, item)
	return err
}

// begin gives an item its tasks: those of an item for now are laid out at once, one that is dated or
// waits has a task that does so when the date has come, and the line is free.
func (d *drafting) begin(ctx context.Context, tx *database.Tx, item *Item) error {
	o := d.order
	var needs []int
	if item.SubscriptionID != 0 && item.Change != NoneAtAll {
		if earlier := d.last[item.SubscriptionID]; earlier != 0 {
			needs, item.DueAt = o.lastTasks(earlier), max(item.DueAt, o.item(earlier).DueAt)
		}
		d.last[item.SubscriptionID] = item.Position
	}
	if item.DueAt == 0 && !item.waits {
		if item.Change != NoneAtAll && item.Change != Activate && len(needs) == 0 {
			// What was found before the line was locked may be what the order left that has just unlocked it.
			if err := lockItem(ctx, tx, o, item); err != nil {
				return err
			}
			var err error
			if d.found, err = d.s.situation(ctx, tx, o, item); err != nil {
				return err
			}
		}
		return d.s.layOut(ctx, tx, o, item, needs, d.found)
	}
	r := begin(o.Tasks, item, needs)
	r.do(officeElement, officePlan, Operations{Do: Step{Kind: officePlan}}, false)
	o.Tasks = r.tasks
	return nil
}

// together refuses two items for one line that cannot be in one order: what the second one meets would depend on how the
// first one ends.
func together(earlier, item *Item) error {
	if item.Change == AddOn && (earlier.Change == Activate || earlier.Change == AddOn) {
		return nil
	}
	return invalid("line_twice", "product.id", "item %d changes the same line; put this one into an order of its own", earlier.Position)
}

// lastTasks are the tasks of an item that no other task of it needs.
func (o *Order) lastTasks(position int) []int {
	for _, task := range slices.Backward(o.Tasks) {
		if task.item == position {
			return []int{task.Position}
		}
	}
	return nil
}

// layOut locks the line and appends the item's tasks to the order, as they follow from what was found of the line.
func (s *Service) layOut(ctx context.Context, tx *database.Tx, o *Order, item *Item, needs []int, found situation) error {
	if item.Change == NoneAtAll {
		o.Tasks = decompose(o.Tasks, item, needs, situation{})
		return nil
	}
	if err := lockItem(ctx, tx, o, item); err != nil {
		return err
	}
	for _, name := range elements(append(slices.Clone(found.rest), item.Plan)...) {
		if s.elements[name] == nil {
			return refusal.New(refusal.Unavailable, "element_unknown", "productOffering.id", "the specification needs the element %s, which is not connected; name its address in the configuration", name)
		}
	}
	o.Tasks = decompose(o.Tasks, item, needs, found)
	return nil
}

// lock is on whose row an order stands that changes an item: the line's, or the account's for what belongs to no line.
func (o *Order) lock(item *Item) (table, key string, id int64) {
	if item.SubscriptionID == 0 {
		return "account_lock", "billing_account_id", o.BillingAccountID
	}
	return "line_lock", "subscription_id", item.SubscriptionID
}

// lockItem makes the order the one that changes the line of an item, or what the account has beside its lines.
func lockItem(ctx context.Context, tx *database.Tx, o *Order, item *Item) error {
	table, key, id := o.lock(item)
	if item.Change == Activate { // nobody else knows the line yet
		return tx.Later("INSERT INTO line_lock (subscription_id, order_id) VALUES (?, ?) ON CONFLICT (subscription_id) DO NOTHING", id, o.ID)
	}
	inserted, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (%s, order_id) VALUES (?, ?) ON CONFLICT (%s) DO NOTHING", table, key, key), id, o.ID)
	if err != nil {
		return fmt.Errorf("%s %d: %w", table, id, err)
	}
	if n, err := inserted.RowsAffected(); err != nil || n == 1 {
		return err
	}
	var other int64
	err = tx.QueryRowContext(ctx, fmt.Sprintf("SELECT order_id FROM %s WHERE %s = ?", table, key), id).Scan(&other)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s %d: %w", table, id, err)
	}
	if other == o.ID {
		return nil
	}
	if item.SubscriptionID == 0 {
		return refusal.New(refusal.Conflict, "account_busy", "product.id", "order %d is changing what account %d has beside its lines; wait until it is done, or cancel it", other, id)
	}
	return refusal.New(refusal.Conflict, "line_busy", "product.id", "order %d is changing the line; wait until it is done, or cancel it", other)
}

// unlockItem ends that, unless another item of the order is still at it.
func unlockItem(tx *database.Tx, o *Order, item *Item) error {
	for k := range o.Items {
		if other := &o.Items[k]; other.Position != item.Position && other.SubscriptionID == item.SubscriptionID && !other.State.Final() {
			return nil
		}
	}
	table, key, id := o.lock(item)
	return tx.Later(fmt.Sprintf("DELETE FROM %s WHERE %s = ? AND order_id = ?", table, key), id, o.ID)
}

// situation looks at the line of an item and refuses what does not fit it.
func (s *Service) situation(ctx context.Context, tx *database.Tx, o *Order, item *Item) (found situation, err error) {
	if item.Change == NoneAtAll {
		return found, nil
	}
	if item.Change == Activate {
		return found, nil // the line is the order's own
	}
	has, err := s.holdings(ctx, tx, o, item)
	if err != nil {
		return found, err
	}
	if item.SubscriptionID == 0 && item.Change == AddOn {
		return found, related(item.Plan, has, item.ProductID)
	}
	k := slices.IndexFunc(has, func(h holding) bool { return h.ID == item.ProductID })
	if k < 0 && item.Change != AddOn {
		return found, unprocessable("product_not_active", "product.id", "product %d is not in use; only one that is active or suspended is changed", item.ProductID)
	}
	if len(has) == 0 {
		return found, unprocessable("line_not_active", "product.id", "line %d has no product in use", item.SubscriptionID)
	}
	found = situation{rest: plans(has, 0), suspended: has[0].Status == ProductSuspended}
	if item.Change == ChangePlan || item.Change == EndAddOn {
		found.plan, found.rest = has[k].Plan, plans(has, item.ProductID)
	}
	err = s.possible(ctx, tx, item, has, &found)
	return found, err
}

// possible checks a change against what the line has.
func (s *Service) possible(ctx context.Context, tx *database.Tx, item *Item, has []holding, found *situation) error {
	switch item.Change {
	case AddOn, ChangePlan, EndAddOn:
		if found.suspended && item.DueAt == 0 { // a dated one waits until the line is back
			return unprocessable("line_suspended", "product.id", "line %d is suspended; resume it first, or order this for a date: it then waits until the line is resumed", item.SubscriptionID)
		}
	case Suspend, Resume:
		return reasonsOf(ctx, tx, item, found)
	case Activate, Terminate, NoneAtAll:
	}
	switch item.Change {
	case AddOn:
		return related(item.Plan, has, item.ProductID)
	case ChangePlan:
		return replaceable(item, has)
	case Terminate, EndAddOn:
		return s.releasable(tx, item, has)
	case Suspend, Resume, Activate, NoneAtAll:
	}
	return nil
}

// replaceable checks a change of plan.
func replaceable(item *Item, has []holding) error {
	k := slices.IndexFunc(has, func(h holding) bool { return h.ID == item.ProductID })
	old := &has[k]
	switch {
	case old.AddOn != item.Plan.AddOn:
		return unprocessable("offering_not_alike", "productOffering.id", "%s cannot take the place of %s: one is an add-on, the other one is not", item.Plan.Name, old.Name)
	case old.OfferingID == item.Plan.OfferingID:
		return unprocessable("offering_same", "productOffering.id", "product %d is %s already", old.ID, old.Name)
	}
	if err := related(item.Plan, has, item.ProductID); err != nil {
		return err
	}
	return stillRequired(old.Plan.Offering, item.Plan.Offering, has, item.ProductID)
}

// releasable checks the end of a product.
func (s *Service) releasable(tx *database.Tx, item *Item, has []holding) error {
	for k := range has {
		h := &has[k]
		if item.Change == EndAddOn && h.ID != item.ProductID {
			continue
		}
		if h.CommitmentUntil > tx.Now() && item.Characteristics[waiveCommitment] != "true" {
			return unprocessable("commitment_running", "product.id", "%s is committed to until %s; order its end for then, or waive the commitment", h.Name, h.CommitmentUntil)
		}
	}
	if item.Change == Terminate {
		return nil
	}
	k := slices.IndexFunc(has, func(h holding) bool { return h.ID == item.ProductID })
	return stillRequired(has[k].Plan.Offering, "", has, item.ProductID)
}

// replan is the task of a dated item whose date has come, or of one that waits for its line. While another order is changing
// the line it is refused as line_busy, which is tried again until the line is free: what the other order leaves is what
// counts.
func (s *Service) replan(ctx context.Context, tx *database.Tx, o *Order, t *Task) error {
	item := o.item(t.item)
	if item.Change != NoneAtAll {
		if err := lockItem(ctx, tx, o, item); err != nil {
			return err
		}
	}
	if done, err := s.obsolete(ctx, tx, item); err != nil || done {
		return err
	}
	if err := s.mayBegin(ctx, tx, o, item); err != nil {
		return errors.Join(err, unlockItem(tx, o, item))
	}
	err := s.layOutLate(ctx, tx, o, item, t.Position)
	if refusal.Of(err) != nil && item.SubscriptionID != 0 { // nobody else is to wait for the person who decides about it
		err = errors.Join(err, unlockItem(tx, o, item))
	}
	return err
}

// obsolete reports whether nothing is left to do for an item that waited for its line.
func (s *Service) obsolete(ctx context.Context, tx *database.Tx, item *Item) (bool, error) {
	if item.DueAt != 0 || item.Change != Suspend && item.Change != Resume && item.Change != Terminate {
		return false, nil
	}
	p, err := s.Product(ctx, tx, item.ProductID)
	switch {
	case err != nil:
		return false, err
	case p.Status == ProductTerminated || p.Status == ProductCancelled:
		return true, nil
	case item.Change == Terminate:
		return false, nil
	case item.Change == Resume && p.Status == ProductActive:
		return true, nil
	}
	reasons, err := openReasons(ctx, tx, item.ProductID)
	has := slices.Contains(reasons, item.Characteristics[reasonWord])
	if item.Change == Suspend {
		return has, err
	}
	return len(reasons) > 0 && !has, err
}

// layOutLate lays an item out behind the task that has found its line free.
func (s *Service) layOutLate(ctx context.Context, tx *database.Tx, o *Order, item *Item, after int) error {
	needs := []int{after}
	for k := range o.Items[:item.Position-1] { // items of the same line before it
		if o.Items[k].SubscriptionID == item.SubscriptionID && item.SubscriptionID != 0 {
			needs = append(needs, o.lastTasks(o.Items[k].Position)...)
		}
	}
	found, err := s.situation(ctx, tx, o, item)
	if err != nil {
		return err
	}
	now := *item
	now.DueAt = 0 // it has come
	if err := s.layOut(ctx, tx, o, &now, needs, found); err != nil {
		return err
	}
	for k := range o.Tasks {
		if o.Tasks[k].ID == 0 && o.Tasks[k].State != workflow.Waiting {
			return fmt.Errorf("order %d: task %d begins in state %s", o.ID, k+1, o.Tasks[k].State)
		}
	}
	return nil
}
