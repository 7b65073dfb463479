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

// usageDocument is TMF635's Usage.
type usageDocument struct {
	rest.Entity
	UsageDate           rest.Time             `json:"usageDate,omitzero"`
	UsageType           string                `json:"usageType,omitempty"` // the service
	Description         string                `json:"description,omitempty"`
	Status              string                `json:"status,omitempty"` // rated, or billed
	RelatedParty        []rest.RelatedParty   `json:"relatedParty,omitempty"`
	RatedProductUsage   []ratedUsage          `json:"ratedProductUsage,omitempty"`
	UsageCharacteristic []rest.Characteristic `json:"usageCharacteristic,omitempty"`
	UsageSpecification  *rest.Ref             `json:"usageSpecification,omitempty"`
}

type ratedUsage struct {
	IsBilled                bool        `json:"isBilled"`
	OfferTariffType         string      `json:"offerTariffType,omitempty"`
	RatingAmountType        string      `json:"ratingAmountType"`
	RatingDate              rest.Time   `json:"ratingDate,omitzero"`
	TaxExcludedRatingAmount *rest.Money `json:"taxExcludedRatingAmount"`
}

type usageRow struct {
	invoice.Record `bun:",extend"`

	Billed bool `bun:"is_billed,scanonly"`
}

// usages is TMF635's Usage: rated records of the charging core.
func usages() rest.Set {
	from := func(db bun.IDB, rows *[]usageRow) *bun.SelectQuery {
		return db.NewSelect().Model(rows).ColumnExpr("u.*").
			ColumnExpr("u.record <= COALESCE((SELECT s.usage_after FROM billing_state s WHERE s.billing_account_id = u.billing_account_id), 0) AS is_billed")
	}
	return rest.Resource[usageDocument]{
		API: rest.TMF635, Path: "usage", Type: "Usage",
		About: "What was used, as the charging core rated it. Its id is the number of the core's record.",
		Roles: rest.Roles{Read: access.Finance | access.Care}, Key: "u.record",
		Filters: []rest.Filter{
			{Attribute: "relatedParty.id", Column: "u.billing_account_id", Kind: rest.Number},
			{Attribute: "usageType", Column: "u.service"},
			{Attribute: "usageDate", Column: "u.occurred_at", Kind: rest.Instant, Sort: true},
		},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]usageDocument, int, error) {
			var rows []usageRow
			total, err := q.Page(ctx, from(db, &rows))
			documents := make([]usageDocument, 0, len(rows))
			for k := range rows {
				documents = append(documents, viewUsage(ctx, &rows[k]))
			}
			return documents, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (usageDocument, error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return usageDocument{}, err
			}
			var rows []usageRow
			if err := from(db, &rows).Where("u.record = ?", n).Scan(ctx); err != nil {
				return usageDocument{}, err
			}
			if len(rows) == 0 {
				return usageDocument{}, refusal.New(refusal.NotFound, "usage_unknown", "id", "the office has no usage record %s", id)
			}
			return viewUsage(ctx, &rows[0]), nil
		},
	}
}

func viewUsage(ctx context.Context, u *usageRow) usageDocument {
	d := usageDocument{
		Entity: rest.Entity{ID: rest.ID(u.Record.Record)}, UsageDate: rest.Time(u.OccurredAt), UsageType: u.Service, Status: "rated",
		Description:  u.Service + " by " + u.Offer,
		RelatedParty: []rest.RelatedParty{{ID: rest.ID(u.Account), Href: rest.Href(ctx, rest.TMF666, "billingAccount", rest.ID(u.Account)), ReferredType: "BillingAccount"}},
		RatedProductUsage: []ratedUsage{{
			IsBilled: u.Billed, OfferTariffType: u.Offer, RatingAmountType: "total", RatingDate: rest.Time(u.OccurredAt), TaxExcludedRatingAmount: rest.MoneyOf(u.Charged, u.Currency),
		}},
		UsageCharacteristic: []rest.Characteristic{
			{Name: "unit", Value: fmt.Appendf(nil, "%q", u.Unit)}, {Name: "used", Value: fmt.Append(nil, u.Used)}, {Name: "billed", Value: fmt.Append(nil, u.Record.Billed)},
		},
		UsageSpecification: &rest.Ref{ID: u.Kind, Href: rest.Href(ctx, rest.TMF635, "usageSpecification", u.Kind), ReferredType: "UsageSpecification"},
	}
	if u.Called != "" {
		d.UsageCharacteristic = append(d.UsageCharacteristic, rest.Characteristic{Name: "called", Value: fmt.Appendf(nil, "%q", u.Called)})
	}
	if u.Billed {
		d.Status = "billed"
	}
	return d
}

