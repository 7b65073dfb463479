package customer

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// ContactKind is a way to reach a party.
type ContactKind string

// The ways to reach a party. Webhook is for programs of business customers:
// what is sent to it is signed with the medium's secret.
const (
	Email   ContactKind = "email"
	Phone   ContactKind = "phone"
	Postal  ContactKind = "postal"
	Webhook ContactKind = "webhook"
)

// ContactMedium is one way to reach a party.
type ContactMedium struct {
	bun.BaseModel `bun:"table:contact_medium" json:"-"`

	ID      int64       `bun:",pk,autoincrement" json:"id"`
	PartyID int64       `json:"party_id"`
	Kind    ContactKind `json:"kind"`
	// Value is the address of an e-mail or webhook, or the number of a
	// telephone, kept as E.164 with its plus sign; of a postal address empty.
	Value    string `json:"value,omitempty"`
	Street   string `json:"street,omitempty"`
	City     string `json:"city,omitempty"`
	Postcode string `json:"postcode,omitempty"`
	Country  string `json:"country,omitempty"` // ISO 3166-1, two letters
	// Secret signs what is sent to a webhook; AddContact makes it. It is in no
	// audit row.
	Secret    string `json:"-"`
	Preferred bool   `json:"preferred,omitempty"` // the first to be used of its kind
}

// maxContacts bounds the contact media of a party: nobody has more, and every
// message looks at all of them.
const maxContacts = 20

func (m *ContactMedium) check(at string) (err error) {
	switch m.Kind {
	case Email:
		return checkEmail(at+"value", m.Value)
	case Phone:
		m.Value, err = checkPhone(at+"value", m.Value)
		return err
	case Webhook:
		return checkURL(at+"value", m.Value)
	case Postal:
		if !countryCode.MatchString(m.Country) {
			return invalid("country_malformed", at+"country", "%q is no country; write its two letters of ISO 3166, such as DE", m.Country)
		}
		return first(checkLine(at+"street", m.Street, true), checkLine(at+"city", m.City, true), checkLine(at+"postcode", m.Postcode, false))
	}
	return oneOf(at+"kind", m.Kind, Email, Phone, Postal, Webhook)
}

// AddContact adds a way to reach a party. A webhook gets a secret, which is
// returned here and nowhere else; a party has one webhook at most.
func (s *Service) AddContact(ctx context.Context, by database.Actor, m ContactMedium) (ContactMedium, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (ContactMedium, error) {
		return s.AddContactIn(ctx, tx, m)
	})
}

// AddContactIn is AddContact inside a transaction.
func (s *Service) AddContactIn(ctx context.Context, tx *database.Tx, m ContactMedium) (ContactMedium, error) {
	if _, err := s.Party(ctx, tx, m.PartyID); err != nil {
		return m, err
	}
	return s.addContact(ctx, tx, m, "")
}

func (s *Service) addContact(ctx context.Context, tx *database.Tx, m ContactMedium, at string) (ContactMedium, error) {
	m.ID, m.Secret = 0, ""
	if err := m.check(at); err != nil {
		return m, err
	}
	have, err := s.Contacts(ctx, tx, m.PartyID)
	if err != nil {
		return m, err
	}
	if len(have) >= maxContacts {
		return m, forbidden("contacts_too_many", at+"kind", "a party has at most %d contact media; remove one first", maxContacts)
	}
	if m.Kind == Webhook {
		for k := range have {
			if have[k].Kind == Webhook {
				return m, refusal.New(refusal.Conflict, "webhook_exists", at+"kind", "the party has the webhook %s; remove it first", have[k].Value)
			}
		}
		m.Secret = rand.Text()
	}
	err = insert(ctx, tx, "contact_medium", &m, &m.ID)
	return m, err
}

// RemoveContact removes a way to reach a party.
func (s *Service) RemoveContact(ctx context.Context, by database.Actor, partyID, id int64) error {
	return s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error { return s.RemoveContactIn(ctx, tx, partyID, id) })
}

