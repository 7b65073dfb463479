package books

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"gyro/internal/money"
)

// Standing names the checks that hold whole tables against each other: one statement of the database each, whose answer is
// what differs. Pages of them would be read many times over.
func Standing() []string {
	names := make([]string, len(wholeTables))
	for k := range wholeTables {
		names[k] = wholeTables[k].name
	}
	return names
}

var wholeTables = []struct {
	name string
	hold func(context.Context, bun.IDB, *Check) error
}{{"charged", charged}, {"charges", charges}, {"claimed", claimed}, {"periods", periods}, {"disputes", disputes}}

// StandingCheck carries one of Standing out.
func StandingCheck(ctx context.Context, q bun.IDB, name string) (Check, error) {
	for _, check := range wholeTables {
		if check.name != name {
			continue
		}
		c := Check{Problems: []string{}}
		err := check.hold(ctx, q, &c)
		if err != nil {
			err = fmt.Errorf("%s: %w", c.Name, err)
		}
		return c, err
	}
	return Check{}, fmt.Errorf("there is no check %q; there are %s", name, strings.Join(Standing(), ", "))
}

// counting is documents whose lines still count: finalised ones whose period was not billed anew.
const counting = "i.state IN ('finalised', 'cancelled') AND i.corrects_id IS NULL AND NOT i.set_back"

// dayOf is the days from 1970-01-01 to a date of a column.
func dayOf(q bun.IDB, column string) string {
	if q.Dialect().Name() == dialect.PG {
		return "(CAST(" + column + " AS DATE) - DATE '1970-01-01')"
	}
	return "CAST(julianday(" + column + ") - 2440587.5 AS INTEGER)"
}

// charged holds what is kept as charged of every price, from which the next bill goes on, against the lines that charged
// and credited it: the days of both must be as many.
func charged(ctx context.Context, q bun.IDB, c *Check) error {
	c.Name = "what is charged of prices is on bills"
	from, until, settled := dayOf(q, "l.period_from"), dayOf(q, "l.period_until"), dayOf(q, "s.settled")
	begins := "CASE WHEN s.settled IS NULL OR " + settled + " < " + from + " THEN " + from + " ELSE " + settled + " END" // bills look no further back
	// Not a full join: SQLite would go through all lines for each price.
	rows, err := q.QueryContext(ctx, `WITH x AS (SELECT l.product_price_id AS id,
				CAST(SUM(CASE WHEN l.kind = 'one_time' OR `+until+` <= `+begins+` THEN 0 WHEN l.kind = 'credit' THEN `+begins+` - `+until+` ELSE `+until+` - (`+begins+`) END) AS BIGINT) AS days,
				MAX(CASE WHEN l.kind = 'one_time' THEN `+until+` ELSE 0 END) AS once
			FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id LEFT JOIN price_state s ON s.product_price_id = l.product_price_id
			WHERE l.product_price_id > 0 AND l.kind IN ('recurring', 'credit', 'one_time') AND `+counting+` GROUP BY l.product_price_id)
		SELECT s.product_price_id, s.charged, `+settled+`, COALESCE(x.days, 0), COALESCE(x.once, 0) FROM price_state s LEFT JOIN x ON x.id = s.product_price_id
		UNION ALL
		SELECT x.id, '', 0, x.days, x.once FROM x WHERE NOT EXISTS (SELECT 1 FROM price_state s WHERE s.product_price_id = x.id)`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	prices, total := 0, int64(0)
	for rows.Next() {
		var price, settled, lines, once int64
		var text string
		if err := rows.Scan(&price, &text, &settled, &lines, &once); err != nil {
			return err
		}
		prices++
		kept, err := chargedDays(text)
		total += kept
		switch {
		case err != nil:
			c.wrong("price %d: %v", price, err)
		case kept != lines:
			c.wrong("price %d: bills have charged %d days of it that are not settled, what is kept has %d: the next bill would charge or credit the difference", price, lines, kept)
		case once > settled:
			c.wrong("price %d: it is charged once, by a bill, and what is kept does not say so: the next bill would charge it again", price)
		}
	}
	c.figure("%d prices, %d days of them charged", prices, total)
	return rows.Err()
}

// chargedDays adds up the days of what is kept as charged: entries apart by semicolons, of which the first two numbers are the
// first day and the day behind the last.
func chargedDays(text string) (days int64, err error) {
	if text == "" {
		return 0, nil
	}
	for entry := range strings.SplitSeq(text, ";") {
		fields := strings.SplitN(entry, ",", 3)
		if len(fields) < 3 {
			return 0, fmt.Errorf("%q is nothing that is charged", entry)
		}
		from, err1 := strconv.ParseInt(fields[0], 10, 32)
		until, err2 := strconv.ParseInt(fields[1], 10, 32)
		if err1 != nil || err2 != nil || until <= from {
			return 0, fmt.Errorf("%q is nothing that is charged", entry)
		}
		days += until - from
	}
	return days, nil
}

// difference is a row of which two amounts ought to be one.
type difference struct {
	id, other      int64
	name, currency string
	is, ought      int64
}

// amount writes an amount of the row's currency.
func (d *difference) amount(a int64) string { return in(d.currency)(money.Amount(a)) }

// differ reports what a query finds: an id, another or 0, a name and the currency or empty texts, and two amounts.
func differ(ctx context.Context, q bun.IDB, query string, report func(d *difference)) error {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var d difference
		if err := rows.Scan(&d.id, &d.other, &d.name, &d.currency, &d.is, &d.ought); err != nil {
			return err
		}
		report(&d)
	}
	return rows.Err()
}

