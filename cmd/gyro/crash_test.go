package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gyro/charging/usage"
	"gyro/internal/demo"
)

var (
	crashKills = flag.Int("crash.kills", 12, "rounds of TestCrash; each kills the program once, every third twice")
	crashSeed  = flag.Uint64("crash.seed", 0, "seed of TestCrash (0: a new one)")
)

// crashConfig takes a checkpoint each second, so that kills meet some, and lets the sessions of dead gateways expire within
// the test. In between a session speaks every second or two, retransmissions over a restart included.
const crashConfig = `
journal: {checkpoint_interval: 1s}
charging: {supervision: 8s}
log: {level: debug}
`

// TestCrash kills the program under load, again and again, at moments that the seed chooses: in the midst of answers, while a
// checkpoint is being written, while it is starting. Gateways of several kinds go on as real ones do: they reconnect and
// repeat what was not answered. At the end every charge that was acknowledged is in the records, once.
func TestCrash(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	rerun := fmt.Sprintf("go test ./cmd/gyro -run 'TestCrash$' -crash.seed=%d -crash.kills=%d", seed, *crashKills)
	t.Log("again with: " + rerun)
	c := &crash{t: t, rng: rand.New(rand.NewPCG(seed, 0)), site: newSite(t, crashConfig)}
	c.program = c.site.start()
	o := newOffice(t, c.program.http)
	o.open(crashSubscribers)
	c.traffic = startTraffic(t, c.program.diameter, seed)
	c.vouchers = startVouchers(t, o)
	c.counters = startCounters(t, o)
	for n := range *crashKills {
		c.mortal(n)
		c.round(n)
	}
	// A checkpoint may take less time than a busy machine needs to kill.
	for more := 0; *crashKills >= 6 && c.inCheckpoint == 0 && more < crashTries; more++ {
		c.round(checkpointRound + 3*(*crashKills+more))
	}
	c.settle(o)
	c.prove()
}

// crashTries are how many more kills are tried until one meets a checkpoint.
const crashTries = 60

// checkpointRound is the rest of the division by 3 of the rounds whose kill is to meet a checkpoint.
const checkpointRound = 1

// crashSubscribers are few enough for several sessions of an account to be open at a time.
const crashSubscribers = 200

// crash is one run of the test.
type crash struct {
	t        *testing.T
	rng      *rand.Rand
	site     *site
	program  *program
	traffic  *traffic
	vouchers *vouchers
	counters *counters

	underLoad, inCheckpoint, inStart int // kills by moment
	verifying                        sync.WaitGroup
}

// mortal starts a gateway that dies with its sessions open; supervision has to release them.
func (c *crash) mortal(n int) {
	if n%3 == 0 {
		c.traffic.startMortal(time.Duration(500+c.rng.IntN(1500)) * time.Millisecond)
	}
}

// round lets the load run, kills the program, proves what it left, and starts it again.
func (c *crash) round(n int) {
	c.t.Helper()
	c.flows(200 + c.rng.Uint64N(1800))
	if n%3 == checkpointRound {
		c.awaitCheckpoint()
	}
	c.program.kill()
	if n%3 == checkpointRound && !c.checkpointDone() {
		c.inCheckpoint++
	} else {
		c.underLoad++
	}
	c.keep(n)
	if n%3 == 2 {
		c.program = launch(c.t, command(c.t, c.site.args...))
		c.awaitStarting()
		c.program.kill()
		c.inStart++
		c.keep(n)
	}
	c.program = c.site.start()
}

// flows waits until so many more requests were answered.
func (c *crash) flows(answers uint64) {
	c.t.Helper()
	goal := c.traffic.answers() + answers
	eventually(c.t, "the load flows", func() bool {
		select {
		case <-c.program.exited:
			c.t.Fatalf("it ended by itself: %v\n%s", c.program.err, c.program.output())
		default:
		}
		return c.traffic.answers() >= goal
	})
}

// awaitCheckpoint returns when a checkpoint is being written: the write-ahead log of the state store grows.
func (c *crash) awaitCheckpoint() {
	c.t.Helper()
	c.program.drop() // what it said of earlier ones
	before := stateSize(c.t, c.site.dir)
	look := time.NewTicker(200 * time.Microsecond)
	defer look.Stop()
	deadline := time.Now().Add(patience)
	for stateSize(c.t, c.site.dir) == before {
		if <-look.C; time.Now().After(deadline) {
			c.t.Fatal("no checkpoint was written")
		}
	}
}

// checkpointDone reports whether the killed program had ended its checkpoint, the journal's cut included, when it was killed.
func (c *crash) checkpointDone() bool {
	_, done := c.program.awaitLine("journal checkpoint")
	return done
}

// stateSize is the size of the state store's write-ahead logs.
func stateSize(t testing.TB, dir string) (size int64) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "state", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		if info, err := os.Stat(log); err == nil { // else it was removed meanwhile
			size += info.Size()
		}
	}
	return size
}

// awaitStarting waits for one of the first lines that a start logs, at the latest for that of the restored state.
func (c *crash) awaitStarting() {
	c.t.Helper()
	for range 1 + c.rng.IntN(6) {
		line, ok := <-c.program.lines
		if !ok || line.Message == "state restored" {
			return
		}
	}
}

