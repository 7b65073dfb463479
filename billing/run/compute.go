package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/billing/invoice"
	"gyro/billing/ledger"
	"gyro/billing/tax"
	"gyro/internal/money"
)

// document is one bill as it was computed, not stored yet. Lines of the same
// batch name it by a number below zero: see reference.
type document struct {
	payer   *account
	period  charge.Span
	kind    invoice.Type
	prices  string // tax.Exclusive, or tax.Inclusive for statements and entities that price so
	entity  *tax.Entity
	lines   []charge.Line
	totals  tax.Totals
	digest  int64
	charges []int64 // waiting charges that are on it
	usage   []settlement

	to     invoice.Addressee
	seller string // its letterhead: set when it is stored

	revision int
	id       int64
	number   string
}

// settlement is what of a document's usage one account of the core has to settle.
type settlement struct {
	account         int64
	chargingAccount string
	amount          money.Amount
}

// priceChange is what is charged of a price after a bill.
type priceChange struct {
	price                 int64
	settled, priorSettled charge.Day
	charged, prior        []charge.Charged
	version               int64
	until                 charge.Day
}

// advance is how far an account is billed after a bill.
type advance struct {
	account         int64
	expects         int64 // the version that it was computed from
	version         int64
	until           charge.Day
	usageAfter      int64
	priorUntil      charge.Day
	priorUsageAfter int64
}

// computed is what became of a batch.
type computed struct {
	documents []*document
	named     []*document // every one that a reference was made for, in the order of the references
	prices    []*priceChange
	priceAt   map[int64]*priceChange
	advances  []*advance
	advanceAt map[int64]*advance
	parked    []parked
	empty     int     // cycles without anything to bill
	payers    []int64 // all that the batch was asked for
	// differences from the bills before, of a dry run.
	differences differences
}

type parked struct {
	account int64
	reason  string
}

// reference is how lines of a batch name its n-th document before it has an id.
func reference(n int) int64 { return -int64(n) - 1 }

// compute bills the due cycles of payers, from one snapshot.
func (r *Runner) compute(ctx context.Context, q bun.IDB, job *job, payers []int64) (*computed, error) {
	b, err := r.load(ctx, q, payers)
	if err != nil {
		return nil, err
	}
	c := &computed{priceAt: map[int64]*priceChange{}, advanceAt: map[int64]*advance{}, payers: payers}
	due := slices.Clone(b.groups)
	for {
		due = slices.DeleteFunc(due, func(g *group) bool { return g.payer.next().Until > job.asOf })
		if len(due) == 0 {
			break
		}
		bounds, err := job.bounds(ctx, q, due)
		if err != nil {
			return nil, err
		}
		if err := usageOf(ctx, q, r.db.Dialect(), b, bounds); err != nil {
			return nil, err
		}
		due = slices.DeleteFunc(due, func(g *group) bool {
			err := r.bill(c, b, g)
			if err != nil {
				c.forget(g)
				c.parked = append(c.parked, parked{g.payer.id, err.Error()})
			}
			return err != nil
		})
	}
	return c, r.againstDrafts(ctx, q, job, b, c)
}

// forget takes back what was computed for a payer that cannot be billed: all of
// its due cycles wait together.
func (c *computed) forget(g *group) {
	c.documents = slices.DeleteFunc(c.documents, func(d *document) bool { return d.payer == g.payer })
	for _, a := range g.members {
		c.advances = slices.DeleteFunc(c.advances, func(x *advance) bool { return x.account == a.id })
		for k := range a.products {
			for n := range a.products[k].Prices {
				c.prices = slices.DeleteFunc(c.prices, func(x *priceChange) bool { return x.price == a.products[k].Prices[n].ID })
			}
		}
	}
}

// bill computes one cycle of a payer and the accounts that it pays for.
func (r *Runner) bill(c *computed, b *batch, g *group) error {
	for _, a := range g.members {
		if err := b.bad[a.id]; err != nil {
			return err
		}
	}
	period := g.payer.next()
	d := &document{payer: g.payer, period: period, kind: invoice.Bill, entity: r.tax.Entity(g.payer.region), to: b.addressees[g.payer.id], revision: g.payer.revision}
	var states []charge.PriceState
	for _, a := range g.members {
		charged, err := d.bill(a)
		if err != nil {
			return err
		}
		states = append(states, charged...)
	}
	if len(d.lines) > invoice.MaxLines {
		return fmt.Errorf("the bill would have %d lines, more than %d: let fewer accounts be paid by one", len(d.lines), invoice.MaxLines)
	}
	if len(d.lines) == 0 {
		c.empty++
	} else {
		b.name(d)
		if err := r.settle(d, g.payer); err != nil {
			return err
		}
		if err := b.bookable(d); err != nil {
			return err
		}
		for k := range states {
			for n := range states[k].Charged {
				if line := &states[k].Charged[n].Line; line.Invoice == 0 {
					line.Invoice = reference(len(c.named))
				}
			}
		}
		c.documents, c.named = append(c.documents, d), append(c.named, d)
	}
	c.apply(g, period, states)
	return nil
}

