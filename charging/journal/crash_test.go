package journal_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gyro/charging/journal"
)

// seedOf returns the seed of a random test: GYRO_SEED, or a new one. It is
// printed with every failure.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("GYRO_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("GYRO_SEED: %v", err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with: GYRO_SEED=%d go test ./charging/journal -run '^%s$'", seed, t.Name())
		}
	})
	return seed
}

// disk is a file system whose syncs take (virtual) time, and lie where lies
// says so. Only files synced outside Pebble's and the journal's locks are slow:
// a goroutine that waits for a mutex keeps virtual time from advancing.
type disk struct {
	vfs.FS
	mu   *sync.Mutex
	rng  *rand.Rand
	lies func(name string) bool
}

func (d disk) wrap(f vfs.File, name string, err error) (vfs.File, error) {
	if err != nil || !(strings.HasSuffix(name, ".log") || strings.HasSuffix(name, "high-water")) {
		return f, err
	}
	return diskFile{File: f, disk: d, name: name}, nil
}

func (d disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	return d.wrap(f, name, err)
}

func (d disk) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(oldname, newname, c)
	return d.wrap(f, newname, err)
}

func (d disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, c, opts...)
	return d.wrap(f, name, err)
}

type diskFile struct {
	vfs.File
	disk disk
	name string
}

// pause takes 50 to 450 us, as a disk does.
func (f diskFile) pause() {
	f.disk.mu.Lock()
	d := 50*time.Microsecond + time.Duration(f.disk.rng.Int64N(int64(400*time.Microsecond)))
	f.disk.mu.Unlock()
	<-time.After(d)
}

func (f diskFile) Sync() error {
	f.pause()
	if f.disk.lies(f.name) {
		return nil
	}
	return f.File.Sync()
}

func (f diskFile) SyncData() error {
	f.pause()
	if f.disk.lies(f.name) {
		return nil
	}
	return f.File.SyncData()
}

// report is what a campaign of power failures found.
type report struct {
	failures    int // power failures
	acked       int // acknowledged entries
	replayed    int // entries applied again after a restart
	checkpoints uint64
	lost        int   // acknowledged entries missing after a restart
	refused     error // a restart that refused the files
	faults      []error
}

func (r report) String() string {
	return fmt.Sprintf("power failures %d, acknowledged %d, lost %d, replayed %d, checkpoints %d, refused: %v, faults: %v",
		r.failures, r.acked, r.lost, r.replayed, r.checkpoints, r.refused, r.faults)
}

// noticed reports that the campaign did not go as promised.
func (r report) noticed() bool { return r.lost > 0 || r.refused != nil || len(r.faults) > 0 }

// campaign runs rounds lives of a node under load, ends each by a power failure
// at a random moment that keeps 30 % of the unsynced blocks, and compares what
// the next life finds with what was acknowledged.
func campaign(rounds int, seed uint64, lies func(string) bool) (r report) {
	const (
		clients = 4
		depth   = 8
	)
	rng := rand.New(rand.NewPCG(seed, 1))
	hist := newHistory()
	mem := vfs.NewCrashableMem()
	promised, _ := hist.acknowledged()
	tune := func(o *journal.Options, _ *machine) {
		o.CheckpointEntries = 60
		o.CheckpointInterval = 15 * time.Millisecond
	}
	for round := range rounds + 1 {
		fs := disk{FS: mem, mu: &sync.Mutex{}, rng: rand.New(rand.NewPCG(seed, uint64(round)+2)), lies: lies}
		n, err := openNode(fs, hist, tune)
		if err != nil {
			r.refused = err
			return r
		}
		r.replayed += n.machine.replayed
		r.lost += hist.check(n.machine, promised)
		if r.lost > 0 || round == rounds {
			r.faults = append(r.faults, hist.faults...)
			r.acked = hist.ackCount
			if err := n.close(); err != nil {
				r.faults = append(r.faults, err)
			}
			return r
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		from := make([]uint64, clients)
		for c := range clients {
			from[c] = n.machine.last[uint32(c)]
		}
		for c := range clients {
			size := 200 + rng.IntN(6_000)
			wg.Go(func() { load(n, uint32(c), from[c], depth, size, stop) })
		}
		<-time.After(time.Millisecond + time.Duration(rng.Int64N(int64(10*time.Millisecond))))

		// What is acknowledged before the lights go out is promised.
		promised, _ = hist.acknowledged()
		mem = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 30, RNG: rng})
		r.failures++
		r.checkpoints += n.journal.Stats().Checkpoints

		close(stop)
		err = n.close() // the old life ends on its own disk, unseen
		wg.Wait()
		if err != nil {
			r.faults = append(r.faults, fmt.Errorf("close: %w", err))
		}
		hist.forget(promised)
	}
	return r
}

// forget drops what was acknowledged after the power failure: it happened in a
// world that is gone.
func (h *history) forget(promised map[uint32]uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.acked {
		h.acked[c] = promised[c]
	}
	h.lastAck = 0
	for index, data := range h.applied {
		client, seq := commandOf(data)
		if seq <= promised[client] {
			h.lastAck = max(h.lastAck, index)
		}
	}
}

// load proposes entries of one client, depth at a time in flight.
func load(n *node, client uint32, seq uint64, depth, size int, stop <-chan struct{}) {
	type sent struct {
		p   *journal.Pending
		seq uint64
	}
	var window []sent
	for {
		select {
		case <-stop:
			return
		default:
		}
		for len(window) < depth {
			seq++
			window = append(window, sent{n.journal.Propose(encodeCommand(client, seq, size)), seq})
		}
		first := window[0]
		if err := first.p.Wait(); err != nil {
			return
		}
		n.machine.hist.ack(client, first.seq, first.p.Index())
		window = append(window[:0], window[1:]...)
	}
}

func honest(string) bool { return false }

// TestPowerFailures: an acknowledged entry survives every power failure, and
// every entry is applied exactly once and in order.
func TestPowerFailures(t *testing.T) {
	seed := seedOf(t)
	synctest.Test(t, func(t *testing.T) {
		r := campaign(40, seed, honest)
		t.Log(r)
		if r.noticed() {
			t.Fatal("acknowledged entries were lost, repeated or refused")
		}
		if r.failures != 40 || r.acked < 1000 || r.checkpoints == 0 || r.replayed == 0 {
			t.Fatal("the campaign did not exercise the journal")
		}
	})
}

// TestPowerFailuresCatchDroppedSyncs plants the fault the campaign exists for:
// a disk that says it has synced and has not.
func TestPowerFailuresCatchDroppedSyncs(t *testing.T) {
	for name, lies := range map[string]func(string) bool{
		"the log": func(name string) bool {
			return strings.Contains(name, "journal/log") && strings.HasSuffix(name, ".log")
		},
		"the log and its mark": func(name string) bool { return strings.Contains(name, "journal/") },
		"the state store": func(name string) bool {
			return strings.Contains(name, "state/") && strings.HasSuffix(name, ".log")
		},
		"everything": func(string) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			seed := seedOf(t)
			synctest.Test(t, func(t *testing.T) {
				r := campaign(40, seed, lies)
				t.Log(r)
				if !r.noticed() {
					t.Fatal("40 power failures did not notice that nothing was synced")
				}
			})
		})
	}
}
