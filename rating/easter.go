package rating

import (
	"strconv"
	"strings"

	"gyro/internal/instant"
)

// feast is what a date of every year is counted from.
type feast uint8

// The feasts. Good Friday is easter-2, Whit Monday easter+50.
const (
	noFeast        feast = iota // month and day
	easter                      // Easter Sunday of the western churches
	orthodoxEaster              // Easter Sunday of the eastern churches
)

var feastNames = [...]string{easter: "easter", orthodoxEaster: "orthodox-easter"}

// maxFromFeast is more days than any church year counts from Easter: a range
// from one end to the other is shorter than a year.
const maxFromFeast = 99

// parseFeast reads easter, easter+1 or orthodox-easter-2.
func parseFeast(text string) (date, bool) {
	for kind, name := range feastNames {
		rest, found := strings.CutPrefix(text, name)
		if name == "" || !found {
			continue
		}
		if rest == "" {
			return date{feast: feast(kind)}, true
		}
		if rest[0] != '+' && rest[0] != '-' {
			return date{}, false
		}
		n, err := strconv.Atoi(rest)
		return date{feast: feast(kind), day: n}, err == nil && n >= -maxFromFeast && n <= maxFromFeast
	}
	return date{}, false
}

// sunday is the day of a feast in a year, since 1970-01-01.
func (f feast) sunday(year int) int64 {
	if f == orthodoxEaster {
		return julianEaster(year)
	}
	return gregorianEaster(year)
}

// gregorianEaster is the Sunday after the first ecclesiastical full moon of
// spring (the "anonymous" algorithm of 1876, valid for every Gregorian year).
func gregorianEaster(year int) int64 {
	golden := year % 19
	century, ofCentury := year/100, year%100
	moon := (19*golden + century - century/4 - (century-(century+8)/25+1)/3 + 15) % 30
	toSunday := (32 + 2*(century%4) + 2*(ofCentury/4) - moon - ofCentury%4) % 7
	late := (golden + 11*moon + 22*toSunday) / 451
	n := moon + toSunday - 7*late + 114
	return instant.DaysFromCivil(year, n/31, n%31+1)
}

// julianEaster is Easter by the Julian calendar (Meeus), which is 13 days
// behind from 1900 to 2099, the years in which dates are known.
func julianEaster(year int) int64 {
	moon := (19*(year%19) + 15) % 30
	toSunday := (2*(year%4) + 4*(year%7) - moon + 34) % 7
	n := moon + toSunday + 114
	return instant.DaysFromCivil(year, n/31, n%31+1) + 13
}
