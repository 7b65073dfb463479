package books

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"gyro/api/client"
	"gyro/billing/ledger"
	"gyro/internal/money"
)

// Source is where the books are read: each function calls yield with one row
// after the other, in the order of their ids, and stops at its first error.
type Source struct {
	Usage    func(yield func(*Usage) error) error
	Cursor   func() (Cursor, error)
	Invoices func(yield func(*Invoice) error) error
	Accounts func(yield func(*Account) error) error
	// Account is one of Accounts as it is now.
	Account  func(id int64) (Account, error)
	Payments func(yield func(*Payment) error) error
	Entries  func(yield func(*ledger.Recorded) error) error
	Series   func() ([]Series, error)
	// Standing carries one of the checks of Standing out.
	Standing func(name string) (Check, error)
	// Core is the charging core.
	Core *client.Charging
	// Wait lets what is on its way between the two halves arrive; nil does not wait.
	Wait func(ctx context.Context) error
}

// Check is one thing that was proved, or not.
type Check struct {
	Name string `json:"name"`
	// Figures is what was counted and summed.
	Figures []string `json:"figures"`
	// Problems name by id what differs; there are none where the check holds. More than maxProblems are counted only.
	Problems []string `json:"problems"`
	Count    int      `json:"count"`
}

// maxProblems bounds what is told of one check: one cause has many effects.
const maxProblems = 50

func (c *Check) wrong(format string, args ...any) {
	if c.Count++; c.Count <= maxProblems {
		c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
	}
}

func (c *Check) figure(format string, args ...any) {
	c.Figures = append(c.Figures, fmt.Sprintf(format, args...))
}

// sums are amounts by currency, in the order in which they appeared.
type sums struct {
	order []string
	by    map[string]money.Amount
}

func (s *sums) add(currency string, amount money.Amount) {
	if s.by == nil {
		s.by = map[string]money.Amount{}
	}
	if _, known := s.by[currency]; !known {
		s.order = append(s.order, currency)
	}
	s.by[currency] += amount
}

func (s *sums) String() string {
	if len(s.order) == 0 {
		return "nothing"
	}
	parts := make([]string, len(s.order))
	for k, currency := range s.order {
		parts[k] = in(currency)(s.by[currency]) + " " + currency
	}
	return strings.Join(parts, ", ")
}

// in writes amounts with the decimals of a currency at least.
func in(currency string) func(money.Amount) string {
	return func(a money.Amount) string { return a.In(currency) }
}

// Verify carries out all checks. An error means that something could not be
// read; what differs is in the checks.
func Verify(ctx context.Context, s *Source) ([]Check, error) {
	v := &verifier{Source: s, series: map[string]*numbers{}}
	var checks []Check
	for _, check := range []func(context.Context, *Check) error{v.intake, v.invoices, v.numbers, v.journal, v.openItems, v.payments, v.balances, v.prepaid} {
		c := Check{Problems: []string{}}
		if err := check(ctx, &c); err != nil {
			return checks, fmt.Errorf("%s: %w", c.Name, err)
		}
		checks = append(checks, c)
	}
	for _, name := range Standing() {
		c, err := s.Standing(name)
		if err != nil {
			return checks, err
		}
		checks = append(checks, c)
	}
	return checks, nil
}

// verifier remembers what later checks compare with.
type verifier struct {
	*Source
	series   map[string]*numbers
	posted   map[string]*sums // by kind of document, what bills say
	rounding sums
}

// numbers are those of a series that documents have: as each is there once, they have no gap if there are n of them and
// they add up to n(n+1)/2.
type numbers struct{ count, sum, most int64 }

