package customer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// AccountKind is when an account pays.
type AccountKind string

// The kinds of account: a prepaid one pays from its balance in the charging
// core, a postpaid one pays bills.
const (
	Prepaid  AccountKind = "prepaid"
	Postpaid AccountKind = "postpaid"
)

// Delivery is how bills reach who pays.
type Delivery string

// The ways of delivery.
const (
	ByEmail    Delivery = "email"
	ByPost     Delivery = "post"
	NoDelivery Delivery = "none"
)

// AccountStatus is where an account stands.
type AccountStatus string

// The states of an account.
const (
	AccountActive    AccountStatus = "active"
	AccountSuspended AccountStatus = "suspended" // its lines are, as for a debt
	AccountClosed    AccountStatus = "closed"    // for good
)

// BillingAccount is what is billed and paid together (TMF 666).
type BillingAccount struct {
	bun.BaseModel `bun:"table:billing_account" json:"-"`

	ID         int64       `bun:",pk,autoincrement" json:"id"`
	CustomerID int64       `json:"customer_id"`
	Name       string      `json:"name"` // the customer's where none is given
	Kind       AccountKind `json:"kind"`
	// ChargingAccount is the account's name in the charging core; "ba-" and its
	// number where none is given.
	ChargingAccount string `json:"charging_account"`
	ParentID        int64  `bun:",nullzero" json:"parent_id,omitempty"` // above it in the hierarchy; 0 is none
	PayerID         int64  `bun:",nullzero" json:"payer_id,omitempty"`  // the account that pays its bills; 0 is itself
	// OthersParent and OthersPayer say of a new parent or payer that another customer's account is meant. They are not
	// stored but in the audit trail: whose the accounts are can be seen.
	OthersParent bool   `bun:"-" json:"others_parent,omitempty"`
	OthersPayer  bool   `bun:"-" json:"others_payer,omitempty"`
	Currency     string `json:"currency"`     // ISO 4217, such as EUR
	CycleDay     int    `json:"cycle_day"`    // day of the month on which a cycle begins, 1 to 28
	CycleMonths  int    `json:"cycle_months"` // 1, 3, 6 or 12
	TimeZone     string `json:"time_zone"`    // IANA; of the midnight at which a cycle begins
	TermsDays    int    `json:"terms_days"`   // until a bill is due, 0 to 365
	// TaxRegion is whose tax is charged: a country of ISO 3166 with a variant
	// such as DE-reverse, where the customer owes the tax (EN 16931, category AE).
	TaxRegion   string          `json:"tax_region"`
	TaxExempt   bool            `json:"tax_exempt,omitempty"`
	Delivery    Delivery        `json:"delivery"`
	CreditLimit money.Amount    `json:"credit_limit"` // of usage not yet billed, postpaid; in millionths
	Status      AccountStatus   `json:"status"`
	CreatedAt   instant.Instant `json:"created_at"`
	UpdatedAt   instant.Instant `json:"updated_at"`
}

// audited is what the audit trail says of an account: with its limit in the decimals of its currency.
func (a *BillingAccount) audited() any {
	type row BillingAccount
	return struct {
		*row
		CreditLimit string `json:"credit_limit"`
	}{(*row)(a), a.CreditLimit.In(a.Currency)}
}

// maxCreditLimit is far beyond any customer's.
const maxCreditLimit = 1_000_000_000 * money.Unit

// defaults fills in what may be left out of a new account.
func (a *BillingAccount) defaults(c *Customer, media []ContactMedium) {
	a.Name, a.Kind, a.Status = cmp.Or(a.Name, c.Name), cmp.Or(a.Kind, Postpaid), AccountActive
	a.CycleDay, a.CycleMonths, a.TimeZone = cmp.Or(a.CycleDay, 1), cmp.Or(a.CycleMonths, 1), cmp.Or(a.TimeZone, "UTC")
	if a.Delivery == "" {
		a.Delivery = NoDelivery
		if contactOf(media, Email) != nil {
			a.Delivery = ByEmail
		}
	}
}

