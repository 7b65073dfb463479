package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/internal/voucher"
)

// Customers is what customers did beside using the network, and what became
// due for them.
type Customers struct {
	TopUps    int    `json:"top_ups"`
	Vouchers  int    `json:"vouchers"` // redeemed
	AddOns    int    `json:"add_ons"`  // bought
	Suspended int    `json:"suspended"`
	Resumed   int    `json:"resumed"`
	Refused   int    `json:"refused"` // of all that: refused by the core
	Renewals  uint64 `json:"renewals"`
	Notices   uint64 `json:"notices"` // that customers were given: little money left, a limit reached
}

// count adds what a record tells.
func (c *Customers) count(r *usage.Record) {
	switch {
	case r.Kind == usage.Notice:
		c.Notices++
	case r.Kind == usage.Fee && r.Cause == usage.TimePassed:
		c.Renewals++
	}
}

// The pace of the customers: how often they act, and how many at a time.
const (
	officePace    = 500 * time.Millisecond
	topUpsAtATime = 6
	vouchersMade  = 40
	// suspension is how long a subscriber stays suspended.
	suspension = 3 * time.Second
	// sessionsSeen are as many open sessions as customers are looked for in.
	sessionsSeen = 2000
)

var (
	topUpAmount   = money.Amount(5_000_000)
	voucherAmount = money.Amount(10_000_000)
)

// office is where customers turn to while the network runs. Those who have run
// out of money top up or redeem a voucher; some buy an add-on; now and then one
// loses a telephone and has it suspended until it is found.
type office struct {
	core      Engine
	operator  *Operator
	rng       *mathrand.Rand
	began     int64 // makes keys differ from those of an earlier run
	turn      int
	customers Customers
	read      uint64 // the last record that was counted
	codes     [][]byte
	batches   int
	lost      []lostTelephone
}

// lostTelephone is a subscriber that is suspended until it is found.
type lostTelephone struct {
	account string
	who     charging.IdentitySpec
	until   time.Time
}

func newOffice(core Engine, operator *Operator, seed, after uint64) *office {
	return &office{
		core: core, operator: operator, rng: mathrand.New(mathrand.NewPCG(seed, 1)), began: time.Now().UnixMilli(), read: after,
	}
}

// open serves customers until the context ends; afterwards nobody is left
// suspended. tell is given the figures after every turn.
func (o *office) open(ctx context.Context, tell func(Customers)) error {
	tick := time.NewTicker(officePace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			// The network drains; its sessions end as those of anybody else.
			err := o.resumeAll(context.WithoutCancel(ctx))
			return errors.Join(err, o.follow(tell))
		case now := <-tick.C:
			if err := o.serve(ctx, now); err != nil && ctx.Err() == nil {
				return err
			}
			if err := o.follow(tell); err != nil {
				return err
			}
		}
	}
}

// serve is one turn.
func (o *office) serve(ctx context.Context, now time.Time) error {
	o.turn++
	var sessions []charging.SessionView
	o.core.View(func(s *charging.State) { sessions = s.Sessions(0, sessionsSeen) })
	if err := o.topUps(ctx, sessions); err != nil {
		return err
	}
	if err := o.resume(ctx, now); err != nil {
		return err
	}
	if o.turn%2 == 0 {
		return o.addOn(ctx)
	}
	return o.suspend(ctx, now, sessions)
}

// follow counts the records since the last time.
func (o *office) follow(tell func(Customers)) error {
	err := o.core.Records(o.read, func(r *usage.Record) bool {
		o.customers.count(r)
		o.read = r.Sequence
		return true
	})
	tell(o.customers)
	return err
}

// topUps has those top up whose sessions wait for credit: their gateways then
// get a Re-Auth-Request.
func (o *office) topUps(ctx context.Context, sessions []charging.SessionView) error {
	served := map[string]bool{}
	for n := range sessions {
		account := sessions[n].Account
		if !exhausted(&sessions[n]) || served[account] || len(served) == topUpsAtATime {
			continue
		}
		served[account] = true
		if len(served)%3 == 0 {
			if err := o.redeem(ctx, account); err != nil {
				return err
			}
			continue
		}
		key := o.key("top-up")
		if err := o.do(ctx, &o.customers.TopUps, charging.KindTopUp, charging.MoveMoney{
			Account: account, Amount: topUpAmount, Currency: o.operator.currency, Reason: "card", Key: key, ExtendsDays: 90,
		}); err != nil {
			return err
		}
	}
	return nil
}

func exhausted(s *charging.SessionView) bool {
	for n := range s.Groups {
		if s.Groups[n].Exhausted {
			return true
		}
	}
	return false
}

