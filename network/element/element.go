package element

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// housekeeping is how often timers of seconds (Tx, watchdog, reports) are looked at.
	housekeeping = 100 * time.Millisecond
	// eventQueue is the room between the reader and the element's goroutine. A full queue holds the reader back.
	eventQueue = 1024
	// disconnectTimeout bounds the wait for a DPA.
	disconnectTimeout = 2 * time.Second
	// maxComplaints bounds the log of a server that answers wrongly; the report counts all.
	maxComplaints = 20
)

// ErrDied is returned by [Element.Run] when Options.DieAfter has passed: sessions were left open on purpose.
var ErrDied = errors.New("element died as asked, sessions left open")

// ErrNeverConnected is returned by [Element.Run], with the last attempt's failure, when no attempt to connect succeeded.
var ErrNeverConnected = errors.New("never connected")

type phase int

const (
	running       phase = iota
	draining            // no new sessions; CCR-Ts are sent and awaited
	disconnecting       // DPR sent
	finished
)

// An Element is one simulated network element. Create it with [New] and call [Element.Run] once.
type Element struct {
	o         Options
	dict      *Dictionary
	rng       *rand.Rand
	report    Report
	usage     *usageLog
	usageLost bool
	events    chan linkEvent
	roster    []subscriber // who joined, with Options.Join
	started   time.Time
	phase     phase
	deadline  time.Time // of the phase, after running

	link        *link         // nil: down
	leavingAt   time.Time     // the server sent a DPR; zero: it did not
	silence     time.Duration // after which a DWR is sent: Tw with jitter
	everUp      bool
	lastHeard   time.Time
	watchdogAt  time.Time // when a DWR was sent; zero: none is open
	hopByHop    uint32
	endToEnd    uint32
	complaints  int
	lastFailure string

	pace       *pacer
	sessions   map[string]*session
	nextID     uint64
	ready      fifo[*session] // whose turn comes by itself
	urgent     fifo[*session] // asked by the server to speak
	repeats    fifo[*exchange]
	deadlines  deadlines
	inFlight   map[uint32]*transmission
	sentOrder  fifo[*transmission]
	nextReport time.Time

	sentThisSecond uint64
	runErr         error
}

// New checks the options and prepares an element.
func New(o Options) (*Element, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dictionary, err := LoadDictionary()
	if err != nil {
		return nil, err
	}
	e := &Element{
		o: o, dict: dictionary, rng: rand.New(rand.NewPCG(o.Seed, 0)), report: newReport(o.Kind, o.OriginHost),
		usage: newUsageLog(o.UsageLog), events: make(chan linkEvent, eventQueue),
		sessions: map[string]*session{}, inFlight: map[uint32]*transmission{},
	}
	e.hopByHop = e.rng.Uint32()
	return e, nil
}

// Run simulates until the context ends, Options.For has passed or Options.Requests are sent, then terminates all sessions, disconnects and returns the
// final report. It reconnects as often as needed. The error is ErrDied, a *RefusedError when the server refused the very first
// capabilities exchange, ErrNeverConnected, or a failure to write the usage log.
func (e *Element) Run(ctx context.Context) (Report, error) {
	now := time.Now()
	e.started, e.nextReport, e.pace = now, now.Add(e.o.ReportEvery), newPacer(e.o.Rate, now)
	// RFC 6733 s. 3: the upper 12 bits from the time of the start, so that a restarted element repeats no identifier.
	e.endToEnd = uint32(now.Unix())<<20 | e.rng.Uint32()>>12
	connecting, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan struct{})
	c := &connector{o: &e.o, dict: e.dict, events: e.events}
	go func() {
		defer close(stopped)
		c.run(connecting)
	}()
	e.loop(ctx)
	disconnect()
	<-stopped
	return e.conclude()
}

// conclude accounts for the sessions that are left, and makes the final report.
func (e *Element) conclude() (Report, error) {
	for _, s := range e.sessions {
		s.close(EndAbandoned, false)
		if x := s.pending; x != nil {
			for i := range x.request.usages {
				x.request.usages[i].settle(outcomeUnanswered)
			}
		}
		e.logUsage(s)
		e.report.SessionsHanging++
	}
	e.report.Final = true
	report := e.snapshot(time.Now())
	if e.o.OnReport != nil {
		e.o.OnReport(report)
	}
	if e.runErr == nil && !e.everUp {
		e.runErr = e.neverConnected()
	}
	return report, errors.Join(e.runErr, e.usage.flush())
}

func (e *Element) neverConnected() error {
	if e.lastFailure == "" {
		return fmt.Errorf("%w to %s: the first attempt was still under way", ErrNeverConnected, e.o.Connect)
	}
	return fmt.Errorf("%w to %s: %s", ErrNeverConnected, e.o.Connect, e.lastFailure)
}

