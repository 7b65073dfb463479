package thread

import (
	"context"
	"fmt"
	"math/big"
	"time"
)

// enough is how many lines are to be active for the invoice run.
const enough = 3

const runsPath = "/office/v1/invoice-runs"

// invoiceRun is a run as the office shows it.
type invoiceRun struct {
	ID       string
	State    string
	Invoices int
	Parked   int
	Totals   map[string]struct{ Total number } // by currency
}

// bill bills the cycle that everybody is in, as of the day on which it ends: what
// was used until now is on it.
func (t *Thread) bill(ctx context.Context) error {
	if _, err := t.active(ctx, enough); err != nil {
		return err
	}
	var run invoiceRun
	if err := t.post(ctx, runsPath, t.key("run", 0), map[string]any{"asOf": nextCycle(t.began), "mode": "final", "behind": true}, &run); err != nil {
		return err
	}
	if err := until(ctx, func() (bool, error) {
		err := t.get(ctx, runsPath+"/"+run.ID, &run)
		return run.State == "done", err
	}); err != nil {
		return err
	}
	t.count(func(f *Figures) { f.Invoices, f.Parked = run.Invoices, run.Parked })
	return t.owed(ctx)
}

// nextCycle is the day on which the next cycle of an account begins whose bill day
// is the first.
func nextCycle(now time.Time) string {
	return time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// openItem is a bill that is open.
type openItem struct {
	Invoice string `json:"invoice"`
	Number  string `json:"number"`
	Total   number `json:"total"`
	Open    number `json:"open"`
	DueOn   string `json:"dueOn"`
}

// openItems are the open bills of an account.
func (t *Thread) openItems(ctx context.Context, account string) ([]openItem, error) {
	var v struct{ Receivables []openItem }
	err := t.get(ctx, "/office/v1/accounts/"+account+"/open-items", &v)
	return v.Receivables, err
}

// owed finds out who was billed how much.
func (t *Thread) owed(ctx context.Context) error {
	people, err := t.active(ctx, 0)
	if err != nil {
		return err
	}
	billed := new(big.Rat)
	for _, p := range people {
		items, err := t.openItems(ctx, p.account)
		if err != nil {
			return err
		}
		for k := range items {
			p.invoice, p.open, p.dueOn = items[k].Invoice, string(items[k].Open), items[k].DueOn
			add(billed, string(items[k].Total))
		}
	}
	t.count(func(f *Figures) {
		f.Billed, f.Open = billed.FloatString(2), billed.FloatString(2)
		for _, p := range people {
			if f.InvoiceID == "" {
				f.InvoiceID = p.invoice
			}
		}
	})
	return nil
}

// add adds a decimal.
func add(sum *big.Rat, decimal string) {
	if r, ok := new(big.Rat).SetString(decimal); ok {
		sum.Add(sum, r)
	}
}

const paymentsPath = "/tmf-api/paymentManagement/v4/payment"

// method is what somebody pays with; its id is the provider's token.
type method struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
}

// means are what people pay with, in turn: what the provider makes of each is
// told by its token.
var means = []method{{"tok_visa", "provider"}, {"tok_late_visa", "provider"}, {"mnd_demo", "provider"}, {"", "bank_transfer"}}