// check looks at an account alone, and at what its party must have told.
func (a *BillingAccount) check(p *Party, media []ContactMedium) error {
	err := first(
		checkLine("name", a.Name, true),
		oneOf("kind", a.Kind, Prepaid, Postpaid),
		checkLine("charging_account", a.ChargingAccount, true),
		checkCurrency("currency", a.Currency),
		checkZone("time_zone", a.TimeZone),
		oneOf("delivery", a.Delivery, ByEmail, ByPost, NoDelivery),
		oneOf("status", a.Status, AccountActive, AccountSuspended, AccountClosed),
	)
	switch {
	case err != nil:
		return err
	case a.CycleDay < 1 || a.CycleDay > 28:
		return invalid("cycle_day_out_of_range", "cycle_day", "%d is not from 1 to 28; later days are not in every month", a.CycleDay)
	case a.CycleMonths != 1 && a.CycleMonths != 3 && a.CycleMonths != 6 && a.CycleMonths != 12:
		return invalid("cycle_months_unknown", "cycle_months", "%d is not 1, 3, 6 or 12", a.CycleMonths)
	case a.TermsDays < 0 || a.TermsDays > 365:
		return invalid("terms_out_of_range", "terms_days", "%d is not from 0 to 365 days", a.TermsDays)
	case !taxRegion.MatchString(a.TaxRegion):
		return invalid("tax_region_malformed", "tax_region", "%q is no tax region; write a country such as DE, or a variant such as DE-reverse", a.TaxRegion)
	case a.CreditLimit < 0 || a.CreditLimit > maxCreditLimit:
		return invalid("credit_limit_out_of_range", "credit_limit", "%s is not from 0 to %s", a.CreditLimit, maxCreditLimit)
	case !payable(a.CreditLimit, a.Currency):
		return invalid("credit_limit_too_fine", "credit_limit", "%s has more decimals than %s is paid in; round it", a.CreditLimit, a.Currency)
	case a.Kind == Prepaid && a.CreditLimit != 0:
		return forbidden("credit_limit_of_prepaid", "credit_limit", "a prepaid account has none; leave it out, or make the account postpaid")
	case reverseCharge.MatchString(a.TaxRegion) && p.TaxID == "":
		return forbidden("tax_id_missing", "tax_region", "%s is for customers with a tax number; give the party its tax_id first", a.TaxRegion)
	case a.Delivery == ByEmail && contactOf(media, Email) == nil:
		return forbidden("email_missing", "delivery", "the party has no e-mail address; add one first, or choose post or none")
	case a.Delivery == ByPost && contactOf(media, Postal) == nil:
		return forbidden("address_missing", "delivery", "the party has no postal address; add one first, or choose email or none")
	}
	return nil
}

// payable reports whether an amount has no more decimals than its currency is
// paid in. The currency was checked.
func payable(amount money.Amount, code string) bool {
	currency, err := money.ParseCurrency(code)
	return err == nil && amount.PaidIn(currency)
}

// CreateAccount opens a billing account for a customer.
func (s *Service) CreateAccount(ctx context.Context, by database.Actor, a BillingAccount) (BillingAccount, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (BillingAccount, error) {
		return s.CreateAccountIn(ctx, tx, a)
	})
}

// CreateAccountIn is CreateAccount inside a transaction.
func (s *Service) CreateAccountIn(ctx context.Context, tx *database.Tx, a BillingAccount) (BillingAccount, error) {
	customer, err := s.Customer(ctx, tx, a.CustomerID)
	if err != nil {
		return a, err
	}
	if customer.Status == Closed {
		return a, forbidden("customer_closed", "customer.id", "customer %d is closed; open the account for another customer", customer.ID)
	}
	party, media, err := s.reach(ctx, tx, customer.PartyID)
	if err != nil {
		return a, err
	}
	named := a.ChargingAccount != ""
	if !named {
		a.ChargingAccount = "new-" + rand.Text() // until the number is known
	}
	a.ID, a.CreatedAt, a.UpdatedAt = 0, tx.Now(), tx.Now()
	a.defaults(&customer, media)
	if err := first(a.check(&party, media), s.checkTaxRegion(a.TaxRegion), s.checkHierarchy(ctx, tx, &BillingAccount{}, &a), s.chargingAccountFree(ctx, tx, &a)); err != nil {
		return a, err
	}
	if _, err := tx.NewInsert().Model(&a).Returning("id").Exec(ctx); err != nil {
		return a, err
	}
	if !named {
		a.ChargingAccount = "ba-" + text(a.ID)
		if err := s.chargingAccountFree(ctx, tx, &a); err != nil {
			return a, err
		}
		if _, err := tx.NewUpdate().Model(&a).Column("charging_account").WherePK().Exec(ctx); err != nil {
			return a, err
		}
	}
	return a, errors.Join(
		tx.Audit(ctx, "billing_account", text(a.ID), "create", nil, a.audited()),
		tx.Emit(ctx, database.Event{Type: "billingAccountCreateEvent", Entity: "billing_account", ID: text(a.ID), Payload: a}),
	)
}

