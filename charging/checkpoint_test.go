package charging_test

import (
	"fmt"
	"testing"

	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/instant"
)

// worldIdentity names the subscriber of one of the world's accounts.
func worldIdentity(t tester, account int) []ident.Identity {
	imsi, err := ident.New(ident.IMSI, []byte(worldIMSI(account)))
	if err != nil {
		t.Fatal(err)
	}
	return []ident.Identity{imsi}
}

// initial is a CCR-Initial of the world's first account that wants data.
func initial(t tester, session string) *charging.CreditControl {
	return &charging.CreditControl{
		SessionID: []byte(session), OriginHost: []byte("gateway"), Context: 32251, Type: charging.Initial, Recipients: 1,
		Identities: worldIdentity(t, 0),
		Services:   []charging.Service{{Flags: charging.HasRatingGroup | charging.Requests, RatingGroup: 10}},
	}
}

// TestTimersAfterRestart: a state that was loaded finds a session's deadline at
// the same tick as one that was not, also where time went on without a tick
// before the checkpoint and the deadline lies in the second of the checkpoint.
func TestTimersAfterRestart(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		s, now := newShard(t), instant.Instant(1_800_000_000_500)
		s.apply(now, worldOpening(t)...)
		s.apply(now, charging.AppendCreditControl(nil, initial(t, "session")))
		deadline := now.Add(instant.Hour)
		s.apply(deadline.Add(-300), worldAccount(t, 0))
		if restarted {
			s.restart()
		}
		s.apply(deadline.Add(200), command(t, charging.KindTick, nil))
		if open := s.state.Stats().OpenSessions; open != 0 {
			t.Errorf("restarted %v: %d sessions are open 200 ms after the deadline", restarted, open)
		}
	}
}

// TestEarlierDeadline: a deadline that comes earlier than the one before it is
// kept, too.
func TestEarlierDeadline(t *testing.T) {
	s, now := newShard(t), instant.Instant(1_800_000_000_000)
	s.apply(now, worldOpening(t)...)
	c := initial(t, "session")
	s.apply(now, charging.AppendCreditControl(nil, c))
	settings := s.state.Settings()
	settings.Supervision = instant.Minute
	c.Type, c.Number, c.Services = charging.Update, 1, nil
	s.apply(now, command(t, charging.KindConfigure, settings), charging.AppendCreditControl(nil, c))
	now = now.Add(2 * instant.Minute)
	if !s.state.NeedsTick(now) {
		t.Error("nobody is told that a deadline has passed")
	}
	s.apply(now, command(t, charging.KindTick, nil))
	if open := s.state.Stats().OpenSessions; open != 0 {
		t.Errorf("%d sessions are open a minute after the deadline", open)
	}
}

// TestLoadRefusesDamage: what is no state of this version is refused, never
// read as something else, and never a panic.
func TestLoadRefusesDamage(t *testing.T) {
	s, now := newShard(t), instant.Instant(1_800_000_000_000)
	s.apply(now, worldOpening(t)...)
	s.apply(now, charging.AppendCreditControl(nil, initial(t, "session")))
	s.checkpoint()
	for key, value := range s.store {
		if key[0] == 'u' {
			continue // records are not part of the state
		}
		for cut := range min(len(value), 300) {
			damaged := s.store.clone()
			damaged[key] = value[:cut]
			if _, err := charging.Load(damaged); err == nil {
				t.Errorf("record %q cut to %d of %d octets loads", key, cut, len(value))
			}
		}
	}
}

// TestLargeCheckpoint takes a checkpoint of more than one slice and lets the
// state go on between the slices: accounts and sessions that are written
// already, that are not yet, that end, and that are new.
func TestLargeCheckpoint(t *testing.T) {
	const accounts = 3000
	s, now := busy(t, accounts)
	s.unsafe = false
	s.begin()
	slices := 0
	for done := false; !done; slices++ {
		var batch [][]byte
		for k := slices; k < accounts; k += 7 {
			c := benchRequest(t, k, uint32(slices+1))
			if k%5 == 0 {
				c.Type = charging.Termination
			}
			batch = append(batch, charging.AppendCreditControl(nil, c))
		}
		late := benchRequest(t, slices, 0)
		late.SessionID = fmt.Appendf(nil, "late-%d", slices)
		s.apply(now, append(batch, charging.AppendCreditControl(nil, late))...)
		done = s.running.Step()
	}
	if slices < 5 {
		t.Fatalf("the checkpoint of %d accounts and sessions was written in %d slices", accounts, slices)
	}
	s.running.Stored(s.stored)
	s.running = nil
	h := &historian{shard: s}
	h.compare()
	s.history = nil
	s.checkpoint()
	h.compare()
}
