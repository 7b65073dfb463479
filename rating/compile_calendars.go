package rating

import (
	"fmt"
	"strings"

	"gyro/internal/instant"
)

// days is a set of days from firstDay to endDay.
type days struct {
	words []uint64 // nil for the empty set
}

func (d *days) add(day int64) {
	if day < firstDay || day >= endDay {
		return
	}
	if d.words == nil {
		d.words = make([]uint64, (endDay-firstDay+63)/64)
	}
	d.words[(day-firstDay)/64] |= 1 << ((day - firstDay) % 64)
}

func (d *days) has(day int64) bool {
	return d.words != nil && day >= firstDay && day < endDay && d.words[(day-firstDay)/64]>>((day-firstDay)%64)&1 != 0
}

// period is one condition of a calendar. A period that ends at or before the
// time it begins runs over midnight; it belongs to the day on which it begins.
type period struct {
	calendar uint64 // its bit
	weekdays uint8  // bit per day, 0 = Sunday
	holidays holidayRule
	dated    bool
	dates    days
	from, to instant.Span // to may be 24 h
}

type holidayRule uint8

const (
	holidaysToo holidayRule = iota
	holidaysOnly
	holidaysExcepted
)

var weekdayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

const everyDay = 1<<7 - 1

// calendar reads one element of calendars.
func (c *compiler) calendar(f field) {
	m, ok := c.mapping(f, "name", "periods")
	if !ok {
		return
	}
	name, _, ok := c.name(&m, &c.calendars, "peak")
	if !ok {
		return
	}
	k := uint32(len(c.calendars.list))
	c.calendars.add(name, k)
	f, ok = c.required(&m, "periods", `periods: [{weekdays: mon-fri, from: "08:00", to: "20:00"}]`)
	if !ok {
		return
	}
	elements := c.list(f, MaxPeriods, false)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the calendar has no periods", "a calendar that is never in force is left out")
	}
	for _, element := range elements {
		if len(c.periods) == MaxPeriods {
			c.fail(element, "too many periods", fmt.Sprintf("all calendars together may have %d", MaxPeriods))
			return
		}
		if p, ok := c.period(element); ok {
			p.calendar = 1 << k
			c.periods = append(c.periods, p)
		}
	}
	c.define("calendar", name, &m)
}

func (c *compiler) period(f field) (period, bool) {
	p := period{weekdays: everyDay, to: instant.Day}
	m, ok := c.mapping(f, "weekdays", "from", "to", "dates", "holidays")
	if !ok {
		return p, false
	}
	if len(m.keys) == 0 {
		c.fail(f, "the period says nothing", "write at least one of weekdays, from, to, dates, holidays")
	}
	if f, ok := m.optional("weekdays"); ok {
		p.weekdays = c.weekdays(f)
	}
	from, hasFrom := m.optional("from")
	to, hasTo := m.optional("to")
	if hasFrom {
		p.from = c.timeOfDay(from)
	}
	if hasTo {
		p.to = c.timeOfDay(to)
	}
	if p.from == instant.Day || (hasTo && p.from == p.to) {
		c.fail(f, "the period has no length", `"to" must differ from "from"; for the whole day leave both out`)
	}
	if f, ok := m.optional("dates"); ok {
		p.dated = true
		c.dateList(f, &p.dates)
	}
	if f, ok := m.optional("holidays"); ok {
		k, _ := c.oneOf(f, "only", "except")
		p.holidays = holidayRule(k + 1)
	}
	return p, true
}

// weekdays reads days such as mon, mon-fri or [sat, sun].
func (c *compiler) weekdays(f field) uint8 {
	set := uint8(0)
	for _, element := range c.list(f, len(weekdayNames), true) {
		text, ok := c.text(element)
		if !ok {
			continue
		}
		first, last, ranged := strings.Cut(text, "-")
		if !ranged {
			last = first
		}
		from, to := weekdayNamed(first), weekdayNamed(last)
		if from < 0 || to < 0 {
			c.fail(element, quote(text)+" is no weekday", "write mon, tue, wed, thu, fri, sat, sun or a range such as mon-fri")
			continue
		}
		for day := from; ; day = (day + 1) % len(weekdayNames) {
			set |= 1 << day
			if day == to {
				break
			}
		}
	}
	return set
}

func weekdayNamed(name string) int {
	for k, known := range weekdayNames {
		if name == known {
			return k
		}
	}
	return -1
}

// timeOfDay reads HH:MM from 00:00 to 24:00.
func (c *compiler) timeOfDay(f field) instant.Span {
	text, ok := c.text(f)
	if !ok {
		return 0
	}
	var at scanner
	at.text = text
	hour, minute := at.number(2), 0
	if at.literal(':') {
		minute = at.number(2)
	}
	if !at.done() || hour*60+minute > 24*60 || minute > 59 {
		c.fail(f, quote(text)+" is no time of day", `write hours and minutes from "00:00" to "24:00"`)
		return 0
	}
	return instant.Span(hour)*instant.Hour + instant.Span(minute)*instant.Minute
}
