package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"gyro/internal/instant"
)

// Charging is the charging API with its requests and answers as types. It is
// what the office moves the charging core with; docs/operations/charging-api.md
// says what each request does and which refusals it may meet (Problem). What is
// Temporary is sent again, with the same key where the method takes one.
type Charging struct{ Client }

// NewCharging is a client of one server that keeps its connections.
func NewCharging(server, key string) *Charging {
	return &Charging{Client{Server: server, Key: key, HTTP: &http.Client{Timeout: Timeout, CheckRedirect: stay}}}
}

const base = "/charging/v1"

// accountPath is the path of an account, or of what is below it.
func accountPath(account, below string) string {
	return base + "/accounts" + Path(account) + below
}

// PutAccount brings an account to the stated form, whether it was there or not;
// what spec leaves out is taken away.
func (c *Charging) PutAccount(ctx context.Context, account string, spec AccountSpec) (Account, error) {
	return read[Account](c.exchange(ctx, &Request{Method: Put, Path: accountPath(account, ""), Body: spec.body()}))
}

// Account is an account as it is now. One that does not exist is refused as
// account_unknown.
func (c *Charging) Account(ctx context.Context, account string) (Account, error) {
	return read[Account](c.exchange(ctx, &Request{Method: Get, Path: accountPath(account, "")}))
}

// DeleteAccount removes an account that has neither money nor debt. Open
// sessions forbid it unless abort has them ended first; then gone is false, and
// the account goes with the last of them.
func (c *Charging) DeleteAccount(ctx context.Context, account string, abort bool) (gone bool, err error) {
	r := &Request{Method: Delete, Path: accountPath(account, "")}
	if abort {
		r.Query = url.Values{"abort": {"true"}}
	}
	a, err := c.exchange(ctx, r)
	if err != nil {
		return false, err
	}
	return a.status == http.StatusNoContent, nil
}

// change sends a change of an account that happens once a key.
func change[T any](ctx context.Context, c *Charging, account, below, key string, body any) (T, error) {
	return read[T](c.exchange(ctx, &Request{Method: Post, Path: accountPath(account, below), IdempotencyKey: key, Body: body}))
}

// Subscribe subscribes an account, or one of its subscribers, to an offer. Its
// fees are taken in the same step, or it is refused.
func (c *Charging) Subscribe(ctx context.Context, account, key string, s Subscription) (Subscribed, error) {
	return change[Subscribed](ctx, c, account, "/subscriptions", key, s)
}

// Unsubscribe ends a subscription, now or with the period that is paid for.
func (c *Charging) Unsubscribe(ctx context.Context, account, key string, end EndOfSubscription) (Subscribed, error) {
	return change[Subscribed](ctx, c, account, "/subscriptions/end", key, end)
}

// SetSubscriberState moves a subscriber in its life, binds it to a device, or
// both.
func (c *Charging) SetSubscriberState(ctx context.Context, account, key string, s StateChange) error {
	_, err := change[struct{}](ctx, c, account, "/subscriber-states", key, s.body())
	return err
}

// TopUp adds money that was paid.
func (c *Charging) TopUp(ctx context.Context, account, key string, t TopUp) (Movement, error) {
	return change[Movement](ctx, c, account, "/top-ups", key, t.body())
}

// Adjust adds or takes money for a reason.
func (c *Charging) Adjust(ctx context.Context, account, key string, a Adjustment) (Movement, error) {
	return change[Movement](ctx, c, account, "/adjustments", key, a.body())
}

// Settle takes what was billed elsewhere off what a postpaid or hybrid account
// owes, whatever else moved on it; a prepaid one is refused
// (settlement_refused).
func (c *Charging) Settle(ctx context.Context, account, key string, s Settlement) (Movement, error) {
	return change[Movement](ctx, c, account, "/settlements", key, s.body())
}

// Postings are an account's movements, newest first: those before a record, or
// the newest where before is zero.
func (c *Charging) Postings(ctx context.Context, account string, before uint64, limit int) (Postings, error) {
	query, err := pageQuery("before", before, limit)
	if err != nil {
		return Postings{}, err
	}
	if before == 0 {
		delete(query, "before")
	}
	return read[Postings](c.exchange(ctx, &Request{Method: Get, Path: accountPath(account, "/postings"), Query: query}))
}

// The kinds of movements that are made under a key, as records have them.
const (
	TopUpKind      = "top-up"
	AdjustmentKind = "adjustment"
	SettlementKind = "settlement"
)

// clocks is how far the core's clock and that of its client may lie apart.
const clocks = instant.Hour

// Moved finds the movement of an account that was made under a key; each kind
// of movement has keys of its own. The core remembers keys for a day; whoever
// repeats a request later than that asks here first whether it was carried out.
// Movements more than an hour before since, by the core's clock, are not looked
// at.
func (c *Charging) Moved(ctx context.Context, account, kind, key string, since instant.Instant) (m Posted, found bool, err error) {
	before := uint64(0)
	for {
		page, err := c.Postings(ctx, account, before, MaxPage)
		if err != nil {
			return m, false, err
		}
		for n := range page.Postings {
			switch p := &page.Postings[n]; {
			case p.At < since.Add(-clocks):
				return m, false, nil
			case p.Kind == kind && p.IdempotencyKey == key:
				return *p, true, nil
			}
		}
		if page.Next == 0 {
			return m, false, nil
		}
		before = page.Next
	}
}

// Usage is the feed of rated usage behind a cursor: store Next in the
// transaction that stores the records, and each is taken exactly once.
func (c *Charging) Usage(ctx context.Context, after uint64, limit int) (UsagePage, error) {
	return feed[UsagePage](ctx, c, "/usage", after, limit)
}

// Notices is the feed of what customers may want to be told; its cursor works
// as that of Usage.
func (c *Charging) Notices(ctx context.Context, after uint64, limit int) (NoticePage, error) {
	return feed[NoticePage](ctx, c, "/notices", after, limit)
}

func feed[T any](ctx context.Context, c *Charging, path string, after uint64, limit int) (T, error) {
	query, err := pageQuery("after", after, limit)
	if err != nil {
		var none T
		return none, err
	}
	return read[T](c.exchange(ctx, &Request{Method: Get, Path: base + path, Query: query}))
}

// Books is the trial balance of the charging core, and what its invariants say.
func (c *Charging) Books(ctx context.Context) (Books, error) {
	return read[Books](c.exchange(ctx, &Request{Method: Get, Path: base + "/books"}))
}

// Explanation says why a record of usage charged what it did.
func (c *Charging) Explanation(ctx context.Context, record uint64) (Explanation, error) {
	path := base + "/usage/" + strconv.FormatUint(record, 10) + "/explanation"
	a, err := c.exchange(ctx, &Request{Method: Get, Path: path})
	e, err := read[Explanation](a, err)
	if err == nil {
		e.Document = a.body
	}
	return e, err
}
