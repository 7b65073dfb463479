package api

import (
	"strconv"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/rating"
)

// subscriberView is a subscriber as GET shows it.
type subscriberView struct {
	subscriberBody
	Until     string        `json:"until,omitempty"` // when the state ends by itself
	Then      string        `json:"then,omitempty"`
	Equipment string        `json:"equipment,omitempty"`
	Offers    []string      `json:"offers,omitempty"` // its own beside the account's
	Limits    []limitView   `json:"limits,omitempty"`
	Counters  []counterView `json:"counters,omitempty"`
}

// limitView is what a subscriber may use of what the account shares.
type limitView struct {
	Counter      string `json:"counter"`
	Denomination string `json:"denomination"`
	Used         string `json:"used"`
	Most         string `json:"most"`
	Until        string `json:"until,omitempty"`
}

// counterView is what was counted in a period.
type counterView struct {
	Counter      string `json:"counter"`
	Denomination string `json:"denomination"`
	Used         string `json:"used"`
	Limit        string `json:"limit,omitempty"`
	Until        string `json:"until,omitempty"`
}

// activeView is a subscription as GET shows it.
type activeView struct {
	Number     uint64 `json:"number"`
	Offer      string `json:"offer"`
	Subscriber string `json:"subscriber,omitempty"`
	Status     string `json:"status"`
	Began      string `json:"began"`
	Committed  string `json:"committed_until,omitempty"`
	From       string `json:"period_from,omitempty"`
	Until      string `json:"period_until,omitempty"`
	Promotion  string `json:"promotion,omitempty"`
	Then       string `json:"then,omitempty"` // the offer that follows
	Ends       bool   `json:"ends,omitempty"` // with the period
	Due        string `json:"due,omitempty"`
	Retry      string `json:"retry_at,omitempty"`
	Lapses     string `json:"lapses_at,omitempty"`
}

func (c *accountCopy) subscriberViews() []subscriberView {
	views := make([]subscriberView, 0, len(c.subscribers))
	for n := range c.subscribers {
		sub := &c.subscribers[n]
		v := subscriberView{
			subscriberBody: subscriberOf(sub.Identities), Until: moment(sub.Until), Equipment: sub.Equipment,
			Offers: sub.Offers, Counters: c.counterViews(n + 1),
		}
		v.State = sub.State.String()
		if sub.Then != 0 {
			v.Then = sub.Then.String()
		}
		for _, l := range c.limits {
			if l.Subscriber == n+1 {
				v.Limits = append(v.Limits, limitView{
					Counter: l.Counter, Denomination: l.Unit.String(), Used: denominated(int64(l.Used), l.Unit),
					Most: denominated(int64(l.Most), l.Unit), Until: moment(l.Until),
				})
			}
		}
		views = append(views, v)
	}
	return views
}

// counterViews are those of the n-th subscriber, or of the account for 0.
func (c *accountCopy) counterViews(n int) (views []counterView) {
	for _, k := range c.counters {
		if k.Subscriber != n {
			continue
		}
		v := counterView{Counter: k.Name, Denomination: k.Unit.String(), Used: denominated(int64(k.Used), k.Unit), Until: moment(k.Until)}
		if k.Limit > 0 {
			v.Limit = denominated(int64(k.Limit), k.Unit)
		}
		views = append(views, v)
	}
	return views
}

func (c *accountCopy) subscriptionViews() (views []activeView) {
	for n := range c.subscriptions {
		p := &c.subscriptions[n]
		v := activeView{
			Number: p.Number, Offer: p.Offer, Status: p.Status.String(), Began: moment(p.Began), Committed: moment(p.Committed),
			From: moment(p.From), Until: moment(p.Until), Promotion: p.Promotion, Then: p.Then, Ends: p.Ends,
			Retry: moment(p.Retry), Lapses: moment(p.Lapses),
		}
		if p.Due != 0 {
			v.Due = decimal(p.Due, c.Currency)
		}
		if len(p.Subscriber) > 0 {
			v.Subscriber = p.Subscriber[0].String()
		}
		views = append(views, v)
	}
	return views
}

func subscriberOf(ids []ident.Identity) (b subscriberBody) {
	fields := b.byKind()
	for n := range ids {
		for _, field := range fields {
			if field.kind == ids[n].Kind {
				*field.value = string(ids[n].Bytes())
			}
		}
	}
	return b
}

// limitsBody is what one subscriber may use of what the account shares.
type limitsBody struct {
	Subscriber string      `json:"subscriber"`
	Limits     []limitBody `json:"limits"`
}

type limitBody struct {
	Counter string `json:"counter"`
	// Most is in the counter's unit: an integer, or a decimal of the currency.
	Most string `json:"most"`
}

// limitsAnswer answers it with what is in force.
type limitsAnswer struct {
	Record     uint64      `json:"record,omitempty"` // of the last record that it wrote, if any
	Account    string      `json:"account"`
	Subscriber string      `json:"subscriber"`
	Limits     []limitBody `json:"limits"`
}

func (s *Server) setLimits(r *request) error {
	var body limitsBody
	return s.change(r, &change{charging.KindSetLimits, &body, func(account, key string) (any, error) {
		c := &charging.SetLimits{Account: account, Key: key}
		var err error
		if c.Subscriber, err = parseIdentity(body.Subscriber); err != nil {
			return nil, err
		}
		if c.Limits, err = s.memberLimits(account, body.Limits); err != nil {
			return nil, err
		}
		c.Digest = digestOf(*c)
		return c, nil
	}, func(account string, reply *engine.Reply) any {
		return limitsAnswer{reply.Record, account, body.Subscriber, append([]limitBody{}, body.Limits...)}
	}})
}

// memberLimits reads limits in the units of their counters, which the account's
// catalogue names.
func (s *Server) memberLimits(account string, limits []limitBody) (list []charging.MemberLimit, err error) {
	var v charging.AccountView
	known := false
	s.o.Engine.View(func(state *charging.State) { v, known = state.Account(account) })
	if !known {
		return nil, accountUnknown(account)
	}
	p, _ := s.publication(v.Catalog, 0)
	for n, l := range limits {
		key := index("limits", n)
		most, err := readMost(key+".most", l, p, v.Currency)
		if err != nil {
			return nil, err
		}
		list = append(list, charging.MemberLimit{Counter: l.Counter, Most: most})
	}
	return list, nil
}

// readMost reads money for a counter of money, an integer for any other. That
// there is such a counter is the core's to say.
func readMost(key string, l limitBody, p *charging.Publication, currency money.Currency) (uint64, error) {
	if p != nil {
		if k, known := p.Plan().Counter(ident.NameOf(l.Counter)); known && p.Plan().CounterAt(k).Unit == rating.Money {
			amount, err := parseAmount(key, l.Most, currency, paidDecimals)
			if err == nil && amount < 0 {
				err = invalid(key, quoted(l.Most)+" is below zero", "use an amount from 0")
			}
			return uint64(amount), err
		}
	}
	most, err := strconv.ParseUint(l.Most, 10, 63)
	if err != nil {
		return 0, invalid(key, quoted(l.Most)+" is not a number of units", `write an integer in quotes, such as "5000000000"`)
	}
	return most, nil
}
