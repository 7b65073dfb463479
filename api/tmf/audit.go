package tmf

import (
	"context"
	"encoding/json"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/internal/database"
)

// auditView is one row of the audit trail.
type auditView struct {
	ID       string          `json:"id"`
	At       rest.Time       `json:"at"`
	Actor    string          `json:"actor"`
	Role     string          `json:"role,omitempty"`
	Via      string          `json:"via"`
	Request  string          `json:"request,omitempty"`
	Entity   string          `json:"entity"`
	EntityID string          `json:"entityId"`
	Action   string          `json:"action"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
}

func viewAudit(r *database.AuditRow) auditView {
	return auditView{
		ID: rest.ID(r.ID), At: rest.Time(r.At), Actor: r.Actor.Name, Role: r.Actor.Role, Via: r.Actor.Via, Request: r.Actor.Request,
		Entity: r.Entity, EntityID: r.EntityID, Action: r.Action, Before: r.Before, After: r.After,
	}
}

// audit shows who did what.
func audit() rest.Set {
	return rest.Endpoint{
		Method: "GET", Path: "/office/v1/audit", Roles: access.Finance | access.Administrator, Answer: feed[auditView]{},
		Summary: "Shows who did what, the oldest first, by a cursor.",
		Parameters: append([]rest.Parameter{
			{Name: "entity", About: "a kind of thing, such as customer"}, {Name: "id", About: "which one"},
		}, cursor...),
		Do: func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
			after, limit, err := c.Limit()
			if err != nil {
				return nil, err
			}
			rows, err := c.DB().AuditTrail(ctx, c.Query().Get("entity"), c.Query().Get("id"), after, limit+1)
			return rest.OK(feedOf(rows, limit, viewAudit, func(r *database.AuditRow) int64 { return r.ID })), err
		},
	}
}
