package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

// newSubscriberCommand builds "gyro subscriber": the life of subscribers.
func newSubscriberCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "subscriber", Short: "Subscribers of a running server: their state, their device"}
	r := &remote{}
	r.flags(cmd)
	cmd.AddCommand(newSubscriberSetCommand(r), newSubscriberLimitCommand(r))
	return cmd
}

func newSubscriberSetCommand(r *remote) *cobra.Command {
	var m once
	var state, until, then, equipment, reason string
	cmd := &cobra.Command{
		Use: "set ACCOUNT IDENTITY", Short: "Move a subscriber to another state, or bind it to a device", Args: cobra.ExactArgs(2),
		Example: `  gyro subscriber set 1001 msisdn:491720000001 --state suspended-two-way --reason stolen
  gyro subscriber set 1001 imsi:001010000000001 --state suspended-one-way --until 2027-01-02T00:00:00Z --then active
  gyro subscriber set 1001 imsi:001010000000001 --equipment 35693803564380`,
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{"subscriber": args[1]}
			for name, value := range stated(map[string]string{"state": state, "until": until, "then": then, "reason": reason}) {
				body[name] = value
			}
			if cmd.Flags().Changed("equipment") {
				body["equipment"] = equipment
			}
			return r.change(cmd, &m, &client.Request{Method: client.Post, Path: accountPath(args[0], "subscriber-states"), Body: body})
		},
	}
	m.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&state, "state", "", "ordered, active, suspended-one-way, suspended-two-way, grace or terminated")
	f.StringVar(&until, "until", "", "`moment` when the state ends (default: by the configured policy)")
	f.StringVar(&then, "then", "", "`state` that follows")
	f.StringVar(&equipment, "equipment", "", "`IMEI` of the only device that may be used; \"\" for any")
	f.StringVar(&reason, "reason", "", "`code` of why")
	return cmd
}

func newSubscriberLimitCommand(r *remote) *cobra.Command {
	var m once
	cmd := &cobra.Command{
		Use: "limit ACCOUNT IDENTITY [COUNTER=MOST...]", Short: "Set all limits of a subscriber on what the account shares; without any, end them", Args: cobra.MinimumNArgs(2),
		Example: `  gyro subscriber limit 1001 msisdn:491720000001 data-child=2000000000 money-child=5.00`,
		RunE: func(cmd *cobra.Command, args []string) error {
			limits := []map[string]string{}
			for _, word := range args[2:] {
				counter, most, found := strings.Cut(word, "=")
				if !found {
					return fmt.Errorf("%q is not COUNTER=MOST, such as data-child=2000000000", word)
				}
				limits = append(limits, map[string]string{"counter": counter, "most": most})
			}
			return r.change(cmd, &m, &client.Request{
				Method: client.Post, Path: accountPath(args[0], "limits"), Body: map[string]any{"subscriber": args[1], "limits": limits},
			})
		},
	}
	m.flags(cmd)
	return cmd
}

// newSubscriptionCommand builds "gyro subscription": what an account has taken.
func newSubscriptionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "subscription", Short: "Subscriptions of a running server: start, change, end"}
	r := &remote{}
	r.flags(cmd)
	cmd.AddCommand(newSubscriptionStartCommand(r), newSubscriptionEndCommand(r))
	return cmd
}

func newSubscriptionStartCommand(r *remote) *cobra.Command {
	var m once
	var subscriber, code, replaces string
	var atCycleEnd bool
	cmd := &cobra.Command{
		Use: "start ACCOUNT OFFER", Short: "Subscribe an account, or one subscriber, to an offer", Args: cobra.ExactArgs(2),
		Example: `  gyro subscription start 1001 roaming-pass --subscriber msisdn:491720000001
  gyro subscription start 1001 data-10gb --replaces data-5gb --at-cycle-end`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.change(cmd, &m, &client.Request{Method: client.Post, Path: accountPath(args[0], "subscriptions"), Body: map[string]any{
				"offer": args[1], "subscriber": subscriber, "code": code, "replaces": replaces, "at_cycle_end": atCycleEnd,
			}})
		},
	}
	m.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&subscriber, "subscriber", "", "`identity` of whom it is for (default: all of the account)")
	f.StringVar(&code, "code", "", "`code` of a promotion")
	f.StringVar(&replaces, "replaces", "", "`offer` that this one takes the place of")
	f.BoolVar(&atCycleEnd, "at-cycle-end", false, "change when the period that is paid for ends")
	return cmd
}

func newSubscriptionEndCommand(r *remote) *cobra.Command {
	var m once
	var subscriber string
	var atCycleEnd, waive bool
	cmd := &cobra.Command{
		Use: "end ACCOUNT OFFER", Short: "End a subscription", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.change(cmd, &m, &client.Request{Method: client.Post, Path: accountPath(args[0], "subscriptions", "end"), Body: map[string]any{
				"offer": args[1], "subscriber": subscriber, "at_cycle_end": atCycleEnd, "waive_commitment": waive,
			}})
		},
	}
	m.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&subscriber, "subscriber", "", "`identity` of whom it is for (default: all of the account)")
	f.BoolVar(&atCycleEnd, "at-cycle-end", false, "let the period that is paid for end first")
	f.BoolVar(&waive, "waive-commitment", false, "end it although the customer is committed for longer")
	return cmd
}
