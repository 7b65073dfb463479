package tmf

import (
	"context"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/internal/database"
	"gyro/provisioning"

	"github.com/uptrace/bun"
)

// cancellation is TMF622's CancelProductOrder.
type cancellation struct {
	rest.Entity
	CancellationReason        string    `json:"cancellationReason,omitempty"`
	RequestedCancellationDate rest.Time `json:"requestedCancellationDate,omitzero"`
	EffectiveCancellationDate rest.Time `json:"effectiveCancellationDate,omitzero"`
	ProductOrder              rest.Ref  `json:"productOrder"`
	State                     string    `json:"state,omitempty"`
}

// cancelProductOrders is TMF622's CancelProductOrder: terminatedWithError is one that came too late.
func cancelProductOrders(s *provisioning.Service) rest.Set {
	return rest.Resource[cancellation]{
		API: rest.TMF622, Path: "cancelProductOrder", Type: "CancelProductOrder", Key: "order_cancellation.id",
		Roles: rest.Roles{Read: orderReaders, Create: access.Sales | access.Care},
		About: "The wish to have an order undone, and what became of it.",
		Filters: []rest.Filter{
			{Attribute: "productOrder.id", Column: "order_cancellation.order_id", Kind: rest.Number},
			{Attribute: "state", Column: "order_cancellation.state", Values: []string{"acknowledged", "terminatedWithError", "inProgress", "done"}, Sort: true},
			{Attribute: "requestedCancellationDate", Column: "order_cancellation.requested_at", Kind: rest.Instant, Sort: true},
		},
		ReadOnly: []string{"requestedCancellationDate", "effectiveCancellationDate", "state"},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]cancellation, int, error) {
			var rows []provisioning.Cancellation
			total, err := q.Page(ctx, db.NewSelect().Model(&rows))
			page := make([]cancellation, len(rows))
			for k := range rows {
				page[k] = cancellationOf(ctx, &rows[k])
			}
			return page, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (cancellation, error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return cancellation{}, err
			}
			row, err := s.CancellationByID(ctx, db, n)
			return cancellationOf(ctx, &row), err
		},
		Create: func(ctx context.Context, tx *database.Tx, in cancellation) (cancellation, error) {
			n, err := rest.ParseRef("productOrder.id", in.ProductOrder.ID)
			if err != nil {
				return cancellation{}, err
			}
			row, err := s.CancelIn(ctx, tx, n, in.CancellationReason)
			return cancellationOf(ctx, &row), err
		},
	}
}

func cancellationOf(ctx context.Context, c *provisioning.Cancellation) cancellation {
	id := rest.ID(c.OrderID)
	return cancellation{
		Entity: rest.Entity{ID: rest.ID(c.ID)}, CancellationReason: c.Reason, State: c.State,
		RequestedCancellationDate: rest.Time(c.RequestedAt), EffectiveCancellationDate: rest.Time(c.EffectiveAt),
		ProductOrder: rest.Ref{ID: id, Href: rest.Href(ctx, rest.TMF622, "productOrder", id), ReferredType: "ProductOrder"},
	}
}
