// Package rest is the HTTP server of the office, and what all of TM Forum's Open
// APIs (version 4, TMF630) have in common. It knows no resource: package tmf
// declares them on it.
//
// # A resource
//
// A resource is a document and a declaration. The document is a struct that embeds
// Entity and has a field for each attribute that is supported, named as the
// definition names it; the server sets id, href and @type:
//
//	type customer struct {
//		rest.Entity
//		Name         string            `json:"name,omitempty"`
//		Status       string            `json:"status,omitempty"`
//		EngagedParty rest.RelatedParty `json:"engagedParty"`
//	}
//
//	// customers is TMF629's Customer.
//	func customers(s *customer.Service) rest.Set {
//		return rest.Resource[customer]{
//			API: rest.TMF629, Path: "customer", Type: "Customer",
//			About: "Who buys: a person or an organisation in its role as a customer.",
//			Roles: rest.Roles{Read: access.Anyone, Create: access.Sales | access.Care, Patch: access.Care},
//			Key:   "c.id",
//			Filters: []rest.Filter{
//				{Attribute: "status", Column: "c.status", Values: []string{"initial", "active", "suspended", "closed"}},
//				{Attribute: "name", Column: "c.name", Sort: true},
//				{Attribute: "engagedParty.id", Column: "c.party_id", Kind: rest.Number},
//			},
//			ReadOnly:  []string{"status"},          // a POST that has it is refused
//			Patchable: []string{"name", "status"},  // a PATCH of anything else is refused
//
//			List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]customer, int, error) {
//				var rows []customerRow // `bun:"table:customer,alias:c"`
//				total, err := q.Page(ctx, db.NewSelect().Model(&rows))
//				return documents(ctx, rows), total, err
//			},
//			Get: func(ctx context.Context, db bun.IDB, id string) (customer, error) {
//				number, err := rest.ParseID(id) // NotFound for what is no id
//				...
//			},
//			Create: func(ctx context.Context, tx *database.Tx, in customer) (customer, error) { ... },
//			Patch: func(ctx context.Context, tx *database.Tx, id string, was, wanted customer) (customer, error) {
//				if wanted.Status != was.Status { ... }
//			},
//		}
//	}
//
// From that follow, for every resource alike:
//
//   - fields=..., offset, limit (at most MaxLimit), sort=-name, filters as SQL conditions (status=active,suspended;
//     created.gte=2026-01-01T00:00:00Z; ne, gt, gte, lt, lte), X-Total-Count, X-Result-Count, Link, 206 for a part of a
//     collection. Unknown parameters are refused.
//   - POST: 201 with Location; PATCH: merge patch (RFC 7396) as application/merge-patch+json or application/json, with
//     If-Match against the ETag of GET; DELETE: 204. HEAD wherever there is GET.
//   - Bodies are read strictly (internal/strictjson): a field that the document does not have is refused, with line,
//     column and path.
//   - Idempotency-Key: kept in the transaction of the effect (Call.Write), or behind the last one of several (Call.Perform).
//     Resources with NeedsKey refuse a POST without one. An answer to a repetition says so (Idempotency-Replayed).
//   - Refusals (internal/refusal) become TM Forum's Error with 400, 403, 404, 409, 422 or 503; any other error is logged
//     and becomes 500 without its words.
//
// Get, List, Create, Patch and Delete get a transaction. A context in it must not begin another one: services offer
// functions that take a *database.Tx or a bun.IDB. They may run several times, and must not wait for other systems. What
// asks another system (the charging core) declares Submit instead of Create, which has no transaction, and an
// Idempotency-Key for certain. A List that asks another system makes its page with Slice and q.Value.
//
// In a transaction tx.By() is who asks, access.PrincipalOf(ctx) what they may; Href(ctx, API, path, id) is the address of
// another entity.
//
// # Other endpoints
//
// What is no TMF resource (runs, reports, fallout, pages for people) is an Endpoint
// under /office/v1, in the same table, with the same errors and the same keys:
//
//	rest.Endpoint{
//		Method: "POST", Path: "/office/v1/invoice-runs", Roles: access.Finance, Status: 202,
//		Summary: "Starts an invoice run.", Body: runRequest{}, Answer: runView{},
//		Do: func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
//			var in runRequest
//			if err := c.Decode(&in); err != nil {
//				return nil, err
//			}
//			return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
//				run, err := s.Start(ctx, tx, in.Cycle)
//				return rest.Accepted("/office/v1/invoice-runs/"+rest.ID(run.ID), view(run)), err
//			})
//		},
//	}
//
// # Money
//
// TM Forum writes amounts as JSON numbers. Decimal, Money and Quantity read and
// write their digits exactly, to the millionth, without a float in between.
// Money.Amount checks an amount that people pay against its currency.
//
// docs/operations/office-api.md describes it all for those who call it.
package rest
