package charging_test

import (
	"testing"

	"gyro/charging"
	"gyro/internal/instant"
)

// prepared is a state with open sessions, retained answers and every kind of
// bucket, loaded anew for each input.
func prepared(t tester) mapStore {
	s, now := newShard(t), instant.Instant(1_800_000_000_000)
	s.apply(now, worldOpening(t)...)
	for k, id := range []string{"a", "b", "c"} {
		c := initial(t, id)
		s.apply(now, charging.AppendCreditControl(nil, c))
		if k == 2 {
			c.Type, c.Number = charging.Termination, 1
			s.apply(now, charging.AppendCreditControl(nil, c))
		}
	}
	s.checkpoint()
	return s.store
}

// jumbled is a state in which everything is under way at once, and the commands
// that led to it.
func jumbled(t tester) (*jumble, [][]byte) {
	c := newJumble(t, 42)
	c.begins(t)
	for range 400 {
		c.goesOn(t)
	}
	if c.running != nil {
		c.complete()
	}
	c.checkpoint()
	var commands [][]byte
	seen := map[string]int{}
	for _, e := range c.history { // some of each kind
		if name := string(e.command[:1]); seen[name] < 8 && charging.Kind(e.command[0]) != charging.KindPublish {
			seen[name]++
			commands = append(commands, e.command)
		}
	}
	return c, commands
}

// FuzzJumble gives a state in which everything is under way at once any command
// at any later moment.
func FuzzJumble(f *testing.F) {
	c, commands := jumbled(f)
	for n, command := range commands {
		f.Add(command, int64(n)*int64(instant.Hour))
	}
	f.Add(command(f, charging.KindTick, nil), int64(1)<<62)
	f.Fuzz(func(t *testing.T, command []byte, later int64) {
		if len(command) > 0 {
			apply(t, c.store, batchOf(instant.Instant(uint64(c.now)+uint64(later)), 0, 0, command))
		}
	})
}

// FuzzLoad puts arbitrary octets in the place of one record of a checkpoint: it
// is refused with an error, or read, and nothing panics. The store has its own
// checksums; this is for what a faulty version of the program may have written.
func FuzzLoad(f *testing.F) {
	c, _ := jumbled(f)
	keys := c.store.keys([]byte{0}, []byte{255})
	for n, key := range keys {
		if n%7 == 0 && len(c.store[key]) < 4096 {
			f.Add(uint16(n), c.store[key])
		}
	}
	f.Fuzz(func(_ *testing.T, n uint16, value []byte) {
		store := c.store.clone()
		store[keys[int(n)%len(keys)]] = value
		if state, err := charging.Load(store); err == nil {
			state.Verify()
		}
	})
}

// FuzzApply gives a prepared state arbitrary octets as a batch: it refuses them
// with an error, or carries them out and the books hold. It never panics, for
// a batch that did would stop every replay of the journal.
func FuzzApply(f *testing.F) {
	store := prepared(f)
	now := instant.Instant(1_800_000_100_000)
	update := initial(f, "a")
	update.Type, update.Number = charging.Update, 1
	update.Services[0].ReportCount = 1
	update.Services[0].Reports[0].Units = charging.Units{Has: charging.HasTotal, Total: 1 << 63}
	long := initial(f, "d")
	long.APN = make([]byte, 5000)
	f.Add(batchOf(now, 0, 0, charging.AppendCreditControl(nil, update)))
	f.Add(batchOf(now, 0, 0, charging.AppendCreditControl(nil, long), worldAccount(f, 1)))
	f.Add(batchOf(now, 0, 0, command(f, charging.KindTopUp, charging.MoveMoney{Account: "account-0", Amount: 1 << 60, Currency: 978, Key: "k"})))
	f.Add(batchOf(now, 0, 0, command(f, charging.KindConfigure, charging.Settings{Supervision: -1})))
	f.Add(batchOf(now, 0, 0, command(f, charging.KindPeerRestart, charging.RestartPeer{OriginHost: "gateway", Before: now})))
	f.Add(batchOf(1<<62, 0, 0, command(f, charging.KindTick, nil), command(f, charging.KindDeleteAccount, charging.DeleteAccount{Account: "account-0"})))
	f.Add(batchOf(-5, 1, 1, []byte{0}))
	f.Fuzz(func(t *testing.T, batch []byte) {
		apply(t, store, batch)
	})
}

// FuzzCommand is FuzzApply with a frame that is always right, so that more of
// the inputs get behind it.
func FuzzCommand(f *testing.F) {
	store := prepared(f)
	update := initial(f, "a")
	update.Type, update.Number = charging.Update, 1
	update.Services[0].ReportCount = 1
	update.Services[0].Reports[0].Units = charging.Units{Has: charging.HasTotal | charging.HasInput, Total: 3_000_000, Input: 1 << 62}
	f.Add(charging.AppendCreditControl(nil, update))
	update.Type = charging.Event
	f.Add(charging.AppendCreditControl(nil, update))
	f.Add(worldAccount(f, 1))
	f.Add(command(f, charging.KindAdjust, charging.MoveMoney{Account: "account-1", Amount: -1 << 63, Currency: 978, Key: "k"}))
	f.Fuzz(func(t *testing.T, c []byte) {
		if len(c) > 0 {
			apply(t, store, batchOf(1_800_000_100_000, 0, 0, c))
		}
	})
}

func apply(t tester, store mapStore, batch []byte) {
	state, err := charging.Load(store)
	if err != nil {
		t.Fatal(err)
	}
	s := newShard(t)
	s.state = state
	if err := state.Apply(state.Index(), batch, s); err == nil {
		t.Fatal("a batch is applied at an index that was applied already")
	}
	if err := state.Apply(state.Index()+1, batch, s); err != nil {
		return
	}
	if header, err := charging.ReadHeader(batch); err != nil || int(header.Count) != len(s.outcomes) {
		t.Fatalf("%d outcomes for %d commands, %v", len(s.outcomes), header.Count, err)
	}
	// The time of an arbitrary batch may be past any session's deadline.
	tick := batchOf(0, 0, 0, command(t, charging.KindTick, nil))
	s.outcomes = nil
	if err := state.Apply(state.Index()+2, tick, s); err != nil {
		t.Fatal(err)
	}
	s.store = store.clone()
	s.verify()
	s.books()
}
