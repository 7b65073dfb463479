package gy

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"gyro/charging"
	"gyro/charging/diameter"
)

const (
	// maxQueue bounds the notices that wait to be sent to one gateway: what it is sent within forty seconds at the
	// default pace. What is beyond is left to Validity-Time.
	maxQueue = 4 << 10
	// maxNotices bounds those to all gateways. One that never answers does not fill it alone.
	maxNotices = 16 << 10
	// maxAwaited bounds the notices to one gateway that wait for their answers. A gateway that answers within half a
	// second is not slowed down by it.
	maxAwaited = 64
	// answerTimeout is how long an answer is waited for: Tx of RFC 8506 section 13.
	answerTimeout = 10 * time.Second
	// awayTimeout is how long notices wait for a gateway that is not connected. RFC 6733 section 2.1 has peers try
	// again every 30 seconds at least.
	awayTimeout = 30 * time.Second
	// maxLost bounds the sessions that gateways do not know and the core has not been told of yet.
	maxLost = 1024
)

// Notices asks gateways for what the core wants of them unasked: to report and ask again, or to end a session. It is a
// queue for each gateway, from which one goroutine sends, at the pace and in the form of the gateway's profile.
//
// A notice that gets lost costs time, never money: quotas end by their Validity-Time and sessions by supervision. So
// nothing is stored, and nothing is repeated on a connection that lives (RFC 6733 section 5.5.4).
type Notices struct {
	gateway *Gateway
	wake    chan struct{}
	losses  chan charging.LostSession

	mu      sync.Mutex
	lanes   map[string]*lane
	waiting int
	// queued are the notices that wait for the first time: the second of two that ask for the same says nothing.
	queued  map[string]struct{}
	awaited map[awaited]*notice
	counts  NoticeCounts
}

// lane is the queue of one gateway.
type lane struct {
	host  []byte
	queue []*notice
	next  time.Time // no notice is sent before
	away  time.Time // since when there has been no connection; zero while there is one
	sent  int       // without an answer so far
}

// notice is a notice on its way.
type notice struct {
	charging.Notice
	key      string
	lane     *lane
	sent     time.Time
	endToEnd uint32
	again    bool // sent before, over a connection that is gone
}

// awaited is what an answer is known by.
type awaited struct {
	over     *connection
	hopByHop uint32
}

// NewNotices returns an empty queue, to be given to a Gateway and served.
func NewNotices() *Notices {
	return &Notices{
		wake: make(chan struct{}, 1), losses: make(chan charging.LostSession, maxLost),
		lanes: map[string]*lane{}, queued: map[string]struct{}{}, awaited: map[awaited]*notice{},
	}
}

// Notify puts a notice into the queue. It copies the notice and does not wait.
func (n *Notices) Notify(from *charging.Notice) {
	key := keyOf(from)
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.queued[key]; ok {
		return
	}
	host := string(appendLower(nil, from.OriginHost))
	to := n.lanes[host]
	urgent := from.Kind == charging.Abort
	if full := n.waiting == maxNotices || to != nil && len(to.queue) >= maxQueue; full {
		n.counts.Dropped[DroppedQueue]++
		if !urgent || to == nil || !n.makeRoom(to) {
			return
		}
	}
	if to == nil {
		to = &lane{host: []byte(host)}
		n.lanes[host] = to
	}
	copied := &notice{Notice: *from, key: key, lane: to}
	copied.SessionID, copied.OriginHost = bytes.Clone(from.SessionID), bytes.Clone(from.OriginHost)
	at := len(to.queue)
	if urgent { // who is barred does not go on until all others have been asked about a new price
		at = to.aborts()
	}
	to.queue = slices.Insert(to.queue, at, copied)
	n.queued[key] = struct{}{}
	n.waiting++
	n.nudge()
}

// aborts is how many sessions are to end before anything else is asked for.
func (l *lane) aborts() int {
	for k, waits := range l.queue {
		if waits.Kind != charging.Abort {
			return k
		}
	}
	return len(l.queue)
}

// makeRoom gives up the last of a gateway's notices for one that ends a session, unless it does so as well.
func (n *Notices) makeRoom(at *lane) bool {
	last := len(at.queue) - 1
	if last < 0 || at.queue[last].Kind == charging.Abort {
		return false
	}
	delete(n.queued, at.queue[last].key)
	at.queue[last] = nil
	at.queue = at.queue[:last]
	n.waiting--
	return true
}

// keyOf is equal for notices that ask for the same.
func keyOf(n *charging.Notice) string {
	return fmt.Sprintf("%d %d %t %d %t %d %q %q",
		n.Kind, n.SubSession, n.HasRatingGroup, n.RatingGroup, n.HasServiceID, n.ServiceID, n.OriginHost, n.SessionID)
}

func (n *Notices) nudge() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Serve sends notices of the Gateway that has the queue until stop is closed. Sessions that a gateway does not know any
// more are passed to lost, which may wait.
func (n *Notices) Serve(stop <-chan struct{}, lost func(charging.LostSession)) {
	var telling sync.WaitGroup
	telling.Go(func() { n.tell(stop, lost) })
	defer telling.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-n.wake:
		case <-timer.C:
		case <-stop:
			return
		}
		timer.Reset(n.step(time.Now()))
	}
}

func (n *Notices) tell(stop <-chan struct{}, lost func(charging.LostSession)) {
	for {
		select {
		case session := <-n.losses:
			lost(session)
		case <-stop:
			return
		}
	}
}

