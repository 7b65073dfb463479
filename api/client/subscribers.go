package client

import "context"

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
