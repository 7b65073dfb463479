package gy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"gyro/charging"
	"gyro/charging/diameter"
)

// field is a gateway with peers and notices, for the scenarios about what gateways are asked. Time is the script's.
type field struct {
	t        *testing.T
	core     captured
	gateway  *Gateway
	notices  *Notices
	now      time.Time
	peers    map[string]*connection
	asked    []string // restarted gateways
	lastSent *diameter.Message
	lastPeer *connection
	lost     []charging.LostSession
	shown    NoticeCounts
}

// run carries out a command of a script; false means that it is none of these.
func (f *field) run(t *testing.T, td *datadriven.TestData) (string, bool) {
	f.t = t
	switch td.Cmd {
	case "up":
		f.up(td)
	case "down":
		f.down(td)
	case "spoken":
		return f.spoken(td), true
	case "notify":
		f.now = f.now.Add(time.Second / DefaultNoticesPerSecond)
		f.notices.Notify(f.notice(td))
	case "answer":
		f.answer(td)
	case "after":
		d, err := time.ParseDuration(td.CmdArgs[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		f.now = f.now.Add(d)
	default:
		return "", false
	}
	f.notices.step(f.now)
	return f.show(), true
}

// open makes the gateway, which knows its profiles and relays from the start.
func (f *field) open() {
	f.notices = NewNotices()
	f.now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	f.peers = map[string]*connection{}
	custom, err := Lenient().Derive("custom", map[string]string{"reauthorise": "abort", "abort": "rar", "notices_per_second": "1"})
	if err != nil {
		f.t.Fatal(err)
	}
	f.gateway, err = New(Options{
		Core: &f.core, Identity: diameter.Identity{Host: testHost, Realm: testRealm},
		PeerRestarted: func(host string) { f.asked = append(f.asked, host) },
		Profiles: map[string]Profile{
			"smf.example": Open5GS(), "scscf.example": Kamailio(), "pgw03.example": custom,
		},
		Relays: []string{"dra.example"}, Notices: f.notices,
		Now: func() int64 { return f.now.UnixNano() },
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *field) up(td *datadriven.TestData) {
	if f.gateway == nil {
		f.open()
	}
	var host string
	td.ScanArgs(f.t, "peer", &host)
	c := newConnection(f.gateway, &recorder{t: f.t}, host)
	f.peers[host] = c
	f.gateway.up(c, "realm.of."+host)
}

func (f *field) down(td *datadriven.TestData) {
	var host string
	td.ScanArgs(f.t, "peer", &host)
	c := f.peers[host]
	delete(f.peers, host)
	c.out.(*recorder).unusable = true
	f.gateway.down(c)
}

// spoken sends an update of a gateway over a peer.
func (f *field) spoken(td *datadriven.TestData) string {
	var peer, host string
	td.ScanArgs(f.t, "peer", &peer)
	td.ScanArgs(f.t, "host", &host)
	text := fmt.Sprintf("Session-Id s;1\nOrigin-Host %s\nOrigin-Realm realm.of.%s\nCC-Request-Type 2\nCC-Request-Number 1", host, host)
	if arg, ok := td.Arg("state"); ok {
		text += "\nOrigin-State-Id " + arg.SingleVal(f.t)
	}
	before := len(f.asked)
	f.peers[peer].serve(parse(f.t, text))
	f.peers[peer].servedBatch()
	f.notices.step(f.now)
	shown := f.show()
	for _, host := range f.asked[before:] {
		shown += fmt.Sprintf("%s has restarted\n", host)
	}
	return shown
}

func (f *field) notice(td *datadriven.TestData) *charging.Notice {
	n := &charging.Notice{Kind: charging.Reauthorise, SessionID: []byte("s;1"), OriginHost: []byte("pgw01.example")}
	for _, arg := range td.CmdArgs {
		switch arg.Key {
		case "abort":
			n.Kind = charging.Abort
		case "session":
			n.SessionID = []byte(arg.SingleVal(f.t))
		case "host":
			n.OriginHost = []byte(arg.SingleVal(f.t))
		case "sub":
			n.SubSession = number[uint64](f.t, arg.SingleVal(f.t))
		case "rg":
			n.RatingGroup, n.HasRatingGroup = number[uint32](f.t, arg.SingleVal(f.t)), true
		case "id":
			n.ServiceID, n.HasServiceID = number[uint32](f.t, arg.SingleVal(f.t)), true
		}
	}
	return n
}

// answer answers the last request that was sent.
func (f *field) answer(td *datadriven.TestData) {
	var result uint32
	td.ScanArgs(f.t, "result", &result)
	b := encode(f.t, 0, f.lastSent.Command, fmt.Sprintf("Session-Id s;1\nResult-Code %d\nOrigin-Host pgw01.example\nOrigin-Realm example", result))
	copy(b[12:20], f.lastSent.Raw()[12:20])
	if td.HasArg("foreign") {
		b[19]++
	}
	var m diameter.Message
	if r := m.Parse(b, diameter.Limits{}); !r.OK() {
		f.t.Fatal(r)
	}
	f.gateway.serveAnswer(f.lastPeer, &m)
	for len(f.notices.losses) != 0 {
		f.lost = append(f.lost, <-f.notices.losses)
	}
}

// show shows what was sent to each peer and what has been counted since it was last asked.
func (f *field) show() string {
	var out strings.Builder
	for _, host := range slices.Sorted(maps.Keys(f.peers)) {
		c := f.peers[host]
		for b := c.out.(*recorder).take(); len(b) != 0; {
			n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
			m := &diameter.Message{}
			m.Parse(b[:n:n], diameter.Limits{})
			if m.IsRequest() {
				fmt.Fprintf(&out, "to %s: %s", host, decode(f.t, b[:n]))
				f.lastSent, f.lastPeer = m, c
			}
			b = b[n:]
		}
	}
	for _, l := range f.lost {
		fmt.Fprintf(&out, "lost: %s sub=%d of %s\n", l.SessionID, l.SubSession, l.OriginHost)
	}
	f.lost = nil
	f.showCounts(&out)
	return out.String()
}

func (f *field) showCounts(out *strings.Builder) {
	counts := f.notices.Counts()
	for k, kind := range [NoticeKinds]string{"", "reauthorise", "abort"} {
		for a := range NoticeAnswers {
			if n := counts.Answered[k][a] - f.shown.Answered[k][a]; n != 0 {
				fmt.Fprintf(out, "%s answered %s: %d\n", kind, a, n)
			}
		}
		if n := counts.TimedOut[k] - f.shown.TimedOut[k]; n != 0 {
			fmt.Fprintf(out, "%s timed out: %d\n", kind, n)
		}
	}
	for r := range DropReasons {
		if n := counts.Dropped[r] - f.shown.Dropped[r]; n != 0 {
			fmt.Fprintf(out, "dropped %s: %d\n", r, n)
		}
	}
	if counts.Waiting != 0 {
		fmt.Fprintf(out, "waiting: %d\n", counts.Waiting)
	}
	f.shown = counts
}

// TestNoticesArePaced: a thousand notices leave one after the other, at the profile's pace and never more unanswered than
// a gateway is to keep in mind; those beyond what the queue holds are dropped.
func TestNoticesArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &field{t: t}
		f.open()
		out := &recorder{t: t}
		c := newConnection(f.gateway, out, "pgw01.example")
		f.gateway.up(c, "example")
		for k := range maxQueue + 7 {
			f.notices.Notify(&charging.Notice{Kind: charging.Reauthorise, SessionID: fmt.Append(nil, k), OriginHost: []byte("pgw01.example")})
		}
		f.notices.Notify(&charging.Notice{Kind: charging.Reauthorise, SessionID: []byte("9"), OriginHost: []byte("pgw01.example")})
		for _, session := range []string{"barred;1", "barred;2"} { // there is room for what must end, and it goes first
			f.notices.Notify(&charging.Notice{Kind: charging.Abort, SessionID: []byte(session), OriginHost: []byte("pgw01.example")})
		}
		queue := f.notices.lanes["pgw01.example"].queue
		if len(queue) != maxQueue || string(queue[0].SessionID) != "barred;1" || string(queue[1].SessionID) != "barred;2" || string(queue[2].SessionID) != "0" {
			t.Errorf("%d notices wait, %q before the others", len(queue), queue[0].SessionID)
		}
		stop := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f.notices.Serve(stop, func(charging.LostSession) {})
		}()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		counts := f.notices.Counts()
		if sent := counts.Sent[charging.Reauthorise] + counts.Sent[charging.Abort]; sent < 10 || sent > 11 || counts.Sent[charging.Abort] != 2 {
			t.Errorf("%d notices in 100 ms, at 100 a second", sent)
		}
		if dropped := counts.Dropped[DroppedQueue]; dropped != 7+2 {
			t.Errorf("%d notices dropped, 7 were too many, 2 gave way and one was a repetition", dropped)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if sent := f.notices.Counts().Sent[charging.Reauthorise]; sent != maxAwaited-2 {
			t.Errorf("%d notices without any answer, at most %d", sent, maxAwaited)
		}
		time.Sleep(answerTimeout)
		synctest.Wait()
		if late := f.notices.Counts().TimedOut[charging.Reauthorise]; late != maxAwaited-2 {
			t.Errorf("%d notices timed out, all of the first %d but those that end sessions should have", late, maxAwaited)
		}
		close(stop)
		<-ended
	})
}
