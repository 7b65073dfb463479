package demo

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"gyro/balance"
	"gyro/charging"
	"gyro/internal/demo/thread"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/network/element"
)

// shown makes the figures of a second of a run: one element that has reported a histogram.
func shown(t *testing.T, second int, latency element.Histogram) *figures {
	t.Helper()
	eur, err := money.ParseCurrency("EUR")
	if err != nil {
		t.Fatal(err)
	}
	e := &networkElement{process: process{name: "pgw"}}
	e.report = element.Report{
		At: time.Unix(int64(second), 0), Connected: true, Latency: latency, CCRTotal: latency.Count(), Answers2001: latency.Count(),
		AnswersByResult: map[uint32]uint64{2001: latency.Count()}, RefusalsByCause: map[uint32]uint64{4012: 3},
		Led: 7, WentOn: 6, AccessChanges: 8, Roaming: 9,
	}
	denomination := balance.Denomination(eur)
	sum := func(v int64) balance.Sum { return balance.Sum{}.Add(v) }
	return &figures{
		elapsed: time.Duration(second) * time.Second, network: e.report, elements: []*networkElement{e}, currency: eur,
		stats: charging.Stats{Totals: []balance.Total{
			{Class: balance.Revenue, Name: 2, Denomination: denomination, Sum: sum(2_500_000)},
			{Class: balance.Revenue, Name: 1, Denomination: denomination, Sum: sum(10_000_000)},
			{Class: balance.Funding, Name: 3, Denomination: denomination, Sum: sum(-12_500_000)},
			{Class: balance.Consumed, Name: 1, Denomination: balance.Octets, Sum: sum(5)},
		}},
		labels:    map[ident.Name]string{1: "internet", 2: "voice"},
		customers: Customers{TopUps: 4, Vouchers: 2, AddOns: 1, Renewals: 9}, asked: Asked{Reauthorise: 5, ReauthoriseAnswered: 3, Abort: 1},
	}
}

// TestLine waits for the elements' first reports, then tells the latency of the last ten seconds: a slow start is forgotten,
// and so is a silence, in which the whole run is shown.
func TestLine(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	v := &view{out: &out}
	v.draw(&figures{elements: []*networkElement{{}}})
	if out.Len() != 0 {
		t.Errorf("before the first report it said %q", out.String())
	}
	var latency element.Histogram
	for second := 1; second <= 40; second++ {
		switch {
		case second == 1:
			latency.Observe(900_000)
		case second <= 20:
			latency.Observe(1500)
		}
		out.Reset()
		v.draw(shown(t, second, latency))
		if got, want := strings.Contains(out.String(), "p99 900.0 ms"), second <= 10 || second >= 30; got != want {
			t.Errorf("second %d: the start is shown: %t, want %t\n%s", second, got, want, out.String())
		}
	}
	if line := out.String(); !strings.Contains(line, "  RAR 5  ASR 1  top-ups 6  renewals 9  revenue 12.50\n") || !strings.Contains(line, "  p50   1.6 ms  ") && !strings.Contains(line, "  p50   1.5 ms  ") {
		t.Errorf("the line is %q", line)
	}
}

// TestBlock draws for a terminal, the second time over the first.
func TestBlock(t *testing.T) {
	t.Parallel()
	var latency element.Histogram
	latency.Observe(449)
	var out strings.Builder
	v := &view{out: &out, terminal: true}
	v.draw(shown(t, 1, latency))
	first := out.String()
	for _, want := range []string{
		"latency, last 10 s       p50 0.4 ms   p99 0.4 ms   max 0.4 ms\n",
		"asked of gateways        RAR 5 (3 answered), ASR 1 (0 answered)\n",
		"customers                4 top-ups, 2 vouchers, 1 add-ons, 0 suspended, 0 resumed, 0 refused; 9 renewals, 0 notices\n",
		"gateways                 7 led to the portal, 6 of them went on after a RAR, 8 changes of radio access, 9 roaming sessions\n",
		"answers (command)        2001 success 1\n", "refusals (rating group)  4012 credit limit reached 3\n",
		"    internet                10.00 EUR  " + strings.Repeat("#", 40) + "\n", "    voice                    2.50 EUR  " + strings.Repeat("#", 10) + "\n",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
	v.draw(shown(t, 2, latency))
	if second := strings.TrimPrefix(out.String(), first); !strings.HasPrefix(second, "\x1b[") || strings.Count(second, "\n") != strings.Count(first, "\n") {
		t.Errorf("the second drawing is %q", second)
	}
}

// TestRevenueJSON is what programs read of it.
func TestRevenueJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(shown(t, 1, element.Histogram{}).revenue())
	const want = `[{"service":"internet","currency":"EUR","amount":"10.00"},{"service":"voice","currency":"EUR","amount":"2.50"}]`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
	if text, err := json.Marshal((&figures{}).revenue()); err != nil || string(text) != "[]" {
		t.Errorf("nothing earned: %s, %v", text, err)
	}
}

// TestBarsStandBelowEachOther has amounts with and without fractions of a cent.
func TestBarsStandBelowEachOther(t *testing.T) {
	t.Parallel()
	lines := bars([]Revenue{
		{Service: "family", Currency: "EUR", Amount: "39.99", amount: 39_990_000},
		{Service: "voice", Currency: "EUR", Amount: "9.9975", amount: 9_997_500},
	})
	want := []string{"family                39.9900 EUR  " + strings.Repeat("#", 40), "voice                  9.9975 EUR  " + strings.Repeat("#", 10)}
	if !slices.Equal(lines, want) {
		t.Errorf("the bars are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// TestNoLineIsTooLong: with an office there are two lines a second, neither of which a usual screen breaks somewhere.
func TestNoLineIsTooLong(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	v := &view{out: &out}
	f := shown(t, 3599, element.Histogram{})
	f.customers = Customers{TopUps: 123_456, Renewals: 1_234_567}
	f.network.Answers2001, f.asked.Reauthorise = 7_200_000, 123_456
	f.office = &thread.Figures{Orders: 12_345, Completed: 12_340, Activations: 9_999, Invoices: 12_345, Billed: "1234567.89", Paid: "1234567.89", Open: "0.00"}
	v.draw(f)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 || !strings.HasPrefix(strings.TrimSpace(lines[1]), "office  orders 12345 ") {
		t.Errorf("the lines are %q", lines)
	}
	for _, line := range lines {
		if len(line) > 180 {
			t.Errorf("%d characters: %s", len(line), line)
		}
	}
}
