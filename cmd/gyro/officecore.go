package main

import (
	"context"

	"gyro/api/client"
	"gyro/internal/money"
)

// terms implements customer.Terms.
func (o *officeHalf) terms(ctx context.Context, account string, limit money.Amount, currency money.Currency, cycleDay int) (known bool, err error) {
	err = o.Core.SetTerms(ctx, account, limit, currency, cycleDay)
	if client.Refused(err, "account_unknown") {
		return false, nil
	}
	return err == nil, err
}