// usageSpecificationDocument is TMF635's UsageSpecification.
type usageSpecificationDocument struct {
	rest.Entity
	Name               string          `json:"name,omitempty"`
	Description        string          `json:"description,omitempty"`
	IsBundle           bool            `json:"isBundle"`
	LifecycleStatus    string          `json:"lifecycleStatus,omitempty"`
	Version            string          `json:"version,omitempty"`
	SpecCharacteristic []specification `json:"specCharacteristic,omitempty"`
}

type specification struct {
	Name         string `json:"name"`
	Description  string `json:"description"`
	Configurable bool   `json:"configurable"`
	ValueType    string `json:"valueType"`
}

// usageSpecifications are what the core writes; nobody adds any.
func usageSpecifications() rest.Set {
	characteristics := []specification{
		{"unit", "what is counted: octets, seconds, events", false, "string"},
		{"used", "how many were used", false, "integer"},
		{"billed", "how many were priced, rounded up to the price's steps", false, "integer"},
		{"called", "the other end", false, "string"},
	}
	all := []usageSpecificationDocument{}
	for _, kind := range [][2]string{{"event", "A one-time event, such as a message."}, {"refund", "Money returned for an event."}, {"session", "The usage of one rating group of a session, or of a part of it."}} {
		all = append(all, usageSpecificationDocument{
			Entity: rest.Entity{ID: kind[0]}, Name: kind[0], Description: kind[1], LifecycleStatus: "Active", Version: "1", SpecCharacteristic: characteristics,
		})
	}
	return rest.Resource[usageSpecificationDocument]{
		API: rest.TMF635, Path: "usageSpecification", Type: "UsageSpecification", About: "The kinds of usage that the charging core rates.",
		Roles:   rest.Roles{Read: access.Finance | access.Care},
		Filters: []rest.Filter{{Attribute: "name", Values: []string{"event", "refund", "session"}}},
		List: func(_ context.Context, _ bun.IDB, q *rest.Query) ([]usageSpecificationDocument, int, error) {
			var found []usageSpecificationDocument
			for k := range all {
				if name := q.Value("name"); name == "" || name == all[k].Name {
					found = append(found, all[k])
				}
			}
			page, total := rest.Slice(q, found)
			return page, total, nil
		},
		Get: func(_ context.Context, _ bun.IDB, id string) (usageSpecificationDocument, error) {
			for k := range all {
				if all[k].ID == id {
					return all[k], nil
				}
			}
			return usageSpecificationDocument{}, refusal.New(refusal.NotFound, "usage_specification_unknown", "id", "there is no kind of usage %q", id)
		},
	}
}

// usageOfLine is what a line of a bill is made of.
type usageOfLine struct {
	Records []recordView `json:"records"`
	Total   int          `json:"total"`
	Exact   string       `json:"exact"` // of the line, to the millionth
	Next    int          `json:"nextOffset,omitempty"`
}

type recordView struct {
	Record  string       `json:"record"`
	At      rest.Time    `json:"at"`
	Kind    string       `json:"kind"`
	Service string       `json:"service"`
	Offer   string       `json:"offer"`
	Called  string       `json:"called,omitempty"`
	Unit    string       `json:"unit"`
	Used    int64        `json:"used"`
	Billed  int64        `json:"billed"`
	Charged rest.Decimal `json:"charged"`
}

func viewUsageOfLine(l *invoice.Line, records []invoice.Record, total, offset int) usageOfLine {
	v := usageOfLine{Total: total, Exact: l.Exact.Format(money.Decimals), Records: []recordView{}}
	for k := range records {
		u := &records[k]
		v.Records = append(v.Records, recordView{rest.ID(u.Record), rest.Time(u.OccurredAt), u.Kind, u.Service, u.Offer, u.Called, u.Unit, u.Used, u.Billed, rest.Decimal(u.Charged)})
	}
	if offset+len(records) < total {
		v.Next = offset + len(records)
	}
	return v
}
