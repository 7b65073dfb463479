package provisioning

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gyro/catalog"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/zone"
	"gyro/provisioning/pool"
	"gyro/provisioning/workflow"
)

// finish brings the inventory to what an item has brought about, in the transaction in which the item ends.
func (s *Service) finish(ctx context.Context, tx *database.Tx, o *Order, item *Item) error {
	switch item.Change {
	case Activate:
		if err := s.activateLine(ctx, tx, o, item); err != nil {
			return err
		}
		return s.activateProduct(ctx, tx, item)
	case AddOn:
		return s.activateProduct(ctx, tx, item)
	case ChangePlan:
		return s.changeProduct(ctx, tx, item)
	case Suspend:
		return s.suspendLine(ctx, tx, item)
	case Resume:
		return s.resumeLine(ctx, tx, item)
	case Terminate:
		return s.terminateLine(ctx, tx, item)
	case EndAddOn:
		p, err := s.Product(ctx, tx, item.ProductID)
		if err != nil {
			return err
		}
		return s.endProduct(ctx, tx, p)
	case NoneAtAll:
	}
	return nil
}

func (s *Service) activateLine(ctx context.Context, tx *database.Tx, o *Order, item *Item) error {
	if _, err := s.o.Customers.SetSubscriptionStatus(ctx, tx, item.SubscriptionID, customer.LineActive); err != nil {
		return err
	}
	return pool.Assign(ctx, tx, item.Line.MSISDN, item.Line.ICCID, o.ID, item.SubscriptionID)
}

// activateProduct begins a product: what it costs, and what the network does for it.
func (s *Service) activateProduct(ctx context.Context, tx *database.Tx, item *Item) error {
	before, err := s.Product(ctx, tx, item.ProductID)
	if err != nil {
		return err
	}
	after := before
	after.Status, after.ActivatedAt = ProductActive, tx.Now()
	if after.CommitmentUntil, err = s.committed(ctx, tx, &before, item, tx.Now()); err != nil {
		return err
	}
	if err := saveProduct(ctx, tx, &before, &after, "activate"); err != nil {
		return err
	}
	return beginPlan(tx, &after, &item.Plan)
}

// committed is until when the customer is bound by an item's plan; 0 if not at all.
func (s *Service) committed(ctx context.Context, tx *database.Tx, p *Product, item *Item, from instant.Instant) (instant.Instant, error) {
	if item.Plan.CommitmentMonths == 0 {
		return 0, nil
	}
	account, err := s.o.Customers.Account(ctx, tx, p.BillingAccountID)
	if err != nil {
		return 0, err
	}
	where, ok := zone.Load(account.TimeZone)
	if !ok {
		return 0, fmt.Errorf("account %d: there is no time zone %q", account.ID, account.TimeZone)
	}
	return monthsLater(&where, from, item.Plan.CommitmentMonths), nil
}

// monthsLater is the beginning of the same day so many months later, or of the month's last day where it has no such day.
func monthsLater(where *instant.Zone, from instant.Instant, months int) instant.Instant {
	day := where.CivilAt(from)
	first := time.Date(day.Year, time.Month(day.Month+months), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return where.InstantOf(first.Year(), int(first.Month()), min(day.Day, last), 0)
}

// beginPlan writes what a product costs from now on, and what the network does for it.
func beginPlan(tx *database.Tx, p *Product, plan *Plan) error {
	for k := range plan.Prices {
		if err := tx.InsertLater(&ProductPrice{ProductID: p.ID, Price: plan.Prices[k], ValidFrom: tx.Now()}); err != nil {
			return fmt.Errorf("prices of product %d: %w", p.ID, err)
		}
	}
	for k := range plan.Discounts {
		if err := tx.InsertLater(&ProductDiscount{ProductID: p.ID, Discount: plan.Discounts[k], ValidFrom: tx.Now()}); err != nil {
			return fmt.Errorf("discounts of product %d: %w", p.ID, err)
		}
	}
	for _, r := range plan.Resources {
		service := NetworkService{
			ProductID: p.ID, SubscriptionID: p.SubscriptionID, Element: r.Element, Profile: r.Profile, Attributes: r.Attributes,
			State: "active", StartedAt: tx.Now(), UpdatedAt: tx.Now(),
		}
		if r.Attributes == nil {
			service.Attributes = map[string]string{}
		}
		if err := tx.InsertLater(&service); err != nil {
			return fmt.Errorf("services of product %d: %w", p.ID, err)
		}
	}
	return nil
}

// endPlan ends what a product costs and what the network does for it.
func endPlan(ctx context.Context, tx *database.Tx, product int64) error {
	for _, statement := range []string{
		"UPDATE product_price SET valid_until = ? WHERE product_id = ? AND valid_until = 0 AND type = 'recurring'", // what was due once was due
		"UPDATE product_discount SET valid_until = ? WHERE product_id = ? AND valid_until = 0",
	} {
		if _, err := tx.ExecContext(ctx, statement, tx.Now(), product); err != nil {
			return fmt.Errorf("end the plan of product %d: %w", product, err)
		}
	}
	_, err := tx.ExecContext(ctx, "UPDATE service SET state = 'terminated', ended_at = ?, updated_at = ? WHERE product_id = ? AND state <> 'terminated'",
		tx.Now(), tx.Now(), product)
	return err
}

// changeProduct gives a product another plan.
func (s *Service) changeProduct(ctx context.Context, tx *database.Tx, item *Item) error {
	before, err := s.Product(ctx, tx, item.ProductID)
	if err != nil {
		return err
	}
	after := before
	after.OfferingID, after.Name, after.ChargingOffer, after.OrderItemID = item.OfferingID, item.Plan.Name, item.Plan.ChargingOffer, item.ID
	until, err := s.committed(ctx, tx, &before, item, tx.Now())
	if err != nil {
		return err
	}
	after.CommitmentUntil = max(before.CommitmentUntil, until)
	if err := endPlan(ctx, tx, before.ID); err != nil {
		return err
	}
	if err := saveProduct(ctx, tx, &before, &after, "change plan"); err != nil {
		return err
	}
	plan := item.Plan // what is due once was due when the product was new
	plan.Prices = slices.DeleteFunc(slices.Clone(plan.Prices), func(p Price) bool { return p.Type == string(catalog.OneTime) })
	return beginPlan(tx, &after, &plan)
}

// setLine moves a line and what the network does for it.
func (s *Service) setLine(ctx context.Context, tx *database.Tx, line int64, status customer.LineStatus, state, from string) error {
	if _, err := s.o.Customers.SetSubscriptionStatus(ctx, tx, line, status); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "UPDATE service SET state = ?, updated_at = ? WHERE subscription_id = ? AND state = ?", state, tx.Now(), line, from)
	return err
}

