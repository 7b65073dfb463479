package tmf

import (
	"context"

	"github.com/uptrace/bun"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/billing/dunning"
	"gyro/internal/database"
)

const dunningPath = "/office/v1/dunning"

type caseView struct {
	ID           string       `json:"id"`
	Account      string       `json:"account"`
	State        string       `json:"state"`
	OpenedOn     string       `json:"openedOn"`
	OverdueSince string       `json:"overdueSince"`
	Overdue      rest.Decimal `json:"overdue"`
	Currency     string       `json:"currency"`
	Step         int          `json:"step"`
	Suspended    bool         `json:"suspended"`
	CheckedOn    string       `json:"checkedOn"`
	HoldUntil    string       `json:"holdUntil,omitempty"`
	HoldReason   string       `json:"holdReason,omitempty"`
	Steps        []stepView   `json:"steps,omitempty"`
}

type stepView struct {
	Step      int          `json:"step"`
	Action    string       `json:"action"`
	On        string       `json:"on"`
	Overdue   rest.Decimal `json:"overdue"`
	Reference string       `json:"reference,omitempty"`
}

func viewCase(c *dunning.Case) caseView {
	return caseView{
		ID: rest.ID(c.ID), Account: rest.ID(c.Account), State: c.State, OpenedOn: c.OpenedOn, OverdueSince: c.OverdueSince, Overdue: rest.Decimal(c.Overdue),
		Currency: c.Currency, Step: c.Step, Suspended: c.Suspended, CheckedOn: c.CheckedOn, HoldUntil: c.HoldUntil, HoldReason: c.HoldReason,
	}
}

type holdBody struct {
	// Until is the last day of the hold; empty releases it.
	Until  rest.Date `json:"until,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// dunnings are the endpoints of dunning.
type dunnings struct{ s *dunning.Service }

// Endpoints implements rest.Set.
func (d dunnings) Endpoints() []rest.Endpoint {
	const finance, look = access.Finance, access.Finance | access.Care
	return []rest.Endpoint{
		reading(look, dunningPath+"/cases", "Shows dunning cases by a cursor, those in a state (open, closed) or of an account alone if it is named.",
			append([]rest.Parameter{{Name: "state", About: "open or closed", Values: []string{"open", "closed"}}, {Name: "account", Kind: rest.Number}}, cursor...),
			func(ctx context.Context, q bun.IDB, c *rest.Call) (feed[caseView], error) {
				after, limit, err := c.Limit()
				if err != nil {
					return feed[caseView]{}, err
				}
				account := int64(0)
				if text := c.Query().Get("account"); text != "" {
					if account, err = rest.ParseRef("account", text); err != nil {
						return feed[caseView]{}, err
					}
				}
				rows, err := dunning.Cases(ctx, q, c.Query().Get("state"), account, after, limit+1)
				return feedOf(rows, limit, viewCase, func(c *dunning.Case) int64 { return c.ID }), err
			}),
		reading(look, dunningPath+"/cases/{id}", "Shows a dunning case with the steps that were taken.", nil, oneCase),
		writing("POST", look, dunningPath+"/cases/{id}/hold", "Puts dunning off until a day has passed, or, without a day, goes on with it.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, in holdBody) (caseView, error) {
				id, err := c.ID("id")
				if err != nil {
					return caseView{}, err
				}
				held, err := d.s.Hold(ctx, tx, id, string(in.Until), in.Reason)
				return viewCase(&held), err
			}),
		d.begin(),
		{Method: "GET", Path: dunningRunsPath, Roles: finance, Summary: "Lists dunning runs, the newest first.", Answer: []dunningRunView{}, Parameters: pages, Do: listDunningRuns},
		reading(finance, dunningRunsPath+"/{id}", "Shows a dunning run, how far it is, and the accounts that it parked.", nil, oneDunningRun),
		reading(look, dunningPath+"/policy", "Shows the policy that holds.", nil, func(ctx context.Context, q bun.IDB, _ *rest.Call) (dunning.Policy, error) {
			return dunning.CurrentPolicy(ctx, q)
		}),
		writing("POST", finance, dunningPath+"/policy", "Stores a policy, which holds from then on.",
			func(ctx context.Context, tx *database.Tx, _ *rest.Call, in dunning.Policy) (dunning.Policy, error) {
				return in, dunning.SetPolicy(ctx, tx, in)
			}),
	}
}

func oneCase(ctx context.Context, q bun.IDB, c *rest.Call) (caseView, error) {
	id, err := c.ID("id")
	if err != nil {
		return caseView{}, err
	}
	found, err := dunning.GetCase(ctx, q, id)
	if err != nil {
		return caseView{}, err
	}
	taken, err := dunning.History(ctx, q, id)
	v := viewCase(&found)
	for _, s := range taken {
		v.Steps = append(v.Steps, stepView{s.Step, string(s.Action), s.On, rest.Decimal(s.Overdue), s.Reference})
	}
	return v, err
}
