package main

import (
	"strings"
	"testing"
)

func TestMistypedCommands(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ args, want string }{
		{"ledger verfy", `unknown command "verfy" for "gyro ledger"; did you mean verify?`},
		{"ledger verfy --data x", `unknown command "verfy" for "gyro ledger"; did you mean verify?`},
		{"simulate smf --rate 5", `for "gyro simulate"; did you mean pgw?`},
		{"catalog chek file", `did you mean check?`},
		{"config display", `unknown command "display" for "gyro config"; "gyro config --help" lists the commands`},
		{"bench chargin", `did you mean charging?`},
		{"simulate --rate 5", `--rate: the command comes before its flags`},
		{"legder", `unknown command "legder" for "gyro"`},
	} {
		if said := refused(t, nil, strings.Fields(tt.args)...); !strings.Contains(said, tt.want) {
			t.Errorf("gyro %s said %q, want %q", tt.args, said, tt.want)
		}
	}
}

// TestGroupsHelp asks for help, which is no mistake.
func TestGroupsHelp(t *testing.T) {
	t.Parallel()
	for _, cmd := range newRootCommand().Commands() {
		if !cmd.HasSubCommands() {
			continue
		}
		for _, args := range [][]string{{cmd.Name()}, {cmd.Name(), "--help"}, {cmd.Name(), "-h"}, {"help", cmd.Name()}} {
			if len(args) == 1 && !cmd.DisableFlagParsing {
				continue // a command that does something of its own, such as gyro books
			}
			out, err := runCommand(t, newRootCommand(), "", args...)
			if err != nil || !strings.Contains(out, "Available Commands:") {
				t.Errorf("gyro %v: %v, %q", args, err, out)
			}
		}
	}
}