func endSuspension(ctx context.Context, tx *database.Tx, product int64) error {
	_, err := tx.ExecContext(ctx, "UPDATE product_suspension SET until_at = ? WHERE product_id = ? AND until_at = 0", tx.Now(), product)
	return err
}

// eachProduct does something with each product of the item's line that is in a state.
func (s *Service) eachProduct(ctx context.Context, tx *database.Tx, item *Item, status ProductStatus, do func(Product) error) error {
	var list []Product
	if err := tx.NewSelect().Model(&list).Where("p.subscription_id = ? AND p.status = ?", item.SubscriptionID, status).Order("p.id").Scan(ctx); err != nil {
		return fmt.Errorf("products of line %d: %w", item.SubscriptionID, err)
	}
	for _, p := range list {
		if err := do(p); err != nil {
			return err
		}
	}
	return nil
}

// terminateLine ends a line with all that it has; its number and card rest.
func (s *Service) terminateLine(ctx context.Context, tx *database.Tx, item *Item) error {
	end := func(p Product) error { return s.endProduct(ctx, tx, p) }
	for _, status := range []ProductStatus{ProductActive, ProductSuspended} {
		if err := s.eachProduct(ctx, tx, item, status, end); err != nil {
			return err
		}
	}
	if _, err := s.o.Customers.SetSubscriptionStatus(ctx, tx, item.SubscriptionID, customer.LineTerminated); err != nil {
		return err
	}
	return pool.Quarantine(ctx, tx, item.Line.MSISDN, item.Line.ICCID, item.SubscriptionID, tx.Now().Add(s.o.Quarantine))
}

func (s *Service) endProduct(ctx context.Context, tx *database.Tx, before Product) error {
	after := before
	after.Status, after.TerminatedAt = ProductTerminated, tx.Now()
	if err := endPlan(ctx, tx, before.ID); err != nil {
		return err
	}
	if err := endSuspension(ctx, tx, before.ID); err != nil {
		return err
	}
	return saveProduct(ctx, tx, &before, &after, "terminate")
}

// close does what the end of items and of the order brings with it.
func (s *Service) close(ctx context.Context, tx *database.Tx, before, after *Order) error {
	for k := range after.Items {
		item := &after.Items[k]
		if !item.State.Final() || before.Items[k].State.Final() {
			continue
		}
		if item.State != workflow.Completed {
			if err := s.withdraw(ctx, tx, after, item); err != nil {
				return err
			}
		}
		if err := unlockItem(tx, after, item); err != nil {
			return err
		}
	}
	if !after.State.Final() || before.State.Final() {
		return nil
	}
	if after.CancellationID != 0 {
		id := after.CancellationID
		after.CancellationID = 0
		if err := closeCancellation(ctx, tx, id, "done", "the order is "+string(after.State)); err != nil {
			return err
		}
	}
	return s.tell(ctx, tx, after)
}

// withdraw takes back what an item made in the office before it was undone: nothing of it has been used.
func (s *Service) withdraw(ctx context.Context, tx *database.Tx, o *Order, item *Item) error {
	if item.Change != Activate && item.Change != AddOn {
		return nil
	}
	before, err := s.Product(ctx, tx, item.ProductID)
	if err != nil {
		return err
	}
	after := before
	after.Status = ProductCancelled
	if err := saveProduct(ctx, tx, &before, &after, "cancel"); err != nil || item.Change == AddOn {
		return err
	}
	if _, err := s.o.Customers.SetSubscriptionStatus(ctx, tx, item.SubscriptionID, customer.LineTerminated); err != nil {
		return err
	}
	return pool.Release(ctx, tx, item.Line.MSISDN, item.Line.ICCID, o.ID)
}

// tell lets the customer know that something new is ready.
func (s *Service) tell(ctx context.Context, tx *database.Tx, o *Order) error {
	for k := range o.Items {
		item := &o.Items[k]
		if item.State != workflow.Completed || item.Change != Activate && item.Change != AddOn && item.Change != ChangePlan {
			continue
		}
		order := strconv.FormatInt(o.ID, 10)
		return s.o.Customers.Notify(ctx, tx, customer.Notification{
			CustomerID: o.CustomerID, AccountID: o.BillingAccountID, Template: customer.OrderCompleted, Key: "order-" + order,
			Data: map[string]string{"order": order, "product": item.Plan.Name, "msisdn": item.Line.MSISDN},
		})
	}
	return nil
}
