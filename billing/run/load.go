package run

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/billing/invoice"
	"gyro/billing/ledger"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// product is a product with the currencies of its prices, which must be the account's.
type product struct {
	charge.Product
	wrong string // a currency that is not
}

// batch is accounts being billed, with all that their bills depend on.
type batch struct {
	groups   []*group
	accounts map[int64]*account
	ids      []int64
	bad      map[int64]error // accounts that cannot be billed, and why

	addressees map[int64]invoice.Addressee // whom the payers' documents are for
	numbers    map[int64]string            // telephone numbers, by subscription
	offers     map[string]*offer           // by the core's names
	chart      map[string]bool             // the general ledger's accounts
}

// load reads the payers and what depends on them.
func (r *Runner) load(ctx context.Context, q bun.IDB, payers []int64) (*batch, error) {
	all, bad, err := accounts(ctx, q, zones{}, `WHERE a.id IN (WITH RECURSIVE g (id) AS (SELECT id FROM billing_account WHERE id IN (?)
		UNION SELECT c.id FROM billing_account c JOIN g ON c.payer_id = g.id) SELECT id FROM g) ORDER BY a.id`, bun.List(payers))
	if err != nil {
		return nil, err
	}
	b := &batch{accounts: make(map[int64]*account, len(all)), bad: bad}
	b.groups = groups(all, bad)
	for _, a := range all {
		b.accounts[a.id] = a
		b.ids = append(b.ids, a.id)
	}
	for _, step := range []func(context.Context, bun.IDB) error{b.loadPrices, b.loadDiscounts, b.loadSuspensions, b.loadCharges, b.loadNumbers, b.loadOffers, b.loadChart} {
		if err := step(ctx, q); err != nil {
			return nil, err
		}
	}
	b.addressees, err = invoice.Addressees(ctx, q, payers)
	return b, err
}

func (a *account) day(i instant.Instant) charge.Day {
	if i == 0 {
		return charge.Open
	}
	return charge.DayOf(a.zone, i)
}

