package rating

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"gyro/internal/instant"
)

// zonePlan is a plan that has nothing but a time zone.
func zonePlan(t fataler, name string) (*Plan, *time.Location) {
	source := "{catalog: t, currency: EUR, time_zone: " + name + ", services: [], offers: []}"
	p, err := Compile([]byte(source), databaseZones)
	if err != nil {
		t.Fatalf("%v", err)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p, loc
}

// civilZones have hours, half hours and midnights that are skipped or come
// twice, and a day that was left out altogether (Apia, 30 December 2011).
var civilZones = []string{
	"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "America/Santiago", "Asia/Kathmandu", "Pacific/Apia",
	"Atlantic/Azores", "America/Havana",
}

// firstMoment is the first moment of a day, looked for minute by minute from
// before any clock shows it.
func firstMoment(day time.Time, loc *time.Location) time.Time {
	year, month, ofMonth := day.Date()
	at := time.Date(year, month, ofMonth, 0, 0, 0, 0, time.UTC).Add(-26 * time.Hour)
	for ; ; at = at.Add(15 * time.Minute) {
		y, m, d := at.In(loc).Date()
		if time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Before(time.Date(year, month, ofMonth, 0, 0, 0, 0, time.UTC)) {
			continue
		}
		return at
	}
}

// TestDaysAgainstTheClock compares Day with looking for the moments at which
// the date changes.
func TestDaysAgainstTheClock(t *testing.T) {
	for _, name := range civilZones {
		p, loc := zonePlan(t, name)
		rapid.Check(t, func(t *rapid.T) {
			at := time.Unix(rapid.Int64Range(946771200, 4102358400).Draw(t, "at"), 0)
			from, until := p.Day(instant.Of(at))
			if from > instant.Of(at) || until <= instant.Of(at) {
				t.Fatalf("%s %v: day from %v until %v", name, at.In(loc), from, until)
			}
			year, month, day := at.In(loc).Date()
			today := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
			begin, end := firstMoment(today, loc), firstMoment(today.AddDate(0, 0, 1), loc)
			if !end.After(at) { // the clock went back over midnight
				begin, end = end, firstMoment(today.AddDate(0, 0, 2), loc)
			}
			if from != instant.Of(begin) || until != instant.Of(end) {
				t.Fatalf("%s %v: day from %v until %v, want %v until %v", name, at.In(loc), from, until, begin.In(loc), end.In(loc))
			}
			if f, u := p.Day(until); f != until || u <= until {
				t.Fatalf("%s: the day after %v is from %v until %v", name, at.In(loc), f, u)
			}
		})
	}
}

// TestDaysAroundEveryChangeOfTheClock steps through all days near changes.
func TestDaysAroundEveryChangeOfTheClock(t *testing.T) {
	for _, name := range civilZones {
		p, _ := zonePlan(t, name)
		for _, change := range p.zone.From[1:] {
			at := change.Add(-3 * instant.Day)
			for at < change.Add(3*instant.Day) {
				from, until := p.Day(at)
				if from > at || until <= at || until.Sub(from) > 26*instant.Hour {
					t.Fatalf("%s %v: day from %v until %v", name, at, from, until)
				}
				if f, u := p.Day(until - 1); f != from || u != until {
					t.Fatalf("%s %v: its last moment is in another day, %v to %v", name, at, f, u)
				}
				at = until
			}
		}
	}
}

// TestCyclesAgainstTheClock compares Cycle with months counted by package time.
func TestCyclesAgainstTheClock(t *testing.T) {
	for _, name := range civilZones {
		p, loc := zonePlan(t, name)
		rapid.Check(t, func(t *rapid.T) {
			at := time.Unix(rapid.Int64Range(946771200, 4102358400).Draw(t, "at"), 0)
			day := rapid.IntRange(0, 40).Draw(t, "day")
			from, until := p.Cycle(instant.Of(at), uint8(day))
			first := min(max(day, 1), 28)
			year, month, today := at.In(loc).Date()
			begin := time.Date(year, month, first, 0, 0, 0, 0, time.UTC)
			if today < first {
				begin = begin.AddDate(0, -1, 0)
			}
			if !firstMoment(begin.AddDate(0, 1, 0), loc).After(at) {
				begin = begin.AddDate(0, 1, 0)
			}
			want, end := firstMoment(begin, loc), firstMoment(begin.AddDate(0, 1, 0), loc)
			if from != instant.Of(want) || until != instant.Of(end) {
				t.Fatalf("%s %v, day %d: cycle from %v until %v, want %v until %v", name, at.In(loc), day, from, until, want.In(loc), end.In(loc))
			}
			if length := until.Sub(from); length < 27*instant.Day || length > 31*instant.Day+2*instant.Hour {
				t.Fatalf("%s %v, day %d: a cycle of %d hours", name, at.In(loc), day, length/instant.Hour)
			}
		})
	}
}

// TestAfterAgainstTheClock compares After with package time, which counts on
// from the end of a month where this stays in it.
func TestAfterAgainstTheClock(t *testing.T) {
	for _, name := range civilZones {
		p, loc := zonePlan(t, name)
		rapid.Check(t, func(t *rapid.T) {
			at := time.Unix(rapid.Int64Range(946771200, 3786825600).Draw(t, "at"), 0).In(loc)
			period := Period{Days: rapid.Uint16Range(0, 400).Draw(t, "days")}
			if rapid.Bool().Draw(t, "in months") {
				period = Period{Months: rapid.Uint16Range(0, 60).Draw(t, "months")}
			}
			got := p.After(instant.Of(at), period)
			if period.IsZero() {
				if got != instant.Of(at) {
					t.Fatalf("%s: nothing after %v is %v", name, at, got)
				}
				return
			}
			year, month, day := at.Date()
			if period.Months > 0 {
				last := time.Date(year, month+time.Month(period.Months)+1, 0, 12, 0, 0, 0, time.UTC).Day()
				day = min(day, last)
			}
			hour, minute, second := at.Clock()
			want := time.Date(year, month+time.Month(period.Months), day+int(period.Days), hour, minute, second, 0, loc)
			shows := want.Hour() == hour && want.Minute() == minute
			if shows && got != instant.Of(want) {
				// A time that comes twice is the first; package time does not say which it takes.
				if earlier := got.Time().In(loc); got > instant.Of(want) || earlier.Format(time.DateTime) != want.Format(time.DateTime) {
					t.Fatalf("%s: %s after %v is %v, want %v", name, period, at, got.Time().In(loc), want)
				}
			}
			if gap := got.Sub(instant.Of(want)); !shows && (gap < -24*instant.Hour || gap > 24*instant.Hour) {
				t.Fatalf("%s: %s after %v is %v, want about %v", name, period, at, got.Time().In(loc), want)
			}
		})
	}
}

func TestCivilOnKnownDays(t *testing.T) {
	berlin, _ := zonePlan(t, "Europe/Berlin")
	lordHowe, _ := zonePlan(t, "Australia/Lord_Howe")
	apia, _ := zonePlan(t, "Pacific/Apia")
	for _, c := range []struct {
		plan  *Plan
		at    string
		hours float64
	}{
		{berlin, "2026-03-29 12:00", 23},
		{berlin, "2026-10-25 12:00", 25},
		{berlin, "2026-11-23 12:00", 24},
		{lordHowe, "2027-04-04 12:00", 24.5},
		{lordHowe, "2027-10-03 12:00", 23.5},
		{apia, "2011-12-29 12:00", 24},
		{apia, "2011-12-31 12:00", 24},
	} {
		at, _ := parseMoment(c.at, &c.plan.zone)
		from, until := c.plan.Day(at)
		if got := float64(until.Sub(from)) / float64(instant.Hour); got != c.hours {
			t.Errorf("%s %s: %v hours, want %v", c.plan.TimeZone(), c.at, got, c.hours)
		}
	}
	for _, c := range []struct {
		at     string
		period Period
		want   string
	}{
		{"2026-01-31 10:00", Period{Months: 1}, "2026-02-28T10:00+01:00"},
		{"2028-01-31 10:00", Period{Months: 1}, "2028-02-29T10:00+01:00"},
		{"2026-03-31 10:00", Period{Months: 1}, "2026-04-30T10:00+02:00"},
		{"2026-12-15 10:00", Period{Months: 2}, "2027-02-15T10:00+01:00"},
		{"2026-03-28 10:00", Period{Days: 1}, "2026-03-29T10:00+02:00"}, // 23 hours later
		{"2026-10-24 10:00", Period{Days: 7}, "2026-10-31T10:00+01:00"}, // and an hour
		{"2026-03-28 02:30", Period{Days: 1}, "2026-03-29T03:30+02:00"}, // 02:30 is skipped
		{"2026-10-24 02:30", Period{Days: 1}, "2026-10-25T02:30+02:00"}, // the first of two
	} {
		at, _ := parseMoment(c.at, &berlin.zone)
		if got := formatMoment(berlin.After(at, c.period), &berlin.zone); got != c.want {
			t.Errorf("%s after %s is %s, want %s", c.period, c.at, got, c.want)
		}
	}
}
