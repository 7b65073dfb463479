package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gyro/internal/zone"
	"gyro/rating"
)

// rateFlags are the flags that say what a request looks like, and the keys of
// tests in a catalogue that they stand for.
var rateFlags = []struct{ flag, key, usage string }{
	{"service", "service", "`name` of the service; fills in what it is recognised by"},
	{"context", "context", "`number` in Service-Context-Id, such as 32251"},
	{"rating-group", "rating_group", "Rating-Group `number`"},
	{"service-id", "service_id", "Service-Identifier `number`"},
	{"apn", "apn", "`APN` of the session"},
	{"role", "role", "Node-`Role`: originating, terminating, proxy or b2bua"},
	{"called", "called", "E.164 `number` that is called"},
	{"calling", "calling", "E.164 `number` that calls"},
	{"serving", "serving", "serving `network`, such as 262-01"},
	{"rat", "rat", "radio access `type`, such as eutran or nr"},
	{"qci", "qci", "QoS class `identifier`, 1 to 254"},
	{"on-net", "on_net", "`true` when the called party is a subscriber of this system"},
	{"cycle-day", "cycle_day", "`day` on which the billing cycle begins, 1 to 28"},
}

// newRateCommand builds "gyro rate": the price of one session, and why.
func newRateCommand() *cobra.Command {
	var catalog, at string
	var offers, counters []string
	cmd := &cobra.Command{
		Use:   "rate USAGE...",
		Short: "Price one usage by a catalogue and show why it costs what it costs",
		Long: `Price one session by a catalogue, for a subscriber whose offers were just activated, and show why: which services, offers
and rules were tried, how units are rounded to increments, what allowances pay, in which tiers the rest falls, fees, caps and
rounding. Each USAGE is one report of the session, in the service's unit: 10MB, 90s or 1. No server is needed.`,
		Example: `  gyro rate --catalog catalog.yaml --offer talk --offer payg --service voice --called +4930123456 201m
  gyro rate --catalog catalog.yaml --offer payg --context 32251 --rating-group 10 --at "2026-11-23 10:00" 4MB 6MB`,
		Args: cobra.MinimumNArgs(1), SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if catalog == "" || len(offers) == 0 {
				return errors.New("which catalogue and which offer? For example --catalog catalog.yaml --offer payg")
			}
			if at == "" {
				at = time.Now().UTC().Format(time.RFC3339)
			}
			questions := []rating.Question{{Key: "offer", Values: offers}, {Key: "at", Values: []string{at}}, {Key: "used", Values: args}}
			for _, f := range rateFlags {
				if flag := cmd.Flags().Lookup(f.flag); flag.Changed {
					questions = append(questions, rating.Question{Key: f.key, Values: []string{flag.Value.String()}})
				}
			}
			if len(counters) > 0 {
				questions = append(questions, rating.Question{Key: "counters", Values: counters})
			}
			return rate(cmd, catalog, questions)
		},
	}
	f := cmd.Flags()
	f.StringVar(&catalog, "catalog", "", "`file` of the catalogue, or - for standard input")
	f.StringArrayVar(&offers, "offer", nil, "`name` of an offer of the subscriber; several in their order")
	f.StringVar(&at, "at", "", "`moment`, in the catalogue's time zone unless it ends in Z or an offset; now without it")
	f.StringArrayVar(&counters, "counter", nil, "`name=value`: where a counter of the catalogue is, such as data-cycle=4GB")
	for _, flag := range rateFlags {
		f.String(flag.flag, "", flag.usage)
	}
	return cmd
}

func rate(cmd *cobra.Command, catalog string, questions []rating.Question) error {
	text, err := readCatalog(cmd.InOrStdin(), catalog)
	if err != nil {
		return err
	}
	example, err := rating.Rate(text, zone.Load, questions)
	var list rating.SourceErrors
	if errors.As(err, &list) && list[0].Line == 0 { // of the question, not of the catalogue
		return errors.New("the usage cannot be priced: " + err.Error())
	}
	if err != nil {
		return sourceErrors(cmd.ErrOrStderr(), catalog, err)
	}
	fmt.Fprint(cmd.OutOrStdout(), example)
	if refusal := example.Trace.Refusal; refusal != rating.Matched {
		return fmt.Errorf("the usage has no price: %s", refusal)
	}
	return nil
}
