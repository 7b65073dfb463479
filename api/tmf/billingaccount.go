package tmf

import (
	"cmp"
	"context"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/money"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// billingAccount is TMF666's BillingAccount. What TM Forum has no attribute for
// stands beside: currency, timeZone, taxRegion, chargingAccount.
type billingAccount struct {
	rest.Entity
	Name         string                `json:"name,omitempty"`
	AccountType  string                `json:"accountType,omitempty"` // prepaid, postpaid
	State        string                `json:"state,omitempty"`
	LastModified rest.Time             `json:"lastModified,omitzero"`
	RelatedParty []rest.RelatedParty   `json:"relatedParty"` // one, in the role of customer
	Bills        *billStructure        `json:"billStructure,omitempty"`
	CreditLimit  *rest.Money           `json:"creditLimit,omitempty"`
	Relations    []accountRelationship `json:"accountRelationship,omitempty"` // parent, payer
	TaxExemption []taxExemption        `json:"taxExemption,omitempty"`

	Currency        string `json:"currency,omitempty"`
	TimeZone        string `json:"timeZone,omitempty"`
	TaxRegion       string `json:"taxRegion,omitempty"`
	ChargingAccount string `json:"chargingAccount,omitempty"`
}

type billStructure struct {
	Cycle *billingCycle `json:"cycleSpecification,omitempty"`
	// Media is how bills are delivered: one of email, post, none.
	Media []presentationMedium `json:"presentationMedia,omitempty"`
}

type billingCycle struct {
	Name   string `json:"name"`
	IsRef  bool   `json:"isRef"`
	Period string `json:"billingPeriod,omitempty"` // monthly, quarterly, halfYearly, yearly
	// DateShift is how many days after the first of the month a cycle begins.
	DateShift *int `json:"dateShift,omitempty"`
	// DueOffset is how many days after its date a bill is due.
	DueOffset *int `json:"paymentDueDateOffset,omitempty"`
}

type presentationMedium struct {
	Name  string `json:"name"`
	IsRef bool   `json:"isRef"`
}

type accountRelationship struct {
	Type     string          `json:"relationshipType"`
	Account  *rest.Ref       `json:"account,omitempty"`
	ValidFor rest.TimePeriod `json:"validFor"`
	// OtherCustomer says that the account is another customer's; a new parent or payer is not without it.
	OtherCustomer bool `json:"otherCustomer,omitempty"`
}

type taxExemption struct {
	Jurisdiction string          `json:"issuingJurisdiction"`
	ValidFor     rest.TimePeriod `json:"validFor"`
}

// periods are the words of cycles by their months.
var periods = map[int]string{1: "monthly", 3: "quarterly", 6: "halfYearly", 12: "yearly"}

// defaultTerms is how long a bill may wait to be paid where nobody says.
const defaultTerms = 14

// billingAccounts is TMF666's BillingAccount.
func billingAccounts(s *customer.Service) rest.Set {
	document := func(ctx context.Context, db bun.IDB, a *customer.BillingAccount) (billingAccount, error) {
		page, err := accountPage(ctx, db, s, []customer.BillingAccount{*a})
		if err != nil {
			return billingAccount{}, err
		}
		return page[0], nil
	}
	return rest.Resource[billingAccount]{
		API: rest.TMF666, Path: "billingAccount", Type: "BillingAccount", Key: "billing_account.id",
		About:    "What is billed and paid together: one currency, one cycle, one time zone.",
		Roles:    rest.Roles{Read: customerReaders, Create: access.Sales | access.Care | access.Finance, Patch: access.Care | access.Finance},
		Filters:  accountFilters(),
		ReadOnly: []string{"state", "lastModified"},
		Patchable: []string{
			"name", "billStructure", "creditLimit", "accountRelationship", "taxExemption", "timeZone", "taxRegion",
		},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]billingAccount, int, error) {
			var rows []customer.BillingAccount
			total, err := q.Page(ctx, db.NewSelect().Model(&rows))
			if err != nil {
				return nil, total, err
			}
			page, err := accountPage(ctx, db, s, rows)
			return page, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (v billingAccount, err error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return v, err
			}
			row, err := s.Account(ctx, db, n)
			if err != nil {
				return v, err
			}
			return document(ctx, db, &row)
		},
		Create: func(ctx context.Context, tx *database.Tx, in billingAccount) (v billingAccount, err error) {
			row := customer.BillingAccount{
				Kind: customer.AccountKind(in.AccountType), Currency: in.Currency, ChargingAccount: in.ChargingAccount, TermsDays: defaultTerms,
			}
			if row.CustomerID, err = customerOf(in.RelatedParty); err != nil {
				return v, err
			}
			if err := in.into(&row); err != nil {
				return v, err
			}
			if row, err = s.CreateAccountIn(ctx, tx, row); err != nil {
				return v, err
			}
			return document(ctx, tx, &row)
		},
		Patch: func(ctx context.Context, tx *database.Tx, id string, _, wanted billingAccount) (v billingAccount, err error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return v, err
			}
			row, err := s.ChangeAccountIn(ctx, tx, n, wanted.into)
			if err != nil {
				return v, err
			}
			return document(ctx, tx, &row)
		},
	}
}

