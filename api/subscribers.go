package api

import (
	"strconv"
	"strings"
	"time"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/ident"
	"gyro/internal/instant"
)

// stateBody moves a subscriber to another state of its life, binds it to a
// device, or both.
type stateBody struct {
	// Subscriber is one of its identities, as kind:value, such as
	// msisdn:491720000001.
	Subscriber string  `json:"subscriber"`
	State      string  `json:"state"`
	Until      string  `json:"until"`
	Then       string  `json:"then"`
	Equipment  *string `json:"equipment"`
	Reason     string  `json:"reason"`
}

// stateView answers it.
type stateView struct {
	Record     uint64 `json:"record,omitempty"` // of the last record that it wrote, if any
	Account    string `json:"account"`
	Subscriber string `json:"subscriber"`
	State      string `json:"state,omitempty"`
	Until      string `json:"until,omitempty"`
	Then       string `json:"then,omitempty"`
	Reason     string `json:"reason,omitempty"`
}

func (s *Server) setSubscriber(r *request) error {
	var body stateBody
	return s.change(r, &change{charging.KindSetSubscriber, &body, func(account, key string) (any, error) {
		c, err := body.command()
		if err != nil {
			return nil, err
		}
		c.Account, c.Key = account, key
		c.Digest = digestOf(*c)
		return c, nil
	}, func(account string, reply *engine.Reply) any {
		return stateView{
			Record: reply.Record, Account: account, Subscriber: body.Subscriber, State: body.State,
			Until: body.Until, Then: body.Then, Reason: body.Reason,
		}
	}})
}

func (b *stateBody) command() (c *charging.SetSubscriber, err error) {
	c = &charging.SetSubscriber{Equipment: b.Equipment, Reason: b.Reason}
	if c.Subscriber, err = parseIdentity(b.Subscriber); err != nil {
		return nil, err
	}
	if b.State == "" && b.Equipment == nil {
		return nil, missing("state", "name a state, or an equipment to bind the subscriber to")
	}
	if c.State, err = parseState("state", b.State); err != nil {
		return nil, err
	}
	if c.Then, err = parseState("then", b.Then); err != nil {
		return nil, err
	}
	if c.Until, err = parseMoment("until", b.Until); err != nil {
		return nil, err
	}
	if b.Reason != "" {
		err = checkReason(b.Reason)
	}
	return c, err
}

func parseState(key, word string) (charging.SubscriberState, error) {
	if word == "" {
		return 0, nil
	}
	state, ok := charging.ParseSubscriberState(word)
	if !ok {
		return 0, invalid(key, "unknown state "+quoted(word),
			"use ordered, active, suspended-one-way, suspended-two-way, grace or terminated")
	}
	return state, nil
}

// parseMoment reads a moment; an empty text is none, and the zero of instants is not taken for one: it means none.
func parseMoment(key, text string) (instant.Instant, error) {
	if text == "" {
		return 0, nil
	}
	const last = 9999 // the last year that RFC 3339 can write
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || instant.Of(at) <= 0 || at.UTC().Year() > last {
		return 0, invalid(key, quoted(text)+" is not a moment after the beginning of 1970 and before the year 10000", "write it as 2026-12-24T18:00:00Z")
	}
	return instant.Of(at), nil
}

// parseIdentity reads the field subscriber, kind:value.
func parseIdentity(text string) (spec charging.IdentitySpec, err error) {
	if text == "" {
		return spec, missing("subscriber", "name the subscriber by an identity, such as msisdn:491720000001")
	}
	word, value, _ := strings.Cut(text, ":")
	for kind := ident.E164; kind <= ident.Private; kind++ {
		if kind.String() != word {
			continue
		}
		id, err := ident.New(kind, []byte(value))
		if err != nil {
			return spec, invalid("subscriber", quoted(text)+": "+err.Error(), "correct the value behind the colon")
		}
		return charging.IdentitySpec{Kind: id.Kind, Value: string(id.Bytes())}, nil
	}
	return spec, invalid("subscriber", quoted(text)+" names no kind of identity", "write kind:value with msisdn, imsi, sip_uri, nai or private, such as msisdn:491720000001")
}

