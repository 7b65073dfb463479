package tmf

import (
	"context"

	"gyro/api/access"
	"gyro/api/hub"
	"gyro/api/rest"
	"gyro/internal/database"

	"github.com/valyala/fasthttp"
)

// listeners are the endpoints by which others ask to be told of events: /hub of each API, as TM Forum has it, and what an
// administrator sees of all of them.
type listeners struct{ s *hub.Service }

// subscription is TM Forum's EventSubscriptionInput, and a secret, with which notifications are signed.
type subscription struct {
	Callback string `json:"callback"`
	Query    string `json:"query,omitempty"`
	Secret   string `json:"secret,omitempty"`
}

// subscribed is TM Forum's EventSubscription.
type subscribed struct {
	ID       string `json:"id"`
	Callback string `json:"callback"`
	Query    string `json:"query,omitempty"`
}

// listenerView is a listener as an administrator sees it.
type listenerView struct {
	ID       string `json:"id"`
	API      int    `json:"api"`
	Callback string `json:"callback"`
	Query    string `json:"query,omitempty"`
	Signed   bool   `json:"signed"`
	Status   string `json:"status"`
	// Cursor is the event up to which the listener has all.
	Cursor        string    `json:"cursor"`
	Delivered     int64     `json:"delivered"`
	Failures      int64     `json:"failures"`
	FailingSince  rest.Time `json:"failingSince,omitzero"`
	NextAttemptAt rest.Time `json:"nextAttemptAt,omitzero"`
	LastError     string    `json:"lastError,omitempty"`
	CreatedBy     string    `json:"createdBy"`
	CreatedAt     rest.Time `json:"createdAt"`
}

func viewListener(l *hub.Listener) listenerView {
	return listenerView{
		ID: rest.ID(l.ID), API: l.API, Callback: l.Callback, Query: l.Query, Signed: l.Secret != "", Status: l.Status,
		Cursor: rest.ID(l.LastSeq), Delivered: l.Delivered, Failures: l.Failures, FailingSince: rest.Time(l.FailingSince),
		NextAttemptAt: rest.Time(l.NextAttemptAt), LastError: l.LastError, CreatedBy: l.CreatedBy, CreatedAt: rest.Time(l.CreatedAt),
	}
}

const hubsPath = "/office/v1/hubs"

// Endpoints implements rest.Set.
func (h listeners) Endpoints() []rest.Endpoint {
	const admin = access.Administrator
	list := []rest.Endpoint{
		{Method: fasthttp.MethodGet, Path: hubsPath, Roles: admin, Parameters: cursor, Answer: feed[listenerView]{}, Do: h.list, Summary: "Lists the listeners of all APIs, and how they do."},
		{
			Method: fasthttp.MethodPost, Path: hubsPath + "/{id}/enable", Roles: admin, Answer: listenerView{}, Do: h.enable,
			Summary: "Lets a disabled listener be told again, from where it stood.",
		},
	}
	for _, api := range rest.APIs {
		list = append(list, rest.Endpoint{
			Method: fasthttp.MethodPost, Path: api.Base + "/hub", Roles: admin, Body: subscription{}, Answer: subscribed{}, Status: fasthttp.StatusCreated,
			Summary: "Subscribes a callback to the events of " + api.Title + ".", Do: h.subscribe(api),
		}, rest.Endpoint{
			Method: fasthttp.MethodDelete, Path: api.Base + "/hub/{id}", Roles: admin, Status: fasthttp.StatusNoContent,
			Summary: "Ends a subscription to the events of " + api.Title + ".", Do: h.unsubscribe(api),
		})
	}
	return list
}

func (h listeners) subscribe(api rest.API) func(context.Context, *rest.Call) (*rest.Answer, error) {
	return func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
		var in subscription
		if err := c.Decode(&in); err != nil {
			return nil, err
		}
		if err := h.s.Prepare(ctx); err != nil {
			return nil, err
		}
		return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
			l, err := h.s.Subscribe(ctx, tx, api.Number, in.Callback, in.Query, in.Secret)
			return rest.Created(rest.Href(ctx, api, "hub", rest.ID(l.ID)), subscribed{rest.ID(l.ID), l.Callback, l.Query}), err
		})
	}
}

func (h listeners) unsubscribe(api rest.API) func(context.Context, *rest.Call) (*rest.Answer, error) {
	return func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
		id, err := c.ID("id")
		if err != nil {
			return nil, err
		}
		return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
			return rest.NoContent(), h.s.Unsubscribe(ctx, tx, api.Number, id)
		})
	}
}

func (h listeners) list(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	after, limit, err := c.Limit()
	if err != nil {
		return nil, err
	}
	var rows []hub.Listener
	err = c.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		rows, err = h.s.Listeners(ctx, q, after, limit+1)
		return err
	})
	return rest.OK(feedOf(rows, limit, viewListener, func(l *hub.Listener) int64 { return l.ID })), err
}

func (h listeners) enable(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	id, err := c.ID("id")
	if err != nil {
		return nil, err
	}
	return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		l, err := h.s.Enable(ctx, tx, id)
		return rest.OK(viewListener(&l)), err
	})
}
