package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"gyro/bench"
	"gyro/internal/config"
	"gyro/internal/simulator"
	"gyro/network/element/policy"
	"gyro/network/element/repository"
	"gyro/network/element/subscriberdata"
)

// processFlags are those that every simulated process has that is spoken to over HTTP.
type processFlags struct {
	listen, state string
	log           config.Log
	latency       time.Duration
	jitter        time.Duration
	faults        simulator.Faults
}

func (p *processFlags) add(cmd *cobra.Command, address, state string) {
	f := cmd.Flags()
	f.StringVar(&p.listen, "listen", address, "`address` to serve on")
	f.StringVar(&p.state, "state", state, "`file` of what was acknowledged")
	f.StringVar(&p.log.Format, "log-format", "text", "text or json")
	f.StringVar(&p.log.Level, "log-level", "info", "debug, info, warn or error")
	f.DurationVar(&p.latency, "latency", 0, "wait before a request is looked at")
	f.DurationVar(&p.jitter, "jitter", 0, "up to so much more wait")
	f.IntVar(&p.faults.Refuse, "refuse", 0, "`permille` of the requests that are refused")
	f.IntVar(&p.faults.RefuseStatus, "refuse-status", 503, "HTTP status of a refusal, 400 to 599")
	f.IntVar(&p.faults.DropBefore, "drop-before", 0, "`permille`: the connection is closed, nothing was carried out")
	f.IntVar(&p.faults.DropAfter, "drop-after", 0, "`permille`: carried out, and the connection closed without an answer")
	f.IntVar(&p.faults.HangBefore, "hang-before", 0, "`permille`: nothing is carried out and the answer never comes")
	f.IntVar(&p.faults.HangAfter, "hang-after", 0, "`permille`: carried out, and the answer never comes")
	f.IntVar(&p.faults.ExitBefore, "exit-before", 0, "`permille`: the process dies before anything is carried out")
	f.IntVar(&p.faults.ExitAfter, "exit-after", 0, "`permille`: carried out, and the process dies instead of answering")
	f.StringSliceVar(&p.faults.Only, "only", nil, "IMSIs, or the payment provider's tokens, that failures are limited to (default: all)")
	f.IntVar(&p.faults.Limit, "limit", 0, "failures at most (0: no end)")
	f.Uint64Var(&p.faults.Seed, "seed", 1, "seed that decides which requests fail")
}

// simulated is what a command serves.
type simulated struct {
	options simulator.Options
	run     func(ctx context.Context) error // what else goes on until ctx ends; may be nil
	close   func() error
}

// serve runs a simulated process until a signal or its own death.
func (p *processFlags) serve(cmd *cobra.Command, open func(logger *slog.Logger) (*simulated, error)) error {
	logger, err := p.logger(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	what, err := open(logger)
	if err != nil {
		return err
	}
	defer func() { _ = what.close() }() // what was acknowledged is on disk already
	p.faults.Latency, p.faults.Jitter = simulator.Duration(p.latency), simulator.Duration(p.jitter)
	o := &what.options
	o.Faults, o.Exit, o.Logger = p.faults, os.Exit, logger
	server, err := simulator.NewServer(*o)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", p.listen)
	if err != nil {
		return listenError("--listen", p.listen, err)
	}
	ctx, stop := untilSignal(cmd.Context())
	defer stop()
	logger.Info(bench.ReadyMessage, "http", l.Addr().String(), "simulates", o.Name, "state", p.state)
	return together(ctx, func(ctx context.Context) error { return server.Serve(ctx, l) }, what.run)
}

// together runs functions until ctx or one of them ends; one that is nil is none.
func together(ctx context.Context, running ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(running))
	var group sync.WaitGroup
	for n, run := range running {
		if run == nil {
			continue
		}
		group.Go(func() {
			defer cancel()
			errs[n] = run(ctx)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (p *processFlags) logger(out io.Writer) (*slog.Logger, error) {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, p.log.Level) {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", p.log.Level)
	}
	if p.log.Format != "text" && p.log.Format != "json" {
		return nil, fmt.Errorf("--log-format %q: use text or json", p.log.Format)
	}
	return newLogger(out, p.log), nil
}

// newSimulateHSS builds "gyro simulate hss".
func newSimulateHSS() *cobra.Command {
	return newSimulateRepository("hss", "Subscriber data (HSS): JSON over HTTP, TS 29.504 and 29.505", "127.0.0.1:8301", subscriberdata.Open, "udr", "udm", "hlr")
}

// newSimulatePCRF builds "gyro simulate pcrf".
func newSimulatePCRF() *cobra.Command {
	return newSimulateRepository("pcrf", "Policy (PCRF): JSON over HTTP, TS 29.504 and 29.519", "127.0.0.1:8302", policy.Open, "pcf")
}

func newSimulateRepository(name, short, address string, open func(path string) (*repository.Repository, error), suggestFor ...string) *cobra.Command {
	p := &processFlags{}
	cmd := &cobra.Command{
		Use: name, Short: short, SuggestFor: suggestFor, Args: cobra.NoArgs, SilenceUsage: true,
		Long: fmt.Sprintf(`%s.

What it acknowledged is on disk and there again after any end of the process. It fails as it is told to: by flags, and
while it runs by PUT /admin/faults.`, short),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.serve(cmd, func(*slog.Logger) (*simulated, error) {
				r, err := open(p.state)
				if err != nil {
					return nil, err
				}
				return &simulated{
					options: simulator.Options{Name: name, Handler: r, Subject: r.Subject, Statistics: r.Statistics},
					close:   r.Close,
				}, nil
			})
		},
	}
	p.add(cmd, address, "gyro-"+name+".state")
	return cmd
}
