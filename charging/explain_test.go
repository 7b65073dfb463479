package charging_test

import (
	"fmt"
	"strings"

	"gyro/balance"
	"gyro/charging"
	"gyro/charging/usage"
)

// explained proves that a record of usage can be explained: classified and
// priced once more from the record and its catalogue alone, it comes to the
// same rule and to the same charge, and its postings are that charge.
func (s *shard) explained(r *usage.Record) {
	s.t.Helper()
	if !r.Kind.IsUsage() {
		return
	}
	p, _ := s.state.PublicationAt(r.Plan)
	e, err := charging.Explain(r, p)
	if err != nil {
		s.t.Fatalf("record %d cannot be explained: %v", r.Sequence, err)
	}
	if e.Cost != r.Charged || !e.Agrees {
		s.t.Fatalf("record %d charged %s; explained it is %s, the same rule %v:\n%s", r.Sequence, r.Charged, e.Cost, e.Agrees, strings.Join(e.Lines(), "\n"))
	}
	money := int64(0)
	for _, b := range e.Buckets {
		if b.Denomination.IsMoney() {
			money += b.Amount
		}
	}
	if money != int64(e.Cost) {
		s.t.Fatalf("record %d is explained to cost %s, its postings are %d", r.Sequence, e.Cost, money)
	}
	if r.Kind != usage.Refund && r.Flags&(usage.Free|usage.Unrated) == 0 && e.Billed.Units() != r.Billed {
		s.t.Fatalf("record %d billed %d units, explained they are %d", r.Sequence, r.Billed, e.Billed.Units())
	}
}

// explain shows why a record charged what it did: the last one of usage, or
// the one with a number.
func (s *script) explain() string {
	var found *usage.Record
	want := uint64(s.number("record", 0))
	s.records(0, func(r *usage.Record) {
		if r.Sequence == want || want == 0 && r.Kind.IsUsage() {
			copied := *r
			copied.Postings = append([]balance.Posting(nil), r.Postings...)
			found = &copied
		}
	})
	if found == nil {
		return "no such record\n"
	}
	p, _ := s.state.PublicationAt(found.Plan)
	e, err := charging.Explain(found, p)
	if err != nil {
		return err.Error() + "\n"
	}
	return fmt.Sprintf("record %d: ", found.Sequence) + strings.Join(e.Lines(), "\n") + "\n"
}

// counters shows the counters of an account and its subscribers.
func (s *script) counters() string {
	var b strings.Builder
	for _, v := range s.state.Counters(s.text("account", "")) {
		who := "account"
		if v.Subscriber > 0 {
			who = fmt.Sprintf("subscriber %d", v.Subscriber)
		}
		fmt.Fprintf(&b, "%s of %s: %s", v.Name, who, quantity(int64(v.Used), v.Unit))
		if v.Limit != 0 {
			fmt.Fprintf(&b, " of %s", quantity(int64(v.Limit), v.Unit))
		}
		if !v.Unit.IsMoney() && v.Rated != v.Used {
			fmt.Fprintf(&b, ", rated %s", quantity(int64(v.Rated), v.Unit))
		}
		if v.Until != 0 {
			fmt.Fprintf(&b, ", until %s", v.Until)
		}
		b.WriteString("\n")
	}
	return orNone(&b)
}
