package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gyro/charging"
	"gyro/charging/usage"
	"gyro/internal/money"
	"gyro/network/element"
)

// traffic is the load of several simulated network elements on one address. They run in this process, on a codec that has
// nothing in common with the server's.
type traffic struct {
	t       testing.TB
	address string
	dir     string
	seed    uint64
	cancel  context.CancelFunc
	ctx     context.Context
	running sync.WaitGroup

	mu       sync.Mutex
	elements []*running
}

// running is one element and its latest report.
type running struct {
	log    string
	latest atomic.Pointer[element.Report]
}

func startTraffic(t testing.TB, address string, seed uint64) *traffic {
	tr := &traffic{t: t, address: address, dir: t.TempDir(), seed: seed}
	tr.ctx, tr.cancel = context.WithCancel(context.Background())
	t.Cleanup(tr.stop)
	tr.start("smf", element.Options{Kind: element.PGW, Style: element.Open5GS, Rate: 250, Sessions: 60, MaxDemandOctets: 8 << 20})
	tr.start("pgw", element.Options{Kind: element.PGW, Style: element.FullPGW, Rate: 300, Sessions: 80, RatingGroups: []uint32{10, 20, 30, 40}, OverusePermille: 50})
	tr.start("ims", element.Options{Kind: element.IMS, Rate: 200, Sessions: 60})
	tr.start("smsc", element.Options{Kind: element.SMSC, Rate: 150, Sessions: 30})
	return tr
}

// startMortal starts a gateway that dies after a time without a word to the server.
func (tr *traffic) startMortal(after time.Duration) {
	tr.mu.Lock()
	name := fmt.Sprintf("mortal%d", len(tr.elements))
	tr.mu.Unlock()
	tr.start(name, element.Options{Kind: element.PGW, Style: element.FullPGW, Rate: 150, Sessions: 40, RatingGroups: []uint32{10, 20}, DieAfter: after})
}

// reportEvery is how fresh the count of answers is by which kills are timed.
const reportEvery = 10 * time.Millisecond

func (tr *traffic) start(name string, o element.Options) {
	r := &running{log: filepath.Join(tr.dir, name+".usage")}
	file, err := os.Create(r.log)
	if err != nil {
		tr.t.Fatal(err)
	}
	o.Connect, o.Seed, o.UsageLog = tr.address, tr.seed, file
	o.OriginHost, o.OriginRealm, o.DestinationRealm = name+".test.example", "test.example", "gyro.example"
	o.Subscribers, o.IMSIBase, o.MSISDNBase = crashSubscribers, fmt.Sprintf("%015d", firstIMSI), fmt.Sprint(firstMSISDN)
	o.RetransmitPermille, o.Tx = 20, patience
	o.ReportEvery, o.Logger = reportEvery, slog.New(slog.DiscardHandler)
	o.OnReport = func(report element.Report) { r.latest.Store(&report) }
	e, err := element.New(o)
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.mu.Lock()
	tr.elements = append(tr.elements, r)
	tr.mu.Unlock()
	tr.running.Go(func() {
		_, err := e.Run(tr.ctx)
		if errors.Is(err, element.ErrDied) {
			err = nil
		}
		if err := errors.Join(err, file.Close()); err != nil {
			tr.t.Errorf("element %s: %v", name, err)
		}
	})
}

// stop has the elements end their sessions and disconnect.
func (tr *traffic) stop() {
	tr.cancel()
	tr.running.Wait()
}

// report joins the latest reports of all elements.
func (tr *traffic) report() (all element.Report) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, r := range tr.elements {
		if latest := r.latest.Load(); latest != nil {
			all.Merge(latest)
		}
	}
	return all
}

// answers is how many answers all elements got so far.
func (tr *traffic) answers() (n uint64) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, r := range tr.elements {
		if latest := r.latest.Load(); latest != nil {
			n += latest.AnswersTotal
		}
	}
	return n
}

// logs are the elements' usage logs.
func (tr *traffic) logs() (paths []string) {
	for _, r := range tr.elements {
		paths = append(paths, r.log)
	}
	return paths
}

// lines reads all usage logs.
func (tr *traffic) lines() (all []element.UsageLine) {
	tr.t.Helper()
	for _, path := range tr.logs() {
		text, err := os.ReadFile(path)
		if err != nil {
			tr.t.Fatal(err)
		}
		for line := range bytes.SplitSeq(bytes.TrimSpace(text), []byte("\n")) {
			if len(line) == 0 {
				continue
			}
			var u element.UsageLine
			if err := json.Unmarshal(line, &u); err != nil {
				tr.t.Fatal(err)
			}
			all = append(all, u)
		}
	}
	return all
}

// known is what all usage logs together say.
type known struct {
	reported, rejected, unanswered uint64
	certain                        map[string]bool // sessions all of whose requests were answered
}

