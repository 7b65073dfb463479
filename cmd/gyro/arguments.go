package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// explainArguments makes errors about arguments and flags, of a command and those below it, say what is missing and how the
// command is written. Cobra counts the arguments, and takes an amount below zero for a flag.
func explainArguments(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		explainArguments(below)
	}
	if accepts := cmd.Args; accepts != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if accepts(cmd, args) == nil {
				return nil
			}
			return fmt.Errorf("%s; write %s", mismatch(cmd, args), howToWrite(cmd))
		}
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if negative.MatchString(err.Error()) && takesArguments(cmd) {
			return fmt.Errorf("%w: an amount below zero stands behind two dashes; write %s -- %s", err, cmd.CommandPath()+" [flags]", strings.Join(arguments(cmd), " "))
		}
		return fmt.Errorf("%w; %q lists the flags", plainly(err), cmd.CommandPath()+" --help")
	})
}

// plainly says of a value that is no number what it should be, instead of which function read it.
func plainly(err error) error {
	invalid, number := new(pflag.InvalidValueError), new(strconv.NumError)
	if !errors.As(err, &invalid) || !errors.As(err, &number) {
		return err
	}
	kind := "a whole number"
	switch invalid.GetFlag().Value.Type() {
	case "bool":
		kind = "true or false"
	case "uint", "uint16", "uint32", "uint64":
		kind = "a whole number from 0"
	}
	if errors.Is(number, strconv.ErrRange) {
		kind += " of this size"
	}
	return fmt.Errorf("--%s %s: give %s", invalid.GetFlag().Name, invalid.GetValue(), kind)
}

var (
	// negative recognises what Cobra says of a number that it took for flags.
	negative = regexp.MustCompile(`in -[0-9.]+$`)
	// placeholder is what stands for an argument in a command's line of usage.
	placeholder = regexp.MustCompile(`^\[?[A-Z-]+(=[A-Z]+)?(\.\.\.)?\]?$`)
)

// arguments are the placeholders in a command's line of usage.
func arguments(cmd *cobra.Command) (names []string) {
	words := strings.Fields(cmd.Use)[1:]
	for k, word := range words {
		ofFlag := k > 0 && strings.HasPrefix(words[k-1], "--")
		if !ofFlag && placeholder.MatchString(word) {
			names = append(names, word)
		}
	}
	return names
}

func takesArguments(cmd *cobra.Command) bool { return len(arguments(cmd)) > 0 }

// mismatch says how the arguments differ from those that a command takes.
func mismatch(cmd *cobra.Command, args []string) string {
	names := arguments(cmd)
	if len(args) < len(names) {
		return names[len(args)] + " is missing"
	}
	return fmt.Sprintf("%q is an argument too many", args[len(names)])
}

// howToWrite is the command with its arguments, as it is written.
func howToWrite(cmd *cobra.Command) string { return fmt.Sprintf("%q", cmd.UseLine()) }