// loadPrices reads the products that were ever active, with their prices and what
// was charged of them. Prices that ended long ago and are settled are left out by
// what remains charged of them: nothing.
func (b *batch) loadPrices(ctx context.Context, q bun.IDB) error {
	rows, err := q.QueryContext(ctx, `SELECT p.billing_account_id, p.id, COALESCE(p.subscription_id, 0), p.name, p.activated_at, p.terminated_at,
		COALESCE(o.minimum_commitment, 0), t.id, t.name, t.type, t.amount, t.currency, t.period_months, t.in_advance, t.prorate, t.tax_category,
		t.gl_code, t.valid_from, t.valid_until, COALESCE(s.charged, ''), COALESCE(s.settled, '')
		FROM product p JOIN product_price t ON t.product_id = p.id
		LEFT JOIN product_offering o ON o.id = p.offering_id LEFT JOIN price_state s ON s.product_price_id = t.id
		WHERE p.billing_account_id IN (?) AND p.activated_at > 0 ORDER BY p.billing_account_id, p.id, t.id`, bun.List(b.ids))
	if err != nil {
		return fmt.Errorf("read the prices: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var p product
		var price charge.Price
		var activated, terminated, from, until instant.Instant
		var kind, currency, charged, settled string
		if err := rows.Scan(&p.Account, &p.ID, &p.Subscription, &p.Name, &activated, &terminated, &p.Minimum, &price.ID, &price.Name, &kind,
			&price.Amount, &currency, &price.Months, &price.InAdvance, &price.Prorate, &price.Category, &price.GL, &from, &until, &charged, &settled); err != nil {
			return fmt.Errorf("read the prices: %w", err)
		}
		a := b.accounts[p.Account]
		price.OneTime = kind == "one_time"
		price.From, price.Until = a.day(from), a.day(until)
		if price.Charged, err = parseCharged(charged); err == nil && settled != "" {
			price.Settled, err = charge.ParseDay(settled)
		}
		if err != nil && b.bad[a.id] == nil {
			b.bad[a.id] = fmt.Errorf("price %d: %w", price.ID, err)
		}
		n := len(a.products)
		if n == 0 || a.products[n-1].ID != p.ID {
			p.Active = charge.Span{From: a.day(activated), Until: a.day(terminated)}
			p.MinimumCategory = price.Category
			a.products = append(a.products, p)
			n++
		}
		if currency != a.currencyCode {
			a.products[n-1].wrong = currency
		}
		a.products[n-1].Prices = append(a.products[n-1].Prices, price)
	}
	return rows.Err()
}

// loadChart reads what lines can be booked to.
func (b *batch) loadChart(ctx context.Context, q bun.IDB) error {
	all, err := ledger.Accounts(ctx, q)
	b.chart = make(map[string]bool, len(all))
	for k := range all {
		b.chart[all[k].Code] = true
	}
	return err
}

// find returns an account's product; nil if it has no prices.
func (b *batch) find(accountID, productID int64) (*account, *product) {
	a := b.accounts[accountID]
	at, ok := slices.BinarySearchFunc(a.products, productID, func(p product, id int64) int { return cmp.Compare(p.ID, id) })
	if !ok {
		return a, nil
	}
	return a, &a.products[at]
}

func (b *batch) loadDiscounts(ctx context.Context, q bun.IDB) error {
	rows, err := q.QueryContext(ctx, `SELECT p.billing_account_id, p.id, d.id, d.name, d.rate_millionths, d.amount, d.cycles, d.valid_from, d.valid_until
		FROM product p JOIN product_discount d ON d.product_id = p.id WHERE p.billing_account_id IN (?) ORDER BY d.id`, bun.List(b.ids))
	if err != nil {
		return fmt.Errorf("read the discounts: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var accountID, productID int64
		var d charge.Discount
		var cycles int
		var from, until instant.Instant
		if err := rows.Scan(&accountID, &productID, &d.ID, &d.Name, &d.Rate, &d.Amount, &cycles, &from, &until); err != nil {
			return fmt.Errorf("read the discounts: %w", err)
		}
		a, p := b.find(accountID, productID)
		if p == nil {
			continue
		}
		d.Valid = charge.Span{From: a.day(from), Until: a.day(until)}
		if cycles > 0 {
			d.Valid.Until = min(d.Valid.Until, charge.AfterCycles(a.cycle, d.Valid.From, cycles))
		}
		p.Discounts = append(p.Discounts, d)
	}
	return rows.Err()
}

func (b *batch) loadSuspensions(ctx context.Context, q bun.IDB) error {
	rows, err := q.QueryContext(ctx, `SELECT p.billing_account_id, p.id, s.from_at, s.until_at
		FROM product p JOIN product_suspension s ON s.product_id = p.id WHERE p.billing_account_id IN (?) ORDER BY s.from_at`, bun.List(b.ids))
	if err != nil {
		return fmt.Errorf("read the suspensions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var accountID, productID int64
		var from, until instant.Instant
		if err := rows.Scan(&accountID, &productID, &from, &until); err != nil {
			return fmt.Errorf("read the suspensions: %w", err)
		}
		if a, p := b.find(accountID, productID); p != nil {
			s := charge.Span{From: a.day(from), Until: a.day(until)}
			// Two on one day, or for two reasons at once: the second goes on from the first.
			if n := len(p.Suspended); n > 0 && s.From < p.Suspended[n-1].Until {
				s.From = p.Suspended[n-1].Until
			}
			if s.From >= s.Until {
				continue
			}
			p.Suspended = append(p.Suspended, s)
		}
	}
	return rows.Err()
}

func (b *batch) loadCharges(ctx context.Context, q bun.IDB) error {
	rows, err := q.QueryContext(ctx, `SELECT c.billing_account_id, c.id, c.product_id, COALESCE(p.subscription_id, 0), c.kind, c.amount, c.currency, c.description,
		c.tax_category, c.gl_code, c.charged_on FROM billing_charge c LEFT JOIN product p ON p.id = c.product_id
		WHERE c.invoice_id IS NULL AND c.billing_account_id IN (?) ORDER BY c.billing_account_id, c.id`, bun.List(b.ids))
	if err != nil {
		return fmt.Errorf("read the waiting charges: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c charge.OneTime
		var kind, currency, on string
		if err := rows.Scan(&c.Account, &c.ID, &c.Product, &c.Subscription, &kind, &c.Amount, &currency, &c.Description, &c.Category, &c.GL, &on); err != nil {
			return fmt.Errorf("read the waiting charges: %w", err)
		}
		a := b.accounts[c.Account]
		if c.Kind = charge.OneTimeCharge; kind == "credit" {
			c.Kind = charge.Credit
		}
		if c.Day, err = charge.ParseDay(on); err == nil && currency != a.currencyCode {
			err = fmt.Errorf("it is in %s, the account in %s", currency, a.currencyCode)
		}
		if err != nil && b.bad[a.id] == nil {
			b.bad[a.id] = fmt.Errorf("charge %d: %w", c.ID, err)
		}
		a.charges = append(a.charges, c)
	}
	return rows.Err()
}

// bound is the usage of an account for one bill: the records after one up to another.
type bound struct{ account, after, through int64 }

// usageOf sums up usage within bounds. The account's records are looked up one
// account after the other: PostgreSQL would otherwise, of tables without statistics, read all usage.
//
// Halves of the numbers are summed up: a sum that does not fit would otherwise end the query, and the run with it, for one
// account's records.
func usageOf(ctx context.Context, q bun.IDB, d database.Dialect, b *batch, bounds []bound) error {
	if len(bounds) == 0 {
		return nil
	}
	text := []byte("WITH b (account, after, through) AS (VALUES ")
	for k, x := range bounds {
		if k > 0 {
			text = append(text, ',')
		}
		text = append(text, '(')
		text = append(appendInts(text, x.account, x.after, x.through), ')')
		b.accounts[x.account].usage = b.accounts[x.account].usage[:0]
	}
	const what = `u.billing_account_id, COALESCE(u.subscription_id, 0) AS subscription, u.service, u.offer, u.unit, u.currency,
		COUNT(*) AS records, CAST(SUM(u.used >> 32) AS BIGINT), CAST(SUM(u.used & 4294967295) AS BIGINT),
		CAST(SUM(u.billed >> 32) AS BIGINT), CAST(SUM(u.billed & 4294967295) AS BIGINT),
		CAST(SUM(u.charged >> 32) AS BIGINT), CAST(SUM(u.charged & 4294967295) AS BIGINT), MIN(u.record) AS first, MAX(u.record) AS last`
	const match = `u.billing_account_id = b.account AND u.record > b.after AND u.record <= b.through`
	const by = " GROUP BY u.billing_account_id, u.subscription_id, u.service, u.offer, u.unit, u.currency"
	if d == database.PostgreSQL {
		text = append(text, `) SELECT x.* FROM b CROSS JOIN LATERAL (SELECT `+what+` FROM usage_record u WHERE `+match+by+`) x ORDER BY 1, 2, 3, 4, 5`...)
	} else {
		text = append(text, `) SELECT `+what+` FROM b CROSS JOIN usage_record u ON `+match+by+` ORDER BY 1, 2, 3, 4, 5`...)
	}
	rows, err := q.QueryContext(ctx, string(text))
	if err != nil {
		return fmt.Errorf("read the usage: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var u charge.Usage
		var currency string
		var used, billed, charged halves
		if err := rows.Scan(&u.Account, &u.Subscription, &u.Service, &u.Offer, &u.Unit, &currency, &u.Records,
			&used.high, &used.low, &billed.high, &billed.low, &charged.high, &charged.low, &u.First, &u.Last); err != nil {
			return fmt.Errorf("read the usage: %w", err)
		}
		a := b.accounts[u.Account]
		u.Used, _ = used.sum() // what is counted, and not paid for, ends at the largest number
		u.Billed, _ = billed.sum()
		exact, fits := charged.sum()
		if u.Charged = money.Amount(exact); !fits && b.bad[a.id] == nil {
			b.bad[a.id] = fmt.Errorf("usage records %d to %d: the sum of what they cost leaves the range of money", u.First, u.Last)
		}
		if currency != a.currencyCode && b.bad[a.id] == nil {
			b.bad[a.id] = fmt.Errorf("usage record %d is in %s, the account in %s", u.First, currency, a.currencyCode)
		}
		b.rate(&u)
		a.usage = append(a.usage, u)
	}
	return rows.Err()
}

// halves are a sum of numbers: of their upper and of their lower 32 bits.
type halves struct{ high, low int64 }

// sum puts them together. What does not fit is the largest number, or the smallest.
func (h halves) sum() (n int64, fits bool) {
	high := h.high + h.low>>32
	switch {
	case high > math.MaxInt32:
		return math.MaxInt64, false
	case high < math.MinInt32:
		return math.MinInt64, false
	}
	return high<<32 | h.low&math.MaxUint32, true
}

// limit finds the last record before a moment: records are in the order of their
// closing, so that it is found by halving.
func limit(ctx context.Context, q bun.IDB, before instant.Instant, through int64) (int64, error) {
	low, high := int64(0), through // the answer is in [low, high]
	for low < high {
		middle := low + (high-low+1)/2
		// The first record from middle on decides: if it is too late, so is all behind it.
		var record int64
		var at instant.Instant
		err := q.QueryRowContext(ctx, "SELECT record, occurred_at FROM usage_record WHERE record >= ? AND record <= ? ORDER BY record LIMIT 1", middle, high).Scan(&record, &at)
		switch {
		case isNoRows(err):
			high = middle - 1
		case err != nil:
			return 0, fmt.Errorf("find the usage of a cycle: %w", err)
		case at >= before:
			high = middle - 1
		default:
			low = record
		}
	}
	return low, nil
}
