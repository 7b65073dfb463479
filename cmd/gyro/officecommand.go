package main

import (
	"errors"

	"github.com/spf13/cobra"

	"gyro/api/client"
	"gyro/internal/config"
)

// newOfficeCommand builds "gyro office": the office half alone.
func newOfficeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "office", Short: "Run the office half alone, against a remote charging engine", Args: cobra.NoArgs,
		Long: `Run the office half alone: customers, catalogue, orders and billing, against the charging API of a gyro that runs
elsewhere (--core). The key for that API is in the file that office.core.key_file names.

The first start writes an administrator's key into the data directory, in office/admin.key. SIGTERM and SIGINT drain:
what was asked is answered, and jobs that are at work end; a kill loses nothing, jobs go on after the next start.`,
		Example: `  gyro office --core http://ocs1.example.net:8080 --core-key-file core.key --database postgres://gyro@db.example.net/office`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			core, err := remoteCore(&cfg.Office)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			o, err := startOffice(ctx, officeOptions{Config: cfg, Logger: newLogger(cmd.ErrOrStderr(), cfg.Log), Core: core})
			if err != nil {
				return err
			}
			return o.run(ctx)
		},
	}
	addFlags(cmd, both, officeToo, officeOnly)
	return cmd
}

// remoteCore is the charging API that an office reaches from elsewhere.
func remoteCore(o *config.Office) (*client.Charging, error) {
	if o.Core.URL == "" {
		return nil, errors.New("--core: name the charging API of the engine, such as http://192.0.2.10:8080; gyro up runs both halves in one process")
	}
	key, err := secretFrom("office.core.key_file", o.Core.KeyFile)
	if err != nil {
		return nil, err
	}
	return client.NewCharging(o.Core.URL, key), nil
}