// RemoveContactIn is RemoveContact inside a transaction.
func (s *Service) RemoveContactIn(ctx context.Context, tx *database.Tx, partyID, id int64) error {
	m, err := byID[ContactMedium](ctx, tx, id, "contact_medium", "contact_medium.id")
	if err != nil {
		return err
	}
	if m.PartyID != partyID {
		return refusal.New(refusal.NotFound, "contact_medium_unknown", "contact_medium.id", "party %d has no contact medium %d", partyID, id)
	}
	// What is still to be sent there is given up when its turn comes.
	if _, err := tx.NewUpdate().Table("notification").Set("contact_medium_id = NULL").Where("contact_medium_id = ?", id).Exec(ctx); err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model(&m).WherePK().Exec(ctx); err != nil {
		return err
	}
	return tx.Audit(ctx, "contact_medium", text(id), "remove", m, nil)
}

// SetContactsIn makes the e-mail, telephone and postal media of a party those
// that are given; the ones that it has already stay as they are, and so does
// its webhook.
func (s *Service) SetContactsIn(ctx context.Context, tx *database.Tx, partyID int64, wanted []ContactMedium) error {
	have, err := s.Contacts(ctx, tx, partyID)
	if err != nil {
		return err
	}
	wanted = slices.Clone(wanted)
	for k := range wanted {
		wanted[k].ID, wanted[k].PartyID, wanted[k].Secret = 0, partyID, ""
		if err := wanted[k].check(fmt.Sprintf("contactMedium[%d].", k)); err != nil {
			return err
		}
	}
	for k := range have {
		bare := have[k]
		bare.ID = 0
		if n := slices.Index(wanted, bare); n >= 0 {
			wanted = slices.Delete(wanted, n, n+1)
		} else if bare.Kind != Webhook {
			if err := s.RemoveContactIn(ctx, tx, partyID, have[k].ID); err != nil {
				return err
			}
		}
	}
	for k := range wanted {
		if _, err := s.addContact(ctx, tx, wanted[k], fmt.Sprintf("contactMedium[%d].", k)); err != nil {
			return err
		}
	}
	return nil
}

// Contacts are the ways to reach a party, the preferred ones first.
func (s *Service) Contacts(ctx context.Context, q bun.IDB, partyID int64) ([]ContactMedium, error) {
	return database.Select[ContactMedium](ctx, q, "WHERE party_id = ? ORDER BY preferred DESC, id", partyID)
}

// contactOf is the first medium of a kind, nil if there is none.
func contactOf(media []ContactMedium, kind ContactKind) *ContactMedium {
	for k := range media {
		if media[k].Kind == kind {
			return &media[k]
		}
	}
	return nil
}

// Consent is one decision of a party on what may be done with its data.
type Consent struct {
	bun.BaseModel `bun:"table:consent" json:"-"`

	ID      int64           `bun:",pk,autoincrement" json:"id"`
	PartyID int64           `json:"party_id"`
	Purpose string          `json:"purpose"` // such as marketing, profiling
	Granted bool            `json:"granted"`
	Source  string          `json:"source,omitempty"` // where it was given: shop, web, call
	At      instant.Instant `json:"at"`
}

// Decide writes down that a party grants or withdraws its consent.
func (s *Service) Decide(ctx context.Context, by database.Actor, c Consent) (Consent, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (Consent, error) {
		return s.DecideIn(ctx, tx, c)
	})
}

// DecideIn is Decide inside a transaction.
func (s *Service) DecideIn(ctx context.Context, tx *database.Tx, c Consent) (Consent, error) {
	if _, err := s.Party(ctx, tx, c.PartyID); err != nil {
		return c, err
	}
	if err := first(checkLine("purpose", c.Purpose, true), checkLine("source", c.Source, false)); err != nil {
		return c, err
	}
	c.ID, c.At = 0, tx.Now()
	err := insert(ctx, tx, "consent", &c, &c.ID)
	return c, err
}

// Consents are the decisions of a party that hold: the last one of each purpose.
func (s *Service) Consents(ctx context.Context, q bun.IDB, partyID int64) (consents []Consent, err error) {
	err = q.NewSelect().Model(&consents).Where("party_id = ?", partyID).
		Where("id IN (SELECT MAX(id) FROM consent WHERE party_id = ? GROUP BY purpose)", partyID).Order("purpose").Scan(ctx)
	return consents, err
}
