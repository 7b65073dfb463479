package provisioning

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
	"gyro/provisioning/workflow"
)

// Amendment changes an order that has not ended; what is nil stays.
type Amendment struct {
	Description *string
	CompleteBy  *instant.Instant
	// StartAt moves the items that wait for a date and have not begun.
	StartAt   *instant.Instant
	Offerings map[int]string // by position of an item that has not begun: what it orders instead
}

// Amend changes an order that is pending or held. An item that has begun is what it is; cancel it instead.
func (s *Service) Amend(ctx context.Context, by database.Actor, order int64, a Amendment) (o Order, err error) {
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		o, err = s.AmendIn(ctx, tx, order, a)
		return err
	})
	return o, err
}

// AmendIn is Amend inside a transaction.
func (s *Service) AmendIn(ctx context.Context, tx *database.Tx, order int64, a Amendment) (Order, error) {
	before, err := s.Order(ctx, tx, order)
	if err != nil {
		return before, err
	}
	if before.State != workflow.Pending && before.State != workflow.Held {
		return before, refusal.New(refusal.Conflict, "order_not_amendable", "productOrder.id", "order %d is %s; only one that is pending or held is changed", order, before.State)
	}
	after := before.clone()
	if a.Description != nil {
		after.Description = *a.Description
	}
	if a.CompleteBy != nil {
		if *a.CompleteBy <= tx.Now() {
			return before, invalid("completion_past", "requestedCompletionDate", "%s is over", *a.CompleteBy)
		}
		after.RequestedCompletionAt, after.ExpectedCompletionAt, after.Jeopardy = *a.CompleteBy, *a.CompleteBy, false
	}
	if a.StartAt != nil {
		if err := after.postpone(*a.StartAt, tx.Now(), s.o.Expected); err != nil {
			return before, err
		}
	}
	for _, position := range slices.Sorted(maps.Keys(a.Offerings)) {
		if err := s.exchange(ctx, tx, after, position, a.Offerings[position]); err != nil {
			return before, at(err, position-1)
		}
	}
	err = s.intervene(ctx, tx, &before, after, "amend", "")
	return *after, err
}

// postpone moves what has not begun to another date.
func (o *Order) postpone(start, now instant.Instant, expected instant.Span) error {
	if err := notPast("requestedStartDate", start, now); err != nil {
		return err
	}
	if start > now.Add(maxAhead) {
		return invalid("start_too_far", "requestedStartDate", "%s is more than a year ahead", start)
	}
	moved := false
	for k := range o.Tasks {
		t := &o.Tasks[k]
		if t.Operation.Do.Kind == officePlan && t.State == workflow.Waiting && t.Direction == workflow.Forward {
			t.NotBefore, moved = start, true
			o.item(t.item).DueAt = start
		}
	}
	if !moved {
		return refusal.New(refusal.Conflict, "order_begun", "requestedStartDate", "no item of order %d waits for its date; what has begun is not moved", o.ID)
	}
	o.RequestedStartAt = start
	if o.RequestedCompletionAt == 0 {
		o.ExpectedCompletionAt = max(start, now).Add(expected)
	}
	return nil
}

// exchange lets an item that has not begun order something else.
func (s *Service) exchange(ctx context.Context, tx *database.Tx, o *Order, position int, offering string) error {
	if position < 1 || position > len(o.Items) {
		return refusal.New(refusal.NotFound, "item_unknown", "id", "order %d has no item %d", o.ID, position)
	}
	item := o.item(position)
	if !o.untouched(position) {
		return refusal.New(refusal.Conflict, "item_begun", "", "item %d has begun; cancel it instead", position)
	}
	if item.Change != Activate && item.Change != AddOn && item.Change != ChangePlan {
		return invalid("offering_unwanted", "productOffering.id", "item %d orders no offering", position)
	}
	account, err := s.o.Customers.Account(ctx, tx, o.BillingAccountID)
	if err != nil {
		return err
	}
	owner, err := s.o.Customers.Customer(ctx, tx, o.CustomerID)
	if err != nil {
		return err
	}
	was := item.Plan
	d := &drafting{s: s, order: o, account: account, customer: owner}
	if err := d.offered(ctx, tx, &ItemRequest{Offering: offering, Characteristics: item.Characteristics}, item); err != nil {
		return err
	}
	if was.AddOn != item.Plan.AddOn {
		return unprocessable("offering_not_alike", "productOffering.id", "%s cannot take the place of %s: one is an add-on, the other one is not", item.Plan.Name, was.Name)
	}
	if item.Change == ChangePlan {
		_, err := s.situation(ctx, tx, o, item)
		return err
	}
	before, err := s.Product(ctx, tx, item.ProductID)
	if err != nil {
		return err
	}
	after := before
	after.OfferingID, after.Name, after.ChargingOffer = item.OfferingID, item.Plan.Name, item.Plan.ChargingOffer
	if err := saveProduct(ctx, tx, &before, &after, "amend"); err != nil {
		return err
	}
	_, err = s.situation(ctx, tx, o, item)
	return err
}

// untouched reports whether an item waits for its date and has not begun.
func (o *Order) untouched(position int) bool {
	n := 0
	for k := range o.Tasks {
		if t := &o.Tasks[k]; t.item == position {
			n++
			if t.Operation.Do.Kind != officePlan || t.State != workflow.Waiting && t.State != workflow.Fallout || t.Direction != workflow.Forward {
				return false
			}
		}
	}
	return n == 1
}

// String is how an order is called in logs.
func (o *Order) String() string { return fmt.Sprintf("order %d (%s)", o.ID, o.State) }