func (tr *traffic) known() known {
	k := known{certain: map[string]bool{}}
	for _, line := range tr.lines() {
		k.reported += line.UnitsReported
		k.rejected += line.UnitsRejected
		k.unanswered += line.UnitsUnanswered
		before, seen := k.certain[line.SessionID]
		k.certain[line.SessionID] = line.UnitsUnanswered == 0 && (before || !seen)
	}
	return k
}

// recordList are records in memory.
type recordList []usage.Record

// Records implements demo.Records.
func (l recordList) Records(after uint64, fn func(*usage.Record) bool) error {
	for n := range l {
		if l[n].Sequence > after && !fn(&l[n]) {
			return nil
		}
	}
	return nil
}

// readRecords reads every record of a stopped data directory, and how many duplicates were answered from memory.
func readRecords(t testing.TB, dir string) (all recordList, duplicates uint64) {
	t.Helper()
	c, err := openCore(coreOptions{Dir: dir, MustExist: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	err = c.engine.Records(0, func(r *usage.Record) bool {
		kept := *r
		kept.SessionID = bytes.Clone(r.SessionID)
		kept.Account, kept.Subscriber, kept.Called, kept.Reason, kept.Postings = nil, nil, nil, nil, nil
		all = append(all, kept)
		return true
	})
	c.engine.View(func(s *charging.State) { duplicates = s.Stats().Duplicates })
	if err := errors.Join(err, c.stop()); err != nil {
		t.Fatal(err)
	}
	return all, duplicates
}

// vouchers are clients of the API that top accounts up, one voucher after the other, and repeat each under its key until it
// is acknowledged.
type vouchers struct {
	t       testing.TB
	o       *office
	cancel  context.CancelFunc
	running sync.WaitGroup
	tills   []*till
}

// till tops one account up.
type till struct {
	account                string
	acknowledged, replayed atomic.Uint64
}

const (
	voucherTills = 3
	voucherEvery = 20 * time.Millisecond
	voucherValue = "0.35"
)

func startVouchers(t testing.TB, o *office) *vouchers {
	v := &vouchers{t: t, o: o}
	ctx, cancel := context.WithCancel(context.Background())
	v.cancel = cancel
	t.Cleanup(v.stop)
	for n := range voucherTills {
		s := &till{account: fmt.Sprintf("voucher-%d", n)}
		o.account(s.account, "prepaid", "0.00", `["payg"]`, crashSubscribers+n)
		v.tills = append(v.tills, s)
		v.running.Go(func() { v.sell(ctx, s) })
	}
	return v
}

// sell redeems vouchers until it is told to stop; the one at hand is finished first.
func (v *vouchers) sell(ctx context.Context, s *till) {
	pause := time.NewTicker(voucherEvery)
	defer pause.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("%s-%d", s.account, n)
		first := v.redeem(s, key, pause.C)
		if first == nil {
			return
		}
		s.acknowledged.Add(1)
		if first.header.Get("Idempotent-Replayed") == "true" {
			s.replayed.Add(1)
		}
		if n%8 == 0 { // a clerk who does not trust the first answer
			if again := v.redeem(s, key, pause.C); again == nil || string(again.body) != string(first.body) {
				v.t.Errorf("top-up %s was answered %s, then %s", key, first.body, again.body)
			}
		}
	}
}

// redeem repeats a top-up until it is acknowledged. Only the loss of the connection, and the server's word that it cannot
// serve now, are reasons to try again.
func (v *vouchers) redeem(s *till, key string, pause <-chan time.Time) *reply {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		<-pause
		r, err := v.o.do(context.Background(), http.MethodPost, topUpPath(s.account), "application/json", topUpBody(voucherValue), "Idempotency-Key", key)
		switch {
		case err != nil || r.status == http.StatusServiceUnavailable:
		case r.status == http.StatusCreated:
			return r
		default:
			v.t.Errorf("top-up %s: status %d: %s", key, r.status, r.body)
			return nil
		}
	}
	v.t.Errorf("top-up %s is not acknowledged", key)
	return nil
}

func (v *vouchers) stop() {
	v.cancel()
	v.running.Wait()
}

// check holds what each account has against what was acknowledged.
func (v *vouchers) check(o *office) {
	v.t.Helper()
	value, err := money.Parse(voucherValue, 2)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, s := range v.tills {
		want := (value * money.Amount(s.acknowledged.Load())).Format(2)
		if got := o.state(s.account); got.Remaining != want || got.Records != s.acknowledged.Load() {
			v.t.Errorf("%s has %s in %d records, want %s of %d vouchers", s.account, got.Remaining, got.Records, want, s.acknowledged.Load())
		}
	}
}

func (v *vouchers) acknowledged() (n uint64) {
	for _, s := range v.tills {
		n += s.acknowledged.Load()
	}
	return n
}

func (v *vouchers) replayed() (n uint64) {
	for _, s := range v.tills {
		n += s.replayed.Load()
	}
	return n
}
