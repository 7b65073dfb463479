package customer

import (
	"cmp"
	"context"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
)

// Segment is what kind of customer somebody is.
type Segment string

// The segments.
const (
	Residential Segment = "residential"
	Business    Segment = "business"
)

// Status is where a customer stands.
type Status string

// The states of a customer: initial is one who has not bought yet.
const (
	Initial   Status = "initial"
	Active    Status = "active"
	Suspended Status = "suspended"
	Closed    Status = "closed"
)

// Customer is a party that buys (TMF 629).
type Customer struct {
	bun.BaseModel `bun:"table:customer" json:"-"`

	ID        int64           `bun:",pk,autoincrement" json:"id"`
	PartyID   int64           `json:"party_id"`
	Name      string          `json:"name"` // the party's where none is given
	Segment   Segment         `json:"segment"`
	Status    Status          `json:"status"`
	CreatedAt instant.Instant `json:"created_at"`
	UpdatedAt instant.Instant `json:"updated_at"`
}

func (c *Customer) check() error {
	return first(
		checkLine("name", c.Name, true),
		oneOf("segment", c.Segment, Residential, Business),
		oneOf("status", c.Status, Initial, Active, Suspended, Closed),
	)
}

// CreateCustomer makes a party a customer: active, unless its Status says
// initial.
func (s *Service) CreateCustomer(ctx context.Context, by database.Actor, c Customer) (Customer, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (Customer, error) {
		return s.CreateCustomerIn(ctx, tx, c)
	})
}

// CreateCustomerIn is CreateCustomer inside a transaction.
func (s *Service) CreateCustomerIn(ctx context.Context, tx *database.Tx, c Customer) (Customer, error) {
	party, err := s.Party(ctx, tx, c.PartyID)
	if err != nil {
		return Customer{}, err
	}
	segment := Residential
	if party.Kind == Organization {
		segment = Business
	}
	c.ID, c.CreatedAt, c.UpdatedAt = 0, tx.Now(), tx.Now()
	c.Name, c.Segment, c.Status = cmp.Or(c.Name, party.Name()), cmp.Or(c.Segment, segment), cmp.Or(c.Status, Active)
	if err := first(c.check(), oneOf("status", c.Status, Initial, Active)); err != nil {
		return Customer{}, err
	}
	if err := insert(ctx, tx, "customer", &c, &c.ID); err != nil {
		return Customer{}, err
	}
	return c, tx.Emit(ctx, database.Event{Type: "customerCreateEvent", Entity: "customer", ID: text(c.ID), Payload: c})
}

// ChangeCustomer lets change alter a customer: its name, segment and status.
func (s *Service) ChangeCustomer(ctx context.Context, by database.Actor, id int64, change func(*Customer) error) (Customer, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (Customer, error) {
		return s.ChangeCustomerIn(ctx, tx, id, change)
	})
}

// ChangeCustomerIn is ChangeCustomer inside a transaction.
func (s *Service) ChangeCustomerIn(ctx context.Context, tx *database.Tx, id int64, change func(*Customer) error) (Customer, error) {
	before, err := s.Customer(ctx, tx, id)
	if err != nil {
		return Customer{}, err
	}
	after := before
	if err := change(&after); err != nil {
		return Customer{}, err
	}
	after.ID, after.CreatedAt, after.UpdatedAt = id, before.CreatedAt, tx.Now()
	if after.PartyID != before.PartyID {
		return Customer{}, forbidden("party_fixed", "engagedParty.id", "a customer stays the same party; create another customer")
	}
	if err := first(after.check(), s.mayBecome(ctx, tx, &before, after.Status)); err != nil {
		return Customer{}, err
	}
	if err := update(ctx, tx, "customer", id, "change", before, &after); err != nil || after.Status == before.Status {
		return after, err
	}
	return after, tx.Emit(ctx, database.Event{Type: "customerStateChangeEvent", Entity: "customer", ID: text(id), Payload: after})
}

// mayBecome refuses what a customer in its state cannot become.
func (s *Service) mayBecome(ctx context.Context, q bun.IDB, c *Customer, to Status) error {
	switch {
	case to == c.Status:
		return nil
	case c.Status == Closed:
		return forbidden("customer_closed", "status", "customer %d is closed for good; create another customer", c.ID)
	case to == Initial:
		return forbidden("status_not_reachable", "status", "a customer that is %s does not become initial again", c.Status)
	case to != Closed:
		return nil
	}
	open, err := q.NewSelect().Model((*BillingAccount)(nil)).Where("customer_id = ? AND status <> ?", c.ID, AccountClosed).Count(ctx)
	if err != nil {
		return err
	}
	if open > 0 {
		return forbidden("accounts_open", "status", "customer %d has billing accounts that are not closed (%d); close them first", c.ID, open)
	}
	return nil
}

// Customer reads a customer.
func (s *Service) Customer(ctx context.Context, q bun.IDB, id int64) (Customer, error) {
	return byID[Customer](ctx, q, id, "customer", "customer.id")
}

// Filter narrows a list of customers down; what is empty does not.
type Filter struct {
	Name    string // begins with it
	PartyID int64
	Segment Segment
	Status  Status
	MSISDN  string // has a line with the number that is not terminated
}

// Customers lists customers in the order of their ids, and counts the whole
// list.
func (s *Service) Customers(ctx context.Context, q bun.IDB, f Filter, page Page) (rows []Customer, total int, err error) {
	query := q.NewSelect()
	if f.Name != "" {
		query.Where("name LIKE ? ESCAPE '!'", beginning(f.Name))
	}
	if f.PartyID != 0 {
		query.Where("party_id = ?", f.PartyID)
	}
	if f.Segment != "" {
		query.Where("segment = ?", f.Segment)
	}
	if f.Status != "" {
		query.Where("status = ?", f.Status)
	}
	if f.MSISDN != "" {
		query.Where(`id IN (SELECT a.customer_id FROM billing_account a JOIN subscription s ON s.billing_account_id = a.id
			WHERE s.msisdn = ? AND s.status <> 'terminated')`, f.MSISDN)
	}
	total, err = list(ctx, query, &rows, page)
	return rows, total, err
}
