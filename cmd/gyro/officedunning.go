package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gyro/internal/database"
	"gyro/internal/refusal"
	"gyro/provisioning"
)

// dunningOrders are the orders that dunning places: for every line of an account,
// for the reason that it is in debt.
type dunningOrders struct{ o *officeHalf }

// Suspend implements dunning.Orders. A line that another order is changing, or is still making, is suspended when that order
// has ended. One that is suspended already, for another reason, is suspended for the debt, too: it is back when both are lifted.
func (d dunningOrders) Suspend(ctx context.Context, tx *database.Tx, account int64, key string) (string, error) {
	return d.place(ctx, tx, account, key, "Suspended for debt", beingMadeOr("'active'")+" OR status = 'suspended' AND NOT "+suspendedForDebt, provisioning.ItemRequest{
		Action: provisioning.Modify, Status: string(provisioning.ProductSuspended), Characteristics: map[string]string{"reason": provisioning.ReasonDebt},
	})
}

// Resume implements dunning.Orders. It waits for a suspension for the debt that is ordered and not carried out yet; what
// somebody else suspended, or wants suspended, for another reason stays as it is.
func (d dunningOrders) Resume(ctx context.Context, tx *database.Tx, account int64, key string) (string, error) {
	var under int
	err := tx.NewRaw(`SELECT COUNT(*) FROM product_order_item i JOIN product p ON p.id = i.product_id
		WHERE p.billing_account_id = ? AND i.change = 'suspend' AND i.state NOT IN ('completed', 'cancelled', 'failed', 'rejected')
			AND i.due_at = 0 AND i.characteristics LIKE ?`, account, `%"reason":"`+provisioning.ReasonDebt+`"%`).Scan(ctx, &under)
	if err != nil {
		return "", fmt.Errorf("suspensions of account %d: %w", account, err)
	}
	if under > 0 {
		return "", refusal.New(refusal.Unavailable, "suspension_under_way", "account", "lines of account %d are being suspended: they are resumed when that is done", account)
	}
	return d.place(ctx, tx, account, key, "The debt is paid",
		"status = 'suspended' AND "+suspendedForDebt,
		provisioning.ItemRequest{
			Action: provisioning.Modify, Status: string(provisioning.ProductActive), Characteristics: map[string]string{"reason": provisioning.ReasonDebt},
		})
}

// suspendedForDebt selects products that are.
const suspendedForDebt = "EXISTS (SELECT 1 FROM product_suspension s WHERE s.product_id = product.id AND s.until_at = 0 AND s.reason = '" + provisioning.ReasonDebt + "')"

// Terminate implements dunning.Orders: who does not pay is not held to the commitment.
func (d dunningOrders) Terminate(ctx context.Context, tx *database.Tx, account int64, key string) (string, error) {
	return d.place(ctx, tx, account, key, "Terminated for debt", beingMadeOr("'active', 'suspended'"), provisioning.ItemRequest{
		Action: provisioning.Delete, Characteristics: map[string]string{"waive_commitment": "true"},
	})
}

// Lifted lets what the debt kept from coming into use go on.
func (d dunningOrders) Lifted(ctx context.Context, tx *database.Tx, account int64) error {
	return d.o.services.orders.DebtLifted(ctx, tx, account)
}

// place orders the same for every product of the account's lines that is no add-on, which goes with its line.
func (d dunningOrders) place(ctx context.Context, tx *database.Tx, account int64, key, why, which string, item provisioning.ItemRequest) (string, error) {
	var products []int64
	err := tx.NewRaw("SELECT id FROM product WHERE billing_account_id = ? AND subscription_id IS NOT NULL AND NOT add_on AND ("+which+") ORDER BY id", account).Scan(ctx, &products)
	if err != nil {
		return "", fmt.Errorf("products of account %d: %w", account, err)
	}
	var references []string
	for part := range slices.Chunk(products, provisioning.MaxItems) {
		r := provisioning.OrderRequest{ExternalID: key, AccountID: account, Description: why}
		if n := len(references); n > 0 {
			r.ExternalID += "-part" + strconv.Itoa(n+1)
		}
		for _, id := range part {
			item.ProductID, item.When = id, provisioning.WhenFree
			r.Items = append(r.Items, item)
		}
		order, err := d.o.services.orders.PlaceIn(ctx, tx, r)
		if err != nil {
			return "", err
		}
		references = append(references, "order-"+strconv.FormatInt(order.ID, 10))
	}
	return strings.Join(references, " "), nil
}

// beingMadeOr selects products in one of the states, and those that an order is about to bring into use.
func beingMadeOr(states string) string {
	return "(status IN (" + states + ") OR status = 'pendingActive' AND EXISTS (SELECT 1 FROM line_lock l WHERE l.subscription_id = product.subscription_id))"
}
