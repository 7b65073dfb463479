package demo

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"gyro/balance"
	"gyro/charging"
	"gyro/internal/demo/thread"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/network/element"
)

// recentDrawings are how many drawings, one a second, the latency is shown of:
// what the start cost is not seen for ever, and a hitch is seen for a while.
const recentDrawings = 10

// view shows the demo as it runs: a block that is drawn over itself in a
// terminal, a line a second elsewhere.
type view struct {
	out      io.Writer
	terminal bool
	lines    int // drawn last time
	last     element.Report
	earlier  []element.Histogram // of the latest drawings, the oldest first

	mu        sync.Mutex
	customers Customers
}

// tell is how the view learns of the customers, told what it knows.
func (v *view) tell(c Customers) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.customers = c
}

func (v *view) told() Customers {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.customers
}

// String is the line for people.
func (c *Customers) String() string {
	return fmt.Sprintf("%d top-ups, %d vouchers, %d add-ons, %d suspended, %d resumed, %d refused; %d renewals, %d notices",
		c.TopUps, c.Vouchers, c.AddOns, c.Suspended, c.Resumed, c.Refused, c.Renewals, c.Notices)
}

// String is the line for people.
func (g *Gateways) String() string {
	return fmt.Sprintf("%d led to the portal, %d of them went on after a RAR, %d changes of radio access, %d roaming sessions",
		g.Led, g.WentOn, g.AccessChanges, g.Roaming)
}

// String is the line for people.
func (a *Asked) String() string {
	return fmt.Sprintf("RAR %d (%d answered), ASR %d (%d answered)", a.Reauthorise, a.ReauthoriseAnswered, a.Abort, a.AbortAnswered)
}

// recent is the latency since recentDrawings ago; while nothing was answered
// since, that of the whole run.
func (v *view) recent(all element.Histogram) element.Histogram {
	recent := all
	if len(v.earlier) == recentDrawings {
		recent = all.Since(&v.earlier[0])
		v.earlier = v.earlier[1:]
	}
	v.earlier = append(v.earlier, all)
	if recent.Count() == 0 {
		return all
	}
	return recent
}

// allReported tells whether every element has told its figures at least once:
// before that there is nothing to be shown.
func allReported(elements []*networkElement) bool {
	for _, e := range elements {
		if e.latest().At.IsZero() {
			return false
		}
	}
	return true
}

// milliseconds shows microseconds with one decimal.
func milliseconds(us uint64) string {
	tenths := (us + 50) / 100
	return fmt.Sprintf("%d.%d ms", tenths/10, tenths%10)
}

// figures are what one drawing shows.
type figures struct {
	elapsed  time.Duration
	network  element.Report
	elements []*networkElement
	currency money.Currency // the operator's
	stats    charging.Stats
	labels   map[ident.Name]string // of the services in stats

	customers Customers
	asked     Asked
	office    *thread.Figures // nil without an office
}

// look takes the core's figures.
func (f *figures) look(core Engine) {
	f.labels = map[ident.Name]string{}
	core.View(func(s *charging.State) {
		f.stats = s.Stats()
		for _, t := range f.stats.Totals {
			f.labels[t.Name] = s.Label(t.Name)
		}
	})
}

func (v *view) draw(f *figures) {
	perSecond := f.network.CCRTotal - min(v.last.CCRTotal, f.network.CCRTotal)
	v.last = f.network
	latency := v.recent(f.network.Latency)
	if !v.terminal {
		if allReported(f.elements) {
			v.line(f, perSecond, &latency)
		}
		return
	}
	var b strings.Builder
	if v.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", v.lines)
	}
	text := f.block(perSecond, &latency)
	b.WriteString(text)
	v.lines = strings.Count(text, "\n")
	_, _ = io.WriteString(v.out, b.String())
}

func (v *view) line(f *figures, perSecond uint64, latency *element.Histogram) {
	_, _ = fmt.Fprintf(v.out, "%4.0fs  %6d CCR/s  %4d sessions  p50 %8s  p99 %8s  2001 %d  refused %d  RAR %d  ASR %d  top-ups %d  renewals %d  revenue %s%s\n",
		f.elapsed.Seconds(), perSecond, f.stats.OpenSessions,
		milliseconds(latency.QuantileUS(500)), milliseconds(latency.QuantileUS(990)),
		f.network.Answers2001, total(f.network.RefusalsByCause),
		f.asked.Reauthorise, f.asked.Abort, f.customers.TopUps+f.customers.Vouchers, f.customers.Renewals, f.revenueTotal(), f.officeLine())
}

// officeLine is the line about the office: with the other one it would be too long for a screen.
func (f *figures) officeLine() string {
	if f.office == nil {
		return ""
	}
	return "\n       office  " + f.office.Line()
}

