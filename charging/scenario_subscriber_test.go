package charging_test

import (
	"fmt"
	"strings"
	"time"

	"gyro/charging"
	"gyro/charging/usage"
	"gyro/internal/instant"
)

// subscriberCommands are the words about subscribers and their offers.
var subscriberCommands = map[string]func(*script) string{
	"subscriber": (*script).subscriber, "lives": (*script).lives,
	"subscribe": (*script).subscribe, "unsubscribe": (*script).unsubscribe, "subscriptions": (*script).subscriptions,
}

// state reads the word for a state of life.
func (s *script) stateArg(key string) charging.SubscriberState {
	text := s.text(key, "")
	if text == "" {
		return 0
	}
	state, ok := charging.ParseSubscriberState(text)
	if !ok {
		s.d.Fatalf(s.t, "unknown state %s", text)
	}
	return state
}

func (s *script) date(key string) instant.Instant {
	text := s.text(key, "")
	if text == "" {
		return 0
	}
	if strings.HasPrefix(text, "+") {
		return s.now.Add(s.span(text[1:]))
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return instant.Of(at)
}

// named is the subscriber that a command names, or nil.
func (s *script) named() *charging.IdentitySpec {
	for _, kind := range identityKinds {
		if text := s.text(kind.String(), ""); text != "" {
			return &charging.IdentitySpec{Kind: kind, Value: text}
		}
	}
	return nil
}

func (s *script) subscriber() string {
	c := charging.SetSubscriber{
		Account: s.text("account", ""), State: s.stateArg("state"), Until: s.date("until"), Then: s.stateArg("then"),
		Reason: s.text("reason", ""), Key: s.key(),
	}
	if who := s.named(); who != nil {
		c.Subscriber = *who
	}
	if arg, ok := s.d.Arg("equipment"); ok {
		device := strings.Join(arg.Vals, "")
		c.Equipment = &device
	}
	c.Digest = uint64(c.State)
	o := s.do(charging.KindSetSubscriber, c)
	return s.moved(&o)
}

func (s *script) subscribe() string {
	o := s.do(charging.KindSubscribe, charging.Subscribe{
		Account: s.text("account", ""), Subscriber: s.named(), Offer: s.text("offer", ""), Code: s.text("code", ""),
		Replaces: s.text("replaces", ""), AtCycleEnd: s.d.HasArg("at-cycle-end"), Key: s.key(),
	})
	return s.moved(&o)
}

func (s *script) unsubscribe() string {
	o := s.do(charging.KindUnsubscribe, charging.Unsubscribe{
		Account: s.text("account", ""), Subscriber: s.named(), Offer: s.text("offer", ""),
		AtCycleEnd: s.d.HasArg("at-cycle-end"), Waive: s.d.HasArg("waive"), Key: s.key(),
	})
	return s.moved(&o)
}

// lives shows where subscribers are in their lives.
func (s *script) lives() string {
	var b strings.Builder
	for _, v := range s.state.Subscribers(s.text("account", "")) {
		fmt.Fprintf(&b, "%s: %s", v.Identities[0], v.State)
		if v.Until != 0 {
			fmt.Fprintf(&b, " until %s", v.Until)
		}
		if v.Then != 0 {
			fmt.Fprintf(&b, ", then %s", v.Then)
		}
		if v.Held {
			b.WriteString(", held")
		}
		if v.Equipment != "" {
			fmt.Fprintf(&b, ", device %s", v.Equipment)
		}
		if len(v.Offers) > 0 {
			fmt.Fprintf(&b, ", own offers %s", strings.Join(v.Offers, " "))
		}
		b.WriteString("\n")
	}
	return orNone(&b)
}

func (s *script) subscriptions() string {
	var b strings.Builder
	account := s.text("account", "")
	if v, ok := s.state.Account(account); ok {
		fmt.Fprintf(&b, "offers %s\n", strings.Join(v.Offers, " "))
	}
	for _, v := range s.state.Subscriptions(account) {
		fmt.Fprintf(&b, "%s %s", v.Offer, v.Status)
		if v.Subscriber != nil {
			fmt.Fprintf(&b, " of %s", v.Subscriber[0])
		}
		fmt.Fprintf(&b, ", from %s", v.From)
		for _, m := range [...]struct {
			word string
			at   instant.Instant
		}{{"until", v.Until}, {"committed until", v.Committed}, {"retry", v.Retry}, {"lapses", v.Lapses}} {
			if m.at != 0 {
				fmt.Fprintf(&b, ", %s %s", m.word, m.at)
			}
		}
		if v.Promotion != "" {
			fmt.Fprintf(&b, ", promotion %s", v.Promotion)
		}
		if v.Due != 0 {
			fmt.Fprintf(&b, ", %s due", v.Due)
		}
		if v.Then != "" {
			fmt.Fprintf(&b, ", then %s", v.Then)
		}
		if v.Ends {
			b.WriteString(", ends")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// lifeWords is what a record about a life or a fee says beside its postings.
func (s *script) lifeWords(r *usage.Record) (words string) {
	if r.Kind == usage.Fee || r.Kind == usage.LifeCycle {
		if r.Offer != 0 {
			words += ", " + s.state.Label(r.Offer)
		}
		words += ", " + string(r.Reason)
	}
	return words
}

// configureLife reads how long the states of a life last.
func (s *script) configureLife(l *charging.LifeCycle) {
	for key, span := range map[string]*instant.Span{
		"ordered": &l.Ordered, "active": &l.Active, "suspended-one-way": &l.SuspendedOneWay,
		"suspended-two-way": &l.SuspendedTwoWay, "grace": &l.Grace,
	} {
		if text := s.text(key, ""); text != "" {
			*span = s.span(text)
		}
	}
	l.ByHand = l.ByHand || s.d.HasArg("activate-by-hand")
}
