package instant

import (
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

// TestCivilAgainstTime compares every conversion with package time, in zones
// with ordinary, half-hour and southern daylight saving.
func TestCivilAgainstTime(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zone := Tabulate(loc)
		decoded, rest, err := DecodeZone(zone.Append(nil))
		if err != nil || len(rest) != 0 {
			t.Fatalf("%s: %v, %d octets left", name, err, len(rest))
		}
		rapid.Check(t, func(t *rapid.T) {
			unix := rapid.Int64Range(946684800, 4102444799).Draw(t, "unix")
			i := Of(time.Unix(unix, 0))
			want := time.Unix(unix, 0).In(loc)
			got := decoded.CivilAt(i)
			midnight := Span(want.Hour())*Hour + Span(want.Minute())*Minute + Span(want.Second())*Second
			if got != (Civil{want.Year(), int(want.Month()), want.Day(), int(want.Weekday()), midnight}) {
				t.Fatalf("%s %v: %+v", name, want, got)
			}
			back := decoded.InstantOf(got.Year, got.Month, got.Day, got.MilliOfDay)
			if diff := i.Sub(back); diff != 0 && (diff < 0 || diff > Hour || decoded.OffsetAt(i) == decoded.OffsetAt(back)) {
				t.Fatalf("%s %v: back as %v", name, i, back)
			}
		})
	}
}

func TestMomentsThatTheClockSkipsOrRepeats(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	zone := Tabulate(loc)
	if got := zone.InstantOf(2026, 3, 29, 2*Hour+30*Minute); got.String() != "2026-03-29T01:30:00.000Z" {
		t.Errorf("02:30 in the gap is %s", got)
	}
	if got := zone.InstantOf(2026, 10, 25, 2*Hour+30*Minute); got.String() != "2026-10-25T00:30:00.000Z" {
		t.Errorf("02:30 twice is %s", got)
	}
	day := zone.InstantOf(2026, 3, 30, 0).Sub(zone.InstantOf(2026, 3, 29, 0))
	if day != 23*Hour {
		t.Errorf("the short day has %d hours", day/Hour)
	}
}