// intake holds the core's feed and the office's records against each other, record by record, up to where the office had
// read when the check began. What is behind that came in meanwhile.
func (v *verifier) intake(ctx context.Context, c *Check) error {
	c.Name = "usage intake is the core's outbox"
	cursor, err := v.Cursor()
	if err != nil {
		return err
	}
	feed := &coreFeed{ctx: ctx, core: v.Core, until: cursor.After}
	var theirs, ours sums
	records, parked := 0, 0
	var later []int64
	current, more, err := feed.next()
	if err != nil {
		return err
	}
	take := func() error {
		theirs.add(current.Currency.String(), current.Charged)
		current, more, err = feed.next()
		return err
	}
	err = v.Usage(func(u *Usage) error {
		for more && int64(current.Record) < u.Record { //nolint:gosec // record numbers are below 2^63
			c.wrong("record %d of the core (%s %s, account %s) is not in the office", current.Record, in(current.Currency.String())(current.Charged), current.Currency, current.Account)
			if err := take(); err != nil {
				return err
			}
		}
		switch {
		case u.Record > cursor.After:
			later = append(later, u.Record)
			return nil
		case !more || int64(current.Record) != u.Record: //nolint:gosec // as above
			c.wrong("record %d of the office is not in the core's feed up to %d", u.Record, cursor.After)
			return nil
		case u.Parked:
			parked++
			ours.add(current.Currency.String(), current.Charged)
		default:
			ours.add(u.Currency, u.Charged)
			if u.Charged != current.Charged || u.Currency != current.Currency.String() {
				c.wrong("record %d: the office has %s %s, the core %s %s", u.Record, in(u.Currency)(u.Charged), u.Currency, in(current.Currency.String())(current.Charged), current.Currency)
			}
		}
		records++
		return take()
	})
	if err == nil && !more && int64(feed.newest) < cursor.After { //nolint:gosec // as above
		c.wrong("the office has read up to record %d, and the core's newest is %d: what the core writes next up to there will not come in", cursor.After, feed.newest)
	}
	for err == nil && more {
		c.wrong("record %d of the core is not in the office", current.Record)
		err = take()
	}
	c.figure("up to record %d: %d records in the office, %d of them parked", cursor.After, records, parked)
	c.figure("core: %s; office: %s", &theirs, &ours)
	if err != nil || len(later) == 0 {
		return err
	}
	return v.meanwhile(c, later)
}

// meanwhile looks at records behind the cursor as it was: those that came in since have moved it, for both are stored at
// once. The next check of the books compares them.
func (v *verifier) meanwhile(c *Check, later []int64) error {
	now, err := v.Cursor()
	if err != nil {
		return err
	}
	arrived := 0
	for _, record := range later {
		if record <= now.After {
			arrived++
			continue
		}
		c.wrong("record %d of the office is not in the core's feed up to %d", record, now.After)
	}
	if arrived > 0 {
		c.figure("%s arrived meanwhile: the next check compares them", counted(arrived, "record"))
	}
	return nil
}

// counted is a number of things: 1 record, 2 records.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// coreFeed reads the core's usage up to a record.
type coreFeed struct {
	ctx   context.Context
	core  *client.Charging
	until int64
	page  client.UsagePage
	at    int
	after uint64
	over  bool
	// newest is the core's newest record as its last page said.
	newest uint64
}

func (f *coreFeed) next() (*client.UsageRecord, bool, error) {
	for f.at == len(f.page.Records) {
		if f.over || f.until == 0 {
			return nil, false, nil
		}
		page, err := f.core.Usage(f.ctx, f.after, client.MaxPage)
		if err != nil {
			return nil, false, err
		}
		f.over = page.Next == f.after || page.Next >= uint64(f.until) //nolint:gosec // a cursor is not negative
		f.page, f.at, f.after, f.newest = page, 0, page.Next, page.Last
	}
	r := &f.page.Records[f.at]
	f.at++
	if r.Record > uint64(f.until) { //nolint:gosec // as above
		return nil, false, nil
	}
	return r, true, nil
}

// minor is the smallest amount of a currency that can be paid.
func minor(currency string) money.Amount {
	c, err := money.ParseCurrency(currency)
	unit := money.Unit
	for range c.Exponent() {
		unit /= 10
	}
	if err != nil {
		return money.Unit
	}
	return unit
}

// invoices adds up every document: lines, taxes, total, usage, receivable, journal.
func (v *verifier) invoices(_ context.Context, c *Check) error {
	c.Name = "bills are usage + recurring + one-time + discounts + tax"
	v.posted = map[string]*sums{}
	kinds, totals := map[string]*sums{}, sums{}
	var order []string
	documents, lines := 0, 0
	err := v.Invoices(func(i *Invoice) error {
		documents++
		lines += len(i.Lines)
		for k := range i.Lines {
			l := &i.Lines[k]
			if kinds[l.Kind] == nil {
				kinds[l.Kind], order = &sums{}, append(order, l.Kind)
			}
			kinds[l.Kind].add(i.Currency, l.Exact)
		}
		totals.add(i.Currency, i.Total)
		v.checkInvoice(c, i)
		v.remember(i)
		return nil
	})
	c.figure("%d documents with %d lines, totals %s", documents, lines, &totals)
	for _, kind := range order {
		c.figure("%s: %s exactly", kind, kinds[kind])
	}
	c.figure("rounding of lines: %s, each by less than the smallest coin", &v.rounding)
	return err
}

