package diameter

import (
	"sync"
	"sync/atomic"
	"time"
)

// watchdog is the algorithm of RFC 3539 section 3.4 for a connection that the peer has opened: after Tw without a
// message a DWR is sent; after another Tw the peer is suspect; after a third the connection is down. Reopening
// belongs to the side that connects, so the states REOPEN and INITIAL have no use here.
//
// Receiving does not touch the timer. It would be stopped and started for every message, while all it needs is to
// find, when it fires, that something has come since: then it waits for what is left of Tw.
type watchdog struct {
	mu      sync.Mutex
	timer   *time.Timer
	stopped bool

	started time.Duration // start of the current period, in time since the server's start
	period  time.Duration // Tw with jitter
	missed  atomic.Int32  // periods that have ended without a message since the last one that came
}

// startWatchdog starts the watchdog of an open connection.
func (c *Conn) startWatchdog() {
	w := &c.watchdog
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	w.started = c.server.elapsed()
	w.period = c.server.jitteredWatchdog()
	w.timer = time.AfterFunc(w.period, c.watch)
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// suspect reports that the peer has left a DWR unanswered for Tw (RFC 3539 section 3.4.1, state SUSPECT).
func (w *watchdog) suspect() bool { return w.missed.Load() > 1 }

// watch runs when a period ends.
func (c *Conn) watch() {
	w := &c.watchdog
	w.mu.Lock()
	if w.stopped {
		w.mu.Unlock()
		return
	}
	now := c.server.elapsed()
	last := time.Duration(c.lastReceive.Load())
	if last >= w.started {
		w.missed.Store(0)
		w.started = last
		w.period = c.server.jitteredWatchdog()
		if wait := last + w.period - now; wait > 0 {
			w.timer.Reset(wait)
			w.mu.Unlock()
			return
		}
	}
	missed := w.missed.Add(1)
	w.started = now
	w.period = c.server.jitteredWatchdog()
	w.timer.Reset(w.period)
	w.mu.Unlock()
	switch missed {
	case 1:
		c.Unlock(c.server.appendDWR(c.Lock(), c.NextHopByHop()))
		c.Flush()
	case 2:
		c.server.options.Logger.Warn("diameter peer suspect", "origin_host", c.peer.host, "address", c.nc.RemoteAddr())
	default:
		c.close(ErrWatchdog)
	}
}

// jitteredWatchdog returns Tw, uniformly spread by WatchdogJitter either way.
func (s *Server) jitteredWatchdog() time.Duration {
	spread := uint64(2*WatchdogJitter) + 1
	return s.options.WatchdogInterval - WatchdogJitter + time.Duration(s.options.Rand()%spread)
}
