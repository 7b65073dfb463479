package api

import (
	"cmp"
	"slices"

	"gyro/balance"
	"gyro/charging"

	"github.com/valyala/fasthttp"
)

// booksView is the shard's trial balance and what the invariants say of it.
type booksView struct {
	Index    uint64 `json:"index"` // of the journal
	At       string `json:"at"`
	Balanced bool   `json:"balanced"` // no problem was found
	// Totals is what each ledger account gained less what it lost. Customers'
	// buckets are one account per denomination.
	Totals []LedgerTotal `json:"totals"`
	// Difference is the sum of the totals per denomination: zero.
	Difference       map[string]string `json:"difference"`
	Problems         []string          `json:"problems"`
	OpenSessions     int               `json:"open_sessions"`
	OpenReservations int               `json:"open_reservations"`
	Reserved         []reservedView    `json:"reserved"`
}

// reservedView is the open reservations of a service.
type reservedView struct {
	Service      string `json:"service"`
	Denomination string `json:"denomination"`
	Amount       string `json:"amount"`
}

// LedgerTotal is what one ledger account gained less what it lost, in words: class:name, and a decimal of a currency or an
// integer of a unit.
type LedgerTotal struct {
	Account      string `json:"account"`
	Denomination string `json:"denomination"`
	Amount       string `json:"amount"`
}

// LedgerTotals is the shard's trial balance as GET /charging/v1/books shows it, ordered by account and denomination.
func LedgerTotals(state *charging.State) []LedgerTotal {
	return totals(state.Stats().Totals, reasonLabels(state, usualReasons()...))
}

func (s *Server) books(r *request) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	view := booksView{Difference: map[string]string{}}
	s.o.Engine.View(func(state *charging.State) {
		verified, stats := state.Verify(), state.Stats()
		view.Index, view.At = state.Index(), moment(state.Now())
		view.Balanced, view.Problems = len(verified.Problems) == 0, append([]string{}, verified.Problems...)
		view.OpenSessions, view.OpenReservations = verified.OpenSessions, verified.OpenReservations
		view.Totals, view.Reserved = LedgerTotals(state), reservations(stats.Reserved, state.Label)
		for denomination, difference := range verified.Difference {
			view.Difference[denomination.String()] = denominatedSum(difference, denomination)
		}
	})
	return r.answer(fasthttp.StatusOK, view)
}

// totals are ledger accounts by name and denomination.
func totals(list []balance.Total, label labels) []LedgerTotal {
	views := make([]LedgerTotal, 0, len(list))
	for _, t := range list {
		views = append(views, LedgerTotal{
			Account: classAccount(t.Class, t.Name, label), Denomination: t.Denomination.String(),
			Amount: denominatedSum(t.Sum, t.Denomination),
		})
	}
	slices.SortFunc(views, func(a, b LedgerTotal) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Denomination, b.Denomination))
	})
	return views
}

func reservations(list []balance.Total, label labels) []reservedView {
	views := make([]reservedView, 0, len(list))
	for _, t := range list {
		views = append(views, reservedView{wordFor(t.Name, label), t.Denomination.String(), denominatedSum(t.Sum, t.Denomination)})
	}
	slices.SortFunc(views, func(a, b reservedView) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Denomination, b.Denomination))
	})
	return views
}

// usualReasons are the reason codes whose totals have words in the books. The
// ledger knows a reason by its short name alone; others are shown as that.
func usualReasons() []string {
	return []string{
		"bank-transfer", "billed", "bonus", "card", "cash", "chargeback", "complaint", "compensation", "correction", "demo", "direct-debit",
		"goodwill", "initial", "loan", "migration", "payment", "payout", "promotion", "refund", "repayment", "test", "topup", "top-up",
		"transfer", "voucher", "write-off",
	}
}
