package charging

import (
	"fmt"

	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/instant"
	"gyro/internal/slab"
)

// Books is the outcome of checking a state against its invariants.
type Books struct {
	// Problems are the invariants that do not hold, in words; none is good.
	Problems []string
	// Difference is the sum of all ledger accounts per denomination, in
	// absolute value: zero, or money was lost or created.
	Difference map[balance.Denomination]balance.Sum
	// OpenReservations is the number of parts reserved, Reserved their sum in
	// money.
	OpenReservations int
	Reserved         int64
	OpenSessions     int
}

// maxProblems bounds the list: the first ones tell where to look.
const maxProblems = 20

func (b *Books) problem(format string, args ...any) {
	if len(b.Problems) < maxProblems {
		b.Problems = append(b.Problems, fmt.Sprintf(format, args...))
	}
}

// Verify proves the invariants that the state alone can show: postings sum to
// zero per denomination, what is reserved is the sum of the open reservations,
// no balance is below its limit, and no session outlives its supervision.
func (s *State) Verify() *Books {
	b := &Books{Difference: map[balance.Denomination]balance.Sum{}, OpenSessions: s.sessions.Sessions.Len()}
	for _, total := range s.book.Ledger.Totals() {
		difference := s.book.Ledger.Difference(total.Denomination)
		if _, known := b.Difference[total.Denomination]; !known && difference != (balance.Sum{}) {
			b.problem("the postings in %s do not sum to zero: %v", total.Denomination, difference)
		}
		b.Difference[total.Denomination] = difference
	}
	s.verifyReservations(b)
	s.verifyBalances(b)
	s.verifySessions(b)
	s.verifyAgenda(b)
	s.verifySubscriptions(b)
	s.verifyOpen(b)
	return b
}

func (s *State) verifyReservations(b *Books) {
	reserved := make([]int64, s.book.Buckets.Bound())
	s.eachGroup(func(_ *session.Session, g *session.Group) {
		for _, parts := range s.reservedFor(g) {
			for n := 0; parts != nil && n < len(parts.Bucket); n++ {
				if i := parts.Bucket[n]; i != 0 && parts.Amount[n] != 0 {
					reserved[i] += parts.Amount[n]
					b.OpenReservations++
				}
			}
		}
	})
	for i := slab.Index(1); i < s.book.Buckets.Bound(); i++ {
		bucket := s.book.Buckets.At(i)
		if bucket.Reserved != reserved[i] {
			b.problem("bucket %d has %d reserved, its open reservations sum to %d", bucket.ID, bucket.Reserved, reserved[i])
		}
		if bucket.Denomination.IsMoney() {
			b.Reserved += bucket.Reserved
		}
	}
}

func (s *State) verifyBalances(b *Books) {
	held := map[balance.Denomination]balance.Sum{}
	owed := map[balance.Denomination]balance.Sum{}
	loans := map[balance.Denomination]balance.Sum{}
	for i := slab.Index(1); i < s.accounts.Bound(); i++ {
		a := s.accounts.At(i)
		if a.Number == 0 {
			continue
		}
		owed[a.Denomination()] = owed[a.Denomination()].Add(-int64(a.Excess))
		loans[a.Denomination()] = loans[a.Denomination()].Add(-int64(s.inPurse(a).Loan))
		if !s.book.InOrder(&a.Account) {
			b.problem("account %s: the buckets are not in the order of use", a.id())
		}
		for k := a.Buckets; k != 0; k = s.book.Buckets.At(k).Next {
			bucket := s.book.Buckets.At(k)
			held[bucket.Denomination] = held[bucket.Denomination].Add(bucket.Remaining)
			limit := int64(0)
			if bucket.Main {
				limit = int64(a.CreditLimit) + a.Overdrawn
			}
			if bucket.Remaining-bucket.Reserved < -limit {
				b.problem("account %s: bucket %d has %d remaining and %d reserved, below its limit of %d",
					a.id(), bucket.ID, bucket.Remaining, bucket.Reserved, -limit)
			}
		}
	}
	for _, total := range s.book.Ledger.Totals() {
		if total.Class == balance.CustomerBucket && total.Sum != held[total.Denomination] {
			b.problem("customers hold %v %s, the ledger says %v", held[total.Denomination], total.Denomination, total.Sum)
		}
		if total.Class == balance.CustomerExcess && total.Sum != owed[total.Denomination] {
			b.problem("customers owe %v %s, the ledger says %v", owed[total.Denomination], total.Denomination, total.Sum)
		}
		if total.Class == balance.CustomerLoan && total.Sum != loans[total.Denomination] {
			b.problem("customers owe %v %s for loans, the ledger says %v", loans[total.Denomination], total.Denomination, total.Sum)
		}
		if total.Class == balance.Transit && total.Sum != (balance.Sum{}) {
			b.problem("%v %s is in transit between accounts, after the command that moved it", total.Sum, total.Denomination)
		}
	}
}

