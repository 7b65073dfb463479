package tmf

import (
	"context"

	"github.com/uptrace/bun"
	"github.com/valyala/fasthttp"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/billing/dunning"
	"gyro/internal/database"
	"gyro/internal/refusal"
)

const dunningRunsPath = dunningPath + "/runs"

type dunningRunBody struct {
	AsOf rest.Date `json:"asOf"`
}

type dunningRunView struct {
	ID    string `json:"id"`
	AsOf  string `json:"asOf"`
	State string `json:"state"` // running, done
	// Accounts is how many were to be looked at when it began; Checked how many were.
	Accounts int64 `json:"accounts"`
	Checked  int64 `json:"checked"`
	Opened   int64 `json:"opened"`
	Closed   int64 `json:"closed"`
	Parked   int64 `json:"parked"`
	// Steps is how many were taken, by kind.
	Steps      map[string]int64 `json:"steps"`
	StartedAt  rest.Time        `json:"startedAt,omitzero"`
	UpdatedAt  rest.Time        `json:"updatedAt,omitzero"`
	FinishedAt rest.Time        `json:"finishedAt,omitzero"`
	StartedBy  string           `json:"startedBy"`
	// ParkedAccounts are those that could not be dunned and that no later run has tried, the first thousand.
	ParkedAccounts []undunnedView `json:"parkedAccounts,omitempty"`
}

type undunnedView struct {
	Account string    `json:"account"`
	Reason  string    `json:"reason"`
	Since   rest.Time `json:"since"`
}

// mostUndunned bounds the parked accounts that a run shows.
const mostUndunned = 1000

func viewDunningRun(r *dunning.Run) dunningRunView {
	v := dunningRunView{
		ID: rest.ID(r.ID), AsOf: r.AsOf, State: string(r.State), Accounts: r.Accounts, Checked: r.Checked, Opened: r.Opened, Closed: r.Closed, Parked: r.Parked,
		Steps: map[string]int64{}, StartedAt: rest.Time(r.StartedAt), UpdatedAt: rest.Time(r.UpdatedAt), FinishedAt: rest.Time(r.FinishedAt), StartedBy: r.StartedBy,
	}
	for action, n := range r.Steps {
		v.Steps[string(action)] = n
	}
	return v
}

// begin is the endpoint that begins a run.
func (d dunnings) begin() rest.Endpoint {
	return rest.Endpoint{
		Method: "POST", Path: dunningRunsPath, Roles: access.Finance, Status: fasthttp.StatusAccepted, Body: dunningRunBody{}, Answer: dunningRunView{},
		Summary: "Begins a run that checks every account with something overdue as of a day, or shows the one that is under way, whatever its day: one is at a time.",
		Do: func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
			var in dunningRunBody
			if err := c.Decode(&in); err != nil {
				return nil, err
			}
			if in.AsOf == "" {
				return nil, refusal.New(refusal.Invalid, "invalid_value", "asOf", "it is missing; name the day, such as 2026-11-23")
			}
			return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
				run, err := d.s.Begin(ctx, tx, string(in.AsOf))
				if err != nil {
					return nil, err
				}
				return rest.Accepted(dunningRunsPath+"/"+rest.ID(run.ID), viewDunningRun(&run)), nil
			})
		},
	}
}

func listDunningRuns(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	offset, limit, err := page(c)
	if err != nil {
		return nil, err
	}
	all := []dunningRunView{}
	err = c.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		found, err := dunning.Runs(ctx, q, limit, offset)
		for k := range found {
			all = append(all, viewDunningRun(&found[k]))
		}
		return err
	})
	return rest.OK(all), err
}

func oneDunningRun(ctx context.Context, q bun.IDB, c *rest.Call) (dunningRunView, error) {
	id, err := c.ID("id")
	if err != nil {
		return dunningRunView{}, err
	}
	run, err := dunning.GetRun(ctx, q, id)
	if err != nil {
		return dunningRunView{}, err
	}
	parked, err := dunning.ParkedBy(ctx, q, id, mostUndunned)
	v := viewDunningRun(&run)
	for _, p := range parked {
		v.ParkedAccounts = append(v.ParkedAccounts, undunnedView{rest.ID(p.Account), p.Reason, rest.Time(p.Since)})
	}
	return v, err
}
