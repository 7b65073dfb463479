package tmf

import (
	"context"
	"strconv"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/internal/database"
	"gyro/internal/refusal"
	"gyro/provisioning"
	"gyro/provisioning/pool"

	"github.com/uptrace/bun"
)

const (
	tasksPath   = "/office/v1/orders/{id}/tasks"
	falloutPath = "/office/v1/fallout"
	poolsPath   = "/office/v1/pools"
)

// taskView is what one system has to do for an order.
type taskView struct {
	ID         string    `json:"id"`
	Order      string    `json:"order"`
	Position   int       `json:"position"`
	Name       string    `json:"name"`
	Element    string    `json:"element"`
	Needs      []int     `json:"needs,omitempty"`
	NoReturn   bool      `json:"noReturn,omitempty"`
	Direction  string    `json:"direction"`
	State      string    `json:"state"`
	Attempts   int       `json:"attempts,omitempty"`
	NotBefore  rest.Time `json:"notBefore,omitzero"`
	StartedAt  rest.Time `json:"startedAt,omitzero"`
	FinishedAt rest.Time `json:"finishedAt,omitzero"`
	CauseCode  string    `json:"causeCode,omitempty"`
	Cause      string    `json:"cause,omitempty"`
	Suggestion string    `json:"suggestion,omitempty"`
	ResolvedBy string    `json:"resolvedBy,omitempty"`
}

func viewTask(t *provisioning.Task) taskView {
	return taskView{
		ID: rest.ID(t.ID), Order: rest.ID(t.OrderID), Position: t.Position, Name: t.Name, Element: t.Element, Needs: t.Needs, NoReturn: t.NoReturn,
		Direction: string(t.Direction), State: string(t.State), Attempts: t.Attempts, NotBefore: rest.Time(t.NotBefore),
		StartedAt: rest.Time(t.StartedAt), FinishedAt: rest.Time(t.FinishedAt), CauseCode: t.CauseCode, Cause: t.Cause, Suggestion: t.Suggestion,
		ResolvedBy: t.ResolvedBy,
	}
}

// fallenView is a task that waits for a person, with what that person wants to know of its order.
type fallenView struct {
	taskView
	OrderState string    `json:"orderState"`
	Account    string    `json:"account"`
	Customer   string    `json:"customer"`
	Change     string    `json:"change"`
	MSISDN     string    `json:"msisdn,omitempty"`
	Jeopardy   bool      `json:"jeopardy,omitempty"`
	Expected   rest.Time `json:"expectedCompletionDate,omitzero"`
}

func viewFallen(f *provisioning.Fallen) fallenView {
	return fallenView{
		taskView: viewTask(&f.Task), OrderState: string(f.OrderState), Account: rest.ID(f.BillingAccountID), Customer: rest.ID(f.CustomerID),
		Change: string(f.Change), MSISDN: f.MSISDN, Jeopardy: f.Jeopardy, Expected: rest.Time(f.Expected),
	}
}

type resolutionBody struct {
	// Note is for the audit trail: what was found, what was done by hand.
	Note string `json:"note,omitempty"`
}

type resolutionView struct {
	Order string `json:"order"`
	State string `json:"state"`
}

type levelView struct {
	Resource string `json:"resource"` // msisdn or sim
	Pool     string `json:"pool"`
	State    string `json:"state"`
	Count    int64  `json:"count"`
}

type levelsView struct {
	Items []levelView `json:"items"`
}

type numbersBody struct {
	// First is the first number, in international form without +.
	First string `json:"first"`
	Count int    `json:"count"`
}

type cardsBody struct {
	// ICCID is the first card's number without its check digit, IMSI its identity.
	ICCID string `json:"iccid"`
	IMSI  string `json:"imsi"`
	Count int    `json:"count"`
}

type resourceView struct {
	Key              string    `json:"key"`
	IMSI             string    `json:"imsi,omitempty"`
	Pool             string    `json:"pool"`
	State            string    `json:"state"`
	Order            string    `json:"order,omitempty"`
	Line             string    `json:"line,omitempty"`
	QuarantinedUntil rest.Time `json:"quarantinedUntil,omitzero"`
}

type resourcesView struct {
	Items []resourceView `json:"items"`
	Next  string         `json:"next,omitempty"` // the value of after for the following part
}

// fulfilment are the endpoints of those who see orders through: tasks, the fallout queue and the pools.
type fulfilment struct{ s *provisioning.Service }

