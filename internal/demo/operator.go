// Package demo is gyro up --demo: an operator with customers, simulated
// network elements as separate processes, what customers do meanwhile, a live
// view, and books that are closed at the end.
package demo

import (
	"errors"
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"

	"gyro/balance"
	"gyro/internal/money"
)

// Operator is the demo operator's customers.
type Operator struct {
	IMSIBase   string  `yaml:"imsi_base"`
	MSISDNBase string  `yaml:"msisdn_base"`
	Currency   string  `yaml:"currency"`
	Groups     []Group `yaml:"groups"`
	currency   money.Currency
	accounts   []account
}

// Group is customers whose subscribers have neighbouring numbers.
type Group struct {
	Name        string        `yaml:"name"`
	Subscribers int           `yaml:"subscribers"`
	Accounts    []AccountKind `yaml:"accounts"`
	first       int           // the first subscriber
}

// AccountKind is one kind of customer and how many of a round are of it.
type AccountKind struct {
	Share       int      `yaml:"share"`
	Kind        string   `yaml:"kind"`
	Offers      []string `yaml:"offers"`
	MemberOffer string   `yaml:"member_offer"` // which every subscriber has for itself
	Subscribe   string   `yaml:"subscribe"`    // an offer taken with a promotion's Code
	Code        string   `yaml:"code"`
	Members     int      `yaml:"members"` // subscribers, 1 by default
	TopUp       string   `yaml:"top_up"`
	CreditLimit string   `yaml:"credit_limit"`
	LowBalance  string   `yaml:"low_balance"`
	CycleDay    uint8    `yaml:"cycle_day"`
	Renews      bool     `yaml:"renews"` // a fee falls due while the demo runs
	Bound       bool     `yaml:"bound"`  // subscribers may use their own device only
	// Limits on counters hold for so many Children, in the counter's unit.
	Children int               `yaml:"children"`
	Limits   map[string]uint64 `yaml:"limits"`

	kind                            balance.Kind
	topUp, creditLimit, warnedBelow money.Amount
}

// account is one customer.
type account struct {
	id      string
	spec    *AccountKind
	first   int // the first of its subscribers
	members int
}

// ReadOperator reads the operator's description.
func ReadOperator(text []byte) (*Operator, error) {
	o := &Operator{}
	if err := yaml.Unmarshal(text, o); err != nil {
		return nil, fmt.Errorf("demo operator: %w", err)
	}
	var err error
	if o.currency, err = money.ParseCurrency(o.Currency); err != nil {
		return nil, fmt.Errorf("demo operator: %w", err)
	}
	next := 0
	for n := range o.Groups {
		g := &o.Groups[n]
		g.first = next
		if err := o.readGroup(g); err != nil {
			return nil, fmt.Errorf("demo operator: group %s: %w", g.Name, err)
		}
		next += g.Subscribers
	}
	if len(o.accounts) == 0 {
		return nil, errors.New("demo operator: no accounts; name groups of them")
	}
	return o, nil
}

// readGroup spreads a group's kinds evenly over its numbers.
func (o *Operator) readGroup(g *Group) error {
	round := 0
	for n := range g.Accounts {
		spec := &g.Accounts[n]
		if err := o.readKind(spec); err != nil {
			return err
		}
		round += spec.Share
	}
	if g.Subscribers < 1 || round < 1 {
		return errors.New("subscribers and shares must be positive")
	}
	end := g.first + g.Subscribers
	for turn, next := 0, g.first; next < end; turn++ {
		spec := g.kindOf(turn, round)
		members := min(spec.Members, end-next)
		o.accounts = append(o.accounts, account{id: fmt.Sprintf("demo-%05d", len(o.accounts)), spec: spec, first: next, members: members})
		next += members
	}
	return nil
}

func (o *Operator) readKind(spec *AccountKind) error {
	spec.Members = max(spec.Members, 1)
	var ok bool
	if spec.kind, ok = balance.ParseKind(spec.Kind); !ok {
		return fmt.Errorf("kind %q is unknown", spec.Kind)
	}
	for _, amount := range []struct {
		to   *money.Amount
		text string
	}{{&spec.topUp, spec.TopUp}, {&spec.creditLimit, spec.CreditLimit}, {&spec.warnedBelow, spec.LowBalance}} {
		if amount.text == "" {
			continue
		}
		var err error
		if *amount.to, err = money.Parse(amount.text, o.currency.Exponent()); err != nil {
			return err
		}
	}
	return nil
}

// kindOf is the kind whose turn it is.
func (g *Group) kindOf(turn, round int) *AccountKind {
	// 7 has no factor in common with most rounds, so neighbours differ.
	at := turn * 7 % round
	for n := range g.Accounts {
		if at -= g.Accounts[n].Share; at < 0 {
			return &g.Accounts[n]
		}
	}
	return &g.Accounts[0]
}

// Subscribers is how many subscribers the operator has.
func (o *Operator) Subscribers() (n int) {
	for i := range o.Groups {
		n += o.Groups[i].Subscribers
	}
	return n
}

// Accounts is how many accounts the operator has.
func (o *Operator) Accounts() int { return len(o.accounts) }

// imsi and msisdn number the subscribers.
func (o *Operator) imsi(subscriber int) string   { return plus(o.IMSIBase, subscriber) }
func (o *Operator) msisdn(subscriber int) string { return plus(o.MSISDNBase, subscriber) }

// plus adds to a number written in digits and keeps its length.
func plus(base string, n int) string {
	value, _ := strconv.ParseUint(base, 10, 64)
	return fmt.Sprintf("%0*d", len(base), value+uint64(n))
}
