package rating

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// positions are counters at what a script says.
type countersAt []uint64

func (c countersAt) Used(counter uint32) uint64 { return c[counter] }

func (s *scenario) classify(t *testing.T, d *datadriven.TestData) string {
	r := s.request(t, d)
	var m Match
	return s.describe(s.plan.Classify(&r, &m), &m)
}

// request reads the arguments of a directive into a request.
func (s *scenario) request(t *testing.T, d *datadriven.TestData) Request {
	r := Request{At: s.moment(t, d)}
	for _, arg := range d.CmdArgs {
		number := func(bits int) uint32 {
			n, err := strconv.ParseUint(arg.SingleVal(t), 10, bits)
			if err != nil {
				d.Fatalf(t, "%s: %v", arg.Key, err)
			}
			return uint32(n)
		}
		known := true
		switch arg.Key {
		case "context":
			r.Context = number(32)
		case "rating-group":
			r.RatingGroup, r.HasRatingGroup = number(32), true
		case "service-id":
			r.ServiceID, r.HasServiceID = number(32), true
		case "role":
			r.Role = uint8(number(8))
		case "apn":
			r.APN = []byte(arg.SingleVal(t))
		case "called":
			r.Called = []byte(arg.SingleVal(t))
		case "calling":
			r.Calling = []byte(arg.SingleVal(t))
		case "serving":
			n, err := ident.ParsePLMN([]byte(arg.SingleVal(t)))
			r.Serving, known = n, err == nil
		case "rat":
			r.RAT, known = ratNamed(arg.SingleVal(t))
		case "qci":
			r.QCI = uint8(number(8))
		case "on-net":
			r.OnNet = true
		case "cycle-day":
			r.CycleDay = uint8(number(8))
		case "counters":
			r.Counters = s.counters(t, d, arg.Vals)
		case "offers":
			for _, name := range arg.Vals {
				r.Offers = append(r.Offers, ident.NameOf(name))
			}
		case "at":
		default:
			known = false
		}
		if !known {
			d.Fatalf(t, "unknown argument or value %s=%v", arg.Key, arg.Vals)
		}
	}
	return r
}

// counters reads NAME:COUNT of each.
func (s *scenario) counters(t *testing.T, d *datadriven.TestData, vals []string) countersAt {
	at := make(countersAt, len(s.plan.counters))
	for _, val := range vals {
		name, text, _ := strings.Cut(val, ":")
		k, ok := s.plan.Counter(ident.NameOf(name))
		if !ok {
			d.Fatalf(t, "no counter %s", name)
		}
		if s.plan.counters[k].Unit == Money {
			amount, err := money.Parse(text, money.Decimals)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			at[k] = uint64(amount)
			continue
		}
		factors, _ := s.plan.counters[k].Unit.factors()
		n, err := parseQuantity(text, factors)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		at[k] = n
	}
	return at
}

// civil answers day, cycle and after.
func (s *scenario) civil(t *testing.T, d *datadriven.TestData) string {
	at := s.moment(t, d)
	p := s.plan
	var number, days, months int
	switch d.Cmd {
	case "after":
		d.MaybeScanArgs(t, "days", &days)
		d.MaybeScanArgs(t, "months", &months)
		return formatMoment(p.After(at, Period{Days: uint16(days), Months: uint16(months)}), &p.zone) + "\n"
	case "cycle":
		d.ScanArgs(t, "day", &number)
		from, until := p.Cycle(at, uint8(number))
		return s.lasting(from, until)
	}
	from, until := p.Day(at)
	return s.lasting(from, until)
}

func (s *scenario) lasting(from, until instant.Instant) string {
	minutes := until.Sub(from) / instant.Minute
	zone := &s.plan.zone
	return fmt.Sprintf("%s until %s: %dh%02dm\n", formatMoment(from, zone), formatMoment(until, zone), minutes/60, minutes%60)
}

func (s *scenario) describe(refusal Refusal, m *Match) string {
	p := s.plan
	if refusal == NoService {
		return refusal.String() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s service=%s unit=%s offer=%s", refusal, p.Label(m.ServiceID), m.Unit, orNone(p.Label(m.Offer)))
	if zone := p.ZoneAt(m.Zone).Name; zone != "" {
		fmt.Fprintf(&b, " zone=%s", zone)
	}
	if visited := p.ZoneAt(m.Visited).Name; visited != "" {
		fmt.Fprintf(&b, " visited=%s", visited)
	}
	if refusal == Matched {
		fmt.Fprintf(&b, "\nrule=%s treatment=%s", p.describeRule(m.Rule), m.Treatment)
	}
	if m.Until != 0 {
		fmt.Fprintf(&b, "\nuntil=%s", formatMoment(m.Until, &p.zone))
	}
	if m.Left != 0 {
		fmt.Fprintf(&b, "\nleft=%s", formatQuantity(m.Left, m.Unit))
	}
	if m.LeftMoney != 0 {
		fmt.Fprintf(&b, "\nleft money=%s", m.LeftMoney)
	}
	if m.Depends != 0 {
		fmt.Fprintf(&b, "\ndepends on %s", m.Depends)
	}
	for k := range p.counters {
		if p.Counts(uint32(k), m) {
			fmt.Fprintf(&b, "\ncounted by %s", p.counters[k].Name)
		}
	}
	for k := range p.allowances {
		if a := p.AllowanceAt(uint32(k)); p.Pays(a, m) {
			fmt.Fprintf(&b, "\npaid by %s", a.Name)
		}
	}
	return b.String() + "\n"
}
