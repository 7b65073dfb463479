package instant

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"time"
)

// Zone is a time zone as a table of offset changes. The table travels inside
// the command that publishes a catalogue, so that a replay years later, on a
// machine with another time-zone database, prices every call as it was priced.
type Zone struct {
	// Name is the IANA name, for example "Europe/Berlin".
	Name string
	// From[k] is the instant at which Offset[k] (seconds east of UTC) begins;
	// From[0] is the beginning of the table and applies before it too.
	From   []Instant
	Offset []int32
}

// The years a zone table covers. Beyond the last change the last offset holds.
const (
	zoneFirstYear = 2000
	zoneLastYear  = 2100
)

// UTC is the zone without changes.
func UTC() Zone { return Zone{Name: "UTC", From: []Instant{0}, Offset: []int32{0}} }

// Tabulate reads loc's offset changes from 2000 to 2100 into a Zone. It is for
// edges: loc comes from the time-zone database of the machine or the binary.
func Tabulate(loc *time.Location) Zone {
	zone := Zone{Name: loc.String()}
	t := time.Date(zoneFirstYear, 1, 1, 0, 0, 0, 0, time.UTC).In(loc)
	last := time.Date(zoneLastYear, 1, 1, 0, 0, 0, 0, time.UTC)
	for t.Before(last) {
		_, offset := t.Zone()
		if n := len(zone.Offset); n == 0 || zone.Offset[n-1] != int32(offset) {
			zone.From = append(zone.From, Of(t))
			zone.Offset = append(zone.Offset, int32(offset))
		}
		_, end := t.ZoneBounds()
		if end.IsZero() {
			break
		}
		// In years that only a rule covers, a bound may be the turn of the
		// year, where nothing changes and from where it is its own end.
		if !end.After(t) {
			end = t.Add(time.Hour)
		}
		t = end
	}
	return zone
}

// OffsetAt returns the offset in force at i as a span east of UTC.
func (z *Zone) OffsetAt(i Instant) Span {
	k := sort.Search(len(z.From), func(k int) bool { return z.From[k] > i })
	return Span(z.Offset[max(k-1, 0)]) * Second
}

// Civil is a wall-clock moment in a zone.
type Civil struct {
	Year       int
	Month, Day int
	Weekday    int // 0 = Sunday
	// MilliOfDay is the wall-clock time of day; on a day with a change of
	// offset an hour of it is skipped or passed twice.
	MilliOfDay Span
}

// CivilAt returns the wall-clock moment at i.
func (z *Zone) CivilAt(i Instant) Civil {
	local := int64(i) + int64(z.OffsetAt(i))
	days := local / int64(Day)
	rest := local % int64(Day)
	if rest < 0 {
		days, rest = days-1, rest+int64(Day)
	}
	year, month, day := civilFromDays(days)
	weekday := int((days%7 + 11) % 7) // 1970-01-01 was a Thursday (4)
	return Civil{Year: year, Month: month, Day: day, Weekday: weekday, MilliOfDay: Span(rest)}
}

// InstantOf returns the instant of a wall-clock moment. A moment that the
// clock skips is taken with the offset before the change (so it lands after
// the gap); one that occurs twice is the first occurrence.
func (z *Zone) InstantOf(year, month, day int, milliOfDay Span) Instant {
	local := Instant(daysFromCivil(year, month, day)*int64(Day) + int64(milliOfDay))
	before := local.Add(-z.OffsetAt(local.Add(-Day)))
	after := local.Add(-z.OffsetAt(local.Add(Day)))
	for _, candidate := range [...]Instant{before, after} {
		if candidate.Add(z.OffsetAt(candidate)) == local {
			return candidate
		}
	}
	return before
}

// DaysFromCivil counts days since 1970-01-01 in the proleptic Gregorian calendar.
func DaysFromCivil(year, month, day int) int64 { return daysFromCivil(year, month, day) }

// daysFromCivil shifts the year to begin in March, so that the leap day is
// the last of its year and month lengths follow one linear formula.
func daysFromCivil(year, month, day int) int64 {
	y := int64(year)
	if month <= 2 {
		y--
	}
	era := floorDiv(y, 400)
	yearOfEra := y - era*400
	monthFromMarch := int64((month + 9) % 12)
	dayOfYear := (153*monthFromMarch+2)/5 + int64(day) - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return era*146097 + dayOfEra - 719468
}

func civilFromDays(days int64) (year, month, day int) {
	days += 719468
	era := floorDiv(days, 146097)
	dayOfEra := days - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	monthFromMarch := (5*dayOfYear + 2) / 153
	day = int(dayOfYear - (153*monthFromMarch+2)/5 + 1)
	month = int((monthFromMarch+2)%12 + 1)
	year = int(yearOfEra + era*400)
	if month <= 2 {
		year++
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// ErrZone is returned for a zone table that cannot be read.
var ErrZone = errors.New("malformed time zone table")

// Append encodes z: name, then pairs of instant and offset, as varints.
func (z *Zone) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(z.Name)))
	dst = append(dst, z.Name...)
	dst = binary.AppendUvarint(dst, uint64(len(z.From)))
	for k := range z.From {
		dst = binary.AppendVarint(dst, int64(z.From[k]))
		dst = binary.AppendVarint(dst, int64(z.Offset[k]))
	}
	return dst
}

// DecodeZone reads what Append wrote and returns the rest of src.
func DecodeZone(src []byte) (Zone, []byte, error) {
	n, used := binary.Uvarint(src)
	if used <= 0 || n > uint64(len(src)-used) {
		return Zone{}, nil, fmt.Errorf("%w: name", ErrZone)
	}
	zone := Zone{Name: string(src[used : used+int(n)])}
	src = src[used+int(n):]
	count, used := binary.Uvarint(src)
	if used <= 0 || count == 0 || count > uint64(len(src)) {
		return Zone{}, nil, fmt.Errorf("%w: %s: number of entries", ErrZone, zone.Name)
	}
	src = src[used:]
	for range count {
		from, a := binary.Varint(src)
		if a <= 0 {
			return Zone{}, nil, fmt.Errorf("%w: %s: instant", ErrZone, zone.Name)
		}
		offset, b := binary.Varint(src[a:])
		if b <= 0 {
			return Zone{}, nil, fmt.Errorf("%w: %s: offset", ErrZone, zone.Name)
		}
		zone.From = append(zone.From, Instant(from))
		zone.Offset = append(zone.Offset, int32(offset))
		src = src[a+b:]
	}
	return zone, src, nil
}
