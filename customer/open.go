package customer

import (
	"context"

	"gyro/internal/database"
)

// Opening is a new customer with everything that the first order needs.
type Opening struct {
	Party    Party
	Contacts []ContactMedium
	Customer Customer       // its PartyID is set
	Account  BillingAccount // its CustomerID is set
}

// Open makes a party, its customer and a first billing account, and welcomes
// them: all or nothing.
func (s *Service) Open(ctx context.Context, by database.Actor, o Opening) (Opening, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (Opening, error) {
		return s.OpenIn(ctx, tx, o)
	})
}

// OpenIn is Open inside a transaction.
func (s *Service) OpenIn(ctx context.Context, tx *database.Tx, o Opening) (_ Opening, err error) {
	if o.Party, err = s.CreatePartyIn(ctx, tx, o.Party, o.Contacts...); err != nil {
		return o, err
	}
	o.Customer.PartyID = o.Party.ID
	if o.Customer, err = s.CreateCustomerIn(ctx, tx, o.Customer); err != nil {
		return o, err
	}
	o.Account.CustomerID = o.Customer.ID
	if o.Account, err = s.CreateAccountIn(ctx, tx, o.Account); err != nil {
		return o, err
	}
	if o.Contacts, err = s.Contacts(ctx, tx, o.Party.ID); err != nil {
		return o, err
	}
	return o, s.Notify(ctx, tx, Notification{
		CustomerID: o.Customer.ID, AccountID: o.Account.ID, Template: Welcome, Key: "welcome-" + text(o.Customer.ID),
	})
}