func (e *Element) loop(ctx context.Context) {
	ticker := time.NewTicker(housekeeping)
	defer ticker.Stop()
	pace := time.NewTimer(0)
	defer pace.Stop()
	var end, die <-chan time.Time
	if e.o.For > 0 {
		end = time.After(e.o.For)
	}
	if e.o.DieAfter > 0 {
		die = time.After(e.o.DieAfter)
	}
	done := ctx.Done()
	for e.phase != finished {
		select {
		case <-done:
			done = nil
			e.drain(time.Now())
		case <-end:
			e.drain(time.Now())
		case <-die:
			e.runErr, e.phase = ErrDied, finished
			continue
		case event := <-e.events:
			e.handleEvents(event)
		case s := <-e.o.Join:
			e.join(s)
		case <-ticker.C:
			e.keepHouse(time.Now())
		case <-pace.C:
		}
		if wait := e.pump(time.Now()); wait >= 0 {
			pace.Reset(wait)
		}
		e.advancePhase(time.Now())
	}
}

// handleEvents takes an event and those that wait behind it, so that answers that came together are all handled before
// anything new is sent.
func (e *Element) handleEvents(event linkEvent) {
	for range eventQueue {
		e.handleEvent(event)
		select {
		case event = <-e.events:
		default:
			return
		}
	}
	e.handleEvent(event)
}

// keepHouse looks at the timers that need no precision.
func (e *Element) keepHouse(now time.Time) {
	e.expire(now)
	e.watch(now)
	if now.Before(e.nextReport) {
		return
	}
	e.nextReport = e.nextReport.Add(e.o.ReportEvery)
	e.report.CCRPerSecond = e.sentThisSecond * uint64(time.Second) / uint64(e.o.ReportEvery)
	e.sentThisSecond = 0
	if err := e.usage.flush(); err != nil && !e.usageLost {
		e.usageLost = true
		e.o.Logger.Error("usage log", "error", err) // told again by Run; the traffic goes on meanwhile
	}
	if e.o.OnReport != nil {
		e.o.OnReport(e.snapshot(now))
	}
}

func (e *Element) snapshot(now time.Time) Report {
	r := e.report.clone()
	r.At, r.ElapsedMS = now, now.Sub(e.started).Milliseconds()
	r.Connected = e.link != nil
	r.SessionsOpen = uint64(len(e.sessions))
	return r
}

// drain begins the end: every open session is to be terminated.
func (e *Element) drain(now time.Time) {
	if e.phase != running {
		return
	}
	e.phase, e.deadline = draining, now.Add(e.o.DrainTimeout)
	for _, s := range e.sessions {
		s.stopped = true
		if s.pending == nil {
			e.makeReady(s) // it may have waited for its patience to end
		}
	}
	// Held to its rate, an element with many sessions could not end in time: all CCR-Ts are to leave in half of it.
	half := max(int(e.o.DrainTimeout/time.Second)/2, 1)
	e.pace.setRate(min(max(e.o.Rate, 2*len(e.sessions)/half), maxRate))
}

// advancePhase ends the element step by step: sessions, then the connection.
func (e *Element) advancePhase(now time.Time) {
	late := e.phase != running && !now.Before(e.deadline)
	switch {
	case e.phase == draining && (len(e.sessions) == 0 || late):
		if e.link == nil {
			e.phase = finished
			return
		}
		e.sendDisconnect()
		e.phase, e.deadline = disconnecting, now.Add(disconnectTimeout)
	case e.phase == disconnecting && (late || e.link == nil):
		e.phase = finished
	}
}

// pump transmits what the pace, the connection and the limit of unanswered requests allow. It returns the time after which
// there may be more to do, negative if only an event can bring that about.
func (e *Element) pump(now time.Time) time.Duration {
	e.pace.advance(now)
	for e.link != nil && e.leavingAt.IsZero() && e.phase <= draining && len(e.inFlight) < e.o.InFlight {
		if e.o.Requests > 0 && e.report.CCRTotal >= uint64(e.o.Requests) {
			e.drain(now)
		}
		if !e.pace.ready() {
			if !e.hasWork(now) {
				return -1
			}
			return e.pace.wait()
		}
		if !e.transmitNext(now) {
			return -1
		}
		e.pace.take()
	}
	return -1
}

func (e *Element) hasWork(now time.Time) bool {
	first := e.deadlines.first()
	return !e.repeats.empty() || !e.urgent.empty() || !e.ready.empty() || e.mayOpen() ||
		first != nil && first.pending == nil && !now.Before(first.deadline)
}