// count is a figure of a check.
func count(ctx context.Context, q bun.IDB, c *Check, what, query string) error {
	var n int64
	err := q.QueryRowContext(ctx, query).Scan(&n)
	c.figure("%d %s", n, what)
	return err
}

// charges holds the charges that people added against the lines that they became.
func charges(ctx context.Context, q bun.IDB, c *Check) error {
	c.Name = "charges that were added are on one bill or wait"
	err := differ(ctx, q, `SELECT c.id, i.id, COALESCE(i.number, ''), '', COALESCE(c.invoice_id, 0), CASE WHEN c.amount = l.exact THEN 0 ELSE 1 END
		FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id JOIN billing_charge c ON c.id = l.charge_id
		WHERE l.charge_id > 0 AND `+counting+` AND (c.invoice_id IS NULL OR c.invoice_id <> i.id OR c.amount <> l.exact) ORDER BY c.id`, func(d *difference) {
		switch {
		case d.is == 0:
			c.wrong("charge %d waits for the next bill, and is on %s (id %d) already", d.id, d.name, d.other)
		case d.is != d.other:
			c.wrong("charge %d is on %s (id %d), and says that it is on the one with id %d", d.id, d.name, d.other, d.is)
		default:
			c.wrong("charge %d: %s (id %d) has it with another amount", d.id, d.name, d.other)
		}
	})
	if err != nil {
		return err
	}
	if err := differ(ctx, q, `SELECT c.id, c.invoice_id, '', '', 0, 0 FROM billing_charge c WHERE c.invoice_id IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM invoice_line l WHERE l.invoice_id = c.invoice_id AND l.charge_id = c.id) ORDER BY c.id`, func(d *difference) {
		c.wrong("charge %d says that it is on the bill with id %d, which has no line of it", d.id, d.other)
	}); err != nil {
		return err
	}
	return count(ctx, q, c, "charges", "SELECT COUNT(*) FROM billing_charge")
}