// reach reads a party and how it is reached.
func (s *Service) reach(ctx context.Context, q bun.IDB, partyID int64) (p Party, media []ContactMedium, err error) {
	if p, err = s.Party(ctx, q, partyID); err != nil {
		return p, nil, err
	}
	media, err = s.Contacts(ctx, q, partyID)
	return p, media, err
}

// checkTaxRegion refuses a region that no bill could be taxed in: the account would be parked by the first invoice run.
func (s *Service) checkTaxRegion(region string) error {
	if s.taxRegions == nil || slices.Contains(s.taxRegions, region) {
		return nil
	}
	return invalid("tax_region_unknown", "tax_region", "%q has no tax rates here; choose one of %s, or add it to office.taxes", region, strings.Join(s.taxRegions, ", "))
}

// chargingAccountFree refuses the name of another account.
func (s *Service) chargingAccountFree(ctx context.Context, q bun.IDB, a *BillingAccount) error {
	taken, err := q.NewSelect().Model((*BillingAccount)(nil)).Where("charging_account = ? AND id <> ?", a.ChargingAccount, a.ID).Exists(ctx)
	if err != nil || !taken {
		return err
	}
	return refusal.New(refusal.Conflict, "charging_account_taken", "charging_account", "%q is the name of another billing account; choose another", a.ChargingAccount)
}

// ChangeAccount lets change alter an account. Its customer, kind, currency and
// name in the charging core are fixed: what has been charged under them cannot
// be moved. Its status changes by SetAccountStatus.
func (s *Service) ChangeAccount(ctx context.Context, by database.Actor, id int64, change func(*BillingAccount) error) (BillingAccount, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (BillingAccount, error) {
		return s.ChangeAccountIn(ctx, tx, id, change)
	})
}

// ChangeAccountIn is ChangeAccount inside a transaction.
func (s *Service) ChangeAccountIn(ctx context.Context, tx *database.Tx, id int64, change func(*BillingAccount) error) (BillingAccount, error) {
	before, err := s.Account(ctx, tx, id)
	if err != nil {
		return before, err
	}
	after := before
	if err := change(&after); err != nil {
		return before, err
	}
	after.ID, after.CreatedAt, after.UpdatedAt = id, before.CreatedAt, tx.Now()
	after.OthersParent = after.OthersParent && after.ParentID != before.ParentID
	after.OthersPayer = after.OthersPayer && after.PayerID != before.PayerID
	if err := fixed(&before, &after); err != nil {
		return before, err
	}
	customer, err := s.Customer(ctx, tx, before.CustomerID)
	if err != nil {
		return before, err
	}
	party, media, err := s.reach(ctx, tx, customer.PartyID)
	if err != nil {
		return before, err
	}
	if err := after.check(&party, media); err != nil {
		return before, err
	}
	if after.TaxRegion != before.TaxRegion {
		if err := s.checkTaxRegion(after.TaxRegion); err != nil {
			return before, err
		}
	}
	if err := s.checkHierarchy(ctx, tx, &before, &after); err != nil {
		return before, err
	}
	if err := tx.Update(ctx, &after); err != nil {
		return before, fmt.Errorf("billing account %d: %w", id, err)
	}
	if err := tx.Audit(ctx, "billing_account", text(id), "change", before.audited(), after.audited()); err != nil {
		return before, err
	}
	if after.CreditLimit != before.CreditLimit || after.CycleDay != before.CycleDay {
		if err := tx.Enqueue(ctx, termsArgs{id}); err != nil {
			return before, err
		}
	}
	return after, tx.Emit(ctx, database.Event{Type: "billingAccountAttributeValueChangeEvent", Entity: "billing_account", ID: text(id), Payload: after})
}

