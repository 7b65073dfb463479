package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show which version this is, and what built it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
	}
}

// version is one line: the module's version, the commit if the build was stamped with one, and the compiler.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return describe(info) + " " + runtime.GOOS + "/" + runtime.GOARCH
}

func describe(info *debug.BuildInfo) string {
	line := "gyro " + info.Main.Version
	if info.Main.Version == "" {
		line = "gyro (devel)" // as go build has it where it knows no version
	}
	stamp := map[string]string{}
	for _, s := range info.Settings {
		stamp[s.Key] = s.Value
	}
	if revision := stamp["vcs.revision"]; revision != "" {
		line += ", revision " + revision
		if at := stamp["vcs.time"]; at != "" {
			line += " of " + at
		}
		if stamp["vcs.modified"] == "true" {
			line += ", modified"
		}
	}
	return line + ", " + info.GoVersion
}
