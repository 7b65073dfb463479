package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func newUpCommand() *cobra.Command {
	var d demoFlags
	var profile string
	cmd := &cobra.Command{
		Use: "up", Short: "Run the charging engine and the office", Args: cobra.NoArgs,
		Long: `Run the charging engine: gateways connect over Diameter, programs and people over HTTP. Beside it runs the office
half - customers, catalogue, orders, billing - unless --office=false. Charging never waits for the office: while its
database is down, requests are charged, and the office is tried again.

SIGTERM and SIGINT drain: no request is left unanswered, a checkpoint is written, gateways are told to go (DPR).
Another signal, a second or more after the first, ends the process at once; nothing that was answered is lost.`,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := d.validate(cmd); err != nil {
				return err
			}
			stopProfile, err := profileCPU(profile)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, stopProfile()) }()
			cfg, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			if d.on {
				return runDemo(cmd, cfg, &d)
			}
			// Before anything is opened, so that a signal in the middle of the start
			// is kept until there is something to stop cleanly.
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			n, err := startNode(cfg, newLogger(cmd.ErrOrStderr(), cfg.Log))
			if err != nil {
				return err
			}
			if cfg.Office.Enabled {
				if n.office, err = startOfficeBeside(n, nil); err != nil {
					return errors.Join(err, n.stop())
				}
			}
			return n.run(ctx)
		},
	}
	addSettingFlags(cmd)
	d.add(cmd)
	cmd.Flags().StringVar(&profile, "cpu-profile", "", "write a CPU profile of the whole run to this `file`")
	_ = cmd.Flags().MarkHidden("cpu-profile") // for gyro bench
	return cmd
}

// run serves until a signal ends ctx or the journal ends, and stops cleanly.
func (n *node) run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		n.logger.Info("stopping: answering what was taken")
		return n.stop()
	case err := <-n.served:
		return fmt.Errorf("a listener ended: %w", err)
	case <-n.core.journal.Stopped():
		return fmt.Errorf("the journal ended: %w", n.core.journal.Err())
	}
}
