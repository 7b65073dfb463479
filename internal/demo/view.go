package demo

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gyro/balance"
	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/network/element"
)

// view shows the demo as it runs: a block that is drawn over itself in a
// terminal, a line a second elsewhere.
type view struct {
	out      io.Writer
	terminal bool
	lines    int // drawn last time
	last     element.Report
}

// figures are what one drawing shows.
type figures struct {
	elapsed  time.Duration
	network  element.Report
	elements []*networkElement
	currency money.Currency // the operator's
	stats    charging.Stats
	labels   map[ident.Name]string // of the services in stats
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
	if !v.terminal {
		_, _ = fmt.Fprintf(v.out, "%4.0fs  %6d CCR/s  %4d sessions  p50 %5d us  p99 %6d us  2001 %d  refused %d  revenue %s\n",
			f.elapsed.Seconds(), perSecond, f.stats.OpenSessions,
			f.network.Latency.QuantileUS(500), f.network.Latency.QuantileUS(990),
			f.network.Answers2001, total(f.network.RefusalsByCause), f.revenueTotal())
		return
	}
	var b strings.Builder
	if v.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", v.lines)
	}
	text := f.block(perSecond)
	b.WriteString(text)
	v.lines = strings.Count(text, "\n")
	_, _ = io.WriteString(v.out, b.String())
}

func (f *figures) block(perSecond uint64) string {
	var b strings.Builder
	n := &f.network
	fmt.Fprintf(&b, "\nGyro demo   %s   Ctrl-C ends it and closes the books\n\n", f.elapsed.Round(time.Second))
	fmt.Fprintf(&b, "  CCR           %d/s, %d in all (%d retransmitted)\n", perSecond, n.CCRTotal, n.Retransmissions)
	fmt.Fprintf(&b, "  latency       p50 %d us   p99 %d us   max %d us\n", n.Latency.QuantileUS(500), n.Latency.QuantileUS(990), n.Latency.MaxUS())
	fmt.Fprintf(&b, "  sessions      %d open, %d opened\n", f.stats.OpenSessions, f.stats.Sessions)
	fmt.Fprintf(&b, "  granted       %s data, %s voice, %d messages\n", octets(n.Granted.Octets), time.Duration(n.Granted.Seconds)*time.Second, n.Granted.Events)
	fmt.Fprintf(&b, "  answers       %s\n", byCode(n.AnswersByResult))
	fmt.Fprintf(&b, "  refusals      %s\n", byCode(n.RefusalsByCause))
	b.WriteString("  elements     ")
	for _, e := range f.elements {
		r := e.latest()
		state := "up"
		if !r.Connected {
			state = "down"
		}
		fmt.Fprintf(&b, " %s %s %d/s ", e.name, state, r.CCRPerSecond)
	}
	b.WriteString("\n  revenue\n")
	for _, line := range f.revenue() {
		b.WriteString("    " + line + "\n")
	}
	return b.String()
}

// revenue is a bar for each service, to be compared at a glance.
func (f *figures) revenue() (lines []string) {
	type row struct {
		service  string
		amount   money.Amount
		currency money.Currency
	}
	var rows []row
	most := money.Amount(1)
	for _, t := range f.stats.Totals {
		if t.Class != balance.Revenue || !t.Denomination.IsMoney() {
			continue
		}
		sum, _ := t.Sum.Int64()
		rows = append(rows, row{f.labels[t.Name], money.Amount(sum), money.Currency(t.Denomination)})
		most = max(most, money.Amount(sum))
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.service, b.service) })
	for _, r := range rows {
		width := int(r.amount * 40 / most)
		lines = append(lines, fmt.Sprintf("%-16s %12s %s  %s", r.service, r.amount.Format(r.currency.Exponent()), r.currency, strings.Repeat("#", max(width, 0))))
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
