package provisioning

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// What an item whose date has come, or whose line is free, may wait for beyond that: causes of its task office.plan.
const (
	// inDebt: the lines of the account are suspended for a debt.
	inDebt = "account_in_debt"
	// awaitsResumption: the line is suspended.
	awaitsResumption = "awaits_resumption"
)

// lookAgain is how long such an item waits at most before it looks by itself. Who ends what it waits for wakes it; that is
// missed where it ends between its look and the end of its transaction, and where nobody tells of it, as when a debt that was
// written off is paid after all.
const lookAgain = instant.Hour

// woken reports whether a task that is refused so is woken when the cause is gone.
func woken(code string) bool { return code == inDebt || code == awaitsResumption }

// outlasts reports whether a task that is refused so is tried again however often it was: another order, a debt, or a
// suspension ends when it ends, and nobody can do anything about this task before.
func outlasts(code string) bool {
	return code == "line_busy" || code == "account_busy" || woken(code)
}

// mayBegin holds back what cannot be done yet and will be, however long that takes: a new line of an account whose lines are
// suspended for a debt, which would be its only one in use, and a change of what a suspended line has, which would be made
// in a network that bars it.
func (s *Service) mayBegin(ctx context.Context, tx *database.Tx, o *Order, item *Item) error {
	switch item.Change {
	case Activate:
		return s.freeOfDebt(ctx, tx, o)
	case AddOn, ChangePlan, EndAddOn:
		return s.resumed(ctx, tx, item)
	case Suspend, Resume, Terminate, NoneAtAll:
	}
	return nil
}

func (s *Service) freeOfDebt(ctx context.Context, tx *database.Tx, o *Order) error {
	if s.o.InDebt == nil {
		return nil
	}
	debt, err := s.o.InDebt(ctx, tx, o.BillingAccountID)
	if err != nil {
		return fmt.Errorf("debt of account %d: %w", o.BillingAccountID, err)
	}
	if !debt {
		return nil
	}
	return refusal.New(refusal.Unavailable, inDebt, "", "the lines of billing account %d are suspended for a debt; the line is brought into use when that is lifted", o.BillingAccountID)
}

func (s *Service) resumed(ctx context.Context, tx *database.Tx, item *Item) error {
	if item.SubscriptionID == 0 {
		return nil
	}
	line, err := s.o.Customers.Subscription(ctx, tx, item.SubscriptionID)
	if err != nil || line.Status != customer.LineSuspended {
		return err
	}
	var reasons []string
	if err := tx.NewRaw(`SELECT DISTINCT x.reason FROM product_suspension x JOIN product p ON p.id = x.product_id
		WHERE p.subscription_id = ? AND x.until_at = 0 ORDER BY x.reason`, line.ID).Scan(ctx, &reasons); err != nil {
		return fmt.Errorf("suspensions of line %d: %w", line.ID, err)
	}
	return refusal.New(refusal.Unavailable, awaitsResumption, "", "line %d is suspended for the reason %s; this is done when it is resumed", line.ID, strings.Join(reasons, " and "))
}

// DebtLifted lets the new lines go on that an account's debt has kept waiting: the account's own, and those of accounts that
// it pays for, through however many levels. It may be called in vain; they look again.
func (s *Service) DebtLifted(ctx context.Context, tx *database.Tx, account int64) error {
	return s.wakeAll(ctx, tx, inDebt, `o.billing_account_id IN (WITH RECURSIVE paid (id) AS (SELECT id FROM billing_account WHERE id = ?
		UNION SELECT b.id FROM billing_account b JOIN paid p ON b.payer_id = p.id) SELECT id FROM paid)`, account)
}

// wakeAll lets every order go on that waits for a cause.
func (s *Service) wakeAll(ctx context.Context, tx *database.Tx, cause, where string, args ...any) error {
	var ids []int64
	if err := tx.NewRaw(`SELECT DISTINCT o.id FROM product_order o JOIN order_task t ON t.order_id = o.id JOIN product_order_item i ON i.id = t.item_id
		WHERE t.state = 'waiting' AND t.direction = 'forward' AND t.cause_code = ? AND `+where+" ORDER BY o.id", append([]any{cause}, args...)...).Scan(ctx, &ids); err != nil {
		return fmt.Errorf("orders that wait (%s): %w", cause, err)
	}
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, "UPDATE order_task SET not_before = ? WHERE order_id = ? AND state = 'waiting' AND cause_code = ?", tx.Now(), id, cause); err != nil {
			return fmt.Errorf("wake order %d: %w", id, err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE product_order SET wake_at = ?, updated_at = ?, version = version + 1 WHERE id = ?", tx.Now(), tx.Now(), id); err != nil {
			return fmt.Errorf("wake order %d: %w", id, err)
		}
		if err := tx.Audit(ctx, "product_order", strconv.FormatInt(id, 10), "wake", nil, map[string]string{"waitedFor": cause}); err != nil {
			return err
		}
		if err := s.enqueue(ctx, tx, &Order{ID: id}); err != nil {
			return err
		}
	}
	return nil
}
