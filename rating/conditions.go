package rating

// conditions are what a rule asks for. Each may be left out, and then takes
// anything.
type conditions struct {
	zones, calling, visited uint32 // bit sets over zones, or noSet
	rats, qcis              uint32 // bit sets over Request.RAT and QCI, or noSet
	apns                    span   // in Plan.apns
	marks                   span   // in Plan.marks; all of them have to hold
	calendars               uint64 // any of these in force
	roles                   uint8  // bit per Node-Role
	party                   party
	periods                 uint8 // bit per CounterPeriod of the counters of marks
}

// party says whether the called party is a subscriber of the operator.
type party uint8

// The parties that a rule can ask for.
const (
	anyParty party = iota
	onNet
	offNet
)

// anything are the conditions of a rule that asks for nothing.
func anything() conditions {
	return conditions{zones: noSet, calling: noSet, visited: noSet, rats: noSet, qcis: noSet}
}

// mark is a condition on a counter: that it has counted from or more, and less
// than below.
type mark struct {
	counter     uint32
	from, below uint64 // below is noMark for no bound
}

// noMark is above every count.
const noMark = ^uint64(0)

// octetSet is the size of a bit set over Request.RAT or QCI.
const octetSet = 1 << 8

// situation is what conditions are held against: a request and what the plan
// makes of it.
type situation struct {
	request                *Request
	zone, calling, visited uint32
	inForce                uint64 // calendars
	// over has a bit per CounterPeriod that has ended since the request's
	// moment: its counters are at zero.
	over uint8
}

// given reports whether the conditions hold on what stays the same in a session.
func (p *Plan) given(c *conditions, s *situation) bool {
	r := s.request
	switch {
	case c.zones != noSet && !p.contains(c.zones, s.zone),
		c.calling != noSet && !p.contains(c.calling, s.calling),
		c.roles != 0 && (r.Role > maxRole || c.roles>>r.Role&1 == 0),
		c.party != anyParty && (c.party == onNet) != r.OnNet:
		return false
	}
	return c.apns.from == c.apns.to || p.hasAPN(c.apns, r.APN)
}

// depends says which of what a gateway may report anew the conditions ask for.
func (c *conditions) depends() Dependence {
	d := Dependence(0)
	if c.rats != noSet {
		d |= DependsRAT
	}
	if c.visited != noSet {
		d |= DependsServing
	}
	if c.qcis != noSet {
		d |= DependsQCI
	}
	return d
}

// reported reports whether the conditions hold on what a gateway may report
// anew in a session.
func (p *Plan) reported(c *conditions, s *situation) bool {
	return (c.visited == noSet || p.contains(c.visited, s.visited)) &&
		(c.rats == noSet || p.contains(c.rats, uint32(s.request.RAT))) &&
		(c.qcis == noSet || p.contains(c.qcis, uint32(s.request.QCI)))
}

// timely reports whether a calendar that the conditions ask for is in force.
func (c *conditions) timely(s *situation) bool {
	return c.calendars == 0 || c.calendars&s.inForce != 0
}

// counted reports whether the counters are where the conditions ask.
func (p *Plan) counted(c *conditions, s *situation) bool {
	for _, m := range p.marks[c.marks.from:c.marks.to] {
		if used := p.used(s, m.counter); used < m.from || used >= m.below {
			return false
		}
	}
	return true
}

// used is what a counter has counted.
func (p *Plan) used(s *situation, counter uint32) uint64 {
	if s.request.Counters == nil || s.over>>p.counters[counter].Period&1 != 0 {
		return 0
	}
	return s.request.Counters.Used(counter)
}