// fixed refuses changes of what an account is.
func fixed(before, after *BillingAccount) error {
	const message = "is fixed once the account is open; open another account"
	switch {
	case before.Status == AccountClosed:
		return forbidden("account_closed", "status", "account %d is closed for good; open another account", before.ID)
	case after.CustomerID != before.CustomerID:
		return forbidden("customer_fixed", "customer_id", message)
	case after.Kind != before.Kind:
		return forbidden("kind_fixed", "kind", message)
	case after.Currency != before.Currency:
		return forbidden("currency_fixed", "currency", message)
	case after.ChargingAccount != before.ChargingAccount:
		return forbidden("charging_account_fixed", "charging_account", message)
	case after.Status != before.Status:
		return forbidden("status_elsewhere", "status", "changes by suspension, payment and closing, not with the rest of the account")
	}
	return nil
}

// SetAccountStatus moves an account to another state; why is for the audit
// trail. Closing wants every line terminated and nobody else's bills paid from
// it. A state that is the present one changes nothing.
func (s *Service) SetAccountStatus(ctx context.Context, tx *database.Tx, id int64, status AccountStatus, why string) error {
	before, err := s.Account(ctx, tx, id)
	if err != nil || before.Status == status {
		return err
	}
	if err := oneOf("status", status, AccountActive, AccountSuspended, AccountClosed); err != nil {
		return err
	}
	if before.Status == AccountClosed {
		return forbidden("account_closed", "status", "account %d is closed for good; open another account", id)
	}
	if status == AccountClosed {
		if err := s.mayClose(ctx, tx, id); err != nil {
			return err
		}
	}
	after := before
	after.Status, after.UpdatedAt = status, tx.Now()
	if _, err := tx.NewUpdate().Model(&after).Column("status", "updated_at").WherePK().Exec(ctx); err != nil {
		return err
	}
	type change struct {
		Status AccountStatus `json:"status"`
		Why    string        `json:"why,omitempty"`
	}
	return errors.Join(
		tx.Audit(ctx, "billing_account", text(id), "set status", change{Status: before.Status}, change{status, why}),
		tx.Emit(ctx, database.Event{Type: "billingAccountStateChangeEvent", Entity: "billing_account", ID: text(id), Payload: after}),
	)
}

func (s *Service) mayClose(ctx context.Context, q bun.IDB, id int64) error {
	lines, err := q.NewSelect().Model((*Subscription)(nil)).Where("billing_account_id = ? AND status <> ?", id, LineTerminated).Count(ctx)
	if err != nil {
		return err
	}
	if lines > 0 {
		return forbidden("lines_open", "status", "account %d has lines that are not terminated (%d); terminate them first", id, lines)
	}
	paying, err := q.NewSelect().Model((*BillingAccount)(nil)).Where("payer_id = ? AND status <> ?", id, AccountClosed).Count(ctx)
	if err != nil {
		return err
	}
	if paying > 0 {
		return forbidden("pays_for_others", "status", "account %d pays the bills of others (%d); give them another payer first", id, paying)
	}
	return nil
}

// Account reads a billing account.
func (s *Service) Account(ctx context.Context, q bun.IDB, id int64) (BillingAccount, error) {
	return byID[BillingAccount](ctx, q, id, "billing_account", "billing_account.id")
}

// AccountFilter narrows a list of accounts down; what is empty does not.
type AccountFilter struct {
	CustomerID      int64
	ParentID        int64
	PayerID         int64
	Kind            AccountKind
	Status          AccountStatus
	Currency        string
	Name            string // begins with it
	ChargingAccount string
}

// Accounts lists accounts in the order of their ids, and counts the whole list.
func (s *Service) Accounts(ctx context.Context, q bun.IDB, f AccountFilter, page Page) (rows []BillingAccount, total int, err error) {
	query := q.NewSelect()
	for column, id := range map[string]int64{"customer_id": f.CustomerID, "parent_id": f.ParentID, "payer_id": f.PayerID} {
		if id != 0 {
			query.Where("? = ?", bun.Ident(column), id)
		}
	}
	for column, word := range map[string]string{
		"kind": string(f.Kind), "status": string(f.Status), "currency": f.Currency, "charging_account": f.ChargingAccount,
	} {
		if word != "" {
			query.Where("? = ?", bun.Ident(column), word)
		}
	}
	if f.Name != "" {
		query.Where("name LIKE ? ESCAPE '!'", beginning(f.Name))
	}
	total, err = list(ctx, query, &rows, page)
	return rows, total, err
}
