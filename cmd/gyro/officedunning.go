package main

import (
	"context"
	"fmt"
	"strconv"

	"gyro/internal/database"
	"gyro/internal/refusal"
	"gyro/provisioning"
)

// dunningOrders are the orders that dunning places: for every line of an account,
// for the reason that it is in debt.
type dunningOrders struct{ o *officeHalf }

// Suspend implements dunning.Orders.
func (d dunningOrders) Suspend(ctx context.Context, tx *database.Tx, account int64, key string) (string, error) {
	return d.place(ctx, tx, account, key, "Suspended for debt", "status = 'active'", provisioning.ItemRequest{
		Action: provisioning.Modify, Status: string(provisioning.ProductSuspended), Characteristics: map[string]string{"reason": provisioning.ReasonDebt},
	})
}

// Resume implements dunning.Orders. It waits for a suspension that is ordered and not carried out yet; what somebody else
// suspended for another reason stays as it is.
func (d dunningOrders) Resume(ctx context.Context, tx *database.Tx, account int64, key string) (string, error) {
	var under int
	err := tx.NewRaw(`SELECT COUNT(*) FROM product_order_item i JOIN product p ON p.id = i.product_id
		WHERE p.billing_account_id = ? AND i.change = 'suspend' AND i.state NOT IN ('completed', 'cancelled', 'failed', 'rejected')`, account).Scan(ctx, &under)
	if err != nil {
		return "", fmt.Errorf("suspensions of account %d: %w", account, err)
	}
	if under > 0 {
		return "", refusal.New(refusal.Unavailable, "suspension_under_way", "account", "lines of account %d are being suspended: they are resumed when that is done", account)
	}
	return d.place(ctx, tx, account, key, "The debt is paid",
		"status = 'suspended' AND EXISTS (SELECT 1 FROM product_suspension s WHERE s.product_id = product.id AND s.until_at = 0 AND s.reason = 'debt')",
		provisioning.ItemRequest{
			Action: provisioning.Modify, Status: string(provisioning.ProductActive), Characteristics: map[string]string{"reason": provisioning.ReasonDebt},
		})
}

// Terminate implements dunning.Orders: who does not pay is not held to the commitment.
func (d dunningOrders) Terminate(ctx context.Context, tx *database.Tx, account int64, key string) (string, error) {
	return d.place(ctx, tx, account, key, "Terminated for debt", "status IN ('active', 'suspended')", provisioning.ItemRequest{
		Action: provisioning.Delete, Characteristics: map[string]string{"waive_commitment": "true"},
	})
}

// place orders the same for every product of the account's lines that is no add-on, which goes with its line.
func (d dunningOrders) place(ctx context.Context, tx *database.Tx, account int64, key, why, which string, item provisioning.ItemRequest) (string, error) {
	var products []int64
	err := tx.NewRaw("SELECT id FROM product WHERE billing_account_id = ? AND subscription_id IS NOT NULL AND NOT add_on AND "+which+" ORDER BY id", account).Scan(ctx, &products)
	if err != nil {
		return "", fmt.Errorf("products of account %d: %w", account, err)
	}
	if len(products) == 0 {
		return "", nil
	}
	r := provisioning.OrderRequest{ExternalID: key, AccountID: account, Description: why}
	for _, id := range products {
		item.ProductID = id
		r.Items = append(r.Items, item)
	}
	order, err := d.o.services.orders.PlaceIn(ctx, tx, r)
	if err != nil {
		return "", err
	}
	return "order-" + strconv.FormatInt(order.ID, 10), nil
}
