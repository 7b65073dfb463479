// Package demo is gyro up --demo: an operator with customers, simulated
// network elements as separate processes, a live view, and books that are
// closed at the end.
package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"gopkg.in/yaml.v3"

	"gyro/balance"
	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/ident"
	"gyro/internal/money"
)

// Operator is the demo operator's customers.
type Operator struct {
	Subscribers int           `yaml:"subscribers"`
	IMSIBase    string        `yaml:"imsi_base"`
	MSISDNBase  string        `yaml:"msisdn_base"`
	Currency    string        `yaml:"currency"`
	Accounts    []AccountKind `yaml:"accounts"`
	currency    money.Currency
}

// AccountKind is one kind of customer and how many of a round are of it.
type AccountKind struct {
	Share       int      `yaml:"share"`
	Kind        string   `yaml:"kind"`
	Offers      []string `yaml:"offers"`
	TopUp       string   `yaml:"top_up"`
	CreditLimit string   `yaml:"credit_limit"`
}

// ReadOperator reads the operator's description.
func ReadOperator(text []byte) (*Operator, error) {
	o := &Operator{}
	if err := yaml.Unmarshal(text, o); err != nil {
		return nil, fmt.Errorf("demo operator: %w", err)
	}
	if o.Subscribers < 1 || o.round() < 1 {
		return nil, errors.New("demo operator: subscribers and shares must be positive")
	}
	var err error
	if o.currency, err = money.ParseCurrency(o.Currency); err != nil {
		return nil, fmt.Errorf("demo operator: %w", err)
	}
	return o, nil
}

func (o *Operator) round() (n int) {
	for _, kind := range o.Accounts {
		n += kind.Share
	}
	return n
}

// kindOf spreads the kinds evenly over the numbers.
func (o *Operator) kindOf(index int) *AccountKind {
	// 7 has no factor in common with a round of 20, so neighbours differ.
	at := index * 7 % o.round()
	for n := range o.Accounts {
		if at -= o.Accounts[n].Share; at < 0 {
			return &o.Accounts[n]
		}
	}
	return &o.Accounts[0]
}

// Core is the charging engine as the demo needs it.
type Core interface {
	Do(ctx context.Context, kind charging.Kind, command any) (engine.Reply, error)
}

// openers is how many accounts are opened at once: enough to fill batches.
const openers = 256

// Open opens every account and tops it up; on a data directory that has them
// already it changes nothing. progress is told how many are open.
func (o *Operator) Open(ctx context.Context, core Core, progress func(done int)) error {
	next := make(chan int)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for range openers {
		all.Go(func() {
			for index := range next {
				if err := o.openAccount(ctx, core, index); err != nil {
					cancel(err)
				}
			}
		})
	}
	for index := 0; index < o.Subscribers && ctx.Err() == nil; index++ {
		next <- index
		if index%1000 == 0 {
			progress(index)
		}
	}
	close(next)
	all.Wait()
	progress(o.Subscribers)
	return context.Cause(ctx)
}

func (o *Operator) openAccount(ctx context.Context, core Core, index int) error {
	spec := o.kindOf(index)
	kind, ok := balance.ParseKind(spec.Kind)
	if !ok {
		return fmt.Errorf("demo operator: kind %q is unknown", spec.Kind)
	}
	limit, err := o.amount(spec.CreditLimit)
	if err != nil {
		return err
	}
	account := fmt.Sprintf("demo-%05d", index)
	err = done(core.Do(ctx, charging.KindPutAccount, charging.PutAccount{
		Account: account, Currency: o.currency, Kind: uint8(kind), CreditLimit: limit, Offers: spec.Offers,
		Subscribers: []charging.SubscriberSpec{{Identities: []charging.IdentitySpec{
			{Kind: ident.IMSI, Value: plus(o.IMSIBase, index)}, {Kind: ident.E164, Value: plus(o.MSISDNBase, index)},
		}}},
	}))
	if err != nil {
		return err
	}
	amount, err := o.amount(spec.TopUp)
	if err != nil || amount == 0 {
		return err
	}
	return done(core.Do(ctx, charging.KindTopUp, charging.MoveMoney{
		Account: account, Amount: amount, Currency: o.currency, Reason: "voucher", Key: "opening", Digest: uint64(amount),
	}))
}

// amount reads an amount of the operator's currency; none is zero.
func (o *Operator) amount(text string) (money.Amount, error) {
	if text == "" {
		return 0, nil
	}
	return money.Parse(text, o.currency.Exponent())
}

// done makes a refusal an error.
func done(r engine.Reply, err error) error {
	if err == nil && r.Result != charging.Success {
		return errors.New(r.Detail)
	}
	return err
}

// plus adds to a number written in digits and keeps its length.
func plus(base string, n int) string {
	value, _ := strconv.ParseUint(base, 10, 64)
	return fmt.Sprintf("%0*d", len(base), value+uint64(n))
}
