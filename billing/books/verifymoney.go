package books

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"gyro/api/client"
	"gyro/billing/ledger"
	"gyro/internal/money"
)

// documentKinds are the kinds of entries of documents, and the type that each is of.
var documentKinds = map[ledger.Kind]string{
	ledger.KindInvoice: string(ledger.DocumentInvoice), ledger.KindCreditNote: string(ledger.DocumentCreditNote), ledger.KindStatement: string(ledger.DocumentStatement),
}

// journal adds up every entry, and holds what it has of documents against the documents.
func (v *verifier) journal(_ context.Context, c *Check) error {
	c.Name = "the receivables journal balances"
	var debits, credits, rounding sums
	documents := map[string]*sums{}
	entries := 0
	err := v.Entries(func(e *ledger.Recorded) error {
		entries++
		var balance sums
		for k := range e.Postings {
			p := &e.Postings[k]
			balance.add(p.Currency, p.Amount)
			if p.Amount > 0 {
				debits.add(p.Currency, p.Amount)
			} else {
				credits.add(p.Currency, -p.Amount)
			}
			kind, ofDocument := documentKinds[e.Kind]
			switch {
			case !ofDocument:
			case p.GLCode == ledger.Rounding:
				rounding.add(p.Currency, -p.Amount)
			case p.GLCode == ledger.Receivables || p.GLCode == ledger.CustomerCredit || p.GLCode == ledger.PrepaidBalances:
				if documents[kind] == nil {
					documents[kind] = &sums{}
				}
				documents[kind].add(p.Currency, p.Amount)
			}
		}
		for _, currency := range balance.order {
			if balance.by[currency] != 0 {
				c.wrong("entry %d (%s %s) is out of balance by %s %s", e.ID, e.Kind, e.Reference, in(currency)(balance.by[currency]), currency)
			}
		}
		return nil
	})
	c.figure("%d entries: debits %s, credits %s", entries, &debits, &credits)
	c.figure("rounding: %s, as the lines have it: %s", &rounding, &v.rounding)
	compare(c, "debits and credits", &debits, &credits)
	compare(c, "rounding in the journal and of the lines", &rounding, &v.rounding)
	for _, kind := range slices.Sorted(maps.Keys(v.posted)) {
		posted := documents[kind]
		if posted == nil {
			posted = &sums{}
		}
		c.figure("%s: %s posted, %s on documents", kind, posted, v.posted[kind])
		compare(c, kind+" posted and on documents", posted, v.posted[kind])
	}
	return err
}

func compare(c *Check, what string, a, b *sums) {
	for _, currency := range slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(a.order), b.order...)))) {
		if a.by[currency] != b.by[currency] {
			c.wrong("%s differ: %s and %s %s", what, in(currency)(a.by[currency]), in(currency)(b.by[currency]), currency)
		}
	}
}

// openItems holds the open items of each account against the journal.
func (v *verifier) openItems(_ context.Context, c *Check) error {
	c.Name = "open items are the journal's balances"
	var open, credit sums
	accounts := 0
	err := v.Accounts(func(a *Account) error {
		accounts++
		in := in(a.Currency)
		open.add(a.Currency, a.Open)
		credit.add(a.Currency, a.Credit)
		if a.Open != a.Debtor || a.Credit != -a.Creditor {
			c.wrong("account %d: %s open and %s credit, the journal has %s and %s", a.ID, in(a.Open), in(a.Credit), in(a.Debtor), in(-a.Creditor))
		}
		return nil
	})
	c.figure("%d accounts: %s open, %s credit", accounts, &open, &credit)
	return err
}

// balances holds the core's balance of each postpaid account against its usage that is not settled. What else moved on it
// in the core is looked for where they differ.
func (v *verifier) balances(ctx context.Context, c *Check) error {
	c.Name = "the core's postpaid balances are usage that is not billed"
	t := &balanceSums{}
	var differ []Account
	err := v.Accounts(func(a *Account) error {
		if a.Kind != "postpaid" {
			return nil
		}
		t.accounts++
		if a.Billed && a.Passed != a.Claimed {
			in := in(a.Currency)
			c.wrong("account %d: bills have gone past usage of %s and had %s of it", a.ID, in(a.Passed), in(a.Claimed))
		}
		s, err := v.balance(ctx, a, t)
		if err == nil && len(s.problems) == 0 {
			s.done()
		} else if err == nil {
			differ = append(differ, *a)
		}
		return err
	})
	if err == nil {
		err = v.again(ctx, c, differ, func(a *Account) (seen, error) { return v.balance(ctx, a, t) })
	}
	c.figure("%d postpaid accounts, %d of them not in the core: %s not billed, %s otherwise explained", t.accounts, t.absent, &t.unbilled, &t.explained)
	return err
}