func (f *figures) block(perSecond uint64, latency *element.Histogram) string {
	var b strings.Builder
	n := &f.network
	fmt.Fprintf(&b, "\nGyro demo   %s   Ctrl-C ends it and closes the books\n\n", f.elapsed.Round(time.Second))
	fmt.Fprintf(&b, "  CCR                      %d/s, %d in all (%d retransmitted)\n", perSecond, n.CCRTotal, n.Retransmissions)
	fmt.Fprintf(&b, "  latency, last %d s       p50 %s   p99 %s   max %s\n", recentDrawings,
		milliseconds(latency.QuantileUS(500)), milliseconds(latency.QuantileUS(990)), milliseconds(latency.MaxUS()))
	fmt.Fprintf(&b, "  sessions                 %d open, %d opened\n", f.stats.OpenSessions, f.stats.Sessions)
	fmt.Fprintf(&b, "  granted                  %s data, %s voice, %d messages\n", octets(n.Granted.Octets), time.Duration(n.Granted.Seconds)*time.Second, n.Granted.Events)
	fmt.Fprintf(&b, "  answers (command)        %s\n", byCode(n.AnswersByResult))
	fmt.Fprintf(&b, "  refusals (rating group)  %s\n", byCode(n.RefusalsByCause))
	fmt.Fprintf(&b, "  asked of gateways        %s\n", &f.asked)
	fmt.Fprintf(&b, "  customers                %s\n", &f.customers)
	gateways := gatewaysOf(n)
	fmt.Fprintf(&b, "  gateways                 %s\n", &gateways)
	if f.office != nil {
		for _, line := range f.office.Block() {
			fmt.Fprintf(&b, "  %-24s %s\n", line[0], line[1])
		}
	}
	b.WriteString("  elements                ")
	for _, e := range f.elements {
		r := e.latest()
		state := "up"
		if !r.Connected {
			state = "down"
		}
		fmt.Fprintf(&b, " %s %s %d/s ", e.name, state, r.CCRPerSecond)
	}
	b.WriteString("\n  revenue\n")
	for _, line := range bars(f.revenue()) {
		b.WriteString("    " + line + "\n")
	}
	return b.String()
}

// Revenue is what a service earned in a currency.
type Revenue struct {
	Service  string `json:"service"`
	Currency string `json:"currency"`
	Amount   string `json:"amount"` // in decimals
	amount   money.Amount
}

// revenue lists what the services earned, by service.
func (f *figures) revenue() []Revenue {
	list := []Revenue{}
	for _, t := range f.stats.Totals {
		if t.Class != balance.Revenue || !t.Denomination.IsMoney() {
			continue
		}
		sum, _ := t.Sum.Int64()
		amount, currency := money.Amount(sum), money.Currency(t.Denomination)
		list = append(list, Revenue{f.labels[t.Name], currency.String(), amount.Format(currency.Exponent()), amount})
	}
	slices.SortFunc(list, func(a, b Revenue) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Currency, b.Currency))
	})
	return list
}

// bars are a line for each service, to be compared at a glance, with the decimal points below each other.
func bars(list []Revenue) (lines []string) {
	most, decimals := money.Amount(1), 0
	for _, r := range list {
		_, fraction, _ := strings.Cut(r.Amount, ".")
		decimals = max(decimals, len(fraction))
		most = max(most, r.amount)
	}
	for _, r := range list {
		width := int(r.amount * 40 / most)
		lines = append(lines, fmt.Sprintf("%-16s %12s %s  %s", r.Service, r.amount.Format(decimals), r.Currency, strings.Repeat("#", max(width, 0))))
	}
	return lines
}

// revenueTotal is what was earned in the operator's currency.
func (f *figures) revenueTotal() string {
	var sum money.Amount
	for _, t := range f.stats.Totals {
		if t.Class == balance.Revenue && t.Denomination == balance.Denomination(f.currency) {
			v, _ := t.Sum.Int64()
			sum += money.Amount(v)
		}
	}
	return sum.Format(f.currency.Exponent())
}

// causes are the names of Result-Codes that the demo meets.
var causes = map[uint32]string{
	2001: "success", 3004: "too busy", 4010: "service denied", 4011: "free", 4012: "credit limit reached",
	5002: "unknown session", 5012: "unable to comply", 5030: "user unknown", 5031: "rating failed",
}

func byCode(counts map[uint32]uint64) string {
	codes := make([]uint32, 0, len(counts))
	for code := range counts {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	var parts []string
	for _, code := range codes {
		parts = append(parts, fmt.Sprintf("%d %s %d", code, causes[code], counts[code]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func total(counts map[uint32]uint64) (n uint64) {
	for _, count := range counts {
		n += count
	}
	return n
}

func octets(n uint64) string {
	switch {
	case n >= 10_000_000_000:
		return fmt.Sprintf("%d GB", n/1_000_000_000)
	case n >= 10_000_000:
		return fmt.Sprintf("%d MB", n/1_000_000)
	}
	return fmt.Sprintf("%d KB", n/1000)
}