// subscriptionBody subscribes an account, or one subscriber, to an offer.
type subscriptionBody struct {
	Offer      string `json:"offer"`
	Subscriber string `json:"subscriber"`
	Code       string `json:"code"`
	Replaces   string `json:"replaces"`
	AtCycleEnd bool   `json:"at_cycle_end"`
}

// subscriptionView answers it.
type subscriptionView struct {
	Record     uint64 `json:"record,omitempty"` // of the last record that it wrote, if any
	Account    string `json:"account"`
	Offer      string `json:"offer"`
	Subscriber string `json:"subscriber,omitempty"`
	Replaces   string `json:"replaces,omitempty"`
	AtCycleEnd bool   `json:"at_cycle_end,omitempty"`
	Balance    string `json:"balance"` // of the account's own money, afterwards
}

func (b *subscriptionBody) view(account string, reply *engine.Reply) any {
	return subscriptionView{
		Record: reply.Record, Account: account, Offer: b.Offer, Subscriber: b.Subscriber, Replaces: b.Replaces,
		AtCycleEnd: b.AtCycleEnd, Balance: balanceOf(reply),
	}
}

func (s *Server) subscribe(r *request) error {
	var body subscriptionBody
	return s.change(r, &change{charging.KindSubscribe, &body, func(account, key string) (any, error) {
		if body.Offer == "" {
			return nil, missing("offer", "name an offer of the account's catalogue")
		}
		c := &charging.Subscribe{
			Account: account, Offer: body.Offer, Code: body.Code, Replaces: body.Replaces, AtCycleEnd: body.AtCycleEnd, Key: key,
		}
		var err error
		if c.Subscriber, err = parseSomeone(body.Subscriber); err != nil {
			return nil, err
		}
		c.Digest = digestOf(*c)
		return c, nil
	}, body.view})
}

// endBody ends a subscription.
type endBody struct {
	Offer      string `json:"offer"`
	Subscriber string `json:"subscriber"`
	AtCycleEnd bool   `json:"at_cycle_end"`
	// WaiveCommitment ends it although the customer is committed for longer.
	WaiveCommitment bool `json:"waive_commitment"`
}

func (s *Server) unsubscribe(r *request) error {
	var body endBody
	return s.change(r, &change{charging.KindUnsubscribe, &body, func(account, key string) (any, error) {
		if body.Offer == "" {
			return nil, missing("offer", "name an offer that the account has")
		}
		c := &charging.Unsubscribe{
			Account: account, Offer: body.Offer, AtCycleEnd: body.AtCycleEnd, Waive: body.WaiveCommitment, Key: key,
		}
		var err error
		if c.Subscriber, err = parseSomeone(body.Subscriber); err != nil {
			return nil, err
		}
		c.Digest = digestOf(*c)
		return c, nil
	}, func(account string, reply *engine.Reply) any {
		return subscriptionView{
			Record: reply.Record, Account: account, Offer: body.Offer, Subscriber: body.Subscriber,
			AtCycleEnd: body.AtCycleEnd, Balance: balanceOf(reply),
		}
	}})
}

// parseSomeone reads an identity that may be left out.
func parseSomeone(text string) (*charging.IdentitySpec, error) {
	if text == "" {
		return nil, nil
	}
	spec, err := parseIdentity(text)
	return &spec, err
}

// cycleDay reads the day of the month on which billing cycles begin.
func cycleDay(day *int) (uint8, error) {
	const last = 28 // the last that every month has
	switch {
	case day == nil:
		return 0, nil
	case *day < 1 || *day > last:
		return 0, invalid("cycle_day", strconv.Itoa(*day)+" is no day that every month has", "use 1 to "+strconv.Itoa(last))
	}
	return uint8(*day), nil
}
