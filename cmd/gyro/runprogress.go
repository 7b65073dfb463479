package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"gyro/api/client"
)

// standing is how far a run of the office is: how many accounts of how many are done.
type standing struct {
	ID, State      string
	Done, Accounts int64
}

// keptRuns is where runs of a kind are looked at: with the API, below its path, and by which command.
type keptRuns struct {
	path string
	look func(id string) string
}

// officeRun is a run as the office shows it, which says how far it is.
type officeRun[T any] interface {
	*T
	standing() standing
}

// pollEvery is how often the office is asked how far a run is.
const pollEvery = 250 * time.Millisecond

// runToItsEnd begins a run, or finds the one that is open, and watches it until it is done. Whoever stops watching, by
// SIGINT for one, does not stop the run, and is told the command that shows it.
func runToItsEnd[T any, P officeRun[T]](r *remote, cmd *cobra.Command, kept keptRuns, request *client.Request) (P, error) {
	body, err := r.call(cmd, request)
	if err != nil {
		return nil, err
	}
	made := P(new(T))
	if err := json.Unmarshal(body, made); err != nil {
		return nil, err
	}
	ctx := cmd.Context()
	watching, stop := untilSignal(ctx)
	defer func() {
		stop()
		cmd.SetContext(ctx)
	}()
	cmd.SetContext(watching)
	at := made.standing()
	bar := progressbar.NewOptions64(max(at.Accounts, 1), progressbar.OptionSetWriter(cmd.ErrOrStderr()), progressbar.OptionSetDescription("run "+at.ID),
		progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish(), progressbar.OptionSetVisibility(!r.json && isTerminal(cmd.ErrOrStderr())))
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for at.State == "running" {
		select {
		case <-watching.Done():
			err = context.Cause(watching)
		case <-ticker.C:
			body, err = r.call(cmd, &client.Request{Method: client.Get, Path: kept.path + client.Path(at.ID)})
		}
		if err != nil {
			return nil, goesOn(watching, at.ID, kept.look(at.ID), err)
		}
		made = P(new(T))
		if err := json.Unmarshal(body, made); err != nil {
			return nil, err
		}
		at = made.standing()
		_ = bar.Set64(min(at.Done, max(at.Accounts, 1))) // a bar that cannot be drawn stops nothing
	}
	_ = bar.Finish()
	return made, nil
}

// goesOn says of a run that is watched no more how to look at it.
func goesOn(watching context.Context, id, look string, why error) error {
	hint := fmt.Sprintf("run %s goes on in the office: %s %s shows how far it is", id, self(), look)
	if watching.Err() != nil {
		return fmt.Errorf("interrupted; %s", hint)
	}
	return fmt.Errorf("%w\n%s", why, hint)
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