func (e *Element) mayOpen() bool {
	return e.phase == running && len(e.sessions) < e.o.Sessions && (e.o.Join == nil || len(e.roster) > 0)
}

// transmitNext sends the most urgent CCR: repetitions, then what the server asked for, then quotas whose Validity-Time has
// passed, then new sessions, then open sessions in turn. It reports false if there is none.
func (e *Element) transmitNext(now time.Time) bool {
	if x, ok := e.repeats.pop(); ok {
		x.queued = false
		e.transmit(x, now)
		return true
	}
	for {
		s, ok := e.urgent.pop()
		if !ok {
			break
		}
		if s.pending == nil && s.state != sessionClosed && (s.reauth || s.aborted) {
			e.begin(s, now)
			return true
		}
	}
	if s := e.deadlines.first(); s != nil && !now.Before(s.deadline) {
		e.deadlines.remove(s)
		if s.pending == nil {
			e.begin(s, now)
			return true
		}
	}
	if e.mayOpen() {
		e.begin(e.open(now), now)
		return true
	}
	for {
		s, ok := e.ready.pop()
		if !ok {
			return false
		}
		s.queued = false
		if s.pending == nil && s.state != sessionClosed && !s.waiting(now) {
			e.begin(s, now)
			return true
		}
	}
}

// open starts a session of a drawn subscriber.
func (e *Element) open(now time.Time) *session {
	seq := e.nextID
	e.nextID++
	s := &session{seq: seq, heapAt: -1, rng: rand.New(rand.NewPCG(e.o.Seed, seq+1))}
	// RFC 6733 s. 8.8: host;high;low. The start time keeps the identifiers of a restarted element apart.
	s.id = fmt.Sprintf("%s;%d;%d;%s", e.o.OriginHost, e.started.Unix(), seq, e.o.Kind)
	s.sub = e.drawSubscriber(s.rng)
	s.dialect = e.o.dialect(s.rng)
	s.dialect.begin(s, &e.o, now)
	if s.facts.serving != "" && s.facts.serving != homeNetwork {
		e.report.Roaming++
	}
	e.sessions[s.id] = s
	return s
}

func (o *Options) subscriber(i uint64) subscriber {
	imsi, err := addDecimal(o.IMSIBase, i)
	msisdn, err2 := addDecimal(o.MSISDNBase, i)
	if err := errors.Join(err, err2); err != nil { // Validate has tried the last one
		panic("element: " + err.Error())
	}
	return subscriber{imsi: imsi, msisdn: msisdn}
}

func (o *Options) dialect(rng *rand.Rand) dialect {
	switch {
	case o.Kind == IMS:
		return callServer{}
	case o.Kind == SMSC:
		return messageCentre{}
	case o.Style == StarOS:
		return starGateway{}
	case o.Style == FullPGW, o.Style == Mixed && rng.IntN(2) == 0:
		return fullGateway{}
	default:
		return openGateway{}
	}
}

// makeReady puts a session in line for its next CCR.
func (e *Element) makeReady(s *session) {
	if s.reauth || s.aborted {
		e.urgent.push(s)
		return
	}
	if !s.queued {
		s.queued = true
		e.ready.push(s)
	}
}

// forget ends a closed session and logs what it used.
func (e *Element) forget(s *session) {
	delete(e.sessions, s.id)
	e.deadlines.remove(s)
	e.report.SessionsClosed++
	e.logUsage(s)
}

func (e *Element) logUsage(s *session) {
	mode := "session"
	if s.oneTime {
		mode = "event"
	}
	for _, v := range s.services {
		line := UsageLine{
			Element: string(e.o.Kind), SessionID: s.id, ServiceContext: s.dialect.context(), Mode: mode,
			IMSI: s.sub.imsi, MSISDN: s.sub.msisdn, Unit: v.unit,
			UnitsGranted: v.totalGranted, UnitsReported: v.reported, UnitsRejected: v.rejected, UnitsUnanswered: v.unanswered,
			CCRs: v.ccrs, SessionCCRs: s.ccrs, FinalResult: v.result, End: v.end, Closed: s.closed,
		}
		if v.unit == Octets {
			line.InputOctets, line.OutputOctets, line.TimeSeconds = v.input, v.output, v.seconds
		}
		if v.hasGroup {
			line.RatingGroup = &v.group
		}
		if line.FinalResult == 0 {
			line.FinalResult = s.result
		}
		e.usage.write(&line)
	}
}

// complain logs a fault of the server, the first of them only.
func (e *Element) complain(what string, x *exchange, err error) {
	if e.complaints++; e.complaints > maxComplaints {
		return
	}
	e.o.Logger.Warn(what, "session_id", x.session.id, "request_type", x.request.kind, "number", x.number, "error", err)
}