// balanceSums are the figures of balances.
type balanceSums struct {
	unbilled, explained sums
	accounts, absent    int
}

// balance looks at the balance of one account.
func (v *verifier) balance(ctx context.Context, a *Account, t *balanceSums) (s seen, err error) {
	in := in(a.Currency)
	wrong := func(format string, args ...any) { s.problems = append(s.problems, fmt.Sprintf(format, args...)) }
	core, err := v.Core.Account(ctx, a.Charging)
	if client.Refused(err, "account_unknown") {
		if s.done = func() { t.absent++ }; a.Used != a.Settled {
			wrong("account %d: %s is not billed, and the core has no %s", a.ID, in(a.Used-a.Settled), a.Charging)
		}
		return s, nil
	}
	if err != nil {
		return s, err
	}
	var other money.Amount
	s.done = func() {
		t.unbilled.add(a.Currency, a.Used-a.Settled)
		if other != 0 {
			t.explained.add(a.Currency, other)
		}
	}
	difference := core.Remaining - core.Excess + a.Used - a.Settled
	if difference == 0 {
		return s, nil
	}
	if other, err = v.otherwise(ctx, a.Charging); err != nil {
		return s, err
	}
	if difference != other {
		wrong("account %d (%s): the core has %s, %s excess; %s of usage less %s settled; %s of it is top-ups, adjustments, open sessions and the like, %s is not explained (%d sessions are open)",
			a.ID, a.Charging, in(core.Remaining), in(core.Excess), in(a.Used), in(a.Settled), in(other), in(difference-other), len(core.OpenSessions))
	}
	return s, nil
}

// billed are the kinds of movements in the core that usage and its settlement are.
var billed = []string{"session", "event", "refund", "settlement"}

// otherwise sums what moved on an account's own money in the core that is neither usage with a record nor settlement.
func (v *verifier) otherwise(ctx context.Context, account string) (sum money.Amount, err error) {
	if _, sum, err = v.newest(ctx, account); err != nil {
		return 0, err
	}
	err = v.eachPosting(ctx, account, func(p *posted) {
		if !slices.Contains(billed, p.kind) {
			sum += p.amount
		}
	})
	return sum, err
}

// posted is what a record of the core moved on an account's own money, excess that is owed taken off.
type posted struct {
	record    uint64
	kind, key string
	amount    money.Amount
}

// eachPosting goes through the movements of an account in the core; one that the core does not have has none.
func (v *verifier) eachPosting(ctx context.Context, account string, do func(*posted)) error {
	for before := uint64(0); ; {
		page, err := v.Core.Postings(ctx, account, before, client.MaxPage)
		if client.Refused(err, "account_unknown") {
			return nil
		}
		if err != nil {
			return err
		}
		for k := range page.Postings {
			p := &page.Postings[k]
			do(&posted{record: p.Record, kind: p.Kind, key: p.IdempotencyKey, amount: moved(account, p.Legs)})
		}
		if before = page.Next; before == 0 {
			return nil
		}
	}
}

// String tells a check in lines: its name and result, its figures, and what differs.
func (c *Check) String() string {
	text := "ok    " + c.Name + "\n"
	if c.Count > 0 {
		text = fmt.Sprintf("WRONG %s: %d\n", c.Name, c.Count)
	}
	for _, f := range c.Figures {
		text += "      " + f + "\n"
	}
	for _, p := range c.Problems {
		text += "    ! " + p + "\n"
	}
	if c.Count > len(c.Problems) {
		text += fmt.Sprintf("    ! and %d more\n", c.Count-len(c.Problems))
	}
	return text
}
