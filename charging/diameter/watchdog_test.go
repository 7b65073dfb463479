package diameter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are pipes, so that a server and its peers run in virtual time.
type pipes struct {
	ch     chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{ch: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.ch:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(t *testing.T) *client {
	near, far := net.Pipe()
	p.ch <- far
	return newClient(t, near)
}

// virtual runs a test against a server in virtual time. Without jitter Tw is 30 s.
func virtual(t *testing.T, change func(*Options), test func(t *testing.T, s *Server, r *recorder, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		options := testOptions()
		options.Rand = func() uint64 { return uint64(WatchdogJitter) } // the middle of the range
		if change != nil {
			change(&options)
		}
		r, p := newRecorder(), newPipes()
		s, err := NewServer(options, r)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve(p) }()
		defer func() {
			s.Close()
			if err := <-served; !errors.Is(err, ErrServerClosed) {
				t.Errorf("Serve returned %v", err)
			}
		}()
		test(t, s, r, p)
	})
}

// after expects that what f does takes exactly d of virtual time.
func after(t *testing.T, d time.Duration, what string, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if took := time.Since(begin); took != d {
		t.Errorf("%s after %v, want %v", what, took, d)
	}
}

func TestSilentCaller(t *testing.T) {
	virtual(t, nil, func(t *testing.T, _ *Server, r *recorder, p *pipes) {
		c := p.dial(t)
		after(t, DefaultHandshakeTimeout, "closed", c.expectClosed)
		c = p.dial(t)
		c.send(appendCER(nil, 1)[:HeaderLength]) // a part of a CER is none
		after(t, DefaultHandshakeTimeout, "closed", c.expectClosed)
		if len(r.log()) != 0 {
			t.Errorf("events %q", r.log())
		}
	})
}

// TestSilentPeer lets a peer fall silent after its CER: a DWR after Tw, then suspect, then down.
func TestSilentPeer(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *Server, r *recorder, p *pipes) {
		c := p.dial(t)
		c.handshake(1)
		after(t, DefaultWatchdogInterval, "DWR", func() {
			if m := c.receive(); m.Command != CmdDeviceWatchdog || !m.IsRequest() {
				t.Errorf("command %d", m.Command)
			}
		})
		time.Sleep(DefaultWatchdogInterval - time.Second)
		conn := s.Lookup(gatewayHost)
		if s.Peers()[0].Suspect || !conn.Usable() {
			t.Error("suspect before a second Tw")
		}
		time.Sleep(2 * time.Second)
		if !s.Peers()[0].Suspect || conn.Usable() {
			t.Error("not suspect after a second Tw, or used for requests nevertheless")
		}
		after(t, DefaultWatchdogInterval-time.Second, "closed", c.expectClosed)
		synctest.Wait()
		if want := "down " + gatewayHost + ": two watchdog periods without an answer"; !slices.Contains(r.log(), want) {
			t.Errorf("events %q", r.log())
		}
	})
}

// TestAnsweredWatchdog keeps a connection up for an hour by DWAs alone, and its peer from being suspect.
func TestAnsweredWatchdog(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *Server, _ *recorder, p *pipes) {
		c := p.dial(t)
		c.handshake(1)
		for range 120 {
			after(t, DefaultWatchdogInterval, "DWR", func() {
				dwr := c.receive()
				dwa := AppendResult(AppendAnswerHeader(nil, &dwr.Header), ResultSuccess)
				FinishMessage(dwa, 0)
				c.send(dwa)
				synctest.Wait()
			})
			if s.Peers()[0].Suspect {
				t.Fatal("suspect")
			}
		}
	})
}

// TestTrafficReplacesWatchdog sends a request every 20 s: no DWR comes in between. The first silence of Tw brings one,
// counted from the last message.
func TestTrafficReplacesWatchdog(t *testing.T) {
	virtual(t, nil, func(t *testing.T, _ *Server, _ *recorder, p *pipes) {
		c := p.dial(t)
		c.handshake(1)
		for i := range 50 {
			time.Sleep(20 * time.Second)
			c.send(appendSmallCCR(nil, uint32(i+1)))
			if a := c.receive(); a.Command != CmdCreditControl {
				t.Fatalf("command %d at %d", a.Command, i)
			}
		}
		after(t, DefaultWatchdogInterval, "DWR", func() {
			if m := c.receive(); m.Command != CmdDeviceWatchdog {
				t.Errorf("command %d", m.Command)
			}
		})
		// A suspect peer that speaks again is a good one.
		time.Sleep(DefaultWatchdogInterval + time.Second)
		c.send(appendSmallCCR(nil, 99))
		if a := c.receive(); a.HopByHop != 99 {
			t.Errorf("hop-by-hop %d", a.HopByHop)
		}
		after(t, DefaultWatchdogInterval, "DWR", func() { c.receive() })
	})
}

// TestDripIsSilence sends one octet a second: a message that never ends is no sign of life.
func TestDripIsSilence(t *testing.T) {
	virtual(t, nil, func(t *testing.T, _ *Server, r *recorder, p *pipes) {
		c := p.dial(t)
		c.handshake(1)
		long := request(CmdCreditControl, AppCreditControl, func(dst []byte) []byte { return AppendBytes(dst, AVPClass, make([]byte, 4000)) })
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for _, octet := range long {
				time.Sleep(time.Second)
				if _, err := c.conn.Write([]byte{octet}); err != nil {
					return
				}
			}
		}()
		after(t, 3*DefaultWatchdogInterval, "closed", func() {
			c.receive() // DWR
			c.expectClosed()
		})
		<-stopped
		if r.served() != 0 {
			t.Errorf("%d requests", r.served())
		}
	})
}