func accountFilters() []rest.Filter {
	return []rest.Filter{
		{Attribute: "name", Column: "billing_account.name", Sort: true},
		{Attribute: "accountType", Column: "billing_account.kind", Values: []string{"prepaid", "postpaid"}},
		{Attribute: "state", Column: "billing_account.status", Values: []string{"active", "suspended", "closed"}, Sort: true},
		{Attribute: "currency", Column: "billing_account.currency"},
		{Attribute: "chargingAccount", Column: "billing_account.charging_account"},
		{Attribute: "relatedParty.id", Column: "billing_account.customer_id", Kind: rest.Number},
		{Attribute: "lastModified", Column: "billing_account.updated_at", Kind: rest.Instant, Sort: true},
	}
}

// customerOf is the customer that an account is for.
func customerOf(related []rest.RelatedParty) (int64, error) {
	if len(related) != 1 || related[0].Role != "" && related[0].Role != "customer" {
		return 0, refusal.New(refusal.Invalid, "invalid_value", "relatedParty", `name the customer, and nobody else: [{"id":"7","role":"customer","@referredType":"Customer"}]`)
	}
	return rest.ParseRef("relatedParty[0].id", related[0].ID)
}

// into brings a row to what a document says of it.
func (v billingAccount) into(a *customer.BillingAccount) (err error) {
	a.Name, a.TimeZone, a.TaxRegion, a.TaxExempt = v.Name, v.TimeZone, v.TaxRegion, len(v.TaxExemption) > 0
	a.CreditLimit = 0
	if v.CreditLimit != nil {
		var currency money.Currency
		if a.CreditLimit, currency, err = v.CreditLimit.Amount("creditLimit"); err != nil {
			return err
		}
		if a.Currency = cmp.Or(a.Currency, currency.String()); a.Currency != currency.String() {
			return refusal.New(refusal.Invalid, "invalid_value", "creditLimit.unit", "the account is in %s; write the limit in it", a.Currency)
		}
	}
	if err := v.Bills.into(a); err != nil {
		return err
	}
	a.ParentID, a.PayerID, a.OthersParent, a.OthersPayer = 0, 0, false, false
	for k := range v.Relations {
		r := &v.Relations[k]
		target := map[string]*int64{"parent": &a.ParentID, "payer": &a.PayerID}[r.Type]
		if target == nil || r.Account == nil || *target != 0 {
			return refusal.New(refusal.Invalid, "invalid_value", "accountRelationship", `name at most one account as "parent" and one as "payer"`)
		}
		if *target, err = rest.ParseRef("accountRelationship.account.id", r.Account.ID); err != nil {
			return err
		}
		*map[string]*bool{"parent": &a.OthersParent, "payer": &a.OthersPayer}[r.Type] = r.OtherCustomer
	}
	return nil
}

