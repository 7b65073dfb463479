package rating

import (
	"testing"
	"time"
)

// TestEaster compares with dates that the churches publish, among them the
// earliest and latest of this century and years in which both fall together.
func TestEaster(t *testing.T) {
	for year, want := range map[int][2]string{
		2000: {"04-23", "04-30"}, 2008: {"03-23", "04-27"}, 2024: {"03-31", "05-05"}, 2025: {"04-20", "04-20"},
		2026: {"04-05", "04-12"}, 2027: {"03-28", "05-02"}, 2038: {"04-25", "04-25"}, 2049: {"04-18", "04-25"},
		2076: {"04-19", "04-26"}, 2099: {"04-12", "04-12"},
	} {
		for k, feast := range []feast{easter, orthodoxEaster} {
			day := time.Unix(feast.sunday(year)*secondsPerDay, 0).UTC()
			if got := day.Format("01-02"); got != want[k] || day.Year() != year || day.Weekday() != time.Sunday {
				t.Errorf("%s %d is %s, want %s", feastNames[feast], year, day.Format("Mon 2006-01-02"), want[k])
			}
		}
	}
}
