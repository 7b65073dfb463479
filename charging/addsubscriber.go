package charging

import (
	"slices"

	"gyro/balance"
	"gyro/internal/ident"
)

// AddSubscriber makes sure that an account has a subscriber, and leaves its others and everything else about it as they are.
// PutAccount cannot do that for somebody who does not keep the whole account: between reading it and putting it back somebody
// else may have changed it.
type AddSubscriber struct {
	Account    string         `json:"account"`
	Subscriber SubscriberSpec `json:"subscriber"`
	// Opening is what an account that is not there begins as, without its Account and Subscribers; nil opens none.
	Opening *PutAccount `json:"opening,omitempty"`
}

// RemoveSubscriber makes sure that an account does not have the subscriber with an identity; its own offers end with it.
type RemoveSubscriber struct {
	Account    string       `json:"account"`
	Subscriber IdentitySpec `json:"subscriber"`
}

// addMember carries out AddSubscriber. A subscriber who has one of the identities already is the one that is meant, and has
// those of the command from then on. The outcome's Record is 1 where something changed.
func (s *State) addMember(c *AddSubscriber, o *Outcome) {
	form := s.presentForm(c.Account)
	if form == nil {
		if c.Opening == nil {
			o.refuse(AccountUnknown, "account %q does not exist", c.Account)
			return
		}
		form = c.Opening
		form.Account, form.Subscribers = c.Account, nil
	}
	for n := range c.Subscriber.Identities { // as the account has them
		raw := &c.Subscriber.Identities[n]
		id, err := identityOf(*raw)
		if err != nil {
			o.refuse(InvalidValue, "%s %q: %v", raw.Kind, raw.Value, err)
			return
		}
		*raw = specOf(&id)
	}
	at := slices.IndexFunc(form.Subscribers, func(known SubscriberSpec) bool {
		return slices.ContainsFunc(known.Identities, func(id IdentitySpec) bool { return slices.Contains(c.Subscriber.Identities, id) })
	})
	switch {
	case at < 0:
		form.Subscribers = append(form.Subscribers, c.Subscriber)
	case sameIdentities(form.Subscribers[at].Identities, c.Subscriber.Identities):
		return
	default:
		form.Subscribers[at] = c.Subscriber
	}
	s.putChanged(form, o)
}

// removeMember carries out RemoveSubscriber. The outcome's Record is 1 where something changed.
func (s *State) removeMember(c *RemoveSubscriber, o *Outcome) {
	form := s.presentForm(c.Account)
	if form == nil {
		o.refuse(AccountUnknown, "account %q does not exist", c.Account)
		return
	}
	before := len(form.Subscribers)
	form.Subscribers = slices.DeleteFunc(form.Subscribers, func(known SubscriberSpec) bool {
		return slices.Contains(known.Identities, c.Subscriber)
	})
	if len(form.Subscribers) < before {
		s.putChanged(form, o)
	}
}

func (s *State) putChanged(form *PutAccount, o *Outcome) {
	if s.putAccount(form, o); o.Result == Success {
		o.Record = 1
	}
}

// presentForm is the command that would leave an account as it is now, nil if there is none.
func (s *State) presentForm(account string) *PutAccount {
	i := s.findAccount([]byte(account))
	if i == 0 {
		return nil
	}
	s.upToDate(i)
	view, found := s.Account(account)
	if !found {
		return nil // it was to go
	}
	c := &PutAccount{
		Account: account, Currency: view.Currency, Kind: uint8(view.Kind), CreditLimit: view.CreditLimit,
		Offers: view.Offers, CycleDay: view.CycleDay, LowBalance: view.LowBalance,
	}
	if view.Kind == balance.Prepaid {
		c.CreditLimit = 0
	}
	for _, identities := range view.Subscribers {
		var spec SubscriberSpec
		for n := range identities {
			spec.Identities = append(spec.Identities, specOf(&identities[n]))
		}
		c.Subscribers = append(c.Subscribers, spec)
	}
	return c
}

func specOf(id *ident.Identity) IdentitySpec {
	return IdentitySpec{Kind: id.Kind, Value: string(id.Bytes())}
}

func sameIdentities(a, b []IdentitySpec) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(id IdentitySpec) bool { return !slices.Contains(b, id) })
}