// bill puts on a document what an account owes, and returns what is charged of its prices then.
func (d *document) bill(a *account) ([]charge.PriceState, error) {
	in, err := a.input(d.payer.cycle, d.period)
	if err != nil {
		return nil, err
	}
	draft, err := charge.Bill(in)
	if err != nil {
		return nil, err
	}
	for k := range draft.States { // positions are counted through the accounts
		for n := range draft.States[k].Charged {
			if line := &draft.States[k].Charged[n].Line; line.Invoice == 0 {
				line.Position += len(d.lines)
			}
		}
	}
	d.lines = append(d.lines, draft.Lines...)
	for _, waiting := range in.Charges {
		d.charges = append(d.charges, waiting.ID)
	}
	used, fits := usageSum(in.Usage)
	exact, inRange := used.Sub(a.settled)
	if !fits || !inRange {
		return nil, fmt.Errorf("the usage of account %d leaves the range of money", a.id)
	}
	if exact != 0 && !a.prepaid {
		d.usage = append(d.usage, settlement{a.id, a.chargingAccount, exact})
	}
	return draft.States, nil
}

// bookable refuses what the journal would refuse: it would refuse the whole batch.
func (b *batch) bookable(d *document) error {
	for k := range d.lines {
		if l := &d.lines[k]; !b.chart[l.GL] {
			return fmt.Errorf("line %d (%s) is booked to %q, which the chart of accounts does not have: add the account, or correct the price that names it", k+1, l.Description, l.GL)
		}
	}
	return nil
}

func usageSum(all []charge.Usage) (sum money.Amount, fits bool) {
	for k := range all {
		if sum, fits = sum.Add(all[k].Charged); !fits {
			return 0, false
		}
	}
	return sum, true
}

// input is what an account's part of a bill depends on. Fees of prepaid accounts
// are the core's: their statement shows usage.
func (a *account) input(cycle charge.Cycle, period charge.Span) (*charge.Input, error) {
	in := &charge.Input{
		Cycle: cycle, Period: period, Since: a.until, Currency: a.currency, Usage: a.usage, UsageGL: ledger.RevenueUsage, UsageCategory: "standard",
	}
	if a.prepaid {
		return in, nil
	}
	for k := range a.products {
		if p := &a.products[k]; p.wrong != "" {
			return nil, fmt.Errorf("product %d (%s) has a price in %s, the account is in %s", p.ID, p.Name, p.wrong, a.currencyCode)
		}
		in.Products = append(in.Products, a.products[k].Product)
	}
	for _, c := range a.charges {
		if c.Day < period.Until {
			in.Charges = append(in.Charges, c)
		}
	}
	return in, nil
}

var errOverflow = errors.New("its total leaves the range of money")

// settle rounds and taxes a document. A statement shows prices with their tax, as
// they were taken from the balance. What comes to less than zero is a credit note.
func (r *Runner) settle(d *document, payer *account) error {
	for k := range d.lines {
		l := &d.lines[k]
		kind := l.Kind
		if kind == charge.Credit && l.Price != 0 {
			kind = charge.Recurring // revenue goes back to where it came from
		}
		l.GL = ledger.RevenueAccount(string(kind), l.GL)
	}
	entity := *d.entity
	if payer.prepaid {
		d.kind, entity.Prices = invoice.Statement, tax.Inclusive
	}
	d.prices = entity.Prices
	var err error
	d.totals, err = tax.Settle(d.lines, r.tax, &entity, tax.Party{Region: payer.region, Exempt: payer.exempt, Currency: payer.currency})
	if err != nil {
		return err
	}
	if sum, ok := d.totals.Net.Add(d.totals.Tax); !ok || sum != d.totals.Total {
		return errOverflow
	}
	if d.totals.Total < 0 && d.kind == invoice.Bill {
		d.kind = invoice.CreditNote
	}
	d.digest = invoice.Digest(payer.id, d.period, d.lines, &d.totals)
	return nil
}

// apply moves the accounts on, in memory, so that the next cycle of the same run
// sees what this one charged.
func (c *computed) apply(g *group, period charge.Span, states []charge.PriceState) {
	at := 0
	for _, a := range g.members {
		adv := c.advanceAt[a.id]
		if adv == nil {
			adv = &advance{account: a.id, expects: a.version}
			c.advanceAt[a.id] = adv
			c.advances = append(c.advances, adv)
		}
		adv.priorUntil, adv.priorUsageAfter = a.until, a.usageAfter
		a.version++
		// One that was billed further before it got this payer stays there: those days do not come again.
		a.until, a.revision, a.settled = max(a.until, period.Until), 0, 0
		for k := range a.usage {
			a.usageAfter = max(a.usageAfter, a.usage[k].Last)
		}
		a.charges = slices.DeleteFunc(a.charges, func(x charge.OneTime) bool { return x.Day < period.Until })
		adv.version, adv.until, adv.usageAfter = a.version, a.until, a.usageAfter
		for at < len(states) && c.applyPrice(a, &states[at]) {
			at++
		}
	}
}

// applyPrice keeps a price's new state; ok is false if the price is not the account's.
func (c *computed) applyPrice(a *account, s *charge.PriceState) (ok bool) {
	for k := range a.products {
		for n := range a.products[k].Prices {
			p := &a.products[k].Prices[n]
			if p.ID != s.Price {
				continue
			}
			change := c.priceAt[p.ID]
			if change == nil {
				change = &priceChange{price: p.ID}
				c.priceAt[p.ID] = change
				c.prices = append(c.prices, change)
			}
			change.prior, change.priorSettled = p.Charged, p.Settled
			p.Charged, p.Settled = s.Charged, s.Settled
			change.charged, change.settled, change.version, change.until = s.Charged, s.Settled, a.version, s.Settled
			for _, entry := range s.Charged {
				change.until = max(change.until, entry.Until)
			}
			return true
		}
	}
	return false
}
