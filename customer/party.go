package customer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"gyro/customer/vatnumber"
	"gyro/internal/database"
	"gyro/internal/instant"
)

// PartyKind is what a party is.
type PartyKind string

// The kinds of party (TMF 632).
const (
	Individual   PartyKind = "individual"
	Organization PartyKind = "organization"
)

// PartyStatus is how far a party is known.
type PartyStatus string

// The states of a party. TMF 632 spells the third one "deceaded".
const (
	Initialized PartyStatus = "initialized" // as it said itself
	Validated   PartyStatus = "validated"   // its papers were seen
	Deceased    PartyStatus = "deceased"
	PartyClosed PartyStatus = "closed" // an organisation that is no more
)

// Party is a person or an organisation (TMF 632).
type Party struct {
	bun.BaseModel `bun:"table:party" json:"-"`

	ID         int64     `bun:",pk,autoincrement" json:"id"`
	Kind       PartyKind `json:"kind"`
	GivenName  string    `json:"given_name,omitempty"`  // individuals
	FamilyName string    `json:"family_name,omitempty"` // individuals
	LegalName  string    `json:"legal_name,omitempty"`  // organisations
	BirthDate  string    `json:"birth_date,omitempty"`  // 2006-01-02; individuals, optional
	TaxID      string    `json:"tax_id,omitempty"`      // VAT number or the like
	// Language is what messages and bills are written in: a code of ISO 639-1
	// with or without a country, its base one of Languages; "en" where none is given.
	Language  string          `json:"language"`
	Status    PartyStatus     `json:"status"`
	CreatedAt instant.Instant `json:"created_at"`
	UpdatedAt instant.Instant `json:"updated_at"`
}

// Name is the name of a party as it stands on a letter.
func (p *Party) Name() string {
	if p.Kind == Organization {
		return p.LegalName
	}
	return strings.TrimSpace(p.GivenName + " " + p.FamilyName)
}

func (p *Party) check() error {
	individual := p.Kind == Individual
	err := first(
		oneOf("kind", p.Kind, Individual, Organization),
		checkLine("family_name", p.FamilyName, individual),
		checkLine("given_name", p.GivenName, false),
		checkLine("legal_name", p.LegalName, p.Kind == Organization),
		checkLine("tax_id", p.TaxID, false),
		checkDate("birth_date", p.BirthDate),
		checkLanguage("language", p.Language),
		oneOf("status", p.Status, Initialized, Validated, Deceased, PartyClosed),
	)
	switch {
	case err != nil:
		return err
	case individual && p.LegalName != "":
		return invalid("name_of_another_kind", "legal_name", "belongs to organisations; a person has family_name and given_name")
	case !individual && (p.FamilyName != "" || p.GivenName != "" || p.BirthDate != ""):
		return invalid("name_of_another_kind", "family_name", "family_name, given_name and birth_date belong to persons; an organisation has legal_name")
	}
	return nil
}

// checkTaxID refuses a VAT number that cannot be one: bills without tax stand on it (reverse charge).
func checkTaxID(number string) error {
	err := vatnumber.Check(number)
	switch {
	case number != "" && strings.TrimSpace(number) == "":
		return invalid("tax_id_malformed", "tax_id", "it is blank; write the number, or leave it out")
	case errors.Is(err, vatnumber.ErrForm):
		return invalid("tax_id_malformed", "tax_id", "%s", err)
	case err != nil:
		return invalid("tax_id_wrong", "tax_id", "%s", err)
	}
	return nil
}

// CreateParty stores a new party with its contact media.
func (s *Service) CreateParty(ctx context.Context, by database.Actor, p Party, contacts ...ContactMedium) (Party, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (Party, error) {
		return s.CreatePartyIn(ctx, tx, p, contacts...)
	})
}

// CreatePartyIn is CreateParty inside a transaction.
func (s *Service) CreatePartyIn(ctx context.Context, tx *database.Tx, p Party, contacts ...ContactMedium) (Party, error) {
	p.ID, p.CreatedAt, p.UpdatedAt = 0, tx.Now(), tx.Now()
	p.Language, p.Status = cmp.Or(p.Language, "en"), cmp.Or(p.Status, Initialized)
	if err := first(p.check(), checkTaxID(p.TaxID)); err != nil {
		return Party{}, err
	}
	if err := insert(ctx, tx, "party", &p, &p.ID); err != nil {
		return Party{}, err
	}
	for n := range contacts {
		contacts[n].PartyID = p.ID
		if _, err := s.addContact(ctx, tx, contacts[n], fmt.Sprintf("contact_medium[%d].", n)); err != nil {
			return Party{}, err
		}
	}
	event := "individualCreateEvent"
	if p.Kind == Organization {
		event = "organizationCreateEvent"
	}
	return p, tx.Emit(ctx, database.Event{Type: event, Entity: "party", ID: text(p.ID), Payload: p})
}

// ChangeParty lets change alter a party: everything but its number and kind.
func (s *Service) ChangeParty(ctx context.Context, by database.Actor, id int64, change func(*Party) error) (Party, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (Party, error) {
		return s.ChangePartyIn(ctx, tx, id, change)
	})
}

// ChangePartyIn is ChangeParty inside a transaction.
func (s *Service) ChangePartyIn(ctx context.Context, tx *database.Tx, id int64, change func(*Party) error) (Party, error) {
	before, err := s.Party(ctx, tx, id)
	if err != nil {
		return Party{}, err
	}
	after := before
	if err := change(&after); err != nil {
		return Party{}, err
	}
	if after.Kind != before.Kind {
		return Party{}, forbidden("kind_fixed", "kind", "a party stays %s; create another party", before.Kind)
	}
	after.ID, after.CreatedAt, after.UpdatedAt = id, before.CreatedAt, tx.Now()
	if err := after.check(); err != nil {
		return Party{}, err
	}
	if after.TaxID != before.TaxID {
		if err := checkTaxID(after.TaxID); err != nil {
			return Party{}, err
		}
	}
	err = update(ctx, tx, "party", id, "change", before, &after)
	return after, err
}

// Party reads a party.
func (s *Service) Party(ctx context.Context, q bun.IDB, id int64) (Party, error) {
	return byID[Party](ctx, q, id, "party", "party.id")
}

// PartyFilter narrows a list of parties down; what is empty does not.
type PartyFilter struct {
	Kind   PartyKind
	Name   string // the family or legal name begins with it
	TaxID  string
	Status PartyStatus
}

// Parties lists parties in the order of their ids, and counts the whole list.
func (s *Service) Parties(ctx context.Context, q bun.IDB, f PartyFilter, page Page) (rows []Party, total int, err error) {
	query := q.NewSelect()
	if f.Kind != "" {
		query.Where("kind = ?", f.Kind)
	}
	if f.Name != "" {
		query.Where("(family_name LIKE ? ESCAPE '!' OR legal_name LIKE ? ESCAPE '!')", beginning(f.Name), beginning(f.Name))
	}
	if f.TaxID != "" {
		query.Where("tax_id = ?", f.TaxID)
	}
	if f.Status != "" {
		query.Where("status = ?", f.Status)
	}
	total, err = list(ctx, query, &rows, page)
	return rows, total, err
}

// beginning is the pattern of LIKE for what begins with a text.
func beginning(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text) + "%"
}
