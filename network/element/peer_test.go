package element

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
)

// TestWatchdog lets a server answer nothing but watchdogs for a while, then nothing at all.
func TestWatchdog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		server.decide = func(*ccr) reply { return reply{ignore: true} }
		var watchdogs []time.Time
		start := time.Now()
		mute := 100 * time.Second
		opts := server.options(IMS)
		opts.Sessions, opts.Tx, opts.For, opts.DrainTimeout = 1, time.Hour, 4*time.Minute, time.Second
		opts.Dial = func(context.Context) (net.Conn, error) {
			client, conn := net.Pipe()
			_, err := diam.NewConn(conn, "element", diam.HandlerFunc(func(c diam.Conn, m *diam.Message) {
				if m.Header.CommandCode == diam.DeviceWatchdog {
					watchdogs = append(watchdogs, time.Now())
					if time.Since(start) > mute {
						return
					}
				}
				server.serve(c, m)
			}), server.dict.parser)
			return client, err
		}
		report, _, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		if len(watchdogs) < 4 || report.WatchdogsSent != uint64(len(watchdogs)) {
			t.Fatalf("watchdogs at %v, reported %d", watchdogs, report.WatchdogsSent)
		}
		for i, at := range watchdogs[:3] {
			before := start
			if i > 0 {
				before = watchdogs[i-1]
			}
			if gap := at.Sub(before); gap < 28*time.Second || gap > 32*time.Second+2*housekeeping {
				t.Errorf("DWR %d came after %v, want Tw +- 2 s", i, gap)
			}
		}
		// After the mute the fourth DWR stays without an answer: Tw later the connection is replaced.
		if report.Reconnects == 0 || report.Timeouts != 0 {
			t.Errorf("reconnects %d, timeouts %d", report.Reconnects, report.Timeouts)
		}
	})
}

// TestServerRequests sends a DWR, a DPR and a command the element does not know.
func TestServerRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		sent := false
		server.decide = func(c *ccr) reply {
			if !sent && c.nth == 10 {
				sent = true
				for _, command := range []uint32{diam.DeviceWatchdog, diam.SessionTermination, diam.DisconnectPeer} {
					m := newMessage(server.dict, command, diam.RequestFlag, 0, 0, 5) // Hop-by-Hop 0 must come back
					m.AddAVP(base(avp.OriginHost, identity("ocs.example")))
					m.AddAVP(base(avp.OriginRealm, identity("example")))
					server.write(c.conn, m)
				}
			}
			return reply{}
		}
		opts := server.options(IMS)
		opts.For = 10 * time.Second
		report, lines, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		server.checkUsage(lines)
		for command, want := range map[uint32]uint32{diam.DeviceWatchdog: 2001, diam.SessionTermination: 3001, diam.DisconnectPeer: 2001} {
			if got := server.answered(command); len(got) != 1 || got[0] != want {
				t.Errorf("command %d answered %v, want %d", command, got, want)
			}
		}
		for _, m := range server.others {
			if m.Header.CommandFlags&diam.RequestFlag != 0 {
				continue
			}
			if m.Header.HopByHopID != 0 || m.Header.EndToEndID != 5 {
				t.Errorf("answer with Hop-by-Hop %d, End-to-End %d", m.Header.HopByHopID, m.Header.EndToEndID)
			}
			if isError := m.Header.CommandFlags&diam.ErrorFlag != 0; isError != (m.Header.CommandCode == diam.SessionTermination) {
				t.Errorf("command %d: E flag %v", m.Header.CommandCode, isError)
			}
		}
		// The server that sent the DPR does not close: the element does, and comes back.
		if report.Reconnects != 1 || report.SessionsHanging != 0 {
			t.Errorf("reconnects %d, hanging %d", report.Reconnects, report.SessionsHanging)
		}
	})
}

func TestRefusedCapabilities(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		opts := server.options(PGW)
		opts.Dial = func(context.Context) (net.Conn, error) {
			client, conn := net.Pipe()
			_, err := diam.NewConn(conn, "element", diam.HandlerFunc(func(c diam.Conn, m *diam.Message) {
				server.write(c, m.Answer(diam.NoCommonApplication))
			}), server.dict.parser)
			return client, err
		}
		report, _, err := run(t.Context(), t, opts)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.ResultCode != 5010 {
			t.Fatalf("error %v, want 5010", err)
		}
		if report.CCRTotal != 0 || !report.Final {
			t.Errorf("report %s", report.String())
		}
	})
}

// TestNeverConnected runs an element whose server cannot be reached.
func TestNeverConnected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		opts := server.options(PGW)
		opts.Connect, opts.For, opts.DrainTimeout = "ocs.example:3868", 3*time.Second, time.Second
		opts.Dial = func(context.Context) (net.Conn, error) { return nil, errors.New("no route") }
		report, _, err := run(t.Context(), t, opts)
		if !errors.Is(err, ErrNeverConnected) || !strings.Contains(err.Error(), "ocs.example:3868: connect: no route") {
			t.Errorf("error %v", err)
		}
		if !report.Final || report.ConnectFailures == 0 || report.CCRTotal != 0 {
			t.Errorf("report %s", report.String())
		}
	})
}

// TestCleanEndIsNoLoss: the log of an element that disconnects by DPR, or whose server does, speaks of no loss; that of one
// whose connection breaks does.
func TestCleanEndIsNoLoss(t *testing.T) {
	for name, breaks := range map[string]bool{"clean": false, "broken": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				server := newOCS(t)
				server.decide = func(c *ccr) reply { return reply{disconnect: breaks && c.nth == 10} }
				opts := server.options(PGW)
				var log bytes.Buffer
				opts.For, opts.Logger = 3*time.Second, slog.New(slog.NewTextHandler(&log, nil))
				if _, _, err := run(t.Context(), t, opts); err != nil {
					t.Fatal(err)
				}
				if text := log.String(); strings.Contains(text, "connection lost") != breaks || !strings.Contains(text, "msg=disconnected") {
					t.Errorf("it logged\n%s", text)
				}
			})
		})
	}
}

// TestDrainWithoutServer stops an element whose server has gone: it must end within its drain time and own up to what it left.
func TestDrainWithoutServer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		gone := false
		server.decide = func(c *ccr) reply {
			gone = gone || c.nth == 200
			return reply{disconnect: gone}
		}
		opts := server.options(PGW)
		opts.For, opts.DrainTimeout = 3*time.Second, 7*time.Second
		opts.Dial = func(ctx context.Context) (net.Conn, error) {
			if gone {
				return nil, errors.New("no route")
			}
			return server.pipe(ctx)
		}
		report, lines, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		server.checkUsage(lines)
		if report.ElapsedMS < 10_000 || report.ElapsedMS > 10_200 || report.SessionsHanging == 0 || report.SessionsOpen != report.SessionsHanging {
			t.Errorf("ended after %d ms with %d open, %d hanging", report.ElapsedMS, report.SessionsOpen, report.SessionsHanging)
		}
	})
}

func TestPermanentSilenceOfReader(t *testing.T) {
	client, server := net.Pipe()
	defer func() { _ = server.Close() }()
	l := newLink(client, 4)
	for range 4 + controlFrames {
		l.send([]byte("frame"))
	}
	select {
	case <-l.done:
		t.Fatal("closed although the queue has room")
	default:
	}
	l.send([]byte("one too many"))
	<-l.done
}
