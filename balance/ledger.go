package balance

import (
	"math/bits"

	"gyro/internal/ident"
)

// Class is the kind of a ledger account.
type Class uint8

// The ledger accounts. A posting names the class, the catalogue name it
// concerns (a service, an allowance, a reason) and, for customers, the bucket.
const (
	CustomerBucket Class = 1  // what the operator owes a customer
	CustomerExcess Class = 2  // what a customer owes for usage beyond a grant
	Revenue        Class = 3  // money earned, by service
	Consumed       Class = 4  // units of allowances used up, by service
	Funding        Class = 5  // where top-ups come from
	Adjustments    Class = 6  // corrections by people
	Granted        Class = 7  // where allowances come from, by allowance
	Expired        Class = 8  // what customers lost by time or closure
	Transit        Class = 9  // money between two customers: zero after every command
	CustomerLoan   Class = 10 // what customers owe for loans
)

// String is the class's name in postings.
func (c Class) String() string {
	switch c {
	case CustomerBucket:
		return "customer"
	case CustomerExcess:
		return "excess"
	case Revenue:
		return "revenue"
	case Consumed:
		return "consumed"
	case Funding:
		return "funding"
	case Adjustments:
		return "adjustments"
	case Granted:
		return "granted"
	case Expired:
		return "expired"
	case Transit:
		return "transit"
	case CustomerLoan:
		return "loan"
	}
	return "unknown"
}

// LedgerAccount names one side of a posting.
type LedgerAccount struct {
	Bucket uint64 // CustomerBucket only
	Name   ident.Name
	Class  Class
}

// Posting moves a positive amount from one ledger account to another, so that
// whatever one loses the other gains.
type Posting struct {
	From, To     LedgerAccount
	Amount       int64
	Denomination Denomination
}

// Sum is a signed 128-bit total: the octets of a large operator leave 63 bits
// within a few years.
type Sum struct {
	High int64
	Low  uint64
}

// Add returns s+v.
func (s Sum) Add(v int64) Sum {
	low, carry := bits.Add64(s.Low, uint64(v), 0)
	return Sum{High: s.High + v>>63 + int64(carry), Low: low}
}

// AddSum returns s+o.
func (s Sum) AddSum(o Sum) Sum {
	low, carry := bits.Add64(s.Low, o.Low, 0)
	return Sum{High: s.High + o.High + int64(carry), Low: low}
}

// Int64 returns the sum where it fits.
func (s Sum) Int64() (int64, bool) {
	return int64(s.Low), s.High == int64(s.Low)>>63
}

// Total is the balance of one ledger account over all postings.
type Total struct {
	Sum          Sum
	Name         ident.Name
	Class        Class
	Denomination Denomination
}

// Ledger keeps the total of every ledger account; customers' buckets are one
// total per denomination. It is the shard's trial balance.
type Ledger struct {
	totals []Total
	slots  []int32 // open-addressed positions in totals, -1 empty
}

// Post books one posting. A posting to the account it comes from, or of an
// amount that is not positive, is a bug of the caller.
func (l *Ledger) Post(p *Posting) {
	if p.Amount <= 0 {
		panic("balance: posting of an amount that is not positive")
	}
	l.total(p.From.Class, p.From.Name, p.Denomination).add(-p.Amount)
	l.total(p.To.Class, p.To.Name, p.Denomination).add(p.Amount)
}

func (t *Total) add(v int64) { t.Sum = t.Sum.Add(v) }

// Restore puts a total back that Totals gave.
func (l *Ledger) Restore(t Total) { l.total(t.Class, t.Name, t.Denomination).Sum = t.Sum }

// Totals lists every ledger account that was ever posted to, in the order of
// its first posting.
func (l *Ledger) Totals() []Total { return l.totals }

func (l *Ledger) total(class Class, name ident.Name, d Denomination) *Total {
	if class == CustomerBucket || class == CustomerExcess || class == CustomerLoan {
		name = 0
	}
	if len(l.totals)*2 >= len(l.slots) {
		l.grow()
	}
	mask := uint32(len(l.slots) - 1)
	for at := slotOf(class, name, d) & mask; ; at = (at + 1) & mask {
		if l.slots[at] < 0 {
			l.slots[at] = int32(len(l.totals))
			l.totals = append(l.totals, Total{Class: class, Name: name, Denomination: d})
		}
		if t := &l.totals[l.slots[at]]; t.Class == class && t.Name == name && t.Denomination == d {
			return t
		}
	}
}

func slotOf(class Class, name ident.Name, d Denomination) uint32 {
	return (uint32(name) ^ uint32(class)<<24 ^ uint32(d)<<4) * 0x9e3779b1
}

func (l *Ledger) grow() {
	l.slots = make([]int32, max(64, 2*len(l.slots)))
	for i := range l.slots {
		l.slots[i] = -1
	}
	mask := uint32(len(l.slots) - 1)
	for i := range l.totals {
		t := &l.totals[i]
		at := slotOf(t.Class, t.Name, t.Denomination) & mask
		for l.slots[at] >= 0 {
			at = (at + 1) & mask
		}
		l.slots[at] = int32(i)
	}
}

// Difference is the sum over all ledger accounts of one denomination: zero,
// or the books do not close.
func (l *Ledger) Difference(d Denomination) Sum {
	var sum Sum
	for i := range l.totals {
		if l.totals[i].Denomination == d {
			sum = sum.AddSum(l.totals[i].Sum)
		}
	}
	return sum
}
