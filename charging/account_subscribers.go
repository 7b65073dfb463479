package charging

import (
	"errors"

	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/slab"
)

var errIdentityKind = errors.New("no such kind of identity")

// wanted is a subscriber as a command wants it: its identities and, when it is
// new, the state it begins in.
type wanted struct {
	identities []ident.Identity
	state      SubscriberState
	who        slab.Index // the subscriber that has one of the identities already
}

// checkSubscribers normalises the identities and refuses one that another
// account has, or that is named twice.
func (s *State) checkSubscribers(account slab.Index, c *PutAccount, o *Outcome) (subscribers []wanted, ok bool) {
	seen := map[ident.Identity]bool{}
	claimed := map[slab.Index]bool{}
	for _, spec := range c.Subscribers {
		if spec.State != 0 && spec.State != Ordered && spec.State != Active {
			o.refuse(Invalid, "a subscriber begins its life ordered or active, not %q; change its state afterwards", spec.State)
			return nil, false
		}
		w := wanted{state: spec.State}
		for _, raw := range spec.Identities {
			id, err := identityOf(raw)
			if err != nil {
				o.refuse(InvalidValue, "%s %q: %v", raw.Kind, raw.Value, err)
				return nil, false
			}
			who := slab.Index(0)
			if i := s.findIdentity(&id); i != 0 {
				who = s.identities.At(i).Subscriber
			}
			if seen[id] || who != 0 && (account == 0 || s.subscribers.At(who).Account != account) {
				o.refuse(IdentityTaken, "%s belongs to another subscriber; remove it there first", id)
				return nil, false
			}
			seen[id] = true
			w.identities = append(w.identities, id)
			if w.who == 0 && who != 0 && !claimed[who] {
				w.who, claimed[who] = who, true
			}
		}
		if len(w.identities) == 0 || len(w.identities) > MaxIdentities {
			o.refuse(InvalidValue, "a subscriber needs 1 to %d identities, such as an imsi or an msisdn", MaxIdentities)
			return nil, false
		}
		subscribers = append(subscribers, w)
	}
	return subscribers, true
}

func identityOf(raw IdentitySpec) (ident.Identity, error) {
	id, err := ident.New(raw.Kind, []byte(raw.Value))
	if err == nil && raw.Kind > ident.Private {
		err = errIdentityKind
	}
	return id, err
}

// keeps reports whether a subscriber has exactly the given identities.
func (s *State) keeps(who slab.Index, ids []ident.Identity) bool {
	n := 0
	for i := s.subscribers.At(who).Identities; i != 0; i = s.identities.At(i).Next {
		if n == len(ids) || s.identities.At(i).Identity != ids[n] {
			return false
		}
		n++
	}
	return n == len(ids)
}

// kept reports whether a subscriber stays as it is.
func (s *State) kept(who slab.Index, subscribers []wanted) bool {
	for k := range subscribers {
		if subscribers[k].who == who {
			return s.keeps(who, subscribers[k].identities)
		}
	}
	return false
}

// removable refuses to take subscribers away, or to change their identities,
// in the middle of a session.
func (s *State) removable(i slab.Index, subscribers []wanted, o *Outcome) bool {
	for who := s.accounts.At(i).Subscribers; who != 0; who = s.subscribers.At(who).Next {
		if s.subscribers.At(who).OpenSessions > 0 && !s.kept(who, subscribers) {
			first := s.identities.At(s.subscribers.At(who).Identities)
			o.refuse(SubscriberBusy, "subscriber %s has open sessions; end them before it is changed", first.Identity)
			return false
		}
	}
	return true
}

// setSubscribers makes the account's subscribers those given, in that order. A
// subscriber that keeps one of its identities stays who it is: a new SIM is no
// new life.
func (s *State) setSubscribers(i slab.Index, subscribers []wanted) {
	a := s.accounts.At(i)
	stays := map[slab.Index]bool{}
	for k := range subscribers {
		stays[subscribers[k].who] = true
	}
	for who := a.Subscribers; who != 0; who = s.subscribers.At(who).Next {
		if !stays[who] {
			s.endOwn(who, usage.Requested) // while all of them can be named still
		}
	}
	for who := a.Subscribers; who != 0; {
		next := s.subscribers.At(who).Next
		if !stays[who] {
			s.removeSubscriber(who)
		} else if !s.kept(who, subscribers) {
			s.dropIdentities(who)
		}
		who = next
	}
	link := &a.Subscribers
	for k := range subscribers {
		w := &subscribers[k]
		switch {
		case w.who == 0:
			w.who = s.newSubscriber(i, w)
		case s.subscribers.At(w.who).Identities == 0:
			s.addIdentities(w.who, w.identities)
		}
		*link = w.who
		link = &s.subscribers.At(w.who).Next
	}
	*link = 0
}

// newSubscriber begins a subscriber's life. That of an active one is the
// account's beginning and needs no record of its own.
func (s *State) newSubscriber(account slab.Index, w *wanted) slab.Index {
	a := s.accounts.At(account)
	a.LastSubscriber++
	who := s.addSubscriber(account, w.identities)
	sub := s.subscribers.At(who)
	sub.Number, sub.State = a.LastSubscriber, Active
	if w.state == Ordered {
		sub.State = Ordered
	}
	if span := s.settings.LifeCycle.lasts(sub.State); span > 0 {
		sub.Until = s.now.Add(span)
	}
	return who
}

func (s *State) addSubscriber(account slab.Index, ids []ident.Identity) slab.Index {
	who, sub := s.subscribers.New()
	sub.Account = account
	s.addIdentities(who, ids)
	return who
}

func (s *State) addIdentities(who slab.Index, ids []ident.Identity) {
	link := &s.subscribers.At(who).Identities
	for _, id := range ids {
		i, record := s.identities.New()
		record.Identity, record.Subscriber = id, who
		s.byIdentity.Insert(id.Hash(), i)
		*link = i
		link = &record.Next
	}
}

func (s *State) dropIdentities(who slab.Index) {
	sub := s.subscribers.At(who)
	for i := sub.Identities; i != 0; {
		next := s.identities.At(i).Next
		s.byIdentity.Remove(s.identities.At(i).Hash(), i)
		s.identities.Free(i)
		i = next
	}
	sub.Identities = 0
}

// removeSubscriber takes a subscriber away of whom nothing is left.
func (s *State) removeSubscriber(who slab.Index) {
	s.dropIdentities(who)
	s.forgetCounters(&s.subscribers.At(who).Counters)
	s.forgetLimits(s.subscribers.At(who))
	s.subscribers.Free(who)
}

// endOwn ends what belongs to a subscriber alone; what is billed behind is due.
func (s *State) endOwn(who slab.Index, cause usage.Cause) {
	sub := s.subscribers.At(who)
	a := s.accounts.At(sub.Account)
	for b := a.Buckets; b != 0; {
		next := s.book.Buckets.At(b).Next
		if s.book.Buckets.At(b).Owner == sub.Number {
			s.forfeit(a, b, cause)
		}
		b = next
	}
	for k := a.Subscriptions; k != 0; {
		next := s.subscriptions.At(k).Next
		if p := s.subscriptions.At(k); p.Subscriber == sub.Number {
			s.billUsed(a, p, nil)
			s.turned(a, p, cause, nil, "ended")
			s.endOffer(sub.Account, sub.Number, p.Offer)
		}
		k = next
	}
}
