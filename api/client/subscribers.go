package client

import (
	"context"

	"gyro/internal/money"
)

// AddSubscriber makes sure that an account has a subscriber and leaves its
// others alone. An account that is not there begins as spec says, without its
// Subscribers; one that is there stays as it is.
func (c *Charging) AddSubscriber(ctx context.Context, account string, spec AccountSpec, subscriber SubscriberSpec) error {
	spec.Subscribers = nil
	_, err := c.exchange(ctx, &Request{Method: Post, Path: accountPath(account, "/subscribers"), Body: struct {
		Subscriber SubscriberSpec `json:"subscriber"`
		Account    accountBody    `json:"account"`
	}{subscriber, spec.body()}})
	return err
}

// RemoveSubscriber makes sure that an account does not have a subscriber, which
// is named by an identity such as imsi:001010000000001. Without such an account
// there is nothing to do.
func (c *Charging) RemoveSubscriber(ctx context.Context, account, subscriber string) error {
	_, err := c.exchange(ctx, &Request{Method: Post, Path: accountPath(account, "/subscribers/remove"), Body: struct {
		Subscriber string `json:"subscriber"`
	}{subscriber}})
	if Refused(err, "account_unknown") {
		return nil
	}
	return err
}

// SetTerms brings the credit limit of an account, zero or more with the decimals
// of its currency, and its cycle day, 1 to 28, to what is stated, and leaves its
// subscribers and offers alone. An account that is not there is refused as
// account_unknown.
func (c *Charging) SetTerms(ctx context.Context, account string, limit money.Amount, currency money.Currency, cycleDay int) error {
	_, err := c.exchange(ctx, &Request{Method: Post, Path: accountPath(account, "/terms"), Body: struct {
		CreditLimit string `json:"credit_limit"`
		CycleDay    int    `json:"cycle_day"`
	}{text(limit, currency), cycleDay}})
	return err
}