// inclusive is what documents say whose lines have their tax in them.
const inclusive = "inclusive"

func (v *verifier) checkInvoice(c *Check, i *Invoice) {
	name := fmt.Sprintf("%s %s (id %d)", i.Type, i.Number, i.ID)
	var net, tax money.Amount
	coin, in := minor(i.Currency), in(i.Currency)
	for k := range i.Lines {
		l := &i.Lines[k]
		net += l.Amount
		exact, most := l.Exact, coin
		if i.Prices == inclusive { // the price is rounded, and the tax in it
			exact, most = ledger.Net(l.Exact, l.TaxRate), 2*coin
		}
		difference := l.Amount - exact
		v.rounding.add(i.Currency, difference)
		if difference >= most || difference <= -most || l.Amount%coin != 0 {
			c.wrong("%s, line %d: %s is not %s rounded", name, l.Position, in(l.Amount), in(exact))
		}
	}
	for _, t := range i.Taxes {
		tax += t.Tax
		exact, ok := money.MulDiv(t.Base, uint64(max(0, t.Rate)), 1_000_000, money.HalfUp)
		if difference := t.Tax - exact; !ok || difference >= coin || difference <= -coin {
			c.wrong("%s: tax %s of %s at %d millionths of category %s", name, in(t.Tax), in(t.Base), t.Rate, t.Category)
		}
	}
	if net != i.Net || tax != i.Tax || net+tax != i.Total {
		c.wrong("%s: lines %s and taxes %s, but it says net %s, tax %s, total %s", name, in(net), in(tax), in(i.Net), in(i.Tax), in(i.Total))
	}
	if i.Type != string(ledger.DocumentCreditNote) && i.UsageLines != i.UsageRecords {
		c.wrong("%s: its usage lines come to %s, the records behind them to %s", name, in(i.UsageLines), in(i.UsageRecords))
	}
	if i.Posted != i.Total {
		c.wrong("%s: the journal has %s of it, the document %s", name, in(i.Posted), in(i.Total))
	}
	if i.Type != string(ledger.DocumentInvoice) {
		return
	}
	switch {
	case !i.Booked || i.Owed != i.Total:
		c.wrong("%s: the receivable is %s, the document %s", name, in(i.Owed), in(i.Total))
	case i.Open != i.Owed-i.Allocated:
		c.wrong("%s: %s is open, total less allocations is %s", name, in(i.Open), in(i.Owed-i.Allocated))
	}
}

// remember keeps what the checks of numbers and of the journal need.
func (v *verifier) remember(i *Invoice) {
	if v.posted[i.Type] == nil {
		v.posted[i.Type] = &sums{}
	}
	v.posted[i.Type].add(i.Currency, i.Total)
	parts := strings.Split(i.Number, "-")
	n, err := strconv.ParseInt(parts[len(parts)-1], 10, 64)
	if i.Number == "" || err != nil || len(parts) < 2 {
		return
	}
	name := fmt.Sprintf("%s/%s/%s", i.Type, i.Entity, parts[len(parts)-2])
	if v.series[name] == nil {
		v.series[name] = &numbers{}
	}
	s := v.series[name]
	s.count, s.sum, s.most = s.count+1, s.sum+n, max(s.most, n)
}

// numbers looks for gaps.
func (v *verifier) numbers(_ context.Context, c *Check) error {
	c.Name = "numbers of documents have no gap"
	all, err := v.Series()
	for _, s := range all {
		n := v.series[s.Name]
		if n == nil {
			n = &numbers{}
		}
		c.figure("%s: %d drawn, %d documents", s.Name, s.Last, n.count)
		if n.count != s.Last || n.most != s.Last || n.sum != s.Last*(s.Last+1)/2 {
			c.wrong("%s: %d numbers were drawn, %d documents have one, the highest is %d", s.Name, s.Last, n.count, n.most)
		}
	}
	return err
}
