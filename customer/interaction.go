package customer

import (
	"context"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// Channel is the way of an interaction.
type Channel string

// The channels. System is what the product itself says of a customer.
const (
	ByCall       Channel = "call"
	ByMail       Channel = "email"
	ByChat       Channel = "chat"
	InShop       Channel = "shop"
	ByLetter     Channel = "letter"
	FromTheHouse Channel = "system"
)

// Direction is who began an interaction.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound" // the customer
	Outbound Direction = "outbound"
)

// Interaction is a call, a mail or a chat with a customer.
type Interaction struct {
	bun.BaseModel `bun:"table:interaction" json:"-"`

	ID               int64           `bun:",pk,autoincrement" json:"id"`
	CustomerID       int64           `json:"customer_id"`
	BillingAccountID int64           `bun:",nullzero" json:"billing_account_id,omitempty"` // 0 is none in particular
	Channel          Channel         `json:"channel"`
	Direction        Direction       `json:"direction"`
	Subject          string          `json:"subject"`
	Text             string          `json:"text,omitempty"`
	Actor            string          `json:"actor"` // who wrote it down
	At               instant.Instant `json:"at"`
}

// RecordInteraction writes an interaction down.
func (s *Service) RecordInteraction(ctx context.Context, by database.Actor, i Interaction) (Interaction, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (Interaction, error) {
		return s.RecordInteractionIn(ctx, tx, i)
	})
}

// RecordInteractionIn is RecordInteraction inside a transaction.
func (s *Service) RecordInteractionIn(ctx context.Context, tx *database.Tx, i Interaction) (Interaction, error) {
	i.ID, i.At, i.Actor = 0, tx.Now(), tx.By().Name
	err := first(
		oneOf("channel", i.Channel, ByCall, ByMail, ByChat, InShop, ByLetter, FromTheHouse),
		oneOf("direction", i.Direction, Inbound, Outbound),
		checkLine("subject", i.Subject, true), checkText("text", i.Text),
		s.belongs(ctx, tx, i.CustomerID, i.BillingAccountID),
	)
	if err != nil {
		return i, err
	}
	err = insert(ctx, tx, "interaction", &i, &i.ID)
	return i, err
}

// belongs refuses a customer that is not there, and an account that is not the
// customer's.
func (s *Service) belongs(ctx context.Context, q bun.IDB, customerID, accountID int64) error {
	if _, err := s.Customer(ctx, q, customerID); err != nil || accountID == 0 {
		return err
	}
	account, err := s.Account(ctx, q, accountID)
	if err == nil && account.CustomerID != customerID {
		err = refusal.New(refusal.Unprocessable, "account_of_another", "billing_account_id", "account %d is not customer %d's; leave it out, or name one of theirs", accountID, customerID)
	}
	return err
}

// Interactions lists what was said with a customer, the newest first, and
// counts the whole list.
func (s *Service) Interactions(ctx context.Context, q bun.IDB, customerID int64, page Page) (rows []Interaction, total int, err error) {
	total, err = list(ctx, q.NewSelect().Where("customer_id = ?", customerID).OrderExpr("id DESC"), &rows, page)
	return rows, total, err
}
