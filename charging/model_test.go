package charging_test

import (
	"fmt"
	"math/big"
	"slices"

	"gyro/charging"
	"gyro/internal/instant"
)

// tariff is a price of worldCatalog in the words of the slow model.
type tariff struct {
	name                 string
	unit                 string
	first, next, per     uint64
	tiers                []tier
	setup, minimum, most int64 // most is zero without a cap
	halfEven             bool
	grant                uint64
	validity             instant.Span
	payers               []string
	treatment            string
	noFinal              bool
}

type tier struct {
	upTo   uint64 // zero is without end
	amount int64
}

// tariffs are the prices of worldCatalog by rating group.
var tariffs = map[uint32]*tariff{
	10: {
		name: "data", unit: "octets", first: 100_000, next: 100_000, per: 1_000_000, tiers: []tier{{0, 10_000}},
		grant: 10_000_000, validity: 20 * instant.Minute, payers: []string{"soon", "later", "welcome"},
	},
	20: {
		name: "tiered", unit: "octets", first: 1, next: 1, per: 1_000_000, tiers: []tier{{5_000_000, 7_000}, {0, 3_000}},
		setup: 50_000, halfEven: true, grant: 3_000_000, validity: 20 * instant.Minute, payers: []string{"soon"}, noFinal: true,
	},
	30: {
		name: "voice", unit: "seconds", first: 60, next: 1, per: 60, tiers: []tier{{0, 90_000}}, setup: 100_000,
		minimum: 120_000, most: 800_000, grant: 120, payers: []string{"minutes", "welcome"},
	},
	40: {name: "portal", unit: "octets", treatment: "free"},
	50: {name: "blocked", unit: "octets", treatment: "denied"},
}

func (t *tariff) billable(used uint64) uint64 {
	switch {
	case used == 0:
		return 0
	case used <= t.first:
		return t.first
	}
	steps := (used - t.first + t.next - 1) / t.next
	return t.first + steps*t.next
}

// cost adds the tiers up as fractions and rounds once.
func (t *tariff) cost(rated uint64) int64 {
	if rated == 0 {
		return 0
	}
	sum, from := new(big.Rat), uint64(0)
	for _, step := range t.tiers {
		to := rated
		if step.upTo != 0 {
			to = min(rated, step.upTo)
		}
		if to > from {
			part := big.NewRat(step.amount, int64(t.per))
			sum.Add(sum, part.Mul(part, new(big.Rat).SetUint64(to-from)))
			from = to
		}
	}
	whole, rest := new(big.Int).QuoRem(sum.Num(), sum.Denom(), new(big.Int))
	cost := whole.Int64()
	twice := new(big.Int).Lsh(rest, 1).Cmp(sum.Denom())
	if t.halfEven && (twice > 0 || twice == 0 && cost%2 == 1) || !t.halfEven && rest.Sign() > 0 {
		cost++
	}
	cost = max(cost, t.minimum)
	if t.most > 0 {
		cost = min(cost, t.most)
	}
	return cost
}

// pot is a bucket of the model.
type pot struct {
	name, unit string
	remaining  int64
	granted    int64
	until      instant.Instant
}

// payer is an account of the model.
type payer struct {
	pots       []*pot // in the order of use
	limit      int64
	excess     int64
	open       []*visit
	refundable int64 // charged for usage and not given back
}

func (p *payer) main() *pot { return p.pots[len(p.pots)-1] }

// visit is a session of the model; strand a rating group of it.
type visit struct {
	payer    *payer
	strands  map[uint32]*strand
	paid     map[uint32]bool // setup fees of strands that ended
	deadline instant.Instant
}

type strand struct {
	tariff          *tariff
	used, rated     uint64
	charged         int64
	setupTaken      bool
	reserved, moved map[*pot]int64
}

// model is the books kept in the dumbest way that can be right.
type model struct {
	now         instant.Instant
	payers      map[string]*payer
	visits      map[string]*visit
	ended       map[string]bool
	supervision instant.Span
}