// pay has everybody pay the bill, but one: the debtor.
func (t *Thread) pay(ctx context.Context) error {
	people, err := t.active(ctx, 0)
	if err != nil {
		return err
	}
	var open []*person
	for _, p := range people {
		if p.invoice != "" {
			open = append(open, p)
		}
	}
	if len(open) == 0 {
		return fmt.Errorf("the invoice run billed none of %d customers with a line", len(people))
	}
	debtor := open[len(open)-1]
	debtor.debtor = true
	for _, p := range open[:len(open)-1] {
		if err := t.payment(ctx, p, means[p.n%len(means)]); err != nil {
			return err
		}
	}
	for _, p := range open[:len(open)-1] {
		if err := t.settled(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// payment begins a payment of all that a person owes.
func (t *Thread) payment(ctx context.Context, p *person, by method) error {
	err := t.post(ctx, paymentsPath, t.key("payment", p.n), map[string]any{
		"account": ref{ID: p.account}, "totalAmount": amount{t.f.Currency, number(p.open)}, "paymentMethod": by,
		"correlatorId": t.key("payment", p.n),
	}, nil)
	if err == nil {
		t.count(func(f *Figures) { f.Payments++ })
	}
	return err
}

// settled waits until nothing is open of what a person owes.
func (t *Thread) settled(ctx context.Context, p *person) error {
	if err := until(ctx, func() (bool, error) {
		items, err := t.openItems(ctx, p.account)
		return len(items) == 0, err
	}); err != nil {
		return err
	}
	t.count(func(f *Figures) {
		paid, open := new(big.Rat), new(big.Rat)
		add(paid, f.Paid)
		add(paid, p.open)
		add(open, f.Billed)
		f.Paid, f.Open = paid.FloatString(2), open.Sub(open, paid).FloatString(2)
	})
	return nil
}

const dunningPath = "/office/v1/dunning"

// dunnedUntil is what a policy does at the most in the demo.
const dunnedUntil = "suspend"

// dun takes one step after the other, each as of its day, until the debtor's
// line is suspended by order.
func (t *Thread) dun(ctx context.Context) error {
	debtor, err := t.debtor()
	if err != nil {
		return err
	}
	due, err := time.Parse(time.DateOnly, debtor.dueOn)
	if err != nil {
		return err
	}
	var policy struct {
		Steps []struct {
			Days   int
			Action string
		}
	}
	if err := t.get(ctx, dunningPath+"/policy", &policy); err != nil {
		return err
	}
	for n, step := range policy.Steps {
		day := due.AddDate(0, 0, step.Days).Format(time.DateOnly)
		taken, err := t.dunned(ctx, n, day)
		if err != nil {
			return err
		}
		t.count(func(f *Figures) {
			for _, times := range taken {
				f.Dunned += times
			}
		})
		if step.Action == dunnedUntil {
			break
		}
	}
	if err := t.state(ctx, debtor.product, "suspended"); err != nil {
		return err
	}
	t.count(func(f *Figures) { f.Debtors++ })
	return nil
}

// dunningRun is a run of dunning as the office shows it.
type dunningRun struct {
	ID, AsOf, State string
	Steps           map[string]int
	ParkedAccounts  []struct{ Account, Reason string }
}

// dunned has a run carried out as of a day, behind the one that is under way, if
// there is one, such as that of each hour. It tells the steps that were taken.
func (t *Thread) dunned(ctx context.Context, n int, day string) (steps map[string]int, err error) {
	for try := 0; ; try++ {
		var run dunningRun
		if err := t.post(ctx, dunningPath+"/runs", t.key("dunning", n*100+try), map[string]any{"asOf": day}, &run); err != nil {
			return nil, err
		}
		if err := until(ctx, func() (bool, error) {
			err := t.get(ctx, dunningPath+"/runs/"+run.ID, &run)
			return run.State == "done", err
		}); err != nil {
			return nil, err
		}
		if len(run.ParkedAccounts) > 0 {
			return nil, fmt.Errorf("as of %s: %v", day, run.ParkedAccounts)
		}
		if run.AsOf == day {
			return run.Steps, nil
		}
	}
}

// relent has the debtor pay, and waits until the line is active again.
func (t *Thread) relent(ctx context.Context) error {
	debtor, err := t.debtor()
	if err != nil {
		return err
	}
	if err := t.payment(ctx, debtor, means[0]); err != nil {
		return err
	}
	if err := t.settled(ctx, debtor); err != nil {
		return err
	}
	if err := t.state(ctx, debtor.product, "active"); err != nil {
		return err
	}
	t.count(func(f *Figures) { f.Returned++ })
	return nil
}

func (t *Thread) debtor() (*person, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.people {
		if p.debtor {
			return p, nil
		}
	}
	return nil, fmt.Errorf("nobody is in debt of %d customers", len(t.people))
}
