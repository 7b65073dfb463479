package charging_test

import (
	"fmt"
	"strings"
	"testing"

	"gyro/charging"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// TestRoundInSlices publishes a price to more sessions than one tick asks for:
// each is asked once, in the order in which they were opened, whichever close
// meanwhile and although the process restarts in the middle.
func TestRoundInSlices(t *testing.T) {
	const sessions = 2_300
	s, now := newShard(t), instant.Instant(1_800_000_000_000)
	s.unsafe = true
	s.apply(now, publication(t, "world", worldCatalog))
	s.apply(now, worldAccount(t, 0), command(t, charging.KindTopUp, charging.MoveMoney{
		Account: "account-0", Amount: 1_000_000 * money.Unit, Currency: money.EUR, Key: "first", Reason: "voucher",
	}))
	var batch [][]byte
	open := func(n int) {
		c := initial(t, fmt.Sprintf("s%04d", n))
		c.Services = []charging.Service{{Flags: charging.HasRatingGroup | charging.Requests, RatingGroup: 10}}
		batch = append(batch, charging.AppendCreditControl(nil, c))
	}
	for n := range sessions {
		open(n)
	}
	s.apply(now, batch...)
	dearer := publish(t, "world", strings.Replace(worldCatalog, "amount: 0.01, per: 1MB, increment: 100KB", "amount: 0.02, per: 1MB, increment: 100KB", 1))
	dearer.Reauthorise = true
	s.apply(now, command(t, charging.KindPublish, dearer))
	if len(s.notices) != 0 {
		t.Fatalf("%d notices come with the publication itself", len(s.notices))
	}
	batch = nil
	open(sessions) // has the new price
	s.apply(now, batch...)
	tick := command(t, charging.KindTick, nil)
	var asked []int
	for s.state.NeedsTick(now) {
		if len(asked) == 1 {
			end := initial(t, "s1000") // the walk stands on it
			end.Type, end.Number = charging.Termination, 1
			s.apply(now, charging.AppendCreditControl(nil, end))
			s.restart()
		}
		before := len(s.notices)
		s.apply(now, tick)
		asked = append(asked, len(s.notices)-before)
	}
	if fmt.Sprint(asked) != "[1000 1000 299]" {
		t.Fatalf("asked in slices of %v", asked)
	}
	for n, notice := range s.notices {
		if n >= 1000 {
			n++
		}
		if want := fmt.Sprintf("reauthorise s%04d rg=10", n); !strings.HasSuffix(notice, want) {
			t.Fatalf("notice %q, want %s", notice, want)
		}
	}
}
