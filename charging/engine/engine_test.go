package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/charging/usage"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// TestEverythingIsAnsweredOnce: gateways and people at once, with checkpoints
// in between; every request taken is answered once, the money adds up, Stop
// drains, and what it leaves in the store is the state.
func TestEverythingIsAnsweredOnce(t *testing.T) {
	const accounts, sessions, requests, topUps = 8, 10, 12, 20
	r := start(t, engine.Options{MaxBatchCommands: 32})
	r.open(t, accounts)
	var all sync.WaitGroup
	var busy atomic.Int64
	peers := make([]*peer, accounts)
	for k := range accounts {
		peers[k] = newPeer()
		all.Go(func() { r.gateway(t, peers[k], k, sessions, requests, &busy) })
		all.Go(func() {
			for n := range topUps {
				for {
					_, err := r.Do(t.Context(), charging.KindTopUp, topUp(k, fmt.Sprint("top-up-", n), money.Unit))
					if err == nil {
						break
					}
					if !errors.Is(err, engine.ErrBusy) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	checkpoints := make(chan struct{})
	go func() {
		defer close(checkpoints)
		for range 20 {
			if err := r.journal.Checkpoint(); err != nil {
				t.Error(err)
			}
		}
	}()
	all.Wait()
	<-checkpoints
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	for k, p := range peers {
		if len(p.answers) != sessions*requests || p.results[charging.Success] != sessions*requests || p.pending != 0 {
			t.Errorf("gateway %d: %d answers of %d, results %v, %d not flushed", k, len(p.answers), sessions*requests, p.results, p.pending)
		}
		for endToEnd, n := range p.answers {
			if n != 1 {
				t.Errorf("gateway %d: request %d was answered %d times", k, endToEnd, n)
			}
		}
	}
	used := money.Amount(sessions * (requests - 1) * 10_000)
	verifyBooks(t, r, accounts, (10+topUps)*money.Unit-used)
	t.Logf("%d requests and %d top-ups in %d batches, %d times busy", accounts*sessions*requests, accounts*topUps, r.journal.applied.Load(), busy.Load())
}

// gateway runs sessions one after the other and submits again what is refused
// as busy.
func (r *rig) gateway(t *testing.T, p *peer, k, sessions, requests int, busy *atomic.Int64) {
	endToEnd := uint32(0)
	for n := range sessions {
		for number := range requests {
			kind := charging.Update
			switch number {
			case 0:
				kind = charging.Initial
			case requests - 1:
				kind = charging.Termination
			}
			c := request(t, kind, k, n, uint32(number))
			endToEnd++
			for !r.Submit(c, charging.Ticket{To: p, EndToEnd: endToEnd}) {
				busy.Add(1)
				<-time.After(time.Microsecond)
			}
		}
		for range requests {
			<-p.arrived
		}
	}
}

// verifyBooks checks the state at rest, and that the store holds the same.
func verifyBooks(t *testing.T, r *rig, accounts int, want money.Amount) {
	t.Helper()
	loaded, err := charging.Load(r.store)
	if err != nil {
		t.Fatal(err)
	}
	r.View(func(s *charging.State) {
		if problems := s.Verify().Problems; len(problems) > 0 {
			t.Error(strings.Join(problems, "\n"))
		}
		if s.Digest() != loaded.Digest() || s.Index() != loaded.Index() {
			t.Errorf("the store is at %d with digest %x, the state at %d with %x", loaded.Index(), loaded.Digest(), s.Index(), s.Digest())
		}
		for k := range accounts {
			v, _ := s.Account(account(k))
			if v.Remaining != want || v.Reserved != 0 || v.Excess != 0 || len(v.OpenSessions) != 0 {
				t.Errorf("%s has %s, reserved %s, excess %s; want %s", v.ID, v.Remaining, v.Reserved, v.Excess, want)
			}
		}
	})
	tally := charging.NewTally()
	if err := r.Records(0, func(record *usage.Record) bool { tally.Add(record); return true }); err != nil {
		t.Fatal(err)
	}
	if problems := loaded.VerifyRecords(tally).Problems; len(problems) > 0 {
		t.Error(strings.Join(problems, "\n"))
	}
}

// TestNothingIsAnsweredBeforeItIsDurable, and after Stop nothing is taken.
func TestNothingIsAnsweredBeforeItIsDurable(t *testing.T) {
	r := start(t, engine.Options{})
	r.open(t, 1)
	p := newPeer()
	r.journal.gate.Lock()
	if !r.Submit(request(t, charging.Initial, 0, 0, 0), charging.Ticket{To: p, EndToEnd: 1}) {
		t.Fatal("refused")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Do(ctx, charging.KindTopUp, topUp(0, "abandoned", money.Unit)); !errors.Is(err, context.Canceled) {
		t.Errorf("a command whose caller left: %v", err)
	}
	if len(p.arrived) != 0 {
		t.Error("answered before it was durable")
	}
	r.journal.gate.Unlock()
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	if p.answers[1] != 1 {
		t.Error("taken before Stop, not answered after it")
	}
	if r.Submit(request(t, charging.Update, 0, 0, 1), charging.Ticket{To: p}) {
		t.Error("a stopped engine takes requests")
	}
	if _, err := r.Do(t.Context(), charging.KindTick, nil); !errors.Is(err, engine.ErrStopped) {
		t.Errorf("a stopped engine answers %v", err)
	}
	if err := r.Stop(); err != nil {
		t.Errorf("stopping twice: %v", err)
	}
	r.View(func(s *charging.State) {
		if v, _ := s.Account(account(0)); v.Remaining != 11*money.Unit {
			t.Errorf("the abandoned command left %s", v.Remaining)
		}
	})
}

// TestBusy: what does not fit into the collecting batch is refused at once.
func TestBusy(t *testing.T) {
	r := start(t, engine.Options{MaxBatchCommands: 4, Pipeline: 1})
	r.open(t, 1)
	p := newPeer()
	r.journal.gate.Lock()
	taken := 0
	for n := range 100 {
		if !r.Submit(request(t, charging.Initial, 0, n, 0), charging.Ticket{To: p, EndToEnd: uint32(n)}) {
			break
		}
		taken++
	}
	if taken > 8 {
		t.Errorf("%d requests are waiting, at most 4 in flight and 4 collected were to", taken)
	}
	for r.Submit(request(t, charging.Initial, 0, 1000+taken, 0), charging.Ticket{To: p, EndToEnd: uint32(1000 + taken)}) {
		taken++ // the collector took the batch in the meantime
	}
	if _, err := r.Do(t.Context(), charging.KindTick, nil); !errors.Is(err, engine.ErrBusy) {
		t.Errorf("a command that does not fit: %v", err)
	}
	if _, err := r.Do(t.Context(), charging.KindPublish, charging.Publish{Source: make([]byte, 2*engine.DefaultMaxBatchBytes)}); err == nil {
		t.Error("a command larger than any batch is taken")
	}
	r.journal.gate.Unlock()
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	if len(p.answers) != taken {
		t.Errorf("%d of %d were answered", len(p.answers), taken)
	}
}

// TestFairTurns: however many peers flood, and however large their requests are, one who has little in the batch gets in.
func TestFairTurns(t *testing.T) {
	for _, tt := range []struct {
		name   string
		floods int
		apn    int // octets of each request of a flood, about
	}{
		{"alone", 1, 8}, {"two", 2, 8}, {"ten", 10, 8}, {"two of large requests", 2, 16 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, engine.Options{Pipeline: 1})
			r.open(t, 1)
			p := newPeer()
			r.journal.gate.Lock()
			large := request(t, charging.Event, 0, 0, 0)
			large.APN = bytes.Repeat([]byte{'a'}, tt.apn)
			shares := make([]charging.Share, tt.floods)
			var honest charging.Share
			taken := 0
			submit := func(c *charging.CreditControl, share *charging.Share) bool {
				if !r.Submit(c, charging.Ticket{To: p, From: share, EndToEnd: uint32(taken)}) {
					return false
				}
				taken++
				return true
			}
			// In turn, as their connections' goroutines would, until each of them is refused.
			flood := func() (accepted int) {
				for busy := 0; busy < tt.floods; {
					busy = 0
					for n := range shares {
						if submit(large, &shares[n]) {
							accepted++
						} else {
							busy++
						}
					}
				}
				return accepted
			}
			for again := true; again; { // once more for the batch that the collector took in the meantime
				again = flood() > 0
			}
			for n := range 30 {
				if !submit(request(t, charging.Initial, 0, n, 0), &honest) {
					t.Errorf("request %d of the honest peer: too busy", n)
				}
				flood()
			}
			if tt.floods == 1 && tt.apn == 8 && shares[0].Commands < engine.DefaultMaxBatchCommands*3/4 {
				t.Errorf("a peer that is alone may have %d of %d in a batch", shares[0].Commands, engine.DefaultMaxBatchCommands)
			}
			r.journal.gate.Unlock()
			if err := r.Stop(); err != nil {
				t.Fatal(err)
			}
			if len(p.answers) != taken {
				t.Errorf("%d of %d were answered", len(p.answers), taken)
			}
		})
	}
}

// TestJournalFails: the process is told to end, and whoever waits is told that
// the outcome is not known.
func TestJournalFails(t *testing.T) {
	r := start(t, engine.Options{})
	r.open(t, 1)
	broken := errors.New("the disk is gone")
	r.journal.refuse.Store(&broken)
	answer := make(chan error, 1)
	go func() {
		_, err := r.Do(context.Background(), charging.KindTopUp, topUp(0, "lost", money.Unit))
		answer <- err
	}()
	if err := <-r.fatal; !errors.Is(err, broken) {
		t.Errorf("fatal: %v", err)
	}
	if err := r.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; !errors.Is(err, engine.ErrStopped) {
		t.Errorf("the command is answered with %v", err)
	}
}

// TestDivergence: a batch that was made from another state ends the process,
// and so does one that cannot be read.
func TestDivergence(t *testing.T) {
	r := start(t, engine.Options{})
	r.open(t, 1)
	index := r.journal.applied.Load()
	batch := make([]byte, charging.HeaderSize)
	h := charging.Header{Origin: 8, Sequence: 1, CheckIndex: index, CheckDigest: 1}
	h.Put(batch)
	r.journal.applying.Lock()
	r.Apply(index+1, batch)
	r.journal.applying.Unlock()
	if err := <-r.fatal; !errors.Is(err, charging.ErrDiverged) {
		t.Errorf("fatal: %v", err)
	}
	r.journal.applying.Lock()
	r.Apply(index+2, []byte("garbage"))
	r.journal.applying.Unlock()
	if err := <-r.fatal; !errors.Is(err, charging.ErrBatch) {
		t.Errorf("fatal: %v", err)
	}
}

// TestSupervisionRuns: with nobody sending anything, time alone closes a
// session.
func TestSupervisionRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, engine.Options{})
		r.open(t, 1)
		p := newPeer()
		r.Submit(request(t, charging.Initial, 0, 0, 0), charging.Ticket{To: p, EndToEnd: 1})
		<-p.arrived
		open := func() (n int) {
			r.View(func(s *charging.State) { n = s.Stats().OpenSessions })
			return n
		}
		<-time.After(time.Duration(charging.DefaultSettings().Supervision/instant.Second)*time.Second - time.Second)
		synctest.Wait()
		if open() != 1 {
			t.Error("closed too early")
		}
		<-time.After(4 * time.Second)
		synctest.Wait()
		if open() != 0 {
			t.Error("not closed 3 s after the deadline")
		}
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestIdle: an engine that only looks closes nothing, however late it is.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, engine.Options{Idle: true})
		r.open(t, 1)
		p := newPeer()
		r.Submit(request(t, charging.Initial, 0, 0, 0), charging.Ticket{To: p, EndToEnd: 1})
		<-p.arrived
		<-time.After(30 * 24 * time.Hour)
		synctest.Wait()
		r.View(func(s *charging.State) {
			if open := s.Stats().OpenSessions; open != 1 {
				t.Errorf("%d sessions are open", open)
			}
		})
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestRecords: every record is found, in memory, in the store and across both,
// forwards and along an account's chain.
func TestRecords(t *testing.T) {
	const accounts = 3
	r := start(t, engine.Options{})
	r.open(t, accounts)
	for round := range 4 {
		for k := range accounts {
			r.do(t, charging.KindTopUp, topUp(k, fmt.Sprint("round-", round), money.Unit))
		}
		if round%2 == 0 {
			if err := r.journal.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for after := range uint64(accounts * 5) {
		next := after + 1
		err := r.Records(after, func(record *usage.Record) bool {
			if record.Sequence != next {
				t.Errorf("after %d: record %d where %d should come", after, record.Sequence, next)
			}
			next++
			return next < after+8
		})
		if err != nil || next != min(after+8, accounts*5+1) {
			t.Errorf("after %d: ended before %d, %v", after, next, err)
		}
	}
	var newest, count uint64
	r.View(func(s *charging.State) {
		v, _ := s.Account(account(1))
		newest, count = v.LastRecord, v.Records
	})
	err := r.History(newest, func(record *usage.Record) bool {
		if string(record.Account) != account(1) {
			t.Errorf("record %d of %s in the history of %s", record.Sequence, record.Account, account(1))
		}
		count--
		return true
	})
	if err != nil || count != 0 {
		t.Errorf("%d records of the history are missing, %v", count, err)
	}
	if err := r.History(99, func(*usage.Record) bool { return true }); !errors.Is(err, engine.ErrNoRecord) {
		t.Errorf("a record that does not exist: %v", err)
	}
	m := r.Metrics()
	if m.Batches == 0 || m.BatchedCommands == 0 || m.Replayed != 0 {
		t.Errorf("metrics: %+v", m)
	}
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
}

// TestMetrics counts answers by type and result, and duplicates.
func TestMetrics(t *testing.T) {
	r := start(t, engine.Options{})
	r.open(t, 1)
	p := newPeer()
	for n, c := range []*charging.CreditControl{
		request(t, charging.Initial, 0, 0, 0), request(t, charging.Initial, 0, 0, 0), request(t, charging.Update, 0, 9, 0),
	} {
		r.Submit(c, charging.Ticket{To: p, EndToEnd: uint32(n)})
		<-p.arrived
	}
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	m := r.Metrics()
	m.EachAnswer(func(kind charging.RequestType, result charging.Result, n uint64) {
		got[fmt.Sprint(kind, " ", uint8(result))] = n
	})
	latencies := uint64(0)
	for _, n := range m.Latency {
		latencies += n
	}
	if len(got) != 2 || got["initial 1"] != 2 || got["update 2"] != 1 || m.Replayed != 1 || latencies != 3 {
		t.Errorf("answers %v, %d replayed, %d latencies", got, m.Replayed, latencies)
	}
}
