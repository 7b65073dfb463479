package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"gyro/charging"
	"gyro/charging/gy"
	"gyro/internal/config"
	"gyro/internal/demo"
	"gyro/internal/zone"
	"gyro/rating"
	demodata "gyro/testdata/demo"
)

// demoFlags are the flags of gyro up that only the demo has.
type demoFlags struct {
	on      bool
	span    time.Duration
	summary string
	rate    int
	seed    uint64
}

func (d *demoFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&d.on, "demo", false, "open a demo operator and drive it with simulated network elements")
	f.DurationVar(&d.span, "for", 0, "with --demo: end by itself after this time (0: until Ctrl-C)")
	f.StringVar(&d.summary, "summary", "", "with --demo: write the figures to this `file` as JSON")
	f.IntVar(&d.rate, "rate", 2000, "with --demo: CCRs a second of all elements together")
	f.Uint64Var(&d.seed, "seed", 1, "with --demo: seed of the traffic")
}

func (d *demoFlags) validate(cmd *cobra.Command) error {
	for _, name := range []string{"for", "summary", "rate", "seed"} {
		if !d.on && cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s goes with --demo", name)
		}
	}
	if d.span < 0 {
		return fmt.Errorf("--for %s: must not be negative", d.span)
	}
	if d.on && d.rate < 1 {
		return errors.New("--rate: at least 1 CCR a second")
	}
	return nil
}

// runDemo runs the demo: on a directory of its own that is removed at the end,
// unless --data says where.
func runDemo(cmd *cobra.Command, cfg *config.Config, d *demoFlags) (err error) {
	ctx, stop := untilSignal(cmd.Context())
	defer stop()
	// Now, not when the run that it is to hold is over.
	if err := writable(d.summary); err != nil {
		return fmt.Errorf("--summary: %w", err)
	}
	work, err := os.MkdirTemp("", "gyro-demo-")
	if err != nil {
		return err
	}
	defer func() {
		// The elements' logs stay where something is to be looked into.
		if err == nil {
			err = os.RemoveAll(work)
		}
	}()
	if !cmd.Flags().Changed("data") {
		cfg.Data = filepath.Join(work, "data")
	}
	if !cmd.Flags().Changed("log-level") {
		cfg.Log.Level = "warn"
	}
	logger := newLogger(cmd.ErrOrStderr(), cfg.Log)
	operator, err := demo.ReadOperator(demodata.Operator)
	if err != nil {
		return err
	}
	servedAs(cfg)
	office, err := openDemoSurroundings(cfg, work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, office.end()) }()
	clock := demo.NewClock()
	n, err := startNodeAt(cfg, logger, clock.Now)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	_, _ = fmt.Fprintf(out, "gyro is up: Diameter %s, HTTP %s, data %s\n", n.gateways[0].Addr(), n.http.addr(), cfg.Data)
	if err := openOperator(ctx, n, operator, clock); err != nil {
		return errors.Join(err, n.stop())
	}
	forgetGateways(n)
	_, _ = fmt.Fprintf(out, "the demo operator has %d subscribers; try: %s account show demo-00000 --server http://%s\n", operator.Subscribers(), self(), n.http.addr())
	options := demo.Options{
		Engine: n.core.engine, Operator: operator, Server: n.gateways[0].Addr().String(),
		Realm: cfg.Origin.Realm, Dir: work, For: d.span,
		Rate: d.rate, Seed: d.seed, Summary: d.summary, Out: out, Terminal: term.IsTerminal(int(os.Stdout.Fd())),
		Close: func() (*demo.Books, error) { return closeDemoBooks(n.core) },
		Asked: func() demo.Asked { return askedOf(n.notices.Counts()) },
	}
	if err = office.open(ctx, cmd, n, d, &options); err == nil {
		err = demo.Run(ctx, options)
	}
	return errors.Join(err, office.stop(), n.stop())
}

// forgetGateways releases the sessions of elements that a demo left which was killed: those of this one are others, and
// know nothing of them.
func forgetGateways(n *node) {
	var open int
	n.core.engine.View(func(s *charging.State) { open = s.Stats().OpenSessions })
	if open == 0 {
		return
	}
	for host := range demo.Profiles() {
		n.peerRestarted(host)
	}
}

// servedAs gives the demo's elements the profiles of what they simulate, unless
// the configuration does.
func servedAs(cfg *config.Config) {
	for host, profile := range demo.Profiles() {
		if !slices.ContainsFunc(cfg.Diameter.Peers, func(p config.Peer) bool { return p.Host == host }) {
			cfg.Diameter.Peers = append(cfg.Diameter.Peers, config.Peer{Host: host, Profile: profile})
		}
	}
}

// askedOf adds up what gateways were asked for and what they answered.
func askedOf(c gy.NoticeCounts) demo.Asked {
	answered := func(kind charging.NoticeKind) (n uint64) {
		for _, count := range c.Answered[kind] {
			n += count
		}
		return n
	}
	return demo.Asked{
		Reauthorise: c.Sent[charging.Reauthorise], ReauthoriseAnswered: answered(charging.Reauthorise),
		Abort: c.Sent[charging.Abort], AbortAnswered: answered(charging.Abort),
	}
}

// writable reports why a file cannot be written, if it is named, and leaves it
// as it is.
func writable(path string) error {
	if path == "" {
		return nil
	}
	_, missing := os.Lstat(path)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil || missing == nil {
		return err
	}
	return os.Remove(path)
}

// openOperator publishes the catalogue and opens the accounts.
func openOperator(ctx context.Context, n *node, operator *demo.Operator, clock *demo.Clock) error {
	begun := time.Now()
	name, err := rating.TimeZone(demodata.Catalog)
	if err != nil {
		return err
	}
	table, ok := zone.Load(name)
	if !ok {
		return fmt.Errorf("the demo catalogue's time zone %q is unknown", name)
	}
	reply, err := n.core.engine.Do(ctx, charging.KindPublish, charging.Publish{
		Name: "demo", Source: demodata.Catalog, Zones: table.Append(nil),
	})
	if err != nil {
		return err
	}
	if reply.Result != charging.Success {
		return errors.New(reply.Detail)
	}
	return operator.Open(ctx, n.core.engine, clock, func(done int) {
		n.logger.Log(ctx, slog.LevelInfo, "opening accounts", "done", done, "of", operator.Accounts(), "took", time.Since(begun).Round(time.Millisecond).String())
	})
}

// closeDemoBooks proves the books and adds their differences up.
func closeDemoBooks(c *core) (*demo.Books, error) {
	closed, err := closeBooks(c)
	if err != nil {
		return nil, err
	}
	b := &demo.Books{
		Problems: closed.Problems, Reserved: closed.Books.Reserved,
		OpenReservations: closed.OpenReservations, OpenSessions: closed.Books.OpenSessions,
	}
	for _, difference := range closed.Difference {
		v, ok := difference.Int64()
		if !ok {
			v = 1<<63 - 1
		}
		b.Difference += max(v, -v)
	}
	return b, nil
}
