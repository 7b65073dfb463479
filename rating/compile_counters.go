package rating

var counterKeys = []string{"name", "unit", "services", "zones", "visited", "of", "period", "limit", "notify"}

// counter reads one element of counters.
func (c *compiler) counter(f field) {
	m, ok := c.mapping(f, counterKeys...)
	if !ok {
		return
	}
	before := len(c.errors)
	name, id, ok := c.name(&m, &c.counters, "data-cycle")
	if !ok {
		return
	}
	k := Counter{Name: name, ID: id, services: c.newSet(len(c.plan.services)), zones: noSet, visited: noSet}
	if f, ok := c.required(&m, "unit", "unit: octets"); ok {
		unit, _ := c.oneOf(f, Octets.String(), Seconds.String(), Events.String(), Money.String())
		k.Unit = Unit(max(unit, 0))
	}
	counted := len(c.errors) == before // otherwise nothing can be said of quantities
	if f, ok := c.required(&m, "services", "services: [internet]"); ok && counted {
		c.servicesIn(f, k.Unit, "counter", "a counter", k.services)
	}
	c.places(&m, &k.zones, &k.visited)
	if f, ok := m.optional("of"); ok {
		of, _ := c.oneOf(f, OfSubscriber.String(), OfAccount.String())
		k.Of = CounterOf(max(of, 0))
	}
	if f, ok := c.required(&m, "period", "period: cycle"); ok {
		period, _ := c.oneOf(f, PerDay.String(), PerCycle.String(), Ever.String())
		k.Period = CounterPeriod(max(period, 0))
	}
	if f, ok := m.optional("limit"); ok && counted {
		k.Limit, _ = c.countOf(f, k.Unit)
	}
	c.notices(&m, &k)
	c.counters.add(name, uint32(len(c.plan.counters)))
	if len(c.errors) > before {
		c.counters.doubt(name)
	}
	c.plan.counters = append(c.plan.counters, k)
	c.define("counter", name, &m)
}

// notices reads the percentages of the limit at which the customer is told.
func (c *compiler) notices(m *mapping, k *Counter) {
	f, ok := m.optional("notify")
	if !ok {
		return
	}
	if _, limited := m.optional("limit"); !limited {
		c.fail(f, "the counter has no limit to take parts of", "for example limit: 50GB")
		return
	}
	elements := c.list(f, MaxNotices, true)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the list is empty", "leave the key out to tell nothing")
	}
	for _, element := range elements {
		permille := c.percent(element)
		switch n := len(k.Notify); {
		case permille == 0:
			return
		case n > 0 && permille <= k.Notify[n-1]:
			c.fail(element, "the percentages do not ascend", "for example notify: [50%, 80%, 100%]")
			return
		}
		k.Notify = append(k.Notify, permille)
	}
}

// percent reads a whole percentage from 1% to 100%; 0 is none.
func (c *compiler) percent(f field) uint8 {
	text, ok := c.text(f)
	if !ok {
		return 0
	}
	s := scanner{text: text}
	digits := len(text) - 1
	n := 0
	if digits >= 1 && digits <= 3 {
		n = s.number(digits)
	}
	if !s.literal('%') || !s.done() || n < 1 || n > 100 {
		c.fail(f, quote(text)+" is no percentage", "write a whole percentage from 1% to 100%")
		return 0
	}
	return uint8(n)
}
