package provisioning

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"gyro/customer"
	"gyro/internal/database"
)

// A line is suspended for a set of reasons, each of which is lifted by itself: who pays a debt does not get a stolen card
// back into use, and a card that is found again is of no use to whom the debt keeps out. The network and the core know one
// bar only; it is put up with the first reason and taken away with the last.

// openReasons are the reasons for which a product is suspended, in the order of their names.
func openReasons(ctx context.Context, q bun.IDB, product int64) (reasons []string, err error) {
	err = q.NewRaw("SELECT reason FROM product_suspension WHERE product_id = ? AND until_at = 0 ORDER BY reason", product).Scan(ctx, &reasons)
	if err != nil {
		return nil, fmt.Errorf("suspensions of product %d: %w", product, err)
	}
	return reasons, nil
}

// reasonsOf checks a suspension or a resumption against the reasons for which the line is suspended, and finds whether
// another one keeps it so.
func reasonsOf(ctx context.Context, q bun.IDB, item *Item, found *situation) error {
	reasons, err := openReasons(ctx, q, item.ProductID)
	if err != nil {
		return err
	}
	asked := item.Characteristics[reasonWord]
	has := slices.Contains(reasons, asked)
	if item.Change == Suspend {
		if found.suspended && (has || len(reasons) == 0) {
			return unprocessable("line_suspended", "product.id", "line %d is suspended for the reason %s; resume it first", item.SubscriptionID, asked)
		}
		found.otherReasons = found.suspended
		return nil
	}
	switch {
	case !found.suspended:
		return unprocessable("line_not_suspended", "product.id", "line %d is not suspended", item.SubscriptionID)
	case !has && len(reasons) > 0:
		return unprocessable("suspended_for_another_reason", "product.id", "product %d is suspended for the reason %s, not %s; name that reason to resume it",
			item.ProductID, strings.Join(reasons, " and "), asked)
	}
	found.otherReasons = len(reasons) > 1
	return nil
}

// suspendLine suspends a line with all that it has. A line that is suspended for another reason gets one more.
func (s *Service) suspendLine(ctx context.Context, tx *database.Tx, item *Item) error {
	reason := item.Characteristics[reasonWord]
	suspend := func(before Product) error {
		after := before
		after.Status = ProductSuspended
		row := Suspension{ProductID: before.ID, Reason: reason, FromAt: tx.Now()}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return fmt.Errorf("suspend product %d: %w", before.ID, err)
		}
		return saveProduct(ctx, tx, &before, &after, "suspend for "+reason)
	}
	for _, status := range []ProductStatus{ProductSuspended, ProductActive} {
		if err := s.eachProduct(ctx, tx, item, status, suspend); err != nil {
			return err
		}
	}
	return s.setLine(ctx, tx, item.SubscriptionID, customer.LineSuspended, "inactive", "active")
}

// resumeLine lifts one reason; with the last one the line is back.
func (s *Service) resumeLine(ctx context.Context, tx *database.Tx, item *Item) error {
	reason, back := item.Characteristics[reasonWord], false
	if err := s.eachProduct(ctx, tx, item, ProductSuspended, func(before Product) error {
		_, err := tx.ExecContext(ctx, "UPDATE product_suspension SET until_at = ? WHERE product_id = ? AND until_at = 0 AND reason = ?", tx.Now(), before.ID, reason)
		if err != nil {
			return fmt.Errorf("resume product %d: %w", before.ID, err)
		}
		left, err := openReasons(ctx, tx, before.ID)
		if err != nil {
			return err
		}
		after := before
		if len(left) == 0 {
			after.Status, back = ProductActive, true
		}
		return saveProduct(ctx, tx, &before, &after, "resume from "+reason)
	}); err != nil || !back {
		return err
	}
	if err := s.setLine(ctx, tx, item.SubscriptionID, customer.LineActive, "active", "inactive"); err != nil {
		return err
	}
	return s.wakeAll(ctx, tx, awaitsResumption, "i.subscription_id = ?", item.SubscriptionID)
}