// redeem has an account redeem a voucher; a new batch is made when none is
// left.
func (o *office) redeem(ctx context.Context, account string) error {
	if len(o.codes) == 0 {
		if err := o.print(ctx); err != nil {
			return err
		}
	}
	hash := o.codes[0]
	o.codes = o.codes[1:]
	return o.do(ctx, &o.customers.Vouchers, charging.KindRedeem, charging.Redeem{Account: account, Hash: hash, Key: o.key("voucher")})
}

// print makes a batch of vouchers.
func (o *office) print(ctx context.Context) error {
	var salt []byte
	o.core.View(func(s *charging.State) { salt = s.VoucherSalt() })
	if salt == nil {
		var err error
		if salt, err = voucher.Salt(rand.Reader); err != nil {
			return err
		}
	}
	var hashes []byte
	for range vouchersMade {
		code, err := voucher.New(rand.Reader, voucher.DefaultDigits)
		if err != nil {
			return err
		}
		hash := voucher.Hash(code, salt)
		o.codes, hashes = append(o.codes, hash), append(hashes, hash...)
	}
	o.batches++
	return done(o.core.Do(ctx, charging.KindVouchers, charging.Vouchers{
		Batch: fmt.Sprintf("demo-%d-%d", o.began, o.batches), Salt: salt, Hashes: hashes,
		Terms: charging.VoucherTerms{Count: vouchersMade, Amount: voucherAmount, Currency: o.operator.currency},
	}))
}

// addOn has somebody with nothing but payg take data for the night.
func (o *office) addOn(ctx context.Context) error {
	for range len(o.operator.accounts) {
		a := &o.operator.accounts[o.rng.IntN(len(o.operator.accounts))]
		if len(a.spec.Offers) == 1 && a.spec.Offers[0] == "payg" {
			return o.do(ctx, &o.customers.AddOns, charging.KindSubscribe, charging.Subscribe{Account: a.id, Offer: "night-data", Key: o.key("add-on")})
		}
	}
	return nil
}

// suspend has somebody who is online lose the telephone: the gateway of the
// session gets an Abort-Session-Request.
func (o *office) suspend(ctx context.Context, now time.Time, sessions []charging.SessionView) error {
	// Of a gateway that takes Abort-Session-Requests; calls end by themselves.
	sessions = slices.DeleteFunc(sessions, func(s charging.SessionView) bool { return s.OriginHost != elementHost("pgw") })
	if len(sessions) == 0 {
		return nil
	}
	s := &sessions[o.rng.IntN(len(sessions))]
	_, value, found := strings.Cut(s.Subscriber, ":")
	if !found {
		return fmt.Errorf("subscriber %q of session %s has no kind", s.Subscriber, s.SessionID)
	}
	who, before := charging.IdentitySpec{Kind: ident.IMSI, Value: value}, o.customers.Suspended
	err := o.do(ctx, &o.customers.Suspended, charging.KindSetSubscriber, charging.SetSubscriber{
		Account: s.Account, Subscriber: who, State: charging.SuspendedTwoWay, Reason: "lost", Key: o.key("suspend"),
	})
	if o.customers.Suspended > before {
		o.lost = append(o.lost, lostTelephone{s.Account, who, now.Add(suspension)})
	}
	return err
}

// resume has those telephones found whose time has come.
func (o *office) resume(ctx context.Context, now time.Time) error {
	for len(o.lost) > 0 && !now.Before(o.lost[0].until) {
		found, before := o.lost[0], o.customers.Resumed+o.customers.Refused
		if err := o.do(ctx, &o.customers.Resumed, charging.KindSetSubscriber, charging.SetSubscriber{
			Account: found.account, Subscriber: found.who, State: charging.Active, Reason: "found", Key: o.key("resume"),
		}); err != nil {
			return err
		}
		if o.customers.Resumed+o.customers.Refused == before {
			return nil // too busy
		}
		o.lost = o.lost[1:]
	}
	return nil
}

// resumeAll has every telephone found, however busy the core is.
func (o *office) resumeAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	tick := time.NewTicker(officePace / 10)
	defer tick.Stop()
	for {
		if err := o.resume(ctx, time.Now().Add(suspension)); err != nil || len(o.lost) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d subscribers stay suspended: %w", len(o.lost), engine.ErrBusy)
		case <-tick.C:
		}
	}
}

// key is an idempotency key that nobody had before.
func (o *office) key(what string) string {
	return fmt.Sprintf("%s-%d-%d", what, o.began, o.rng.Uint64())
}

// do gives a command and counts what came of it. A core that is too busy has
// the customer come back another time.
func (o *office) do(ctx context.Context, count *int, kind charging.Kind, command any) error {
	r, err := o.core.Do(ctx, kind, command)
	switch {
	case errors.Is(err, engine.ErrBusy):
		return nil
	case err != nil:
		return err
	case r.Result != charging.Success:
		o.customers.Refused++
	default:
		*count++
	}
	return nil
}
