package rating

import (
	"sort"

	"gyro/internal/instant"
)

// schedule says which calendars are in force at any wall-clock moment. Every
// day has a program: the masks of calendars from midnight to midnight. Days
// between the first and the last year are listed one by one, because holidays
// and dates make some of them unlike their weekday; other days follow their
// weekday.
type schedule struct {
	days     []uint16  // day since firstDay -> programs; empty without calendars
	weekdays [7]uint16 // 0 = Sunday -> programs
	programs []span    // in changes
	changes  []change
}

// change is the mask of calendars from a wall-clock time of day onwards. The
// first change of a program is at midnight.
type change struct {
	from      instant.Span
	calendars uint64
}

// The years in which dates and holidays are known; a recurring date takes part
// in each of them. They are those of a tabulated time zone.
const (
	firstYear = 2000
	endYear   = 2100
)

// firstDay and endDay are those years in days since 1970-01-01.
const (
	firstDay = 10957
	endDay   = 47482
)

// program returns the changes of a day since 1970-01-01.
func (s *schedule) program(day int64) []change {
	var program uint16
	if day >= firstDay && day-firstDay < int64(len(s.days)) {
		program = s.days[day-firstDay]
	} else {
		program = s.weekdays[weekdayOf(day)]
	}
	return s.changes[s.programs[program].from:s.programs[program].to]
}

// weekdayOf returns 0 for a Sunday; 1970-01-01 was a Thursday.
func weekdayOf(day int64) int { return int((day%7 + 11) % 7) }

// walk moves forward through time from one change of the calendars, midnight or
// change of the zone's offset to the next. Between two offsets wall-clock time
// is instant plus offset, so that an hour which is skipped or repeated needs no
// rule of its own.
type walk struct {
	schedule *schedule
	zone     *instant.Zone
	offset   int // the entry of the zone's table in force
	at       instant.Instant
	day      int64
	program  []change
	change   int // the change of the program in force
}

// walk begins at a moment.
func (s *schedule) walk(zone *instant.Zone, at instant.Instant) walk {
	k := sort.Search(len(zone.From), func(k int) bool { return zone.From[k] > at })
	w := walk{schedule: s, zone: zone, offset: max(k-1, 0)}
	w.enter(at)
	return w
}

// inForce is the mask of the calendars in force.
func (w *walk) inForce() uint64 { return w.program[w.change].calendars }

// enter places the walk at a moment within the offset in force.
func (w *walk) enter(at instant.Instant) {
	local := at.Add(w.east())
	day := int64(local) / int64(instant.Day)
	rest := instant.Span(int64(local) % int64(instant.Day))
	if rest < 0 {
		day, rest = day-1, rest+instant.Day
	}
	w.at, w.day, w.program = at, day, w.schedule.program(day)
	w.change = len(w.program) - 1
	for w.program[w.change].from > rest {
		w.change--
	}
}

// next moves on to the next moment at which something may change.
func (w *walk) next() {
	day, change := w.day, w.change+1
	if change == len(w.program) {
		day, change = day+1, 0
	}
	program := w.program
	if change == 0 {
		program = w.schedule.program(day)
	}
	at := instant.Instant(day * int64(instant.Day)).Add(program[change].from - w.east())
	if w.offset+1 < len(w.zone.From) && w.zone.From[w.offset+1] <= at {
		w.offset++
		w.enter(w.zone.From[w.offset])
		return
	}
	w.at, w.day, w.program, w.change = at, day, program, change
}

// east is the offset in force.
func (w *walk) east() instant.Span { return instant.Span(w.zone.Offset[w.offset]) * instant.Second }
