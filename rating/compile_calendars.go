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

func (c *compiler) allHolidays(m *mapping) {
	if f, ok := m.optional("holidays"); ok {
		c.dateList(f, &c.holidays)
		c.define("calendar", "holidays", &mapping{keys: []field{{node: literal(f, "dates")}}, vals: []field{f}})
	}
}

// dateList reads dates and ranges of dates into a set of days.
func (c *compiler) dateList(f field, set *days) {
	for _, element := range c.list(f, MaxDates, true) {
		c.dates++
		if c.dates > MaxDates {
			c.fail(element, "too many dates", fmt.Sprintf("holidays and calendars together may have %d", MaxDates))
			return
		}
		text, ok := c.text(element)
		if ok && !addDates(text, set) {
			c.fail(element, quote(text)+" is no date or range of up to a year",
				`write 2026-12-25, 12-25 or easter+1 for every year, or a range such as 2026-12-24..2026-12-26`)
		}
	}
}

// date is a day; year 0 means every year. Of a feast, day counts the days after
// it and month says nothing.
type date struct {
	year, month, day int
	feast            feast
}

func (d date) number(year int) int64 {
	if d.feast != noFeast {
		return d.feast.sunday(year) + int64(d.day)
	}
	if d.year != 0 {
		year = d.year
	}
	return instant.DaysFromCivil(year, d.month, d.day)
}

// maxRangeDays bounds a range of dates to a leap year.
const maxRangeDays = 366

// addDates adds what one text says. A range of dates of every year may run
// over the turn of the year; 29 February is only there in leap years.
func addDates(text string, set *days) bool {
	first, last, ranged := strings.Cut(text, "..")
	from, ok := parseDay(first)
	if !ok {
		return false
	}
	to := from
	if ranged {
		if to, ok = parseDay(last); !ok || (from.year == 0) != (to.year == 0) || from.feast != to.feast {
			return false
		}
	}
	switch {
	case from.year != 0:
		return addRange(set, from.number(0), to.number(0))
	case from.feast != noFeast:
		for year := firstYear; year < endYear; year++ {
			ok = addRange(set, from.number(year), to.number(year))
		}
		return ok
	}
	wrap := 0
	if to.month < from.month || (to.month == from.month && to.day < from.day) {
		wrap = 1
	}
	for year := firstYear - 1; year < endYear; year++ {
		end := date{year: year + wrap, month: to.month, day: min(to.day, daysIn(year+wrap, to.month))}
		addRange(set, from.number(year), end.number(0)) // false for 29 February in other years
	}
	return true
}

// addRange adds the days of a range, if it is one, of up to a year.
func addRange(set *days, from, to int64) bool {
	if to < from || to-from >= maxRangeDays {
		return false
	}
	for day := from; day <= to; day++ {
		set.add(day)
	}
	return true
}

// parseDay reads a date or a day counted from a feast.
func parseDay(text string) (date, bool) {
	if d, ok := parseFeast(text); ok {
		return d, true
	}
	return parseDate(text)
}

// parseDate reads YYYY-MM-DD or MM-DD.
func parseDate(text string) (date, bool) {
	at := scanner{text: text}
	var d date
	if len(text) == len("2006-01-02") {
		d.year = at.number(4)
		if !at.literal('-') || d.year < firstYear || d.year >= endYear {
			return d, false
		}
	}
	d.month = at.number(2)
	dash := at.literal('-')
	d.day = at.number(2)
	return d, dash && at.done() && d.valid()
}

func (d date) valid() bool {
	year := d.year
	if year == 0 {
		year = firstYear // a leap year: 02-29 exists in some years
	}
	return d.month >= 1 && d.month <= 12 && d.day >= 1 && d.day <= daysIn(year, d.month)
}

// daysIn is the length of a month.
func daysIn(year, month int) int {
	next := date{year: year, month: month + 1, day: 1}
	if month == 12 {
		next = date{year: year + 1, month: 1, day: 1}
	}
	return int(next.number(0) - instant.DaysFromCivil(year, month, 1))
}

// scanner reads fixed forms of digits and signs.
type scanner struct {
	text   string
	failed bool
}

// number reads exactly n digits.
func (s *scanner) number(n int) int {
	if len(s.text) < n || !isDigits(s.text[:n]) {
		s.failed = true
		return 0
	}
	value := 0
	for _, ch := range []byte(s.text[:n]) {
		value = value*10 + int(ch-'0')
	}
	s.text = s.text[n:]
	return value
}

// literal reads ch if it is next.
func (s *scanner) literal(ch byte) bool {
	if s.text == "" || s.text[0] != ch {
		return false
	}
	s.text = s.text[1:]
	return true
}

func (s *scanner) done() bool { return !s.failed && s.text == "" }
