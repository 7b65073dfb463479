package rating

import "gyro/internal/instant"

// periodSet says which periods begin on a day, one bit each. It is comparable,
// so that days on which the same periods begin share a program.
type periodSet [MaxPeriods / 64]uint64

func (s *periodSet) has(k int) bool { return s[k/64]>>(k%64)&1 != 0 }

// scheduleBuilder makes the programs of days. What is in force on a day follows
// from the periods that begin on it and those that began the day before.
type scheduleBuilder struct {
	schedule schedule
	periods  []period
	holidays *days
	known    map[[2]periodSet]uint16
}

func buildSchedule(periods []period, holidays *days) schedule {
	b := scheduleBuilder{periods: periods, holidays: holidays, known: map[[2]periodSet]uint16{}}
	var ordinary [7]periodSet
	for weekday := range ordinary {
		ordinary[weekday] = b.begins(weekday, func(*days) bool { return false })
	}
	for weekday := range ordinary {
		b.schedule.weekdays[weekday] = b.program(ordinary[(weekday+6)%7], ordinary[weekday])
	}
	if len(periods) == 0 {
		return b.schedule // no rule asks for a calendar
	}
	special := b.specialDays()
	set := func(day int64) periodSet {
		if special.has(day) {
			return b.begins(weekdayOf(day), func(d *days) bool { return d.has(day) })
		}
		return ordinary[weekdayOf(day)]
	}
	b.schedule.days = make([]uint16, endDay-firstDay)
	for day := int64(firstDay); day < endDay; day++ {
		program := b.schedule.weekdays[weekdayOf(day)]
		if special.has(day) || special.has(day-1) {
			program = b.program(set(day-1), set(day))
		}
		b.schedule.days[day-firstDay] = program
	}
	return b.schedule
}

// specialDays are the days that may differ from others of their weekday.
func (b *scheduleBuilder) specialDays() *days {
	special := &days{}
	sets := []*days{b.holidays}
	for k := range b.periods {
		sets = append(sets, &b.periods[k].dates)
	}
	for _, set := range sets {
		for k, word := range set.words {
			if special.words == nil {
				special.words = make([]uint64, len(set.words))
			}
			special.words[k] |= word
		}
	}
	return special
}

// begins returns the periods that begin on a day of a weekday; in says whether
// the day is in a set of days.
func (b *scheduleBuilder) begins(weekday int, in func(*days) bool) periodSet {
	var set periodSet
	holiday := in(b.holidays)
	for k := range b.periods {
		p := &b.periods[k]
		switch {
		case p.weekdays>>weekday&1 == 0,
			p.holidays == holidaysOnly && !holiday,
			p.holidays == holidaysExcepted && holiday,
			p.dated && !in(&p.dates):
			continue
		}
		set[k/64] |= 1 << (k % 64)
	}
	return set
}

// program returns the index of the program of a day, made if it is new.
func (b *scheduleBuilder) program(before, today periodSet) uint16 {
	key := [2]periodSet{before, today}
	if k, ok := b.known[key]; ok {
		return k
	}
	s := &b.schedule
	k := uint16(len(s.programs)) // two days a special day at most: it fits
	from := uint32(len(s.changes))
	for at := instant.Span(0); at < instant.Day; {
		mask, end := b.at(before, today, at)
		if n := len(s.changes); n == int(from) || s.changes[n-1].calendars != mask {
			s.changes = append(s.changes, change{at, mask})
		}
		at = end
	}
	s.programs = append(s.programs, span{from, uint32(len(s.changes))})
	b.known[key] = k
	return k
}

// at returns the calendars in force at a time of day and until when no period
// begins or ends.
func (b *scheduleBuilder) at(before, today periodSet, at instant.Span) (mask uint64, end instant.Span) {
	end = instant.Day
	consider := func(p *period, from, to instant.Span) {
		switch {
		case at < from:
			end = min(end, from)
		case at < to:
			mask |= p.calendar
			end = min(end, to)
		}
	}
	for k := range b.periods {
		p := &b.periods[k]
		overnight := p.to <= p.from
		if before.has(k) && overnight {
			consider(p, 0, p.to)
		}
		if today.has(k) && overnight {
			consider(p, p.from, instant.Day)
		} else if today.has(k) {
			consider(p, p.from, p.to)
		}
	}
	return mask, end
}
