package journal_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gyro/charging/journal"
)

// countingMachine does nothing, so that only the journal is measured.
type countingMachine struct{ index uint64 }

func (m *countingMachine) Apply(entries []journal.Entry) { m.index = entries[len(entries)-1].Index }

func (m *countingMachine) Capture() (journal.Checkpoint, error) { return emptyCheckpoint(m.index), nil }

type emptyCheckpoint uint64

func (c emptyCheckpoint) Index() uint64      { return uint64(c) }
func (c emptyCheckpoint) Write([]byte) error { return nil }
func (c emptyCheckpoint) Release()           {}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const benchEntry = 80 << 10 // one collected batch under load

// BenchmarkPropose measures Propose to applied for 80 KB entries, with depth
// entries in flight. depth 1 is the latency of a commit, depth 2 is what an
// engine does that collects one batch while the other is synced.
func BenchmarkPropose(b *testing.B) {
	for _, depth := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("depth=%d", depth), func(b *testing.B) { benchPropose(b, depth) })
	}
}

func benchPropose(b *testing.B, depth int) {
	m := &countingMachine{}
	j, err := journal.Open(journal.Options{
		Dir: b.TempDir() + "/journal", FS: vfs.Default, Logger: quiet, Machine: m, CheckpointBytes: 256 << 20,
		Fatal: func(err error) { b.Error(err) },
	})
	if err != nil {
		b.Fatal(err)
	}
	data := make([][]byte, depth)
	for i := range data {
		data[i] = encodeCommand(uint32(i), 0, benchEntry)
	}
	type sent struct {
		p  *journal.Pending
		at time.Time
	}
	window := make([]sent, depth)
	latencies := make([]time.Duration, 0, b.N)
	wait := func(s sent) {
		if s.p == nil {
			return
		}
		if err := s.p.Wait(); err != nil {
			b.Fatal(err)
		}
		latencies = append(latencies, time.Since(s.at))
	}
	b.SetBytes(benchEntry)
	b.ReportAllocs()
	b.ResetTimer()
	cpu := cpuTime()
	for i := range b.N {
		slot := i % depth
		wait(window[slot])
		binary.BigEndian.PutUint64(data[slot][4:], uint64(i))
		window[slot] = sent{j.Propose(data[slot]), time.Now()}
	}
	for _, s := range window {
		wait(s)
	}
	b.StopTimer()
	reportTimes(b, cpu, latencies)
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkBarePebble is what BenchmarkPropose is held against: the same bytes
// as one synced Set each, with the journal's own database options but for the
// mark, from depth goroutines.
func BenchmarkBarePebble(b *testing.B) {
	for _, depth := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("depth=%d", depth), func(b *testing.B) { benchBarePebble(b, depth) })
	}
}

func benchBarePebble(b *testing.B, depth int) {
	db, err := pebble.Open(b.TempDir(), journal.PebbleOptions(vfs.Default, quiet))
	if err != nil {
		b.Fatal(err)
	}
	jobs := make(chan uint64)
	results := make(chan []time.Duration)
	for w := range depth {
		go func() {
			var latencies []time.Duration
			data := encodeCommand(uint32(w), 0, benchEntry)
			key := make([]byte, 9)
			for i := range jobs {
				at := time.Now()
				binary.BigEndian.PutUint64(key[1:], i)
				if err := db.Set(key, data, pebble.Sync); err != nil {
					b.Error(err)
				}
				latencies = append(latencies, time.Since(at))
			}
			results <- latencies
		}()
	}
	b.SetBytes(benchEntry)
	b.ReportAllocs()
	b.ResetTimer()
	cpu := cpuTime()
	const checkpointEvery = (256 << 20) / benchEntry
	for i := range uint64(b.N) {
		jobs <- i
		if i > 0 && i%checkpointEvery == 0 {
			lo, hi := make([]byte, 9), make([]byte, 9)
			binary.BigEndian.PutUint64(hi[1:], i-uint64(depth))
			if err := db.DeleteRange(lo, hi, pebble.NoSync); err != nil {
				b.Fatal(err)
			}
		}
	}
	close(jobs)
	var latencies []time.Duration
	for range depth {
		latencies = append(latencies, <-results...)
	}
	b.StopTimer()
	reportTimes(b, cpu, latencies)
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

func reportTimes(b *testing.B, cpu time.Duration, latencies []time.Duration) {
	b.Helper()
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
	slices.Sort(latencies)
	b.ReportMetric(float64(latencies[len(latencies)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(latencies[len(latencies)*99/100].Nanoseconds()), "p99-ns")
}
