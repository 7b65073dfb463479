package books

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"gyro/internal/money"
)

// ours are the keys under which the office moves prepaid money in the core: payment-7, refund-3, chargeback-7-lost-2,
// adjustment-5. Each has its entry in the journal.
var ours = regexp.MustCompile(`^(payment|refund|chargeback|adjustment)-[0-9]`)

// usedUp are the kinds of movements in the core that statements bill: what was used of the money.
var usedUp = []string{"session", "event", "refund", "fee"}

// prepaid holds the money that the office brought to each prepaid account against what came there under the office's keys,
// and finds what came as paid or given without the office.
func (v *verifier) prepaid(ctx context.Context, c *Check) error {
	c.Name = "prepaid balances are what was paid for them"
	var booked, core, used, otherwise sums
	accounts := 0
	look := func(a *Account) (s seen, err error) {
		m, err := v.movedMoney(ctx, a.Charging)
		if err != nil {
			return s, err
		}
		s.done = func() {
			booked.add(a.Currency, a.Prepaid)
			core.add(a.Currency, m.ours)
			used.add(a.Currency, m.used)
			otherwise.add(a.Currency, m.otherwise)
		}
		in := in(a.Currency)
		if m.ours != a.Prepaid {
			s.problems = append(s.problems, fmt.Sprintf("account %d (%s): the journal has brought %s %s to its balance, the core has %s of it", a.ID, a.Charging, in(a.Prepaid), a.Currency, in(m.ours)))
		}
		for _, stray := range m.strays {
			s.problems = append(s.problems, fmt.Sprintf("account %d (%s): record %d of the core, a %s of %s %s under the key %q, is no payment or adjustment of the office",
				a.ID, a.Charging, stray.record, stray.kind, in(stray.amount), a.Currency, stray.key))
		}
		return s, nil
	}
	var differ []Account
	err := v.Accounts(func(a *Account) error {
		if a.Kind != "prepaid" {
			return nil
		}
		accounts++
		s, err := look(a)
		if err == nil && len(s.problems) == 0 {
			s.done()
		} else if err == nil {
			differ = append(differ, *a)
		}
		return err
	})
	if err == nil {
		err = v.again(ctx, c, differ, look)
	}
	c.figure("%d prepaid accounts: the journal has brought them %s, the core has %s of it", accounts, &booked, &core)
	c.figure("of usage and fees: %s; of vouchers, transfers, loans and the like: %s", &used, &otherwise)
	compare(c, "prepaid money in the journal and in the core", &booked, &core)
	return err
}

// stray is a movement that the office should know of, and does not.
type stray struct {
	record    uint64
	kind, key string
	amount    money.Amount
}

// movedMoney is what moved on the own money of a prepaid account.
type movedMoney struct {
	ours, used, otherwise money.Amount
	strays                []stray
}

func (v *verifier) movedMoney(ctx context.Context, account string) (m movedMoney, err error) {
	err = v.eachPosting(ctx, account, func(p *posted) {
		switch {
		case slices.Contains(usedUp, p.kind):
			m.used += p.amount
		case p.kind != "top-up" && p.kind != "adjustment":
			m.otherwise += p.amount
		case ours.MatchString(p.key):
			m.ours += p.amount
		default:
			m.strays = append(m.strays, stray{p.record, p.kind, p.key, p.amount})
		}
	})
	return m, err
}
