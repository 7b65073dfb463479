package charging

import (
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// SubscriberView is a subscriber as it is now.
type SubscriberView struct {
	Identities []ident.Identity
	State      SubscriberState
	Until      instant.Instant // when the state ends by itself; zero is never
	Then       SubscriberState // what follows; zero is what comes next in life
	Held       bool            // credit does not end the state
	Equipment  string          // the only device it may use: 14 digits; empty is any
	Offers     []string        // its own beside the account's
}

// SubscriptionView is an offer of an account, or of one of its subscribers,
// that renews, costs or binds.
type SubscriptionView struct {
	Number           uint64
	Offer            string
	Subscriber       []ident.Identity // whose it is alone; nil is all of the account
	Status           SubscriptionStatus
	Began, Committed instant.Instant
	From, Until      instant.Instant // the period that runs; Until is zero where nothing renews
	Promotion        string          // that its code named
	Then             string          // the offer that follows at the end of the period
	Ends             bool            // nothing follows
	Due              money.Amount    // fees that are not paid
	Retry            instant.Instant // the next attempt at them
	Lapses           instant.Instant // the end of the service for want of them
}

// Subscribers shows an account's subscribers, in their order.
func (s *State) Subscribers(account string) (views []SubscriberView) {
	i := s.findAccount([]byte(account))
	if i == 0 {
		return nil
	}
	a := s.accounts.At(i)
	for who := a.Subscribers; who != 0; who = s.subscribers.At(who).Next {
		sub := s.subscribers.At(who)
		v := SubscriberView{
			Identities: s.identitiesOf(who), State: sub.State, Until: sub.Until, Then: sub.Then, Held: sub.Held,
			Equipment: string(sub.Equipment.octets()),
		}
		for _, offer := range s.held(a, sub.Number)[len(a.offers()):] {
			v.Offers = append(v.Offers, s.Label(offer))
		}
		views = append(views, v)
	}
	return views
}

// Subscriptions shows an account's subscriptions, the oldest first. Offers for
// the whole account that neither renew nor cost nor bind are in AccountView
// alone.
func (s *State) Subscriptions(account string) (views []SubscriptionView) {
	i := s.findAccount([]byte(account))
	if i == 0 {
		return nil
	}
	a := s.accounts.At(i)
	for k := a.Subscriptions; k != 0; k = s.subscriptions.At(k).Next {
		p := s.subscriptions.At(k)
		v := SubscriptionView{
			Number: p.Number, Offer: s.Label(p.Offer), Status: p.Status, Began: p.Began, Committed: p.Committed,
			From: p.From, Until: p.Until, Promotion: s.Label(p.Code), Then: s.Label(p.Then), Ends: p.Ends,
			Due: p.OneTime + p.Owed, Retry: p.Retry, Lapses: p.Lapses,
		}
		if who := s.whoHas(a, p.Subscriber); p.Subscriber != 0 && who != slab.Index(0) {
			v.Subscriber = s.identitiesOf(who)
		}
		views = append(views, v)
	}
	return views
}

// Waiting shows the version of a catalogue that takes effect later.
func (s *State) Waiting(name string) (version uint32, at instant.Instant, ok bool) {
	p := s.catalogs.waiting(name)
	if p == nil {
		return 0, 0, false
	}
	return p.Version, p.At, true
}
