package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// suggestionDistance is how many letters may be wrong in a word that is still recognised.
const suggestionDistance = 2

// rejectUnknown makes a word that is none of a group's commands an error. Cobra does so for the root alone: below it, a
// mistyped command prints help and succeeds, and a script goes on as if it had done its work.
func rejectUnknown(group *cobra.Command) {
	group.SuggestionsMinimumDistance = suggestionDistance
	// The flags behind a mistyped command are that command's; as the group's own they would be the error that is reported.
	group.DisableFlagParsing, group.DisableFlagsInUseLine = true, true
	group.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 || slices.Contains(args, "--help") || slices.Contains(args, "-h") {
			return cmd.Help()
		}
		if strings.HasPrefix(args[0], "-") {
			return fmt.Errorf("%s: the command comes before its flags; %q lists the commands", args[0], cmd.CommandPath()+" --help")
		}
		unknown := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		if near := suggestions(cmd, args[0]); len(near) > 0 {
			return fmt.Errorf("%s; did you mean %s?", unknown, strings.Join(near, " or "))
		}
		return fmt.Errorf("%s; %q lists the commands", unknown, cmd.CommandPath()+" --help")
	}
}

// suggestions are the commands that a word may have meant: those that know it as another name of theirs, else those that
// are spelt like it.
func suggestions(group *cobra.Command, word string) []string {
	for _, cmd := range group.Commands() {
		if slices.Contains(cmd.SuggestFor, strings.ToLower(word)) {
			return []string{cmd.Name()}
		}
	}
	return group.SuggestionsFor(word)
}
