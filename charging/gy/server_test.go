package gy

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/dict"

	"gyro/charging"
	"gyro/charging/diameter"
)

// shard is a core with the engine's manner of working: requests are copied into a batch, and another goroutine answers
// batches in order and flushes each recipient at the end of one.
type shard struct {
	work chan pending
	wait sync.WaitGroup
}

type pending struct {
	command charging.CreditControl
	ticket  charging.Ticket
}

// batchSize is how many requests a shard's batch holds. The queue of a shard is larger than what the tests send.
const batchSize, queueSize = 7, 4096

func startShard(t *testing.T) *shard {
	s := &shard{work: make(chan pending, queueSize)}
	s.wait.Go(s.run)
	t.Cleanup(func() { close(s.work); s.wait.Wait() })
	return s
}

func (s *shard) Submit(c *charging.CreditControl, t charging.Ticket) bool {
	select {
	case s.work <- pending{copyCommand(c), t}:
		return true
	default:
		return false
	}
}

func (s *shard) run() {
	for p := range s.work {
		var flush []charging.Recipient
		for n := 0; ; {
			outcome := charging.Outcome{Result: charging.Success}
			for _, service := range p.command.Services {
				outcome.Services = append(outcome.Services, charging.ServiceOutcome{
					Result: charging.Success, RatingGroup: service.RatingGroup, Granted: uint64(p.command.Number),
					Flags: charging.OutcomeRatingGroup | charging.Grants,
				})
			}
			if p.ticket.To.Answer(&p.ticket, &p.command, &outcome) {
				flush = append(flush, p.ticket.To)
			}
			if n++; n == batchSize {
				break
			}
			var more bool
			select {
			case p, more = <-s.work:
			default:
			}
			if !more {
				break
			}
		}
		for _, to := range flush {
			to.Flush()
		}
	}
}

// TestServer runs the gateway behind a real Diameter server: many requests in one segment and split over several,
// refusals among them, two shards answering out of order.
func TestServer(t *testing.T) {
	const requests = 300
	restarted := make(chan string, 1)
	shards := [...]*shard{startShard(t), startShard(t)}
	g, err := New(Options{
		Core:          split(shards[:]),
		Identity:      diameter.Identity{Host: testHost, Realm: testRealm},
		PeerRestarted: func(host string) { restarted <- host },
		Profiles:      map[string]Profile{"pgw.example": {Name: "tolerant", NoIdentity: 5031, Flags: diameter.FlagsTolerant}},
	})
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, g)
	peer := connect(t, address, 1)
	var sent bytes.Buffer
	for n := range requests {
		text := fmt.Sprintf("Session-Id s;%d\nOrigin-Host pgw.example\nCC-Request-Type 2\nCC-Request-Number %d\n", n, n)
		if n%10 != 0 {
			text += fmt.Sprintf("Multiple-Services-Credit-Control\n  Rating-Group %d\n  Requested-Service-Unit", n)
		} else {
			text += "Used-Service-Unit\n  CC-Total-Octets 18446744073709551615" // refused
		}
		b := encode(t, diameter.FlagRequest, diameter.CmdCreditControl, text)
		b[12], b[13], b[14], b[15] = 0, 0, byte(n>>8), byte(n)
		sent.Write(b)
	}
	go func() {
		for sent.Len() > 0 {
			if _, err := peer.Write(sent.Next(1 + sent.Len()/3)); err != nil {
				return // the reader below notices
			}
		}
	}()
	seen := map[uint32]bool{}
	for range requests {
		m := receive(t, peer)
		n := m.Header.HopByHopID
		if seen[n] {
			t.Fatalf("request %d was answered twice", n)
		}
		seen[n] = true
		want, got := fmt.Sprintf("s;%d", n), find(t, m, "Session-Id")
		if got != want {
			t.Fatalf("request %d has the answer of session %s", n, got)
		}
		want = "2001"
		if n%10 == 0 {
			want = "5004"
		}
		if got := find(t, m, "Result-Code"); got != want {
			t.Fatalf("request %d: Result-Code %s, want %s", n, got, want)
		}
	}
	if c := g.Counters(); c.Submitted != requests*9/10 || c.Refused != requests/10 || c.Answered != c.Submitted {
		t.Errorf("counters %+v", c)
	}
	// The profile's flag check took effect: an AVP of the IETF without its M bit is none of its concern.
	b := encode(t, diameter.FlagRequest, diameter.CmdCreditControl, "Session-Id s\nOrigin-Host pgw.example\nCC-Request-Type 2\nCC-Request-Number 1")
	b[diameter.HeaderLength+4] &^= diameter.FlagMandatory
	if _, err := peer.Write(b); err != nil {
		t.Fatal(err)
	}
	if got := find(t, receive(t, peer), "Result-Code"); got != "2001" {
		t.Errorf("without an M bit: Result-Code %s", got)
	}
	connect(t, address, 2)
	if host := <-restarted; host != "pgw.example" {
		t.Errorf("%s has restarted", host)
	}
}

// split is a core of several shards.
type split []*shard

func (s split) Submit(c *charging.CreditControl, t charging.Ticket) bool {
	return s[int(c.Number)%len(s)].Submit(c, t)
}

func serve(t *testing.T, g *Gateway) string {
	t.Helper()
	s, err := diameter.NewServer(diameter.Options{
		Identity: diameter.Identity{Host: testHost, Realm: testRealm, StateID: 7}, AllowUnknownPeers: true,
		Logger: slog.New(slog.DiscardHandler),
	}, g)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { s.Close(); served.Wait() })
	return l.Addr().String()
}

// connect opens a connection and exchanges capabilities.
func connect(t *testing.T, address string, stateID uint32) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	cer := diameter.AppendHeader(nil, diameter.FlagRequest, diameter.CmdCapabilitiesExchange, diameter.AppBase, 1, 2)
	cer = diameter.AppendString(cer, diameter.AVPOriginHost, "pgw.example")
	cer = diameter.AppendString(cer, diameter.AVPOriginRealm, "example")
	cer = diameter.AppendUint32(cer, diameter.AVPOriginStateID, stateID)
	cer = diameter.AppendUint32(cer, diameter.AVPAuthApplicationID, diameter.AppCreditControl)
	diameter.FinishMessage(cer, 0)
	if _, err := nc.Write(cer); err != nil {
		t.Fatal(err)
	}
	if got := find(t, receive(t, nc), "Result-Code"); got != "2001" {
		t.Fatalf("CER: Result-Code %s", got)
	}
	return nc
}

func receive(t *testing.T, nc net.Conn) *diam.Message {
	t.Helper()
	m, err := diam.ReadMessage(nc, dict.Default)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return m
}

func find(t *testing.T, m *diam.Message, name string) string {
	t.Helper()
	a, err := m.FindAVP(name, 0)
	if err != nil {
		t.Fatalf("%s: %v in %s", name, err, m)
	}
	v := showValue(a.Data)
	if len(v) > 1 && v[0] == '"' {
		v = v[1 : len(v)-1]
	}
	return v
}
