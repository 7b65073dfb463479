package tmf

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/billing/invoice"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// rateDocument is TMF678's AppliedCustomerBillingRate: a line of a bill.
type rateDocument struct {
	rest.Entity
	Date              rest.Time             `json:"date,omitzero"`
	Name              string                `json:"name,omitempty"`
	Description       string                `json:"description,omitempty"`
	RateType          string                `json:"type,omitempty"` // appliedBillingCharge or appliedBillingCredit
	IsBilled          bool                  `json:"isBilled"`
	Bill              *rest.Ref             `json:"bill,omitempty"`
	BillingAccount    *rest.Ref             `json:"billingAccount,omitempty"`
	Product           *rest.Ref             `json:"product,omitempty"`
	PeriodCoverage    *rest.TimePeriod      `json:"periodCoverage,omitempty"`
	TaxExcludedAmount *rest.Money           `json:"taxExcludedAmount,omitempty"`
	AppliedTax        []billTax             `json:"appliedTax,omitempty"`
	Characteristic    []rest.Characteristic `json:"characteristic,omitempty"`
}

// rateRow is a line of a finalised document.
type rateRow struct {
	invoice.Line `bun:",extend"`

	Number    int64  `bun:"rate_id,scanonly"`
	Currency  string `bun:"currency,scanonly"`
	Finalised int64  `bun:"finalised_at,scanonly"`
}

// rateID numbers lines: the document, and five digits for the position.
const rateID = "(l.invoice_id * 100000 + l.position)"

func rates() rest.Set {
	from := func(db bun.IDB, rows *[]rateRow) *bun.SelectQuery {
		return db.NewSelect().Model(rows).ColumnExpr("l.*").ColumnExpr(rateID + " AS rate_id, i.currency, i.finalised_at").
			Join("JOIN invoice AS i ON i.id = l.invoice_id").Where("i.state IN ('finalised', 'cancelled')")
	}
	return rest.Resource[rateDocument]{
		API: rest.TMF678, Path: "appliedCustomerBillingRate", Type: "AppliedCustomerBillingRate",
		About: "A line of a bill. The records that a line of usage is made of are where its characteristic usage says.",
		Roles: rest.Roles{Read: access.Finance | access.Care}, Key: rateID,
		Filters: []rest.Filter{
			{Attribute: "bill.id", Column: "l.invoice_id", Kind: rest.Number},
			{Attribute: "billingAccount.id", Column: "l.billing_account_id", Kind: rest.Number},
			{Attribute: "name", Column: "l.description"},
			{Attribute: "date", Column: "i.finalised_at", Kind: rest.Instant, Sort: true},
		},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]rateDocument, int, error) {
			var rows []rateRow
			total, err := q.Page(ctx, from(db, &rows))
			documents := make([]rateDocument, 0, len(rows))
			for k := range rows {
				documents = append(documents, viewRate(ctx, &rows[k]))
			}
			return documents, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (rateDocument, error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return rateDocument{}, err
			}
			var rows []rateRow
			if err := from(db, &rows).Where("l.invoice_id = ? AND l.position = ?", n/100000, n%100000).Scan(ctx); err != nil {
				return rateDocument{}, err
			}
			if len(rows) == 0 {
				return rateDocument{}, refusal.New(refusal.NotFound, "rate_unknown", "id", "there is no line %s of a bill", id)
			}
			return viewRate(ctx, &rows[0]), nil
		},
	}
}

func viewRate(ctx context.Context, r *rateRow) rateDocument {
	l := &r.Line
	account := debtorRef(ctx, l.Account)
	tax, _ := money.MulDiv(l.Amount, uint64(max(l.TaxRate, 0)), uint64(money.Unit), money.HalfUp)
	d := rateDocument{
		Entity: rest.Entity{ID: rest.ID(r.Number)}, Date: rest.Time(r.Finalised), Name: l.Description, Description: string(l.Kind), RateType: "appliedBillingCharge", IsBilled: true,
		Bill:           &rest.Ref{ID: rest.ID(l.Invoice), Href: rest.Href(ctx, rest.TMF678, "customerBill", rest.ID(l.Invoice)), ReferredType: "CustomerBill"},
		BillingAccount: &account, PeriodCoverage: &rest.TimePeriod{Start: dayTime(l.PeriodFrom), End: dayTime(l.PeriodUntil)},
		TaxExcludedAmount: rest.MoneyOf(l.Amount, r.Currency),
		AppliedTax:        []billTax{{l.TaxCode, rest.Decimal(l.TaxRate), rest.MoneyOf(tax, r.Currency)}},
		Characteristic: []rest.Characteristic{
			{Name: "quantity", Value: fmt.Append(nil, l.Quantity)},
			{Name: "unit", Value: fmt.Appendf(nil, "%q", l.Unit)},
			{Name: "exact", Value: fmt.Appendf(nil, "%q", l.Exact.Format(money.Decimals))},
		},
	}
	if l.UsageThrough != 0 {
		d.Characteristic = append(d.Characteristic, rest.Characteristic{Name: "usage", Value: fmt.Appendf(nil, `"%s/%d/lines/%d/usage"`, invoicesPath, l.Invoice, l.Position)})
	}
	if l.Amount < 0 {
		d.RateType = "appliedBillingCredit"
	}
	if l.Product != 0 {
		d.Product = &rest.Ref{ID: rest.ID(l.Product), Href: rest.Href(ctx, rest.TMF637, "product", rest.ID(l.Product)), ReferredType: "Product"}
	}
	return d
}
