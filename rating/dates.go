package rating

import (
	"fmt"
	"strings"

	"gyro/internal/instant"
)

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
