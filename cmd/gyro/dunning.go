package main

import (
	"encoding/json"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

const dunningPath = officeBase + "/dunning"

// newDunningCommand builds "gyro dunning".
func newDunningCommand() *cobra.Command {
	r := newOfficeRemote()
	cmd := &cobra.Command{Use: "dunning", Short: "What is overdue, and what is done about it"}
	r.flags(cmd)
	cmd.AddCommand(
		newDunningRunCommand(r), newDunningRunsCommand(r), newDunningListCommand(r), r.showCommand("show CASE", "Show a case with the steps that were taken", dunningPath+"/cases", ""),
		newDunningHoldCommand(r), newDunningPolicyCommand(r),
	)
	return cmd
}

func newDunningListCommand(r *remote) *cobra.Command {
	var state, account string
	cmd := &cobra.Command{
		Use: "list", Short: "List the cases", Args: cobra.NoArgs,
		Annotations: none("none: gyro dunning run found no account that is overdue by what the policy asks for"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if state != "" && state != "all" {
				query.Set("state", state)
			}
			if account != "" {
				query.Set("account", account)
			}
			return r.feed(cmd, dunningPath+"/cases", query, column{"CASE", "id"}, column{"ACCOUNT", "account"}, column{"STATE", "state"}, column{"SINCE", "overdueSince"},
				column{"OVERDUE", "overdue"}, column{"CURRENCY", "currency"}, column{"STEP", "step"}, column{"SUSPENDED", "suspended"}, column{"HOLD", "holdUntil"})
		},
	}
	cmd.Flags().StringVar(&state, "state", "open", "open, closed or all")
	cmd.Flags().StringVar(&account, "account", "", "of this billing account `id` alone")
	return cmd
}

func newDunningHoldCommand(r *remote) *cobra.Command {
	var until, reason string
	cmd := &cobra.Command{
		Use: "hold CASE", Short: "Put dunning of a case off until a day has passed, or, without one, go on with it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.do(cmd, &client.Request{
				Method: client.Post, Path: dunningPath + "/cases" + client.Path(args[0]) + "/hold", Body: map[string]any{"until": until, "reason": reason},
			})
		},
	}
	cmd.Flags().StringVar(&until, "until", "", "the last `day` of the hold")
	cmd.Flags().StringVar(&reason, "reason", "", "why, such as 'promised to pay'")
	return cmd
}

func newDunningPolicyCommand(r *remote) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "policy", Short: "Show the policy that holds, or store another one", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return r.do(cmd, &client.Request{Method: client.Get, Path: dunningPath + "/policy"})
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			return r.do(cmd, &client.Request{Method: client.Post, Path: dunningPath + "/policy", Body: json.RawMessage(text)})
		},
	}
	cmd.Flags().StringVar(&file, "set", "", "JSON `file` with the policy that holds from now on")
	return cmd
}
