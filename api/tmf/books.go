package tmf

import (
	"context"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/billing/books"
	"gyro/internal/refusal"
)

// proofs are the rows that "gyro books verify" holds against each other: amounts are whole millionths.
type proofs struct{}

// rows makes an endpoint that shows rows by a cursor.
func rows[R any](path, summary string, page func(ctx context.Context, q bun.IDB, after int64, limit int) ([]R, error), id func(*R) int64) rest.Endpoint {
	return reading(access.Finance, "/office/v1/books/"+path, summary, cursor, func(ctx context.Context, q bun.IDB, c *rest.Call) (feed[R], error) {
		after, limit, err := c.Limit()
		if err != nil {
			return feed[R]{}, err
		}
		list, err := page(ctx, q, after, limit+1)
		return feedOf(list, limit, func(r *R) R { return *r }, id), err
	})
}

// Endpoints implements rest.Set.
func (proofs) Endpoints() []rest.Endpoint {
	return []rest.Endpoint{
		rows("usage", "Shows every record of usage that came in, in millionths.", books.UsagePage, func(u *books.Usage) int64 { return u.Record }),
		rows("invoices", "Shows every finalised document with what it must add up to, in millionths.", books.InvoicePage, func(i *books.Invoice) int64 { return i.ID }),
		rows("accounts", "Shows of every account its usage, open items and what the journal says of them, in millionths.", books.AccountPage, func(a *books.Account) int64 { return a.ID }),
		rows("payments", "Shows every payment with what the books and its refunds say of it, in millionths.", books.PaymentPage, func(p *books.Payment) int64 { return p.ID }),
		reading(access.Finance, "/office/v1/books/cursor", "Shows how far the core's feed of usage was read.", nil, func(ctx context.Context, q bun.IDB, _ *rest.Call) (books.Cursor, error) {
			return books.IntakeCursor(ctx, q)
		}),
		reading(access.Finance, "/office/v1/books/series", "Shows the series of documents' numbers.", nil, func(ctx context.Context, q bun.IDB, _ *rest.Call) ([]books.Series, error) {
			return books.AllSeries(ctx, q)
		}),
		reading(access.Finance, "/office/v1/books/checks/{check}", "Holds whole tables of the office's books against each other: charged, charges, claimed, periods or disputes.", nil,
			func(ctx context.Context, q bun.IDB, c *rest.Call) (books.Check, error) {
				name := c.Param("check")
				if !slices.Contains(books.Standing(), name) {
					return books.Check{}, refusal.New(refusal.NotFound, "check_unknown", "check", "there is no check %q; there are %s", name, strings.Join(books.Standing(), ", "))
				}
				return books.StandingCheck(ctx, q, name)
			}),
	}
}
