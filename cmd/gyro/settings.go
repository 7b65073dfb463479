package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"gyro/api"
	"gyro/internal/config"
)

// settingFlag is a flag that sets a key of the configuration.
type settingFlag struct {
	flag, key, usage string
	of               half
}

// half is the part of gyro that a setting is for.
type half uint8

const (
	both half = iota
	chargingOnly
	officeToo  // the office, in one process with charging or alone
	officeOnly // the office alone
	beside     // the office in one process with charging
)

// settingFlags are the flags that set a key of the configuration.
var settingFlags = []settingFlag{
	{"data", "data", "data `directory`", both},
	{"diameter-listen", "diameter.listen", "`address` for gateways", chargingOnly},
	{"http-listen", "http.listen", "`address` of the charging API", chargingOnly},
	{"origin-host", "origin.host", "own Origin-Host", chargingOnly},
	{"origin-realm", "origin.realm", "own Origin-Realm", chargingOnly},
	{"allow-unknown", "diameter.allow_unknown", "take gateways that are not configured: auto, true or false", chargingOnly},
	{"profile", "diameter.profile", "profile of gateways that have none: lenient, strict, open5gs, kamailio, staros or one of the file's", chargingOnly},
	{"office", "office.enabled", "run the office half as well: true or false", beside},
	{"database", "office.database", "the office's database: sqlite:`PATH` or postgres://user@host/name (default: an SQLite file in the data directory)", officeToo},
	{"office-listen", "office.listen", "`address` of the office's API", officeToo},
	{"core", "office.core.url", "base `URL` of the charging API", officeOnly},
	{"core-key-file", "office.core.key_file", "`file` with the key of the charging API", officeOnly},
	{"log-level", "log.level", "debug, info, warn or error", both},
	{"log-format", "log.format", "text or json", both},
}

// addSettingFlags gives a command the flags of gyro up.
func addSettingFlags(cmd *cobra.Command) { addFlags(cmd, both, chargingOnly, officeToo, beside) }

// addFlags gives a command the flags of some parts.
func addFlags(cmd *cobra.Command, parts ...half) {
	defaults := config.Defaults()
	cmd.Flags().String("config", "", "configuration `file` (YAML)")
	for _, s := range settingFlags {
		if !slices.Contains(parts, s.of) {
			continue
		}
		cmd.Flags().String(s.flag, fmt.Sprint(defaults[s.key]), s.usage)
		if _, yes := defaults[s.key].(bool); yes {
			cmd.Flags().Lookup(s.flag).NoOptDefVal = "true"
		}
	}
}

// loadConfig reads the configuration that a command's flags, the environment
// and the file make together.
func loadConfig(cmd *cobra.Command) (*config.Config, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	flags := map[string]any{}
	for _, s := range settingFlags {
		if f := cmd.Flags().Lookup(s.flag); f != nil && f.Changed {
			flags[s.key] = f.Value.String()
		}
	}
	c, err := config.Load(path, os.Environ(), flags)
	if err != nil {
		return nil, err
	}
	if _, _, err := profilesOf(&c.Diameter); err != nil {
		return nil, err
	}
	return c, nil
}

// quiet is the logging of tools that print their own findings.
var quiet = config.Log{Level: "warn", Format: "text"}

// newLogger is the program's log. What libraries write with the log package is in it as well, and not between its lines.
func newLogger(w io.Writer, l config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if l.Format == "json" {
		handler = slog.NewJSONHandler(w, options)
	}
	logger := slog.New(handler)
	slog.SetDefault(logger)
	return logger
}

// secretText goes to standard error, hashText to standard output, which is the
// one that is redirected into files.
const (
	secretText = "The key, for the client, shown this once: %s\n"
	hashText   = `http:
  api_keys:
    - {name: office, hash: "%s", scope: write}
`
)

func newConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Show and prepare the configuration",
		Long: `Settings come from the defaults, then a YAML file (--config), then environment variables, then flags, each over the one
before. The variable of a setting is its key in capitals behind GYRO_, with _ for dots: GYRO_HTTP_LISTEN sets http.listen.
Any other variable that begins with GYRO_ is an error. Lists can be set in the file only. What each key means is described
in docs/operations/configuration.md.`,
	}
	show := &cobra.Command{
		Use: "show", Short: "Print the effective configuration as YAML", Args: cobra.NoArgs,
		Long: `Print the configuration that gyro up would run with, given the same file, environment and flags, as YAML that
--config reads back. Errors name the key.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			text, err := c.Show()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	addSettingFlags(show)
	key := &cobra.Command{
		Use: "api-key", Short: "Make an API key: the key for the client, its hash for the configuration", Args: cobra.NoArgs,
		Long: `Make an API key. The key itself is for the client (Authorization: Bearer KEY) and goes to standard error: it is kept
nowhere, and must not get into the configuration. Standard output is YAML for the configuration: the hash of the key, with
a name for the audit log and a scope (read or write) to be adapted.`,
		Example: `  gyro config api-key >api-key.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			secret, hash := api.NewKey()
			if _, err := fmt.Fprintf(cmd.ErrOrStderr(), secretText, secret); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), hashText, hash)
			return err
		},
	}
	cmd.AddCommand(show, key)
	return cmd
}
