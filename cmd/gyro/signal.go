package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// exitInterrupted is the exit status of a process that a second signal ended: 128 + SIGINT, as shells have it.
const exitInterrupted = 130

// sameSignal is how long after the first signal another one is taken for its copy. timeout(1) and make(1) signal both
// the process and its group, so that one wish arrives twice within milliseconds; nobody asks twice within a second.
const sameSignal = time.Second

// stopWish makes of signals what was meant by them: the first asks for a clean end, one that comes later than its copies
// would asks for an end at once.
type stopWish struct {
	now   func() time.Time
	drain func() // called at the first signal
	exit  func() // called at each one after sameSignal
	first time.Time
}

func (w *stopWish) signalled() {
	switch now := w.now(); {
	case w.first.IsZero():
		w.first = now
		w.drain()
	case now.Sub(w.first) >= sameSignal:
		w.exit()
	}
}

// untilSignal ends the context at the first SIGINT or SIGTERM, and the process at another one that is not its copy.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	stopped := make(chan struct{})
	wish := stopWish{now: time.Now, drain: cancel, exit: func() { os.Exit(exitInterrupted) }}
	go func() {
		for {
			select {
			case <-stopped:
				return
			case <-signals:
				wish.signalled()
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(stopped)
		cancel()
	}
}
