package rating

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gyro/internal/ident"
	"gyro/internal/instant"
)

// slowPeriod is a period as people read it, asked through package time.
type slowPeriod struct {
	weekdays []int // none for every day
	from, to int   // minutes of the day; to may be 1440
	dates    []slowDate
	holidays string // "", "only" or "except"
}

// slowDate is a date of one year or, with year 0, of every year.
type slowDate struct {
	year  int
	month time.Month
	day   int
}

func (d slowDate) String() string {
	if d.year == 0 {
		return fmt.Sprintf("%02d-%02d", d.month, d.day)
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day)
}

func (p *slowPeriod) source() string {
	parts := []string{fmt.Sprintf(`from: "%02d:%02d", to: "%02d:%02d"`, p.from/60, p.from%60, p.to/60, p.to%60)}
	if p.weekdays != nil {
		var days []string
		for _, d := range p.weekdays {
			days = append(days, weekdayNames[d])
		}
		parts = append(parts, "weekdays: ["+strings.Join(days, ", ")+"]")
	}
	if p.dates != nil {
		parts = append(parts, "dates: "+dateList(p.dates))
	}
	if p.holidays != "" {
		parts = append(parts, "holidays: "+p.holidays)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func dateList(dates []slowDate) string {
	return strings.ReplaceAll(fmt.Sprint(dates), " ", ", ")
}

// begins reports whether the period begins on the day of a noon.
func (p *slowPeriod) begins(noon time.Time, holidays []slowDate) bool {
	onDay := p.weekdays == nil
	for _, d := range p.weekdays {
		onDay = onDay || noon.Weekday() == time.Weekday(d)
	}
	holiday := listed(noon, holidays)
	if p.holidays == "only" && !holiday || p.holidays == "except" && holiday {
		return false
	}
	return onDay && (p.dates == nil || listed(noon, p.dates))
}

func listed(noon time.Time, dates []slowDate) bool {
	year, month, day := noon.Date()
	for _, d := range dates {
		if d == (slowDate{year, month, day}) || d == (slowDate{0, month, day}) {
			return true
		}
	}
	return false
}

func (p *slowPeriod) inForce(t time.Time, holidays []slowDate) bool {
	minute := t.Hour()*60 + t.Minute()
	today := time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, time.UTC)
	overnight := p.to <= p.from
	if p.begins(today, holidays) && minute >= p.from && (overnight || minute < p.to) {
		return true
	}
	return overnight && minute < p.to && p.begins(today.AddDate(0, 0, -1), holidays)
}

type slowCalendars struct {
	periods  [][]slowPeriod // per calendar
	holidays []slowDate
}

func (c *slowCalendars) source() string {
	var b strings.Builder
	fmt.Fprintf(&b, "holidays: %s\ncalendars:\n", dateList(c.holidays))
	if len(c.periods) == 0 {
		b.WriteString("  []\n")
	}
	for k, periods := range c.periods {
		fmt.Fprintf(&b, "  - name: c%d\n    periods:\n", k)
		for _, p := range periods {
			fmt.Fprintf(&b, "      - %s\n", p.source())
		}
	}
	return b.String()
}

// rule is the first calendar in force, or the number of calendars for none.
func (c *slowCalendars) rule(t time.Time) int {
	for k, periods := range c.periods {
		for _, p := range periods {
			if p.inForce(t, c.holidays) {
				return k
			}
		}
	}
	return len(c.periods)
}

func drawDates(t *rapid.T, label string, near time.Time) []slowDate {
	var dates []slowDate
	for range rapid.IntRange(0, 3).Draw(t, "number of "+label) {
		year, month, day := near.AddDate(0, 0, rapid.IntRange(-2, 6).Draw(t, label)).Date()
		if rapid.Bool().Draw(t, "every year") {
			year = 0
		}
		dates = append(dates, slowDate{year, month, day})
	}
	return dates
}

func drawCalendars(t *rapid.T, near time.Time) slowCalendars {
	c := slowCalendars{holidays: drawDates(t, "holidays", near)}
	for range rapid.IntRange(1, 3).Draw(t, "calendars") {
		var periods []slowPeriod
		for range rapid.IntRange(1, 2).Draw(t, "periods") {
			p := slowPeriod{
				from:     rapid.SampledFrom([]int{0, 60, 90, 120, 150, 180, 480, 1200, 1320, 1439}).Draw(t, "from"),
				to:       rapid.SampledFrom([]int{1, 61, 121, 149, 181, 360, 481, 1201, 1410, 1440}).Draw(t, "to"),
				dates:    drawDates(t, "dates", near),
				holidays: rapid.SampledFrom([]string{"", "", "only", "except"}).Draw(t, "rule"),
			}
			if rapid.Bool().Draw(t, "on weekdays") {
				p.weekdays = rapid.SliceOfNDistinct(rapid.IntRange(0, 6), 1, 5, rapid.ID[int]).Draw(t, "weekdays")
			}
			periods = append(periods, p)
		}
		c.periods = append(c.periods, periods)
	}
	return c
}

// switches are moments at which a clock was or will be changed, and one when
// nothing happens.
var switches = []struct {
	zone string
	at   time.Time
}{
	{"Europe/Berlin", time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)},
	{"Europe/Berlin", time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)},
	{"America/New_York", time.Date(2027, 3, 14, 7, 0, 0, 0, time.UTC)},
	{"America/New_York", time.Date(2027, 11, 7, 6, 0, 0, 0, time.UTC)},
	{"Australia/Lord_Howe", time.Date(2027, 4, 3, 15, 0, 0, 0, time.UTC)}, // half an hour
	{"Australia/Lord_Howe", time.Date(2027, 10, 2, 15, 30, 0, 0, time.UTC)},
	{"Asia/Kathmandu", time.Date(2026, 12, 31, 18, 15, 0, 0, time.UTC)},
	{"America/Santiago", time.Date(2027, 4, 4, 3, 0, 0, 0, time.UTC)}, // at midnight
}

