package books

import (
	"context"
	"slices"

	"gyro/api/client"
	"gyro/internal/money"
)

// looks is how often an account is looked at again whose money in the core differs from the office's. Both halves live, and are
// read one after the other: usage comes in within seconds, a payment, a settlement or an adjustment is between them for
// as long as its job takes.
const looks = 8

// seen is what a look at an account found.
type seen struct {
	// problems are what differs; none where nothing does.
	problems []string
	// steady says that nothing moved while it was looked at: the core's newest record of the account is the same before and
	// after, and the office's cursor had reached it.
	steady bool
	// done adds what was seen to the figures of the check.
	done func()
}

// again looks at accounts once more, all of them before it waits, until they do not differ or it is sure that they do: two
// looks, one after the other, at which nothing moved found the same. What still moves at the last look is told as it was seen then.
func (v *verifier) again(ctx context.Context, c *Check, accounts []Account, look func(a *Account) (seen, error)) error {
	before := make([]seen, len(accounts))
	apart := 0
	for n := 1; len(accounts) > 0; n++ {
		if n > 1 && v.Wait != nil {
			if err := v.Wait(ctx); err != nil {
				return err
			}
		}
		var left []Account
		var last []seen
		for k := range accounts {
			s, err := v.steadily(ctx, &accounts[k], look)
			if err != nil {
				return err
			}
			sure := n >= looks || s.steady && before[k].steady && slices.Equal(s.problems, before[k].problems)
			if len(s.problems) > 0 && !sure {
				left, last = append(left, accounts[k]), append(last, s)
				continue
			}
			s.done()
			for _, problem := range s.problems {
				c.wrong("%s", problem)
			}
			if len(s.problems) == 0 {
				apart++
			}
		}
		accounts, before = left, last
	}
	if apart > 0 {
		c.figure("%s moved between two looks, and were looked at again", counted(apart, "account"))
	}
	return nil
}

// steadily looks at an account as the office has it by now.
func (v *verifier) steadily(ctx context.Context, a *Account, look func(a *Account) (seen, error)) (seen, error) {
	before, open, err := v.newest(ctx, a.Charging)
	if err != nil {
		return seen{}, err
	}
	cursor, err := v.Cursor()
	if err != nil {
		return seen{}, err
	}
	now, err := v.Account(a.ID)
	if err != nil {
		return seen{}, err
	}
	s, err := look(&now)
	if err != nil {
		return seen{}, err
	}
	after, openAfter, err := v.newest(ctx, a.Charging)
	s.steady = before == after && open == openAfter && int64(before) <= cursor.After //nolint:gosec // record numbers are below 2^63
	return s, err
}

// newest is the core's newest record of an account, and what its open sessions have moved of its own money that no record has yet.
func (v *verifier) newest(ctx context.Context, account string) (record uint64, open money.Amount, err error) {
	page, err := v.Core.Postings(ctx, account, 0, 1)
	if client.Refused(err, "account_unknown") {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	for k := range page.Open {
		open += moved(account, page.Open[k].Legs)
	}
	if len(page.Postings) > 0 {
		record = page.Postings[0].Record
	}
	return record, open, nil
}

// moved is what legs moved on an account's own money, excess that is owed taken off.
func moved(account string, legs []client.Leg) (sum money.Amount) {
	own := []string{"customer:" + account + "/main", "excess:" + account}
	for _, leg := range legs {
		amount, _, isMoney := leg.Quantity.Money()
		if isMoney && slices.Contains(own, leg.To) {
			sum += amount
		}
		if isMoney && slices.Contains(own, leg.From) {
			sum -= amount
		}
	}
	return sum
}