func newModel(now instant.Instant, supervision instant.Span) *model {
	m := &model{now: now, payers: map[string]*payer{}, visits: map[string]*visit{}, ended: map[string]bool{}, supervision: supervision}
	for k := range worldAccounts {
		p := &payer{pots: []*pot{{name: "main", unit: "money"}}}
		if k == 1 {
			p.pots = []*pot{
				{name: "welcome", unit: "money", remaining: 300_000, until: now.Add(90 * instant.Minute)},
				{name: "soon", unit: "octets", remaining: 20_000_000, until: now.Add(30 * instant.Minute)},
				{name: "later", unit: "octets", remaining: 15_000_000},
				{name: "minutes", unit: "seconds", remaining: 300, until: now.Add(2 * instant.Hour)},
				p.pots[0],
			}
		}
		if k == 2 {
			p.limit = 200_000
		}
		for _, k := range p.pots {
			k.granted = k.remaining
		}
		m.payers[fmt.Sprintf("account-%d", k)] = p
	}
	return m
}

// reserved sums a pot's reservations by looking at every session.
func (p *payer) reserved(k *pot) (sum int64) {
	for _, v := range p.open {
		for _, s := range v.strands {
			sum += s.reserved[k]
		}
	}
	return sum
}

// free is what of a pot could pay for a tariff now.
func (m *model) free(p *payer, k *pot, unit string, t *tariff) int64 {
	if k.unit != unit || k.until != 0 && k.until <= m.now || k.name != "main" && !slices.Contains(t.payers, k.name) {
		return 0
	}
	left := k.remaining - p.reserved(k)
	if k.name == "main" {
		left += p.limit
	}
	return max(left, 0)
}

func (m *model) freeSum(p *payer, unit string, t *tariff) (sum int64) {
	for _, k := range p.pots {
		sum += m.free(p, k, unit, t)
	}
	return sum
}

// forfeit empties pots whose time has passed but for what is reserved, and drops
// those that nothing needs any more.
func (m *model) forfeit(p *payer) {
	for _, k := range p.pots {
		if k.until != 0 && k.until <= m.now {
			k.remaining = p.reserved(k)
		}
	}
	p.pots = slices.DeleteFunc(p.pots, func(k *pot) bool {
		needed := p.reserved(k) != 0
		for _, v := range p.open {
			for _, s := range v.strands {
				needed = needed || s.moved[k] != 0
			}
		}
		return k.until != 0 && k.until <= m.now && !needed
	})
}

// due is what rated units more would cost a strand.
func (s *strand) due(rated uint64) int64 {
	if rated == 0 {
		return 0
	}
	due := s.tariff.cost(s.rated+rated) - s.charged
	if !s.setupTaken {
		due += s.tariff.setup
	}
	return due
}

// grant finds the most units that the account can pay for, by halving.
func (m *model) grant(p *payer, s *strand, want uint64) (granted uint64, cut bool) {
	units, money := uint64(m.freeSum(p, s.tariff.unit, s.tariff)), m.freeSum(p, "money", s.tariff)
	covered := func(more uint64) bool {
		need := s.tariff.billable(s.used+more) - s.tariff.billable(s.used)
		return s.due(need-min(need, units)) <= money
	}
	if covered(want) {
		granted = want
	} else {
		low, high := uint64(0), want
		for high-low > 1 {
			if middle := (low + high) / 2; covered(middle) {
				low = middle
			} else {
				high = middle
			}
		}
		granted, cut = low, true
	}
	need := s.tariff.billable(s.used+granted) - s.tariff.billable(s.used)
	paid := m.draw(p, s, s.tariff.unit, int64(need), s.reserved, false)
	m.draw(p, s, "money", s.due(need-uint64(paid)), s.reserved, false)
	return granted, cut
}

// draw takes from free pots in order and notes it in parts.
func (m *model) draw(p *payer, s *strand, unit string, want int64, parts map[*pot]int64, spend bool) (taken int64) {
	for _, k := range p.pots {
		if take := min(m.free(p, k, unit, s.tariff), want-taken); take > 0 {
			parts[k] += take
			taken += take
			if spend {
				k.remaining -= take
			}
		}
	}
	return taken
}