func (b *billStructure) into(a *customer.BillingAccount) error {
	if b == nil {
		return nil
	}
	switch len(b.Media) {
	case 0:
	case 1:
		a.Delivery = customer.Delivery(b.Media[0].Name)
	default:
		return refusal.New(refusal.Invalid, "invalid_value", "billStructure.presentationMedia", "bills go one way: name one of email, post, none")
	}
	if b.Cycle == nil {
		return nil
	}
	if b.Cycle.Period != "" {
		a.CycleMonths = 0
		for months, word := range periods {
			if word == b.Cycle.Period {
				a.CycleMonths = months
			}
		}
		if a.CycleMonths == 0 {
			return refusal.New(refusal.Invalid, "invalid_value", "billStructure.cycleSpecification.billingPeriod", "%q is none of monthly, quarterly, halfYearly, yearly", b.Cycle.Period)
		}
	}
	if b.Cycle.DateShift != nil {
		const mostShift = 27
		if *b.Cycle.DateShift < 0 || *b.Cycle.DateShift > mostShift {
			return refusal.New(refusal.Invalid, "invalid_value", "billStructure.cycleSpecification.dateShift", "%d is not from 0 to %d: days after the first of the month", *b.Cycle.DateShift, mostShift)
		}
		a.CycleDay = *b.Cycle.DateShift + 1
	}
	if b.Cycle.DueOffset != nil {
		a.TermsDays = *b.Cycle.DueOffset
	}
	return nil
}

// accountPage are the documents of accounts, with the names of whom and what
// they refer to.
func accountPage(ctx context.Context, db bun.IDB, s *customer.Service, rows []customer.BillingAccount) ([]billingAccount, error) {
	var owners, related []int64
	for k := range rows {
		owners = append(owners, rows[k].CustomerID)
		related = append(related, rows[k].ParentID, rows[k].PayerID)
	}
	customers, err := s.CustomersOf(ctx, db, owners)
	if err != nil {
		return nil, err
	}
	others, err := s.AccountsByID(ctx, db, related)
	if err != nil {
		return nil, err
	}
	page := make([]billingAccount, len(rows))
	for k := range rows {
		a := &rows[k]
		page[k] = accountOf(a)
		owner := customers[a.CustomerID]
		page[k].RelatedParty = []rest.RelatedParty{{
			ID: rest.ID(owner.ID), Href: rest.Href(ctx, rest.TMF629, "customer", rest.ID(owner.ID)), Name: owner.Name, Role: "customer", ReferredType: "Customer",
		}}
		for _, r := range []struct {
			kind string
			id   int64
		}{{"parent", a.ParentID}, {"payer", a.PayerID}} {
			if other, found := others[r.id]; found {
				ref := accountRef(ctx, &other)
				page[k].Relations = append(page[k].Relations, accountRelationship{Type: r.kind, Account: &ref, OtherCustomer: other.CustomerID != a.CustomerID})
			}
		}
	}
	return page, nil
}

func accountOf(a *customer.BillingAccount) billingAccount {
	shift, terms := a.CycleDay-1, a.TermsDays
	v := billingAccount{
		Entity: rest.Entity{ID: rest.ID(a.ID)}, Name: a.Name, AccountType: string(a.Kind), State: string(a.Status), LastModified: rest.Time(a.UpdatedAt),
		Bills: &billStructure{
			Cycle: &billingCycle{Name: periods[a.CycleMonths], Period: periods[a.CycleMonths], DateShift: &shift, DueOffset: &terms},
			Media: []presentationMedium{{Name: string(a.Delivery)}},
		},
		Currency: a.Currency, TimeZone: a.TimeZone, TaxRegion: a.TaxRegion, ChargingAccount: a.ChargingAccount,
	}
	if a.Kind == customer.Postpaid {
		v.CreditLimit = rest.MoneyOf(a.CreditLimit, a.Currency)
	}
	if a.TaxExempt {
		v.TaxExemption = []taxExemption{{Jurisdiction: a.TaxRegion}}
	}
	return v
}