// calendarPlan has one offer whose rules ask for the calendars in order.
func calendarPlan(t fataler, zone string, c *slowCalendars, fallback bool) *Plan {
	source := fmt.Sprintf("catalog: t\ncurrency: EUR\ntime_zone: %s\n%s", zone, c.source()) +
		"services: [{name: s, context: 1, unit: events}]\noffers:\n  - name: o\n    rates:\n      - service: s\n        rules:\n"
	for k := range c.periods {
		source += fmt.Sprintf("          - {name: r%d, calendar: c%d, price: {amount: %d}}\n", k, k, k)
	}
	if fallback {
		source += "          - {name: rest, price: {amount: 9}}\n"
	}
	p, err := Compile([]byte(source), databaseZones)
	if err != nil {
		t.Fatalf("%s\n%v", source, err)
	}
	return p
}

// classified returns the number of the rule that applies, as slowCalendars does.
func classified(p *Plan, calendars int, at instant.Instant) (rule int, m Match) {
	r := Request{Context: 1, At: at, Offers: []ident.Name{ident.NameOf("o")}}
	if p.Classify(&r, &m) == NoTariff {
		return calendars, m
	}
	return int(m.Rule), m
}

// TestUntilAgainstAScanOfEveryMinute follows random calendars minute by minute
// around changes of the clock.
func TestUntilAgainstAScanOfEveryMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(switches).Draw(t, "switch")
		loc, err := time.LoadLocation(s.zone)
		if err != nil {
			t.Fatal(err)
		}
		c := drawCalendars(t, s.at.In(loc))
		p := calendarPlan(t, s.zone, &c, rapid.Bool().Draw(t, "fallback"))
		at := s.at.Add(time.Duration(rapid.IntRange(-3*24*60, 24*60).Draw(t, "minutes")) * time.Minute)
		rule, m := classified(p, len(c.periods), instant.Of(at))
		if want := c.rule(at.In(loc)); rule != want {
			t.Fatalf("%s\n%v: rule %d, want %d", c.source(), at.In(loc), rule, want)
		}
		horizon := instant.Of(at).Add(Horizon)
		end := at.Add(4 * 24 * time.Hour)
		for minute := at; minute.Before(end); minute = minute.Add(time.Minute) {
			changed := c.rule(minute.In(loc)) != rule
			switch now := instant.Of(minute); {
			case now == m.Until && !changed && m.Until != horizon:
				t.Fatalf("%s\nfrom %v: nothing changes at %v", c.source(), at.In(loc), m.Until)
			case now == m.Until:
				return
			case changed:
				t.Fatalf("%s\nfrom %v: changes at %v, but until is %v", c.source(), at.In(loc), minute.In(loc), m.Until)
			}
		}
		if m.Until < instant.Of(end) && m.Until != 0 {
			t.Fatalf("%s\nfrom %v: until %v is not a whole minute", c.source(), at.In(loc), m.Until)
		}
	})
}

// TestDaysOf23And25Hours adds up a night rate from one noon to the next.
func TestDaysOf23And25Hours(t *testing.T) {
	c := slowCalendars{periods: [][]slowPeriod{{{from: 22 * 60, to: 6 * 60}}}}
	p := calendarPlan(t, "Europe/Berlin", &c, true)
	for noon, hours := range map[string]instant.Span{
		"2026-03-28": 7, "2026-10-24": 9, "2026-11-23": 8,
	} {
		day, err := time.Parse("2006-01-02", noon)
		if err != nil {
			t.Fatal(err)
		}
		at := p.zone.InstantOf(day.Year(), int(day.Month()), day.Day(), 12*instant.Hour)
		_, m := classified(p, 1, at)
		begin := m.Until
		_, m = classified(p, 1, begin)
		if night := m.Until.Sub(begin); night != hours*instant.Hour {
			t.Errorf("the night after %s has %d minutes, want %d hours", noon, night/instant.Minute, hours)
		}
	}
}

func TestUntilBeyondTheHorizonAndNever(t *testing.T) {
	at := instant.Of(time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC))
	christmas := slowCalendars{periods: [][]slowPeriod{{{from: 0, to: 1440, dates: []slowDate{{0, time.December, 25}}}}}}
	p := calendarPlan(t, "UTC", &christmas, true)
	if _, m := classified(p, 1, at); m.Until != at.Add(Horizon) {
		t.Errorf("until %v, want the horizon", m.Until)
	}
	late := instant.Of(time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC))
	if _, m := classified(p, 1, late); m.Until.String() != "2026-12-25T00:00:00.000Z" {
		t.Errorf("until %v, want Christmas", m.Until)
	}
	p = calendarPlan(t, "UTC", &slowCalendars{}, true)
	if _, m := classified(p, 0, at); m.Until != 0 {
		t.Errorf("without calendars until is %v", m.Until)
	}
}

// TestDaysBeyondTheListFollowTheirWeekday is about years before 2000 and from
// 2100 on.
func TestDaysBeyondTheListFollowTheirWeekday(t *testing.T) {
	c := slowCalendars{periods: [][]slowPeriod{{{weekdays: []int{6}, from: 480, to: 1200}}}}
	p := calendarPlan(t, "UTC", &c, true)
	for _, year := range []int{1969, 1999, 2000, 2099, 2100, 2150} {
		for day := range 14 {
			at := time.Date(year, 12, 25+day, 12, 0, 0, 0, time.UTC)
			if rule, _ := classified(p, 1, instant.Of(at)); rule != c.rule(at) {
				t.Errorf("%v: rule %d", at, rule)
			}
		}
	}
}
