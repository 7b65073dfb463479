package demo

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/rating"
)

// Core is the charging engine as the demo needs it.
type Core interface {
	Do(ctx context.Context, kind charging.Kind, command any) (engine.Reply, error)
	View(fn func(*charging.State))
}

const (
	// openers is how many accounts are opened at once: enough to fill batches.
	openers = 256
	// sinceJoined is how long those customers are there who are renewed.
	sinceJoined = 28 * 24 * time.Hour
	// renewalLead is when, from the opening on, the first is renewed, and
	// renewalSpread how long it takes until the last is.
	renewalLead   = 4 * time.Second
	renewalSpread = 12 * time.Second
)

// Open opens every account and tops it up; accounts that are there already are
// left alone. The clock is the real one afterwards. progress is told how many
// are open.
func (o *Operator) Open(ctx context.Context, core Core, clock *Clock, progress func(done int)) error {
	missing := o.missing(core)
	// Those who came weeks ago are opened first: time does not go back.
	renewing := 0
	slices.SortStableFunc(missing, func(a, b *account) int {
		switch {
		case a.spec.Renews == b.spec.Renews:
			return 0
		case a.spec.Renews:
			return -1
		}
		return 1
	})
	for renewing < len(missing) && missing[renewing].spec.Renews {
		renewing++
	}
	joined := o.joined(core)
	progress(0)
	err := o.openAll(ctx, core, missing[:renewing], func(n int) {
		clock.Set(joined.Add(renewalSpread * time.Duration(n) / time.Duration(renewing)))
	})
	clock.Catch()
	if err == nil {
		progress(renewing)
		err = o.openAll(ctx, core, missing[renewing:], func(int) {})
	}
	progress(len(missing))
	return err
}

// missing are the accounts that the core does not have.
func (o *Operator) missing(core Core) (list []*account) {
	core.View(func(s *charging.State) {
		for n := range o.accounts {
			if !s.HasAccount(o.accounts[n].id) {
				list = append(list, &o.accounts[n])
			}
		}
	})
	return list
}

// joined is when somebody came whose next fee falls due when the demo has run
// for a little: four weeks before by the clock on the wall, which may have been
// changed since.
func (o *Operator) joined(core Core) time.Time {
	due := instant.Of(time.Now().Add(renewalLead))
	at := due.Add(-instant.Span(sinceJoined / time.Millisecond))
	core.View(func(s *charging.State) {
		for _, p := range s.Currents() {
			at = at.Add(due.Sub(p.Plan().After(at, rating.Period{Days: 28})))
		}
	})
	return at.Time()
}

// openAll opens accounts side by side; before is told which is next.
func (o *Operator) openAll(ctx context.Context, core Core, list []*account, before func(n int)) error {
	next := make(chan *account)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for range openers {
		all.Go(func() {
			for a := range next {
				if err := o.openAccount(ctx, core, a); err != nil {
					cancel(err)
				}
			}
		})
	}
	for n, a := range list {
		if ctx.Err() != nil {
			break
		}
		before(n)
		next <- a
	}
	close(next)
	all.Wait()
	return context.Cause(ctx)
}

func (o *Operator) openAccount(ctx context.Context, core Core, a *account) error {
	spec := a.spec
	put := charging.PutAccount{
		Account: a.id, Currency: o.currency, Kind: uint8(spec.kind), CreditLimit: spec.creditLimit, LowBalance: spec.warnedBelow,
		Offers: spec.Offers, CycleDay: spec.CycleDay,
	}
	for n := range a.members {
		put.Subscribers = append(put.Subscribers, charging.SubscriberSpec{Identities: []charging.IdentitySpec{
			o.identity(a.first + n), {Kind: ident.E164, Value: o.msisdn(a.first + n)},
		}})
	}
	if err := done(core.Do(ctx, charging.KindPutAccount, put)); err != nil {
		return err
	}
	if spec.topUp > 0 {
		err := done(core.Do(ctx, charging.KindTopUp, charging.MoveMoney{
			Account: a.id, Amount: spec.topUp, Currency: o.currency, Reason: "voucher", Key: "opening", Digest: uint64(spec.topUp),
		}))
		if err != nil {
			return err
		}
	}
	if spec.Subscribe != "" {
		err := done(core.Do(ctx, charging.KindSubscribe, charging.Subscribe{Account: a.id, Offer: spec.Subscribe, Code: spec.Code, Key: "contract"}))
		if err != nil {
			return err
		}
	}
	return o.openMembers(ctx, core, a)
}

// openMembers gives subscribers what they have for themselves, side by side: a
// fleet has many.
func (o *Operator) openMembers(ctx context.Context, core Core, a *account) error {
	if a.spec.MemberOffer == "" && !a.spec.Bound && a.spec.Children == 0 {
		return nil
	}
	errs := make([]error, a.members)
	var all sync.WaitGroup
	for n := range a.members {
		all.Go(func() { errs[n] = o.openMember(ctx, core, a, n) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// openMember gives the n-th subscriber of an account what it has for itself.
func (o *Operator) openMember(ctx context.Context, core Core, a *account, n int) error {
	spec, who := a.spec, o.identity(a.first+n)
	key := "opening-" + who.Value
	if spec.MemberOffer != "" {
		err := done(core.Do(ctx, charging.KindSubscribe, charging.Subscribe{Account: a.id, Subscriber: &who, Offer: spec.MemberOffer, Key: key}))
		if err != nil {
			return err
		}
	}
	if spec.Bound {
		device := imei(who.Value)
		err := done(core.Do(ctx, charging.KindSetSubscriber, charging.SetSubscriber{Account: a.id, Subscriber: who, Equipment: &device, Key: key}))
		if err != nil {
			return err
		}
	}
	if n < a.members-spec.Children {
		return nil
	}
	return done(core.Do(ctx, charging.KindSetLimits, charging.SetLimits{Account: a.id, Subscriber: who, Limits: spec.limits(), Key: key}))
}

// limits are those of a child, in the order of their names.
func (spec *AccountKind) limits() (list []charging.MemberLimit) {
	for counter, most := range spec.Limits {
		list = append(list, charging.MemberLimit{Counter: counter, Most: most})
	}
	slices.SortFunc(list, func(a, b charging.MemberLimit) int { return strings.Compare(a.Counter, b.Counter) })
	return list
}

// identity names a subscriber in commands.
func (o *Operator) identity(subscriber int) charging.IdentitySpec {
	return charging.IdentitySpec{Kind: ident.IMSI, Value: o.imsi(subscriber)}
}

// imei is the device that the simulated elements have a subscriber use.
func imei(imsi string) string { return "35" + imsi[max(len(imsi)-12, 0):] }

// done makes a refusal an error.
func done(r engine.Reply, err error) error {
	if err == nil && r.Result != charging.Success {
		return errors.New(r.Detail)
	}
	return err
}
