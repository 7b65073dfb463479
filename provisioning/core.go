package provisioning

import (
	"context"

	"gyro/api/client"
)

// Core is the charging core as orders move it; *client.Charging is one. Every function is safe to repeat: under the same
// key, or because it says what is to be.
type Core interface {
	// AddSubscriber makes sure that an account has a subscriber, which is new in the state that it names; an account that
	// is not there begins as spec says.
	AddSubscriber(ctx context.Context, account string, spec client.AccountSpec, subscriber client.SubscriberSpec) error
	// RemoveSubscriber makes sure that an account does not have a subscriber, named by kind:value; its own offers end.
	RemoveSubscriber(ctx context.Context, account, subscriber string) error
	SetSubscriberState(ctx context.Context, account, key string, s client.StateChange) error
	Subscribe(ctx context.Context, account, key string, s client.Subscription) (client.Subscribed, error)
	Unsubscribe(ctx context.Context, account, key string, end client.EndOfSubscription) (client.Subscribed, error)
	Account(ctx context.Context, account string) (client.Account, error)
}
