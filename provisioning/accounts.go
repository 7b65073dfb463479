package provisioning

import (
	"context"
	"fmt"
	"strconv"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// AccountOrders orders for all lines of an account at once, as dunning does: each function places one order in the given
// transaction, once for its key, and returns the order's number, "" where there is nothing to order.
type AccountOrders struct{ s *Service }

// ForAccounts are the orders for whole accounts.
func (s *Service) ForAccounts() AccountOrders { return AccountOrders{s} }

// Suspend suspends the lines that are in use, for a debt.
func (a AccountOrders) Suspend(ctx context.Context, tx *database.Tx, account int64, key string) (string, error) {
	return a.place(ctx, tx, account, key, "status = 'active'", func(product int64) ItemRequest {
		return ItemRequest{Action: Modify, ProductID: product, Status: string(ProductSuspended), Characteristics: map[string]string{reasonWord: ReasonDebt}}
	})
}

// Resume lifts what Suspend did: a line that is suspended for another reason stays so.
func (a AccountOrders) Resume(ctx context.Context, tx *database.Tx, account int64, key string) (string, error) {
	const ours = "status = 'suspended' AND EXISTS (SELECT 1 FROM product_suspension x WHERE x.product_id = product.id AND x.until_at = 0 AND x.reason = 'debt')"
	return a.place(ctx, tx, account, key, ours, func(product int64) ItemRequest {
		return ItemRequest{Action: Modify, ProductID: product, Status: string(ProductActive), Characteristics: map[string]string{reasonWord: ReasonDebt}}
	})
}

// Terminate ends the lines, commitments notwithstanding.
func (a AccountOrders) Terminate(ctx context.Context, tx *database.Tx, account int64, key string) (string, error) {
	return a.place(ctx, tx, account, key, "status IN ('active', 'suspended')", func(product int64) ItemRequest {
		return ItemRequest{Action: Delete, ProductID: product, Characteristics: map[string]string{waiveCommitment: "true"}}
	})
}

// soon is when the change of a line is due that another order is at just now: the workflow waits for that order then.
const soon = instant.Second

func (a AccountOrders) place(ctx context.Context, tx *database.Tx, account int64, key, which string, item func(product int64) ItemRequest) (string, error) {
	var placed int64
	err := tx.NewRaw("SELECT COALESCE(max(id), 0) FROM product_order WHERE billing_account_id = ? AND external_id = ?", account, key).Scan(ctx, &placed)
	if err != nil {
		return "", fmt.Errorf("order %s of account %d: %w", key, account, err)
	}
	if placed != 0 { // asked for again: what it found then counts
		return strconv.FormatInt(placed, 10), nil
	}
	var found []struct {
		ID   int64
		Busy bool
	}
	if err := tx.NewRaw(`SELECT id, EXISTS (SELECT 1 FROM line_lock l WHERE l.subscription_id = product.subscription_id) AS busy FROM product
		WHERE billing_account_id = ? AND add_on = ? AND subscription_id IS NOT NULL AND `+which+` ORDER BY id`, account, false).Scan(ctx, &found); err != nil {
		return "", fmt.Errorf("lines of account %d: %w", account, err)
	}
	if len(found) == 0 {
		return "", nil
	}
	if len(found) > maxItems {
		return "", refusal.New(refusal.Unprocessable, "lines_too_many", "account", "account %d has %d lines, and an order at most %d; order for them in parts", account, len(found), maxItems)
	}
	r := OrderRequest{AccountID: account, ExternalID: key, Description: "for the whole account"}
	for _, p := range found {
		asked := item(p.ID)
		if p.Busy {
			asked.When, asked.At = OnDate, tx.Now().Add(soon)
		}
		r.Items = append(r.Items, asked)
	}
	o, err := a.s.PlaceIn(ctx, tx, r)
	return strconv.FormatInt(o.ID, 10), err
}
