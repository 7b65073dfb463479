package charging

// Subscribe gives an account, or one of its subscribers, an offer of the
// account's catalogue. It is idempotent by its Key.
type Subscribe struct {
	Account string `json:"account"`
	// Subscriber is whom the offer is for, by any identity; nil is all
	// subscribers of the account.
	Subscriber *IdentitySpec `json:"subscriber,omitempty"`
	Offer      string        `json:"offer"`
	// Code is that of a promotion; "" takes part in those without code.
	Code string `json:"code,omitempty"`
	// Replaces is an offer that this one takes the place of: a change of plan.
	Replaces string `json:"replaces,omitempty"`
	// AtCycleEnd changes the plan when the period of the replaced offer ends.
	AtCycleEnd bool   `json:"at_cycle_end,omitempty"`
	Key        string `json:"key"`
	Digest     uint64 `json:"digest"`
}

// Unsubscribe ends a subscription. It is idempotent by its Key.
type Unsubscribe struct {
	Account    string        `json:"account"`
	Subscriber *IdentitySpec `json:"subscriber,omitempty"` // as in Subscribe
	Offer      string        `json:"offer"`
	// AtCycleEnd lets the period that is paid for end first.
	AtCycleEnd bool `json:"at_cycle_end,omitempty"`
	// Waive ends it in spite of a commitment.
	Waive  bool   `json:"waive,omitempty"`
	Key    string `json:"key"`
	Digest uint64 `json:"digest"`
}