// debit takes what was reserved first, then what is free.
func (m *model) debit(p *payer, s *strand, unit string, want int64) (taken int64) {
	for _, k := range p.pots {
		if take := min(s.reserved[k], want-taken); k.unit == unit && take > 0 {
			s.reserved[k] -= take
			k.remaining -= take
			s.moved[k] += take
			taken += take
		}
	}
	return taken + m.draw(p, s, unit, want-taken, s.moved, true)
}

func (m *model) use(p *payer, s *strand, used uint64) {
	need := s.tariff.billable(s.used+used) - s.tariff.billable(s.used)
	paid := m.debit(p, s, s.tariff.unit, int64(need))
	rated := need - uint64(paid)
	due := s.due(rated)
	p.excess += due - m.debit(p, s, "money", due)
	p.refundable += due
	s.used += used
	s.rated += rated
	if rated > 0 {
		s.charged, s.setupTaken = s.tariff.cost(s.rated), true
	}
}

// request carries a request out and returns what the answer must say.
func (m *model) request(account string, c *charging.CreditControl) (charging.Result, []charging.ServiceOutcome) {
	id := string(c.SessionID)
	v := m.visits[id]
	p := m.payers[account]
	switch {
	case v == nil && m.ended[id] && c.Type == charging.Initial:
		return charging.Contradiction, nil
	case v == nil && c.Type != charging.Initial:
		return charging.UnknownSession, nil
	case v == nil:
		v = &visit{paid: map[uint32]bool{}, payer: p, strands: map[uint32]*strand{}}
		m.visits[id] = v
		p.open = append(p.open, v)
	case c.Type == charging.Initial:
		return charging.SessionExists, nil
	}
	m.forfeit(p)
	var outcomes []charging.ServiceOutcome
	validity := instant.Span(0)
	for k := range c.Services {
		o := m.service(v, c.Type, &c.Services[k], outcomes)
		if o.Flags&charging.Grants != 0 {
			validity = max(validity, tariffs[o.RatingGroup].validity)
		}
		outcomes = append(outcomes, o)
	}
	if c.Type == charging.Termination {
		m.end(id)
	}
	v.deadline = m.now.Add(max(m.supervision, 2*validity))
	return charging.Success, outcomes
}

func (m *model) end(id string) {
	v := m.visits[id]
	v.payer.open = slices.DeleteFunc(v.payer.open, func(o *visit) bool { return o == v })
	delete(m.visits, id)
	m.ended[id] = true
}

// tick ends the sessions that were silent for too long.
func (m *model) tick() {
	for k := range worldSessions {
		id := fmt.Sprintf("session-%d", k)
		if v := m.visits[id]; v != nil && v.deadline <= m.now {
			m.end(id)
		}
	}
	for _, p := range m.payers {
		m.forfeit(p)
	}
}

func reported(sv *charging.Service) uint64 { return sv.Reports[0].Total + sv.Reports[0].Seconds }

// service answers one MSCC.
func (m *model) service(v *visit, kind charging.RequestType, sv *charging.Service, earlier []charging.ServiceOutcome) charging.ServiceOutcome {
	o := charging.ServiceOutcome{RatingGroup: sv.RatingGroup, Result: charging.Success}
	wants, t := sv.Flags&charging.Requests != 0, tariffs[sv.RatingGroup]
	if sv.ReportCount == 0 && !wants && v.strands[sv.RatingGroup] == nil {
		return o
	}
	s := v.strands[sv.RatingGroup]
	if s == nil {
		s = &strand{tariff: t, setupTaken: v.paid[sv.RatingGroup], reserved: map[*pot]int64{}, moved: map[*pot]int64{}}
		v.strands[sv.RatingGroup] = s
	}
	refused := charging.Result(0)
	switch {
	case t == nil:
		refused = charging.RatingFailed
	case t.treatment == "denied":
		refused = charging.ServiceDenied
	}
	if sv.ReportCount > 0 {
		switch {
		case refused != 0:
			o.Result = refused
		case t.treatment != "free":
			m.use(v.payer, s, reported(sv))
		}
	}
	doubled := slices.ContainsFunc(earlier, func(e charging.ServiceOutcome) bool {
		return e.RatingGroup == sv.RatingGroup && e.Flags&charging.Grants != 0
	})
	switch {
	case kind == charging.Termination:
	case doubled:
		if wants {
			o.Result = charging.InvalidValue
		}
	case sv.Reason != 0 && !wants:
		v.paid[sv.RatingGroup] = s.setupTaken
		delete(v.strands, sv.RatingGroup)
	case !wants:
		clear(s.reserved)
	case refused != 0:
		o.Result = refused
	case t.treatment == "free":
		o.Result = charging.NotApplicable
	default:
		m.serve(v.payer, s, sv, &o)
	}
	return o
}

