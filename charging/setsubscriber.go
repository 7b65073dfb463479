package charging

import (
	"gyro/charging/usage"
	"gyro/internal/instant"
	"gyro/internal/slab"
)

// SetSubscriber changes the state of a subscriber's life, or the device that
// it may use. It is idempotent by its Key.
type SetSubscriber struct {
	Account    string       `json:"account"`
	Subscriber IdentitySpec `json:"subscriber"` // any of its identities
	// State is where it goes; 0 leaves it where it is. Any state but Terminated
	// can be left for any other.
	State SubscriberState `json:"state,omitempty"`
	// Until is when that state ends, Then what follows; 0 is what the policy
	// says, and the state that comes next in life. A suspension for a holiday
	// is Then Active.
	Until instant.Instant `json:"until,omitempty"`
	Then  SubscriberState `json:"then,omitempty"`
	// Equipment is the IMEI (14 to 16 digits) of the only device that the
	// subscriber may use, "" any; nil leaves the binding as it is.
	Equipment *string `json:"equipment,omitempty"`
	Reason    string  `json:"reason,omitempty"`
	Key       string  `json:"key"`
	Digest    uint64  `json:"digest"`
}

func (s *State) setSubscriber(c *SetSubscriber, o *Outcome) {
	s.once(KindSetSubscriber, keyed{account: c.Account, key: c.Key, digest: c.Digest}, o, func(i slab.Index) { s.changeSubscriber(i, c, o) })
}

// changeSubscriber binds a subscriber to a device and moves it to a state, or
// does neither.
func (s *State) changeSubscriber(i slab.Index, c *SetSubscriber, o *Outcome) {
	who := s.subscriberNamed(i, &c.Subscriber, o)
	if who == 0 {
		return
	}
	sub := s.subscribers.At(who)
	device := sub.Equipment
	if c.Equipment != nil {
		var ok bool
		if device, ok = equipmentOf(*c.Equipment); !ok {
			o.refuse(InvalidValue, "equipment %q is no IMEI: 14 to 16 digits are needed, or nothing for any device", *c.Equipment)
			return
		}
	}
	if !s.allowed(sub, c, o) {
		return
	}
	sub.Equipment = device
	if c.State == 0 {
		return
	}
	if c.State != sub.State {
		s.become(who, c.State, usage.Requested, []byte(c.Key), []byte(c.Reason))
	}
	sub.Then, sub.Held = c.Then, c.State >= SuspendedOneWay && c.State <= Grace
	if c.Until != 0 {
		sub.Until = c.Until
	}
	if c.State == Active || c.State == SuspendedOneWay {
		s.replenished(i)
	}
}

// allowed refuses a move that life does not know.
func (s *State) allowed(sub *subscriber, c *SetSubscriber, o *Outcome) bool {
	switch {
	case c.State > Terminated || c.Then > Terminated || len(c.Reason) > MaxKey:
		o.refuse(Invalid, "a state is one of ordered, active, suspended-one-way, suspended-two-way, grace and terminated, a reason has at most %d octets", MaxKey)
	case c.State == 0 && (c.Until != 0 || c.Then != 0):
		o.refuse(Invalid, "a date and what follows belong to a state; name the state, too")
	case sub.State == Terminated && c.State != 0 && c.State != Terminated:
		o.refuse(Invalid, "the subscriber is terminated, and there is no way back; put the account with a new subscriber")
	case c.State == Ordered && sub.State != Ordered:
		o.refuse(Invalid, "the subscriber is %s already and cannot be ordered again", sub.State)
	case c.Then != 0 && c.Until == 0:
		o.refuse(Invalid, "what follows %s needs a date", c.State)
	case c.Until != 0 && c.Until <= s.now:
		o.refuse(Invalid, "the date %s has passed; name one to come", c.Until)
	case c.State == Terminated && c.Until != 0:
		o.refuse(Invalid, "a terminated subscriber stays so; leave the date out")
	default:
		return true
	}
	return false
}

// subscriberNamed finds a subscriber of an account by one of its identities,
// or refuses.
func (s *State) subscriberNamed(i slab.Index, spec *IdentitySpec, o *Outcome) slab.Index {
	id, err := identityOf(*spec)
	if err != nil {
		o.refuse(InvalidValue, "%s %q: %v", spec.Kind, spec.Value, err)
		return 0
	}
	if k := s.findIdentity(&id); k != 0 {
		if who := s.identities.At(k).Subscriber; s.subscribers.At(who).Account == i {
			return who
		}
	}
	o.refuse(UserUnknown, "account %q has no subscriber %s", s.accounts.At(i).id(), id)
	return 0
}
