package tmf

import (
	"context"
	"encoding/json"

	"gyro/api/rest"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// buyer is TMF629's Customer.
type buyer struct {
	rest.Entity
	Name         string            `json:"name,omitempty"`
	Status       string            `json:"status,omitempty"`
	EngagedParty rest.RelatedParty `json:"engagedParty"`
	Account      []rest.Ref        `json:"account,omitempty"`
	ValidFor     *rest.TimePeriod  `json:"validFor,omitempty"`
	// Characteristic has the segment.
	Characteristic []rest.Characteristic `json:"characteristic,omitempty"`
}

const segmentName = "segment"

// customers is TMF629's Customer.
func customers(s *customer.Service) rest.Set {
	return rest.Resource[buyer]{
		API: rest.TMF629, Path: "customer", Type: "Customer", Roles: partyRoles, Key: "customer.id",
		About: "Who buys: a person or an organisation in its role as a customer.",
		Filters: []rest.Filter{
			{Attribute: "name", Column: "customer.name", Sort: true},
			{Attribute: "status", Column: "customer.status", Values: []string{"initial", "active", "suspended", "closed"}, Sort: true},
			{Attribute: "engagedParty.id", Column: "customer.party_id", Kind: rest.Number},
			{Attribute: "account.id", Column: "a.id", Kind: rest.Number, Within: "EXISTS (SELECT 1 FROM billing_account a WHERE a.customer_id = customer.id AND %s)"},
			{Attribute: "validFor.startDateTime", Column: "customer.created_at", Kind: rest.Instant, Sort: true},
		},
		ReadOnly:  []string{"account", "validFor"},
		Patchable: []string{"name", "status", "characteristic"},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]buyer, int, error) {
			var rows []customer.Customer
			total, err := q.Page(ctx, db.NewSelect().Model(&rows))
			if err != nil {
				return nil, total, err
			}
			page, err := buyers(ctx, db, s, rows)
			return page, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (v buyer, err error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return v, err
			}
			row, err := s.Customer(ctx, db, n)
			if err != nil {
				return v, err
			}
			return buyerOf(ctx, db, s, &row)
		},
		Create: func(ctx context.Context, tx *database.Tx, in buyer) (v buyer, err error) {
			party, err := rest.ParseRef("engagedParty.id", in.EngagedParty.ID)
			if err != nil {
				return v, err
			}
			segment, err := textCharacteristic("characteristic", in.Characteristic, segmentName)
			if err != nil {
				return v, err
			}
			row, err := s.CreateCustomerIn(ctx, tx, customer.Customer{
				PartyID: party, Name: in.Name, Status: customer.Status(in.Status), Segment: customer.Segment(segment),
			})
			if refusal.Is(err, "party_unknown") {
				err = refusal.New(refusal.Invalid, "party_unknown", "engagedParty.id", "there is no party %s; create the individual or organization first", in.EngagedParty.ID)
			}
			if err != nil {
				return v, err
			}
			return buyerOf(ctx, tx, s, &row)
		},
		Patch: func(ctx context.Context, tx *database.Tx, id string, _, wanted buyer) (v buyer, err error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return v, err
			}
			segment, err := textCharacteristic("characteristic", wanted.Characteristic, segmentName)
			if err != nil {
				return v, err
			}
			row, err := s.ChangeCustomerIn(ctx, tx, n, func(c *customer.Customer) error {
				c.Name, c.Status, c.Segment = wanted.Name, customer.Status(wanted.Status), customer.Segment(segment)
				return nil
			})
			if err != nil {
				return v, err
			}
			return buyerOf(ctx, tx, s, &row)
		},
	}
}

func buyerOf(ctx context.Context, db bun.IDB, s *customer.Service, row *customer.Customer) (v buyer, err error) {
	page, err := buyers(ctx, db, s, []customer.Customer{*row})
	if err != nil {
		return v, err
	}
	return page[0], nil
}

// buyers are the documents of customers, with their parties and accounts.
func buyers(ctx context.Context, db bun.IDB, s *customer.Service, rows []customer.Customer) ([]buyer, error) {
	ids, partyIDs := make([]int64, len(rows)), make([]int64, len(rows))
	for k := range rows {
		ids[k], partyIDs[k] = rows[k].ID, rows[k].PartyID
	}
	accounts, err := s.AccountsOf(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	of, err := s.PartiesOf(ctx, db, partyIDs)
	if err != nil {
		return nil, err
	}
	page := make([]buyer, len(rows))
	for k := range rows {
		c := &rows[k]
		party := of[c.PartyID]
		segment, _ := json.Marshal(c.Segment)
		page[k] = buyer{
			Entity: rest.Entity{ID: rest.ID(c.ID)}, Name: c.Name, Status: string(c.Status), EngagedParty: engaged(ctx, &party),
			ValidFor:       &rest.TimePeriod{Start: rest.Time(c.CreatedAt)},
			Characteristic: []rest.Characteristic{{Name: segmentName, ValueType: "string", Value: segment}},
		}
		for n := range accounts[c.ID] {
			page[k].Account = append(page[k].Account, accountRef(ctx, &accounts[c.ID][n]))
		}
	}
	return page, nil
}

// engaged refers to a party.
func engaged(ctx context.Context, p *customer.Party) rest.RelatedParty {
	path, kind := "individual", "Individual"
	if p.Kind == customer.Organization {
		path, kind = "organization", "Organization"
	}
	return rest.RelatedParty{ID: rest.ID(p.ID), Href: rest.Href(ctx, rest.TMF632, path, rest.ID(p.ID)), Name: p.Name(), ReferredType: kind}
}

// accountRef refers to a billing account.
func accountRef(ctx context.Context, a *customer.BillingAccount) rest.Ref {
	return rest.Ref{ID: rest.ID(a.ID), Href: rest.Href(ctx, rest.TMF666, "billingAccount", rest.ID(a.ID)), Name: a.Name, ReferredType: "BillingAccount"}
}