func (m *model) serve(p *payer, s *strand, sv *charging.Service, o *charging.ServiceOutcome) {
	clear(s.reserved)
	want := s.tariff.grant
	asked := sv.Requested.Total
	if s.tariff.unit == "seconds" {
		asked = sv.Requested.Seconds
	}
	if asked > 0 {
		want = min(want, asked)
	}
	granted, cut := m.grant(p, s, want)
	if cut && !s.tariff.noFinal {
		o.FinalUnit = charging.Terminate
	}
	if granted == 0 {
		o.Result = charging.CreditLimitReached
		return
	}
	o.Result, o.Granted, o.Flags = charging.Success, granted, charging.Grants
}

// event carries a one-time event out; check is Check-Balance-Result plus one.
func (m *model) event(account string, c *charging.CreditControl) (result charging.Result, amount int64, check uint8) {
	p, sv := m.payers[account], &c.Services[0]
	m.forfeit(p)
	t := tariffs[sv.RatingGroup]
	switch {
	case t == nil:
		return charging.RatingFailed, 0, 0
	case t.treatment == "denied":
		return charging.ServiceDenied, 0, 0
	case t.treatment == "free" && c.Action == charging.DirectDebiting:
		return charging.NotApplicable, 0, 0
	case t.treatment == "free" && c.Action == charging.CheckBalance:
		return charging.Success, 0, 1
	case t.treatment == "free":
		return charging.Success, 0, 0
	}
	units := max(sv.Requested.Total+sv.Requested.Seconds, 1)
	s := &strand{tariff: t, reserved: map[*pot]int64{}, moved: map[*pot]int64{}}
	need := t.billable(units)
	enough := s.due(need-min(need, uint64(m.freeSum(p, t.unit, t)))) <= m.freeSum(p, "money", t)
	switch {
	case c.Action == charging.PriceEnquiry:
		return charging.Success, s.due(need), 0
	case c.Action == charging.RefundAccount:
		back, ok := m.refund(p, t, int64(need), s.due(need))
		if !ok {
			return charging.InvalidValue, 0, 0
		}
		return charging.Success, back, 0
	case c.Action == charging.CheckBalance && enough:
		return charging.Success, 0, 1
	case c.Action == charging.CheckBalance:
		return charging.Success, 0, 2
	case !enough:
		return charging.CreditLimitReached, 0, 0
	}
	m.use(p, s, units)
	for k, moved := range s.moved {
		if k.unit == "money" {
			amount += moved
		}
	}
	return charging.Success, amount, 0
}

// refund gives units back to a pot that gave as many, or else money, as far as
// usage was charged.
func (m *model) refund(p *payer, t *tariff, units, money int64) (int64, bool) {
	for _, k := range p.pots {
		valid := k.until == 0 || m.now < k.until
		if k.unit == t.unit && valid && slices.Contains(t.payers, k.name) && k.granted-k.remaining >= units {
			k.remaining += units
			return 0, true
		}
	}
	if money > p.refundable {
		return 0, false
	}
	p.main().remaining += money
	p.refundable -= money
	return money, true
}
