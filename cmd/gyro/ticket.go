package main

import (
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"gyro/api/client"
)

const ticketsOffice = officeBase + "/tickets"

// newTicketCommand builds "gyro ticket": what customers wait for.
func newTicketCommand() *cobra.Command {
	r := newOfficeRemote()
	cmd := &cobra.Command{Use: "ticket", Short: "Tickets of customers: open, list, move on, close"}
	r.flags(cmd)
	cmd.AddCommand(newTicketOpenCommand(r), newTicketListCommand(r), newTicketMoveCommand(r), newTicketCloseCommand(r))
	return cmd
}

func newTicketOpenCommand(r *remote) *cobra.Command {
	var m once
	var account, kind, severity, text string
	cmd := &cobra.Command{
		Use: "open CUSTOMER SUBJECT", Short: "Open a ticket", Args: cobra.ExactArgs(2),
		Example: `  gyro ticket open 7 "no data since this morning" --kind fault --severity major`,
		RunE: func(cmd *cobra.Command, args []string) error {
			body := map[string]any{"subject": args[1]}
			for name, value := range stated(map[string]string{"account": account, "kind": kind, "severity": severity, "description": text}) {
				body[name] = value
			}
			return r.change(cmd, &m, &client.Request{Method: client.Post, Path: customersOffice + client.Path(args[0]) + "/tickets", Body: body})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&account, "account", "", "the billing `account` that it is about")
	cmd.Flags().StringVar(&kind, "kind", "", "`word` for what it is: question, complaint, fault, billing (default: question)")
	cmd.Flags().StringVar(&severity, "severity", "", "minor, major or critical (default: minor)")
	cmd.Flags().StringVar(&text, "description", "", "what the customer said")
	return cmd
}

func newTicketListCommand(r *remote) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "list CUSTOMER", Short: "List a customer's tickets", Args: cobra.ExactArgs(1),
		Annotations: noneYet("gyro ticket open makes one"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.listing(cmd, customersOffice+client.Path(args[0])+"/tickets", url.Values{"limit": {strconv.Itoa(limit)}},
				column{"TICKET", "id"}, column{"STATE", "state"}, column{"SEVERITY", "severity"}, column{"KIND", "kind"}, column{"SUBJECT", "subject"},
				column{"ACCOUNT", "account"}, column{"ASSIGNED", "assignedTo"}, column{"OPENED", "createdAt"}, column{"RESOLVED", "resolvedAt"})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "how many at most")
	return cmd
}

func newTicketMoveCommand(r *remote) *cobra.Command {
	var state, severity, assigned, note string
	cmd := &cobra.Command{
		Use: "move TICKET", Short: "Move a ticket on, give it to somebody, or add a note", Args: cobra.ExactArgs(1),
		Example: `  gyro ticket move 3 --state inProgress --assign bo --note "asked the network"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.changeTicket(cmd, args[0], map[string]string{"state": state, "severity": severity, "assignedTo": assigned, "note": note}, true)
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "inProgress, pending, resolved, closed or cancelled")
	cmd.Flags().StringVar(&severity, "severity", "", "minor, major or critical")
	cmd.Flags().StringVar(&assigned, "assign", "", "`name` of whoever works on it")
	cmd.Flags().StringVar(&note, "note", "", "`text` that is added to it")
	return cmd
}

func newTicketCloseCommand(r *remote) *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use: "close TICKET", Short: "Resolve a ticket, and close it for good", Args: cobra.ExactArgs(1),
		Example: `  gyro ticket close 3 --note "a new card was sent"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.changeTicket(cmd, args[0], map[string]string{"state": "resolved", "note": note}, false); err != nil {
				return err
			}
			return r.changeTicket(cmd, args[0], map[string]string{"state": "closed"}, true)
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "`text` that is added to it: what was done")
	return cmd
}

func (r *remote) changeTicket(cmd *cobra.Command, id string, change map[string]string, show bool) error {
	body := map[string]any{}
	for name, value := range stated(change) {
		body[name] = value
	}
	answer, err := r.call(cmd, &client.Request{Method: client.Patch, Path: ticketsOffice + client.Path(id), Body: body})
	if err != nil || !show {
		return err
	}
	return r.print(cmd.OutOrStdout(), answer)
}
