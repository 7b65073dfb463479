package rating

import "gyro/internal/instant"

// firstOfMonth is where a billing cycle begins when nothing else is said, and
// lastCycleDay the last day on which one may begin: every month has it.
const (
	firstOfMonth = 1
	lastCycleDay = 28
)

// Day is the calendar day of a moment in the plan's time zone: from is its
// first moment, until the first of the next day. Where the clock is changed a
// day has 23 or 25 hours, or half an hour more or less. Days follow one another
// without gap; when midnight itself is passed twice, a day begins at the first.
func (p *Plan) Day(at instant.Instant) (from, until instant.Instant) {
	c := p.zone.CivilAt(at)
	day := instant.DaysFromCivil(c.Year, c.Month, c.Day)
	from, until = p.midnight(day), p.midnight(day+1)
	for until <= at {
		day++
		from, until = until, p.midnight(day+1)
	}
	return from, until
}

// midnight is the first moment of a day since 1970-01-01 in the plan's zone.
func (p *Plan) midnight(day int64) instant.Instant {
	// Months and days may be out of range: a day of January far from the first
	// is counted on, which saves taking the number apart.
	return p.zone.InstantOf(1970, 1, 1+int(day), 0)
}

// Cycle is the billing cycle of a moment: it begins with a day of each month in
// the plan's time zone. Day is 1 to 28; what is beyond counts as the nearest.
func (p *Plan) Cycle(at instant.Instant, day uint8) (from, until instant.Instant) {
	begin := min(max(int(day), firstOfMonth), lastCycleDay)
	c := p.zone.CivilAt(at)
	month := c.Year*12 + c.Month - 1
	if c.Day < begin {
		month--
	}
	from, until = p.cycleBegin(month, begin), p.cycleBegin(month+1, begin)
	for until <= at {
		month++
		from, until = until, p.cycleBegin(month+1, begin)
	}
	return from, until
}

// cycleBegin is the first moment of a day of a month, counted from year 0.
func (p *Plan) cycleBegin(month, day int) instant.Instant {
	return p.zone.InstantOf(month/12, month%12+1, day, 0)
}

// After is the moment a period later at the same time of day in the plan's
// time zone. A month later than the last days of a long month is the last day
// of a short one: whoever counts on from there keeps the day that was meant. A
// time of day that the clock skips is taken as long after the change as it
// would be without it; of one that comes twice, the first is meant.
func (p *Plan) After(at instant.Instant, period Period) instant.Instant {
	if period.IsZero() {
		return at
	}
	c := p.zone.CivilAt(at)
	month := c.Year*12 + c.Month - 1 + int(period.Months)
	year, ofYear := month/12, month%12+1
	day := c.Day
	if period.Months > 0 {
		day = min(day, daysIn(year, ofYear))
	}
	return p.zone.InstantOf(year, ofYear, day+int(period.Days), c.MilliOfDay)
}