// claimed holds the usage that bills and statements have gone past against the usage that is on them, prepaid accounts as well.
func claimed(ctx context.Context, q bun.IDB, c *Check) error {
	c.Name = "usage that bills and statements have gone past is on them"
	query := func(per, line string) string {
		return `SELECT t.billing_account_id, 0, '', a.currency, COALESCE(u.n, 0), COALESCE(x.n, 0) FROM billing_state t JOIN billing_account a ON a.id = t.billing_account_id
			LEFT JOIN (SELECT u.billing_account_id AS id, CAST(` + per + ` AS BIGINT) AS n FROM usage_record u JOIN billing_state s ON s.billing_account_id = u.billing_account_id
				WHERE u.record <= s.usage_after GROUP BY u.billing_account_id) u ON u.id = t.billing_account_id
			LEFT JOIN (SELECT l.billing_account_id AS id, CAST(SUM(` + line + `) AS BIGINT) AS n FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id
				WHERE l.kind = 'usage' AND ` + counting + ` GROUP BY l.billing_account_id) x ON x.id = t.billing_account_id
			WHERE COALESCE(u.n, 0) <> COALESCE(x.n, 0) ORDER BY t.billing_account_id`
	}
	err := differ(ctx, q, query("COUNT(*)", "l.records"), func(d *difference) {
		c.wrong("account %d: its bills have gone past %d records of usage, %d of them are on lines", d.id, d.is, d.ought)
	})
	if err != nil {
		return err
	}
	if err := differ(ctx, q, query("SUM(u.charged)", "l.exact"), func(d *difference) {
		c.wrong("account %d: its bills have gone past usage of %s, their lines have %s", d.id, d.amount(d.is), d.amount(d.ought))
	}); err != nil {
		return err
	}
	return count(ctx, q, c, "accounts were billed", "SELECT COUNT(*) FROM billing_state")
}

// periods holds the totals that months were closed with against the journal of those months.
func periods(ctx context.Context, q bun.IDB, c *Check) error {
	c.Name = "closed months are as they were closed"
	for _, side := range []struct{ column, amount string }{
		{"debit", "CASE WHEN p.amount > 0 THEN p.amount ELSE 0 END"}, {"credit", "CASE WHEN p.amount < 0 THEN -p.amount ELSE 0 END"},
	} {
		err := differ(ctx, q, `SELECT 0, 0, x.period || ' ' || x.gl_code || ' ' || x.currency, x.currency, CAST(SUM(x.closed) AS BIGINT), CAST(SUM(x.journal) AS BIGINT) FROM (
				SELECT t.period, t.gl_code, t.currency, t.`+side.column+` AS closed, 0 AS journal FROM accounting_period_total t
				UNION ALL
				SELECT a.period, p.gl_code, p.currency, 0, SUM(`+side.amount+`) FROM accounting_period a
					JOIN journal_entry e ON e.posted_on >= a.period || '-01' AND e.posted_on <= a.period || '-31' JOIN journal_posting p ON p.entry_id = e.id
					WHERE a.state = 'closed' GROUP BY a.period, p.gl_code, p.currency) x
			GROUP BY x.period, x.gl_code, x.currency HAVING SUM(x.closed) <> SUM(x.journal) ORDER BY 3`, func(d *difference) {
			c.wrong("%s: the month was closed with %ss of %s, the journal has %s", d.name, side.column, d.amount(d.is), d.amount(d.ought))
		})
		if err != nil {
			return err
		}
	}
	return count(ctx, q, c, "months are closed", "SELECT COUNT(*) FROM accounting_period WHERE state = 'closed'")
}

// disputes holds what is left out of dunning against the disputes that are open.
func disputes(ctx context.Context, q bun.IDB, c *Check) error {
	c.Name = "what is in dispute is the open disputes"
	err := differ(ctx, q, `SELECT r.invoice_id, r.billing_account_id, r.number, r.currency, r.disputed, CAST(COALESCE(d.amount, 0) AS BIGINT) FROM receivable r
		LEFT JOIN (SELECT invoice_id, SUM(amount) AS amount FROM dispute WHERE state = 'open' GROUP BY invoice_id) d ON d.invoice_id = r.invoice_id
		WHERE r.disputed <> COALESCE(d.amount, 0) ORDER BY r.invoice_id`, func(d *difference) {
		c.wrong("invoice %s (id %d, account %d): %s of it is in dispute, its open disputes come to %s", d.name, d.id, d.other, d.amount(d.is), d.amount(d.ought))
	})
	if err != nil {
		return err
	}
	return count(ctx, q, c, "disputes are open", "SELECT COUNT(*) FROM dispute WHERE state = 'open'")
}