// step sends what can be sent now, and returns after how long there may be more to do.
func (n *Notices) step(now time.Time) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := now.Add(answerTimeout)
	for key, a := range n.awaited {
		if ends := a.sent.Add(answerTimeout); ends.After(now) {
			next = earlier(next, ends)
			continue
		}
		n.counts.TimedOut[a.Kind]++
		n.settle(key, a)
	}
	for host, to := range n.lanes {
		if again := n.drain(to, now); !again.IsZero() {
			next = earlier(next, again)
		}
		if len(to.queue) == 0 && to.sent == 0 && !to.next.After(now) {
			delete(n.lanes, host)
		}
	}
	return next.Sub(now)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// drain sends what a gateway may be sent now, and returns when to look at it again: zero if only an answer, a connection
// or another notice can change anything.
func (n *Notices) drain(to *lane, now time.Time) time.Time {
	profile := n.gateway.profileOf(to.host)
	pace := time.Second / time.Duration(profile.pace())
	for len(to.queue) != 0 {
		head := to.queue[0]
		form := profile.notification(head.Kind)
		if form == NotifyNone {
			n.drop(to, 1, DroppedProfile)
			continue
		}
		way, over := n.wayTo(to)
		if over == nil {
			if to.away.IsZero() {
				to.away = now
			}
			until := to.away.Add(awayTimeout)
			if until.After(now) {
				return until
			}
			reason := DroppedAway
			if way == nil {
				reason = DroppedRoute
			}
			n.drop(to, len(to.queue), reason)
			break
		}
		to.away = time.Time{}
		switch {
		case to.next.After(now):
			return to.next
		case to.sent == maxAwaited:
			return time.Time{}
		}
		n.take(to)
		n.send(head, form, way, over, now)
		to.next = now.Add(pace)
	}
	return to.next
}

// wayTo returns the way to a gateway and the connection to use, nil for what there is not.
func (n *Notices) wayTo(to *lane) (*route, *connection) {
	way := n.gateway.routes.find(to.host)
	if way == nil || way.realm.Load() == nil {
		return nil, nil
	}
	return way, n.gateway.routes.connection(way)
}

// take removes the head of a queue.
func (n *Notices) take(to *lane) {
	delete(n.queued, to.queue[0].key)
	to.queue[0] = nil
	to.queue = to.queue[1:]
	n.waiting--
}

// drop gives notices up that were never sent.
func (n *Notices) drop(to *lane, count int, why DropReason) {
	for range count {
		n.take(to)
	}
	n.counts.Dropped[why] += uint64(count)
	if why != DroppedProfile {
		n.gateway.options.Logger.Warn("notices to a gateway are given up", "origin_host", string(to.host), "count", count, "reason", why)
	}
}

func (n *Notices) send(what *notice, form Notification, way *route, over *connection, now time.Time) {
	if !what.again {
		what.endToEnd = over.out.NextEndToEnd()
	}
	hopByHop := over.out.NextHopByHop()
	what.sent = now
	what.lane.sent++
	// Before it can be answered.
	n.awaited[awaited{over, hopByHop}] = what
	n.counts.Sent[what.Kind]++
	buf := over.out.Lock()
	buf = n.gateway.appendNotice(buf, what, form, *way.realm.Load(), hopByHop)
	over.out.Unlock(buf)
	over.out.Flush()
}

// settle ends the wait for an answer.
func (n *Notices) settle(key awaited, what *notice) {
	delete(n.awaited, key)
	what.lane.sent--
}

// answered takes an answer of a gateway. It is false for one that nobody waits for.
func (n *Notices) answered(c *connection, m *diameter.Message) bool {
	key := awaited{c, m.HopByHop}
	n.mu.Lock()
	defer n.mu.Unlock()
	what := n.awaited[key]
	if what == nil || what.endToEnd != m.EndToEnd {
		return false
	}
	n.settle(key, what)
	n.nudge() // there is room for another
	result, _ := m.Uint32(m.Find(diameter.AVPResultCode))
	n.counts.Answered[what.Kind][answerOf(diameter.Result(result))]++
	if diameter.Result(result) != diameter.ResultUnknownSessionID {
		return true
	}
	select {
	case n.losses <- charging.LostSession{
		SessionID: string(what.SessionID), SubSession: what.SubSession, OriginHost: string(what.OriginHost),
	}:
	default: // supervision closes it
		n.gateway.options.Logger.Warn("a gateway does not know more sessions than can be closed at once", "origin_host", string(what.OriginHost))
	}
	return true
}

// lost takes what was sent over a connection that is gone back into the queue, to be sent over another one with the T bit
// (RFC 6733 section 5.5.4), once.
func (n *Notices) lost(c *connection) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var back []*notice
	for key, what := range n.awaited {
		if key.over != c {
			continue
		}
		n.settle(key, what)
		if what.again { // it may be what the gateway breaks down at
			n.counts.TimedOut[what.Kind]++
			continue
		}
		what.again = true
		back = append(back, what)
	}
	// In the order in which they were sent.
	slices.SortFunc(back, func(a, b *notice) int { return int(int32(b.endToEnd - a.endToEnd)) })
	for _, what := range back {
		what.lane.queue = slices.Insert(what.lane.queue, 0, what)
		n.waiting++
	}
	n.nudge()
}
