package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"gyro/api"
)

// TestVerifyShowsLedger charges data and prints the books of the stopped directory, which must be those that the API showed:
// one row for each ledger account, with its name, money in decimals and units in integers.
func TestVerifyShowsLedger(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	p := s.start()
	o := newOffice(t, p.http)
	o.open(2)
	g := connectGateway(t, p.diameter)
	g.ask(g.ccr(ccr{session: "a;1", kind: initial, asks: true}))
	g.ask(g.ccr(ccr{session: "a;1", kind: termination, number: 1, used: 3_000_000}))
	var books struct{ Totals []api.LedgerTotal }
	o.must(http.MethodGet, "/charging/v1/books", "", nil, &books)
	_ = g.conn.Close()
	p.stop()

	first, err := verifyDirectory(t, s.dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, first)
	}
	var want, got [][]string
	for _, total := range books.Totals {
		want = append(want, []string{total.Account, total.Amount, total.Denomination})
	}
	for line := range strings.Lines(first) {
		if strings.HasPrefix(line, "  ") {
			got = append(got, strings.Fields(line))
		}
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the ledger is\n%s\nthe API showed %v", first, want)
	}
	for _, row := range []string{"  revenue:internet ", "  funding:voucher ", " -1000.00 EUR\n"} {
		if !strings.Contains(first, row) {
			t.Errorf("no row has %q:\n%s", row, first)
		}
	}
	// Looking changes nothing of what can be seen.
	if again, err := verifyDirectory(t, s.dir); err != nil || again != first {
		t.Errorf("the second look: %v\n%s\nafter\n%s", err, again, first)
	}
}