// deadlineSlack is how late supervision may be: a tick a second, and a backlog
// of expiryLimit sessions a tick.
const deadlineSlack = 2 * instant.Minute

func (s *State) verifySessions(b *Books) {
	for i := slab.Index(1); i < s.sessions.Sessions.Bound(); i++ {
		if r := s.sessions.Sessions.At(i); r.Number != 0 && r.Deadline.Add(deadlineSlack) < s.now {
			b.problem("session %s outlives its supervision, which ended at %s", s.sessions.Octets.Get(r.ID), r.Deadline)
		} else if sub := s.subscribers.At(r.Subscriber); r.Number != 0 && (r.Life != uint8(sub.State) || r.Member != sub.Number) {
			b.problem("session %s takes its subscriber for number %d in state %d; it is %d, %s", s.sessions.Octets.Get(r.ID), r.Member, r.Life, sub.Number, sub.State)
		}
	}
}

// Tally adds records up, to be compared with the ledger.
type Tally struct {
	ledger balance.Ledger
	last   uint64
	gaps   int
	chains map[string]uint64 // the last record of each account
	broken int
}

// NewTally returns an empty tally.
func NewTally() *Tally { return &Tally{chains: map[string]uint64{}} }

// Add takes the next record, in order.
func (t *Tally) Add(r *usage.Record) {
	if r.Sequence != t.last+1 {
		t.gaps++
	}
	t.last = r.Sequence
	if r.Previous != 0 && t.chains[string(r.Account)] != r.Previous { // 0 begins an account, perhaps anew
		t.broken++
	}
	t.chains[string(r.Account)] = r.Sequence
	for i := range r.Postings {
		t.ledger.Post(&r.Postings[i])
	}
}

// VerifyRecords proves that the records, with what open sessions have moved
// since their last, add up to the ledger: usage records equal balance
// movements, and none is missing or doubled.
func (s *State) VerifyRecords(t *Tally) *Books {
	b := &Books{}
	if t.gaps > 0 || t.last != s.outbox.last {
		b.problem("the records end at %d and have %d gaps; the state wrote %d", t.last, t.gaps, s.outbox.last)
	}
	s.eachGroup(func(r *session.Session, g *session.Group) {
		for _, p := range s.postingsOf(g, s.accounts.At(r.Account).Denomination()) {
			t.ledger.Post(&p)
		}
	})
	sums := map[balance.Total]balance.Sum{}
	for _, total := range t.ledger.Totals() {
		sums[keyOf(total)] = total.Sum
	}
	for _, total := range s.book.Ledger.Totals() {
		if sum := sums[keyOf(total)]; sum != total.Sum {
			b.problem("%s %s: the ledger says %v %s, the records add up to %v",
				total.Class, s.Label(total.Name), total.Sum, total.Denomination, sum)
		}
	}
	if t.broken > 0 {
		b.problem("%d records do not continue their account's chain", t.broken)
	}
	return b
}

func keyOf(t balance.Total) balance.Total {
	t.Sum = balance.Sum{}
	return t
}
