package charging_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata"

	"gyro/charging"
	"gyro/charging/usage"
	"gyro/internal/instant"
)

// tester is what *testing.T, *testing.B and *rapid.T have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// mapStore is a state store in memory: it keeps copies, as a store on disk does.
type mapStore map[string][]byte

func (m mapStore) Set(key, value []byte) { m[string(key)] = slices.Clone(value) }
func (m mapStore) Delete(key []byte)     { delete(m, string(key)) }

func (m mapStore) keys(lo, hi []byte) (keys []string) {
	for key := range m {
		if key >= string(lo) && key < string(hi) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (m mapStore) Scan(lo, hi []byte, fn func(key, value []byte) error) error {
	for _, key := range m.keys(lo, hi) {
		if err := fn([]byte(key), m[key]); err != nil {
			return err
		}
	}
	return nil
}

func (m mapStore) clone() mapStore {
	c := mapStore{}
	for key, value := range m {
		c[key] = slices.Clone(value)
	}
	return c
}

// entry is one command of a shard's history and the time it was stamped with.
type entry struct {
	at      instant.Instant
	command []byte
}

// outcome is a copy of what a receiver was told.
type outcome struct {
	charging.Outcome
	kind charging.Kind
}

// shard is a state with its store, as an engine and a journal drive it.
type shard struct {
	t        tester
	state    *charging.State
	store    mapStore
	running  *charging.Checkpoint
	stored   *charging.Block
	index    uint64
	outcomes []outcome
	// history is every command ever applied; it is what a journal would hold.
	history []entry
	// notices is every notice ever given.
	notices []string
	unsafe  bool // skip the invariants after each batch: a benchmark measures
}

func newShard(t tester) *shard {
	return &shard{t: t, state: charging.NewState(), store: mapStore{}}
}

// CreditControl implements charging.Receiver.
func (s *shard) CreditControl(n int, _ *charging.CreditControl, o *charging.Outcome) {
	s.receive(n, charging.KindCreditControl, o)
}

// Notice implements charging.Receiver.
func (s *shard) Notice(n *charging.Notice) {
	text := fmt.Sprintf("%s: %s %s", n.OriginHost, noticeNames[n.Kind], n.SessionID)
	if n.SubSession != 0 {
		text += fmt.Sprintf(" sub=%d", n.SubSession)
	}
	if n.HasRatingGroup {
		text += fmt.Sprintf(" rg=%d", n.RatingGroup)
	}
	if n.HasServiceID {
		text += fmt.Sprintf(" service-id=%d", n.ServiceID)
	}
	s.notices = append(s.notices, text)
}

var noticeNames = map[charging.NoticeKind]string{charging.Reauthorise: "reauthorise", charging.Abort: "abort"}

// Command implements charging.Receiver.
func (s *shard) Command(n int, kind charging.Kind, o *charging.Outcome) { s.receive(n, kind, o) }

func (s *shard) receive(n int, kind charging.Kind, o *charging.Outcome) {
	if n != len(s.outcomes) {
		s.t.Fatalf("outcome of command %d comes as number %d", n, len(s.outcomes))
	}
	c := *o
	c.Services = slices.Clone(o.Services)
	s.outcomes = append(s.outcomes, outcome{c, kind})
}

// batchOf encodes commands as one batch.
func batchOf(at instant.Instant, check uint64, digest uint64, commands ...[]byte) []byte {
	batch := make([]byte, charging.HeaderSize)
	for _, command := range commands {
		var start int
		batch, start = charging.BeginCommand(batch)
		batch = append(batch, command...)
		charging.EndCommand(batch, start)
	}
	h := charging.Header{Origin: 1, Sequence: 1, Time: at, CheckIndex: check, CheckDigest: digest, Count: uint32(len(commands))}
	h.Put(batch)
	return batch
}

// apply carries commands out as one batch and checks the invariants.
func (s *shard) apply(at instant.Instant, commands ...[]byte) []outcome {
	s.t.Helper()
	s.outcomes = s.outcomes[:0]
	batch := batchOf(at, s.state.Index(), s.state.Digest(), commands...)
	s.index++
	if err := s.state.Apply(s.index, batch, s); err != nil {
		s.t.Fatalf("batch %d: %v", s.index, err)
	}
	if len(s.outcomes) != len(commands) {
		s.t.Fatalf("batch %d: %d commands, %d outcomes", s.index, len(commands), len(s.outcomes))
	}
	for _, command := range commands {
		s.history = append(s.history, entry{at, command})
	}
	s.verify()
	return s.outcomes
}

func (s *shard) verify() {
	s.t.Helper()
	if s.unsafe {
		return
	}
	if problems := s.state.Verify().Problems; len(problems) > 0 {
		s.t.Fatalf("after batch %d the books do not hold:\n%s", s.index, strings.Join(problems, "\n"))
	}
}

// begin starts a checkpoint; finish completes it, one step at a time.
func (s *shard) begin() {
	s.running = s.state.Capture(s.store)
	s.stored = s.running.LastBlock()
}

func (s *shard) finish() {
	for !s.running.Step() {
		continue
	}
	s.running.Stored(s.stored)
	s.running = nil
}

func (s *shard) checkpoint() {
	s.begin()
	s.finish()
}

// restart drops the state and loads the last checkpoint.
func (s *shard) restart() {
	s.t.Helper()
	s.checkpoint()
	before := s.state
	state, err := charging.Load(s.store)
	if err != nil {
		s.t.Fatalf("load: %v", err)
	}
	if state.Digest() != before.Digest() || state.Now() != before.Now() || state.Index() != before.Index() ||
		state.LastRecord() != before.LastRecord() || state.Settings() != before.Settings() {
		s.t.Fatalf("loaded at index %d digest %x record %d, stored at index %d digest %x record %d", state.Index(), state.Digest(),
			state.LastRecord(), before.Index(), before.Digest(), before.LastRecord())
	}
	s.state = state
	s.verify()
}

// block returns the block of records that holds a sequence number, from memory
// or from the store.
func (s *shard) block(sequence uint64) []byte {
	if block, ok := s.state.CopyBlock(sequence); ok {
		return block
	}
	keys := s.store.keys(charging.UsageKey(0), append(charging.UsageKey(sequence), 0))
	if len(keys) == 0 {
		s.t.Fatalf("record %d is neither in memory nor in the store", sequence)
	}
	return s.store[keys[len(keys)-1]]
}

// records calls fn for every record after a sequence number.
func (s *shard) records(after uint64, fn func(*usage.Record)) {
	s.t.Helper()
	var record usage.Record
	for next := after + 1; next <= s.state.LastRecord(); {
		found := false
		err := charging.EachRecord(s.block(next), next, &record, func() bool {
			fn(&record)
			found, next = true, record.Sequence+1
			return true
		})
		if err != nil || !found {
			s.t.Fatalf("record %d cannot be read: %v", next, err)
		}
	}
}

// books proves that the records add up to the ledger.
func (s *shard) books() (count int) {
	s.t.Helper()
	tally := charging.NewTally()
	s.records(0, func(r *usage.Record) { tally.Add(r); s.explained(r); count++ })
	if problems := s.state.VerifyRecords(tally).Problems; len(problems) > 0 {
		s.t.Fatalf("the records do not add up:\n%s", strings.Join(problems, "\n"))
	}
	return count
}

// replay applies a history to a fresh state, cut into batches where cut says
// so, and restarts from a checkpoint before command number restart.
func replay(t tester, history []entry, restart int, cut func(n int) bool) *shard {
	t.Helper()
	s := newShard(t)
	var commands [][]byte
	for n, e := range history {
		commands = append(commands, e.command)
		last := n+1 == len(history)
		if last || history[n+1].at != e.at || n+1 == restart || cut(n) {
			s.apply(e.at, commands...)
			commands = nil
		}
		if n+1 == restart {
			s.restart()
		}
	}
	return s
}

// metamorphic proves that neither the size of batches nor a restart changes
// what a history comes to.
func (s *shard) metamorphic() {
	s.t.Helper()
	want := s.state.Digest()
	for name, again := range map[string]func() *shard{
		"in batches as large as time allows": func() *shard { return replay(s.t, s.history, 0, func(int) bool { return false }) },
		"one command a batch":                func() *shard { return replay(s.t, s.history, 0, func(int) bool { return true }) },
		"restarted in the middle": func() *shard {
			return replay(s.t, s.history, len(s.history)/2, func(n int) bool { return n%3 == 0 })
		},
	} {
		got := again()
		if got.state.Digest() != want {
			s.t.Fatalf("replayed %s the digest is %x instead of %x: %s", name, got.state.Digest(), want, s.firstDifference(got))
		}
		if !slices.Equal(got.notices, s.notices) {
			s.t.Fatalf("replayed %s the notices are\n%s\ninstead of\n%s", name, strings.Join(got.notices, "\n"), strings.Join(s.notices, "\n"))
		}
		got.books()
	}
}

// firstDifference finds the first record that two histories do not share.
func (s *shard) firstDifference(other *shard) string {
	var mine, theirs []string
	s.records(0, func(r *usage.Record) { mine = append(mine, fmt.Sprintf("%+v", *r)) })
	other.records(0, func(r *usage.Record) { theirs = append(theirs, fmt.Sprintf("%+v", *r)) })
	for n := range min(len(mine), len(theirs)) {
		if mine[n] != theirs[n] {
			return fmt.Sprintf("record %d\n%s\n%s", n+1, mine[n], theirs[n])
		}
	}
	return fmt.Sprintf("%d and %d records, those in common alike", len(mine), len(theirs))
}

// command encodes a command of the API.
func command(t tester, kind charging.Kind, v any) []byte {
	t.Helper()
	body, err := charging.AppendCommand(nil, kind, v)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// zoneTable is the table of a time zone as a publication carries it.
func zoneTable(t tester, name string) []byte {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	zone := instant.Tabulate(loc)
	return zone.Append(nil)
}

// publication is the command that publishes a catalogue.
func publication(t tester, name, source string) []byte {
	t.Helper()
	return command(t, charging.KindPublish, publish(t, name, source))
}

func publish(t tester, name, source string) charging.Publish {
	t.Helper()
	return charging.Publish{
		Name: name, Source: []byte(source), Zones: slices.Concat(zoneTable(t, "UTC"), zoneTable(t, "Europe/Berlin")),
	}
}
