package run

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/zone"
)

// account is a billing account as a bill needs it.
type account struct {
	id, payer       int64 // payer 0: itself
	prepaid         bool
	chargingAccount string
	currencyCode    string
	cycle           charge.Cycle
	zoneName        string
	terms           int
	region          string
	exempt          bool
	createdAt       instant.Instant

	version    int64 // of its state; 0 if it was never billed
	usageAfter int64
	settled    money.Amount // of the next bill's usage, in the core already
	until      charge.Day   // billed until

	zone     *instant.Zone
	currency money.Currency
	products []product
	charges  []charge.OneTime
	usage    []charge.Usage
	revision int // of the next document
}

// next is the cycle to bill, without its days that were billed before the cycle day was changed.
func (a *account) next() charge.Span {
	return charge.Span{From: a.until, Until: a.cycle.Of(a.until).Until}
}

const accountColumns = `a.id, COALESCE(a.payer_id, 0), a.kind = 'prepaid', a.charging_account, a.currency, a.cycle_day, a.cycle_months, a.time_zone,
	a.terms_days, a.tax_region, a.tax_exempt, a.created_at, COALESCE(s.version, 0), COALESCE(s.usage_after, 0), COALESCE(s.billed_until, ''), COALESCE(s.revision, 0),
	COALESCE(s.settled, 0)
	FROM billing_account a LEFT JOIN billing_state s ON s.billing_account_id = a.id `

// zones keeps the tables of time zones that accounts name.
type zones map[string]*instant.Zone

func (z zones) get(name string) (*instant.Zone, error) {
	if found := z[name]; found != nil {
		return found, nil
	}
	loaded, ok := zone.Load(name)
	if !ok {
		return nil, fmt.Errorf("the account's time zone %q is unknown: use a name such as Europe/Berlin", name)
	}
	z[name] = &loaded
	return &loaded, nil
}

// accounts reads accounts that a condition selects. Those that cannot be billed
// at all come back with the reason.
func accounts(ctx context.Context, q bun.IDB, z zones, where string, args ...any) (found []*account, bad map[int64]error, err error) {
	rows, err := q.QueryContext(ctx, "SELECT "+accountColumns+where, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("read the accounts: %w", err)
	}
	defer func() { _ = rows.Close() }()
	bad = map[int64]error{}
	for rows.Next() {
		a := &account{}
		var until string
		if err := rows.Scan(&a.id, &a.payer, &a.prepaid, &a.chargingAccount, &a.currencyCode, &a.cycle.Day, &a.cycle.Months, &a.zoneName,
			&a.terms, &a.region, &a.exempt, &a.createdAt, &a.version, &a.usageAfter, &until, &a.revision, (*int64)(&a.settled)); err != nil {
			return nil, nil, fmt.Errorf("read the accounts: %w", err)
		}
		if err := a.complete(z, until); err != nil {
			bad[a.id] = err
		}
		found = append(found, a)
	}
	return found, bad, rows.Err()
}

func (a *account) complete(z zones, until string) (err error) {
	if a.zone, err = z.get(a.zoneName); err != nil {
		utc := instant.UTC()
		a.zone = &utc
		_ = a.setUntil(until)
		return err
	}
	if a.currency, err = money.ParseCurrency(a.currencyCode); err != nil {
		_ = a.setUntil(until)
		return err
	}
	return a.setUntil(until)
}

// setUntil sets how far it is billed: an account that never was begins with the
// cycle in which it was made.
func (a *account) setUntil(until string) (err error) {
	if until == "" {
		a.until = a.cycle.Of(charge.DayOf(a.zone, a.createdAt)).From
		return nil
	}
	a.until, err = charge.ParseDay(until)
	return err
}

// group is a payer with the accounts that it pays for: what becomes one document
// a cycle. The payer is the first.
type group struct {
	payer   *account
	members []*account
}

// groups puts accounts under their payers, in the order of the payers.
func groups(all []*account, bad map[int64]error) []*group {
	var made []*group
	byPayer := map[int64]*group{}
	for _, a := range all {
		if a.payer == 0 {
			g := &group{payer: a, members: []*account{a}}
			byPayer[a.id] = g
			made = append(made, g)
		}
	}
	payerOf := map[int64]int64{}
	for _, a := range all {
		payerOf[a.id] = a.payer
	}
	for _, a := range all {
		if a.payer == 0 {
			continue
		}
		top := a.payer
		for payerOf[top] != 0 { // the office refuses circles
			top = payerOf[top]
		}
		g := byPayer[top]
		if g == nil {
			continue
		}
		g.members = append(g.members, a)
		if a.currencyCode != g.payer.currencyCode && bad[a.id] == nil {
			bad[a.id] = fmt.Errorf("account %d is in %s, account %d, which pays for it, in %s", a.id, a.currencyCode, g.payer.id, g.payer.currencyCode)
		}
		if a.prepaid != g.payer.prepaid && bad[a.id] == nil {
			bad[a.id] = fmt.Errorf("account %d and account %d, which pays for it, are not of one kind", a.id, g.payer.id)
		}
	}
	return made
}
