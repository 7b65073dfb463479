package charge

import (
	"fmt"
	"math"

	"gyro/internal/instant"
)

// Day is a calendar day: the number of days since 1970-01-01. Zero is "not set".
type Day int32

// Open is the end of what has no end.
const Open Day = math.MaxInt32

// Date returns the day of a date.
func Date(year, month, day int) Day { return Day(instant.DaysFromCivil(year, month, day)) }

// DayOf returns the day on which i falls in a zone.
func DayOf(zone *instant.Zone, i instant.Instant) Day {
	c := zone.CivilAt(i)
	return Date(c.Year, c.Month, c.Day)
}

// Start returns the moment at which the day begins in a zone; on days without
// midnight, the first moment after the gap.
func (d Day) Start(zone *instant.Zone) instant.Instant {
	year, month, day := d.Civil()
	return zone.InstantOf(year, month, day, 0)
}

// Civil returns the day's date.
func (d Day) Civil() (year, month, day int) {
	utc := instant.UTC()
	c := utc.CivilAt(instant.Instant(d) * instant.Instant(instant.Day))
	return c.Year, c.Month, c.Day
}

// String is the date as 2006-01-02, empty when not set, "-" when open.
func (d Day) String() string {
	switch d {
	case 0:
		return ""
	case Open:
		return "-"
	}
	year, month, day := d.Civil()
	b := [...]byte{
		byte('0' + year/1000%10), byte('0' + year/100%10), byte('0' + year/10%10), byte('0' + year%10), '-',
		byte('0' + month/10), byte('0' + month%10), '-', byte('0' + day/10), byte('0' + day%10),
	}
	return string(b[:])
}

// ParseDay reads a date as 2006-01-02.
func ParseDay(text string) (Day, error) {
	var n [3]int
	if len(text) == 10 && text[4] == '-' && text[7] == '-' {
		for k, at := range [...]int{0, 5, 8} {
			for _, c := range []byte(text[at : at+[...]int{4, 2, 2}[k]]) {
				if c < '0' || c > '9' {
					return 0, fmt.Errorf("%q is no date: write it as 2026-11-30", text)
				}
				n[k] = n[k]*10 + int(c-'0')
			}
		}
		d := Date(n[0], n[1], n[2])
		if year, month, day := d.Civil(); year == n[0] && month == n[1] && day == n[2] {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no date: write it as 2026-11-30", text)
}

// Span is the days from From to before Until.
type Span struct{ From, Until Day }

// Days is how many there are.
func (s Span) Days() int { return max(int(s.Until)-int(s.From), 0) }

// Contains reports whether a day is among them.
func (s Span) Contains(d Day) bool { return s.From <= d && d < s.Until }

func (s Span) and(o Span) Span { return Span{max(s.From, o.From), min(s.Until, o.Until)} }

func (s Span) empty() bool { return s.From >= s.Until }

// minus takes spans, which are in order and apart, out of others that are, too.
func minus(from, what []Span) []Span {
	var rest []Span
	for _, s := range from {
		for _, w := range what {
			if w.Until <= s.From || w.From >= s.Until {
				continue
			}
			if w.From > s.From {
				rest = append(rest, Span{s.From, w.From})
			}
			s.From = w.Until
			if s.empty() {
				break
			}
		}
		if !s.empty() {
			rest = append(rest, s)
		}
	}
	return rest
}

// union puts spans in order and joins those that touch.
func union(spans []Span) []Span {
	var joined []Span
	for _, s := range spans {
		if s.empty() {
			continue
		}
		at := len(joined)
		for at > 0 && joined[at-1].From > s.From {
			at--
		}
		joined = append(joined, Span{})
		copy(joined[at+1:], joined[at:])
		joined[at] = s
	}
	out := joined[:0]
	for _, s := range joined {
		if n := len(out); n > 0 && s.From <= out[n-1].Until {
			out[n-1].Until = max(out[n-1].Until, s.Until)
			continue
		}
		out = append(out, s)
	}
	return out
}

func clip(spans []Span, to Span) []Span {
	var kept []Span
	for _, s := range spans {
		if s = s.and(to); !s.empty() {
			kept = append(kept, s)
		}
	}
	return kept
}
