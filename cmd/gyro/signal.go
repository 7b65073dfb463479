package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// exitInterrupted is the exit status of a process that a second signal ended: 128 + SIGINT, as shells have it.
const exitInterrupted = 130

// untilSignal ends the context at the first SIGINT or SIGTERM and the process at the second.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			select {
			case <-stopped:
				return
			case <-signals:
			}
			if !first {
				os.Exit(exitInterrupted)
			}
			cancel()
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(stopped)
		cancel()
	}
}