// TestWatchdogJitter takes the period at both ends of the random source.
func TestWatchdogJitter(t *testing.T) {
	for _, c := range []struct {
		random uint64
		want   time.Duration
	}{
		{0, DefaultWatchdogInterval - WatchdogJitter},
		{2 * uint64(WatchdogJitter), DefaultWatchdogInterval + WatchdogJitter},
	} {
		virtual(t, func(o *Options) { o.Rand = func() uint64 { return c.random } }, func(t *testing.T, _ *Server, _ *recorder, p *pipes) {
			peer := p.dial(t)
			peer.handshake(1)
			after(t, c.want, "DWR", func() { peer.receive() })
		})
	}
}

// TestMalformedBudgetRefills sends a malformed message every two seconds for as long as would exhaust the budget many
// times over.
func TestMalformedBudgetRefills(t *testing.T) {
	virtual(t, func(o *Options) { o.MalformedBurst = 2 }, func(t *testing.T, _ *Server, _ *recorder, p *pipes) {
		c := p.dial(t)
		c.handshake(1)
		bad := request(CmdCreditControl, AppCreditControl, func(dst []byte) []byte { return append(dst, rawAVP(416, 0, FlagMandatory, 99, 1)...) })
		for range 50 {
			time.Sleep(2 * malformedRefill)
			c.send(bad)
			if a := c.receive(); resultOf(a) != ResultInvalidAVPLength {
				t.Fatalf("result %v", resultOf(a))
			}
		}
	})
}

// TestWriteDeadline has a peer that reads nothing at all: the first answer blocks, and the connection ends.
func TestWriteDeadline(t *testing.T) {
	virtual(t, nil, func(t *testing.T, _ *Server, r *recorder, p *pipes) {
		c := p.dial(t)
		c.handshake(1)
		c.send(appendSmallCCR(nil, 1))
		time.Sleep(DefaultWriteTimeout + time.Millisecond)
		synctest.Wait()
		if want := "down " + gatewayHost + ": the peer does not read its answers"; !slices.Contains(r.log(), want) {
			t.Errorf("events %q", r.log())
		}
	})
}

// TestDisconnectTimeouts goes through the waits of a shutdown whose peer never helps: for an answer that never comes,
// for a DPA that never comes.
func TestDisconnectTimeouts(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *Server, r *recorder, p *pipes) {
		r.hold = true
		c := p.dial(t)
		c.handshake(1)
		c.send(appendSmallCCR(nil, 1))
		synctest.Wait() // until the request is in flight
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(t.Context()) }()
		after(t, DefaultDrainTimeout, "DPR", func() {
			if m := c.receive(); m.Command != CmdDisconnectPeer {
				t.Errorf("command %d", m.Command)
			}
		})
		after(t, DefaultDisconnectTimeout, "closed", c.expectClosed)
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.answerHeld() // too late, but no harm
	})
}

// TestPeerDoesNotCloseAfterDPA closes for a peer that asked for the end and does not bring it.
func TestPeerDoesNotCloseAfterDPA(t *testing.T) {
	virtual(t, nil, func(t *testing.T, _ *Server, _ *recorder, p *pipes) {
		c := p.dial(t)
		c.handshake(1)
		c.send(appendDPR(nil, 3))
		if m := c.receive(); m.Command != CmdDisconnectPeer || resultOf(m) != ResultSuccess {
			t.Errorf("command %d", m.Command)
		}
		c.send(appendDPR(nil, 4)) // once is enough
		after(t, DefaultDisconnectTimeout, "closed", c.expectClosed)
	})
}

// TestShutdownContext ends the wait of a shutdown.
func TestShutdownContext(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *Server, r *recorder, p *pipes) {
		r.hold = true
		c := p.dial(t)
		c.handshake(1)
		c.send(appendSmallCCR(nil, 1))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		after(t, time.Second, "shutdown ended", func() {
			if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
		c.expectClosed()
	})
}

// TestRestartsAreBounded: a peer whose Origin-State-Id grows with every DWR is told of only a few times, and again when it
// has behaved for a while.
func TestRestartsAreBounded(t *testing.T) {
	virtual(t, nil, func(t *testing.T, s *Server, r *recorder, p *pipes) {
		c := p.dial(t)
		c.handshake(1)
		restarts := func() (n int) {
			for _, event := range r.log() {
				if strings.HasPrefix(event, "restarted") {
					n++
				}
			}
			return n
		}
		for n := range uint32(100) {
			c.send(appendDWR(nil, n, 2+n))
			if a := c.receive(); resultOf(a) != ResultSuccess {
				t.Fatalf("DWA: %v", resultOf(a))
			}
		}
		if n := restarts(); n != restartBurst {
			t.Errorf("told of %d restarts, want %d", n, restartBurst)
		}
		if n := s.Counters().RestartsPassedOver; n != 100-restartBurst {
			t.Errorf("%d restarts were passed over", n)
		}
		if got := s.Peers()[0].OriginStateID; got != 101 {
			t.Errorf("the last Origin-State-Id is %d", got)
		}
		_ = c.conn.Close()
		time.Sleep(restartRefill)
		c = p.dial(t)
		c.handshake(200)
		if n := restarts(); n != restartBurst+1 {
			t.Errorf("told of %d restarts after a quiet minute, want %d", n, restartBurst+1)
		}
		if want := fmt.Sprintf("restarted %s 101 200", gatewayHost); !slices.Contains(r.log(), want) {
			t.Errorf("events %q", r.log())
		}
		_ = c.conn.Close()
	})
}