// keep copies what the killed program left and proves the copy's books, beside the next round: proving restores the state as
// a start does, so the directory itself must not be touched before its own restart.
func (c *crash) keep(n int) {
	c.t.Helper()
	c.verifying.Wait()
	dir := filepath.Join(c.t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS(c.site.dir)); err != nil {
		c.t.Fatal(err)
	}
	c.verifying.Go(func() {
		if out, err := verifyDirectory(c.t, dir); err != nil {
			c.t.Errorf("after kill %d: gyro ledger verify: %v\n%s", n, err, out)
		}
	})
}

// settle ends the load, waits until the sessions of the dead gateways have expired, and stops the program.
func (c *crash) settle(o *office) {
	c.t.Helper()
	c.verifying.Wait()
	c.traffic.stop()
	c.vouchers.stop()
	c.counters.stop()
	var books bookState
	defer func() {
		if c.t.Failed() {
			c.t.Logf("books %+v", books)
		}
	}()
	eventually(c.t, "no session and no reservation is left", func() bool {
		books = o.books()
		return books.OpenSessions == 0 && books.OpenReservations == 0
	})
	c.vouchers.check(o)
	c.counters.check()
	c.program.stop()
	c.site.verify(c.site.dir)
}

// prove holds the records against what the gateways know, and shows that it would have found a fault.
func (c *crash) prove() {
	c.t.Helper()
	all, compared := c.compare()
	if r := c.traffic.report(); compared < 1000 || r.Reconnects < uint64(*crashKills) || r.Retransmissions == 0 {
		c.t.Errorf("too little happened: %d compared, %s", compared, r.String())
	}
	if *crashKills >= 6 && c.inCheckpoint == 0 {
		c.t.Error("not one kill met a checkpoint")
	}
	c.t.Logf("kills %d: %d under load, %d in a checkpoint, %d in a start", c.underLoad+c.inCheckpoint+c.inStart, c.underLoad, c.inCheckpoint, c.inStart)
	c.plant(all, compared)
}

// compare holds the records of the stopped program against the usage logs of the gateways, and returns the records and how
// many rating groups of sessions were compared.
func (c *crash) compare() (recordList, int) {
	c.t.Helper()
	all, duplicates := readRecords(c.t, c.site.dir)
	result, err := demo.Compare(all, 0, c.traffic.logs())
	if err != nil {
		c.t.Fatal(err)
	}
	if result.Lost != 0 || result.DoubleDebits != 0 {
		c.t.Errorf("%d lost, %d doubled of %d compared:\n%s", result.Lost, result.DoubleDebits, result.Compared, strings.Join(result.Examples, "\n"))
		c.explain(all, result.Examples)
	}
	r := c.traffic.report()
	if r.AnswerMismatches != 0 || r.AnswersMalformed != 0 {
		c.t.Errorf("%d retransmissions were answered differently, %d answers malformed", r.AnswerMismatches, r.AnswersMalformed)
	}
	u := c.traffic.known()
	c.t.Logf("CCRs %d (I %d U %d T %d E %d), answers %d %v, reconnects %d, timeouts %d",
		r.CCRTotal, r.CCRInitial, r.CCRUpdate, r.CCRTerminate, r.CCREvent, r.AnswersTotal, r.AnswersByResult, r.Reconnects, r.Timeouts)
	c.t.Logf("retransmissions %d, duplicates answered from memory %d, answered differently %d", r.Retransmissions, duplicates, r.AnswerMismatches)
	c.t.Logf("acknowledged charges compared %d (units reported %d, rejected %d, unanswered %d): lost %d, doubled %d",
		result.Compared, u.reported, u.rejected, u.unanswered, result.Lost, result.DoubleDebits)
	c.t.Logf("top-ups acknowledged %d, of which %d had been applied before their answer was lost; each is there once",
		c.vouchers.acknowledged(), c.vouchers.replayed())
	return all, result.Compared
}

// explain shows what the gateway and the core say of the sessions in question.
func (c *crash) explain(all recordList, examples []string) {
	for _, example := range examples {
		id, _, _ := strings.Cut(example, " ")
		for _, line := range c.traffic.lines() {
			if line.SessionID == id {
				c.t.Logf("gateway: %+v", line)
			}
		}
		for n := range all {
			if string(all[n].SessionID) == id {
				c.t.Logf("core: %+v", all[n])
			}
		}
	}
}

// plant makes sure that this very comparison would have found a charge that is missing, or there twice.
func (c *crash) plant(all recordList, compared int) {
	c.t.Helper()
	certain, logs := c.traffic.known().certain, c.traffic.logs()
	charged := -1
	for n := range all {
		if all[n].Kind == usage.Session && all[n].Used > 0 && certain[string(all[n].SessionID)] {
			charged = n
		}
	}
	if charged < 0 {
		c.t.Fatal("no record of usage that was acknowledged for certain")
	}
	for name, tt := range map[string]struct {
		records       recordList
		lost, doubled int
	}{
		"loss":     {append(append(recordList{}, all[:charged]...), all[charged+1:]...), 1, 0},
		"doubling": {append(append(recordList{}, all...), all[charged]), 0, 1},
	} {
		result, err := demo.Compare(tt.records, 0, logs)
		if err != nil {
			c.t.Fatal(err)
		}
		if result.Lost != tt.lost || result.DoubleDebits != tt.doubled || result.Compared != compared {
			c.t.Errorf("a planted %s was counted as %+v", name, result)
		}
	}
}