// Endpoints implements rest.Set.
func (f fulfilment) Endpoints() []rest.Endpoint {
	const look, engineer = access.Sales | access.Care | access.Network, access.Network
	list := []rest.Endpoint{
		reading(look, tasksPath, "Shows the tasks of an order.", nil, func(ctx context.Context, q bun.IDB, c *rest.Call) (feed[taskView], error) {
			id, err := c.ID("id")
			if err != nil {
				return feed[taskView]{}, err
			}
			o, err := f.s.Order(ctx, q, id)
			return feedOf(o.Tasks, len(o.Tasks), viewTask, func(t *provisioning.Task) int64 { return t.ID }), err
		}),
		reading(look, falloutPath, "Shows the tasks that wait for a person, by a cursor.", cursor, func(ctx context.Context, q bun.IDB, c *rest.Call) (feed[fallenView], error) {
			after, limit, err := c.Limit()
			if err != nil {
				return feed[fallenView]{}, err
			}
			rows, err := f.s.FalloutQueue(ctx, q, after, limit+1)
			return feedOf(rows, limit, viewFallen, func(t *provisioning.Fallen) int64 { return t.ID }), err
		}),
		reading(look, poolsPath, "Shows how much of each pool is in which state.", nil, func(ctx context.Context, q bun.IDB, _ *rest.Call) (levelsView, error) {
			levels, err := pool.Levels(ctx, q)
			v := levelsView{Items: []levelView{}}
			for _, l := range levels {
				v.Items = append(v.Items, levelView(l))
			}
			return v, err
		}),
		f.resources("msisdn", pool.Numbers), f.resources("sim", pool.Cards),
		writing("POST", engineer, poolsPath+"/{pool}/msisdn", "Loads a range of telephone numbers into a pool.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, in numbersBody) (nothing, error) {
				return nothing{}, pool.LoadNumbers(ctx, tx, c.Param("pool"), in.First, in.Count)
			}),
		writing("POST", engineer, poolsPath+"/{pool}/sim", "Loads a range of cards into a pool.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, in cardsBody) (nothing, error) {
				return nothing{}, pool.LoadCards(ctx, tx, c.Param("pool"), in.ICCID, in.IMSI, in.Count)
			}),
	}
	for _, r := range []struct {
		resolution provisioning.Resolution
		summary    string
	}{
		{provisioning.Retry, "Tries a task again that waits for a person."},
		{provisioning.Skip, "Goes on without a task that waits for a person: it is not needed."},
		{provisioning.Complete, "Goes on behind a task that waits for a person: it was carried out by hand."},
		{provisioning.CancelIt, "Undoes the item of a task that waits for a person, and those that need it."},
	} {
		list = append(list, writing("POST", engineer, falloutPath+"/{id}/"+string(r.resolution), r.summary,
			func(ctx context.Context, tx *database.Tx, c *rest.Call, in resolutionBody) (resolutionView, error) {
				id, err := c.ID("id")
				if err != nil {
					return resolutionView{}, err
				}
				o, err := f.s.ResolveIn(ctx, tx, id, r.resolution, in.Note)
				return resolutionView{rest.ID(o.ID), string(o.State)}, err
			}))
	}
	return list
}

// resources lists numbers or cards.
func (f fulfilment) resources(kind string, list func(ctx context.Context, q bun.IDB, state, after string, limit int) ([]pool.Resource, error)) rest.Endpoint {
	parameters := []rest.Parameter{
		{Name: "state", About: "available, reserved, assigned or quarantined", Values: []string{"available", "reserved", "assigned", "quarantined"}},
		{Name: "after", About: "the value of next in the previous answer"},
		{Name: "limit", About: "how many to show at most", Kind: rest.Number},
	}
	const look = access.Sales | access.Care | access.Network
	return reading(look, poolsPath+"/"+kind, "Shows what is in the pools, by a cursor.", parameters, func(ctx context.Context, q bun.IDB, c *rest.Call) (resourcesView, error) {
		v, limit := resourcesView{Items: []resourceView{}}, rest.DefaultLimit
		if text := c.Query().Get("limit"); text != "" {
			var err error
			if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > rest.MaxLimit {
				return v, refusal.New(refusal.Invalid, "invalid_value", "limit", "%q: show 1 to %d", text, rest.MaxLimit)
			}
		}
		rows, err := list(ctx, q, c.Query().Get("state"), c.Query().Get("after"), limit+1)
		for k := range rows[:min(limit, len(rows))] {
			v.Items = append(v.Items, viewResource(&rows[k]))
		}
		if len(rows) > limit {
			v.Next = rows[limit-1].Key
		}
		return v, err
	})
}

func viewResource(r *pool.Resource) resourceView {
	v := resourceView{Key: r.Key, IMSI: r.IMSI, Pool: r.Pool, State: r.State, QuarantinedUntil: rest.Time(r.QuarantinedUntil)}
	if r.OrderID != nil {
		v.Order = rest.ID(*r.OrderID)
	}
	if r.SubscriptionID != nil {
		v.Line = rest.ID(*r.SubscriptionID)
	}
	return v
}
