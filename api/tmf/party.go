package tmf

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/refusal"
	"gyro/internal/strictjson"

	"github.com/uptrace/bun"
)

// contactMedium is a way to reach a party, without webhooks: TM Forum has no
// word for those.
type contactMedium struct {
	MediumType     string               `json:"mediumType"` // email, phone, postalAddress
	Preferred      bool                 `json:"preferred,omitempty"`
	Characteristic mediumCharacteristic `json:"characteristic"`
}

type mediumCharacteristic struct {
	EmailAddress string `json:"emailAddress,omitempty"`
	PhoneNumber  string `json:"phoneNumber,omitempty"`
	Street1      string `json:"street1,omitempty"`
	City         string `json:"city,omitempty"`
	PostCode     string `json:"postCode,omitempty"`
	Country      string `json:"country,omitempty"`
}

// languageAbility says in which language a party is written to: the favourite
// one.
type languageAbility struct {
	LanguageCode string `json:"languageCode"`
	Favourite    bool   `json:"isFavouriteLanguage"`
}

// identification is a paper by which a party is known; here the tax number.
type identification struct {
	ID   string `json:"identificationId"`
	Type string `json:"identificationType"`
}

const taxNumber = "taxId"

// birthDate is a day. TM Forum writes it as the moment at which it begins in
// UTC; a day alone is read, too.
type birthDate string

// MarshalJSON implements json.Marshaler.
func (d birthDate) MarshalJSON() ([]byte, error) { return json.Marshal(string(d) + "T00:00:00Z") }

// UnmarshalJSON implements json.Unmarshaler.
func (d *birthDate) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*d = ""
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err == nil {
		day, _, _ := strings.Cut(text, "T")
		if _, err := time.Parse(time.DateOnly, day); err == nil {
			*d = birthDate(day)
			return nil
		}
	}
	return &strictjson.Error{Reason: string(b) + " is no day", Remedy: `write it as "1990-12-31" or "1990-12-31T00:00:00Z"`}
}

// individual is TMF632's Individual.
type individual struct {
	rest.Entity
	GivenName      string            `json:"givenName,omitempty"`
	FamilyName     string            `json:"familyName,omitempty"`
	FullName       string            `json:"fullName,omitempty"`
	BirthDate      birthDate         `json:"birthDate,omitempty"`
	Status         string            `json:"status,omitempty"`
	ContactMedium  []contactMedium   `json:"contactMedium,omitempty"`
	Language       []languageAbility `json:"languageAbility,omitempty"`
	Identification []identification  `json:"individualIdentification,omitempty"`
}

// organization is TMF632's Organization.
type organization struct {
	rest.Entity
	Name           string           `json:"name,omitempty"`
	Status         string           `json:"status,omitempty"`
	ContactMedium  []contactMedium  `json:"contactMedium,omitempty"`
	Identification []identification `json:"organizationIdentification,omitempty"`
	// PartyCharacteristic has the language, for which organisations have no
	// attribute of their own.
	PartyCharacteristic []rest.Characteristic `json:"partyCharacteristic,omitempty"`
}

// customerReaders are who may see who the customers are: those who deal with
// them. Network operations knows lines, not people.
const customerReaders = access.Sales | access.Finance | access.Marketing | access.Care | access.Administrator

// partyRoles are who may do what with parties and customers.
var partyRoles = rest.Roles{Read: customerReaders, Create: access.Sales | access.Care, Patch: access.Sales | access.Care}

// individuals is TMF632's Individual.
func individuals(s *customer.Service) rest.Set {
	p := parties{s, customer.Individual}
	return rest.Resource[individual]{
		API: rest.TMF632, Path: "individual", Type: "Individual", Roles: partyRoles, Key: "party.id",
		About: "A person, whatever they are to the operator.",
		Filters: []rest.Filter{
			{Attribute: "familyName", Column: "party.family_name", Sort: true},
			{Attribute: "givenName", Column: "party.given_name", Sort: true},
			{Attribute: "status", Column: "REPLACE(party.status, 'deceased', 'deceaded')", Values: []string{"initialized", "validated", "deceaded"}},
			mediumFilter("email", "emailAddress"), mediumFilter("phone", "phoneNumber"),
		},
		ReadOnly:  []string{"fullName"},
		Patchable: []string{"givenName", "familyName", "birthDate", "status", "contactMedium", "languageAbility", "individualIdentification"},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]individual, int, error) {
			return partyPage(ctx, db, q, p, individualOf)
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (individual, error) {
			return partyDocument(ctx, db, id, p, individualOf)
		},
		Create: func(ctx context.Context, tx *database.Tx, in individual) (v individual, err error) {
			row := customer.Party{Kind: customer.Individual}
			if err := in.into(&row); err != nil {
				return v, err
			}
			return createParty(ctx, tx, p, row, in.ContactMedium, individualOf)
		},
		Patch: func(ctx context.Context, tx *database.Tx, id string, _, wanted individual) (individual, error) {
			return patchParty(ctx, tx, id, p, wanted.into, wanted.ContactMedium, individualOf)
		},
	}
}

// organizations is TMF632's Organization.
func organizations(s *customer.Service) rest.Set {
	p := parties{s, customer.Organization}
	return rest.Resource[organization]{
		API: rest.TMF632, Path: "organization", Type: "Organization", Roles: partyRoles, Key: "party.id",
		About: "A company, an authority, a club, whatever it is to the operator.",
		Filters: []rest.Filter{
			{Attribute: "name", Column: "party.legal_name", Sort: true},
			{Attribute: "status", Column: "party.status", Values: []string{"initialized", "validated", "closed"}},
			mediumFilter("email", "emailAddress"), mediumFilter("phone", "phoneNumber"),
		},
		Patchable: []string{"name", "status", "contactMedium", "organizationIdentification", "partyCharacteristic"},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]organization, int, error) {
			return partyPage(ctx, db, q, p, organizationOf)
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (organization, error) {
			return partyDocument(ctx, db, id, p, organizationOf)
		},
		Create: func(ctx context.Context, tx *database.Tx, in organization) (v organization, err error) {
			row := customer.Party{Kind: customer.Organization}
			if err := in.into(&row); err != nil {
				return v, err
			}
			return createParty(ctx, tx, p, row, in.ContactMedium, organizationOf)
		},
		Patch: func(ctx context.Context, tx *database.Tx, id string, _, wanted organization) (organization, error) {
			return patchParty(ctx, tx, id, p, wanted.into, wanted.ContactMedium, organizationOf)
		},
	}
}

func mediumFilter(kind, attribute string) rest.Filter {
	return rest.Filter{
		Attribute: "contactMedium.characteristic." + attribute, Column: "m.value",
		Within: "EXISTS (SELECT 1 FROM contact_medium m WHERE m.party_id = party.id AND m.kind = '" + kind + "' AND %s)",
	}
}

// parties are parties of one kind.
type parties struct {
	s    *customer.Service
	kind customer.PartyKind
}

// reachable is a party with its contact media.
type reachable struct {
	customer.Party
	media []customer.ContactMedium
}

func partyPage[V any](ctx context.Context, db bun.IDB, q *rest.Query, p parties, of func(*reachable) V) ([]V, int, error) {
	var rows []customer.Party
	total, err := q.Page(ctx, db.NewSelect().Model(&rows).Where("party.kind = ?", p.kind))
	if err != nil || len(rows) == 0 {
		return nil, total, err
	}
	ids := make([]int64, len(rows))
	for k := range rows {
		ids[k] = rows[k].ID
	}
	media, err := p.s.ContactsOf(ctx, db, ids)
	page := make([]V, len(rows))
	for k := range rows {
		page[k] = of(&reachable{rows[k], media[rows[k].ID]})
	}
	return page, total, err
}

func partyDocument[V any](ctx context.Context, db bun.IDB, id string, p parties, of func(*reachable) V) (v V, err error) {
	n, err := rest.ParseID(id)
	if err != nil {
		return v, err
	}
	row, err := p.s.Party(ctx, db, n)
	if err == nil && row.Kind != p.kind {
		err = refusal.New(refusal.NotFound, "party_unknown", "", "party %d is no %s", n, p.kind)
	}
	if err != nil {
		return v, err
	}
	media, err := p.s.Contacts(ctx, db, n)
	return of(&reachable{row, media}), err
}

func createParty[V any](ctx context.Context, tx *database.Tx, p parties, row customer.Party, media []contactMedium, of func(*reachable) V) (v V, err error) {
	contacts, err := contactsInto(media)
	if err != nil {
		return v, err
	}
	row, err = p.s.CreatePartyIn(ctx, tx, row, contacts...)
	if err != nil {
		return v, err
	}
	return partyDocument(ctx, tx, rest.ID(row.ID), p, of)
}

func patchParty[V any](ctx context.Context, tx *database.Tx, id string, p parties, into func(*customer.Party) error, media []contactMedium, of func(*reachable) V) (v V, err error) {
	n, err := rest.ParseID(id)
	if err != nil {
		return v, err
	}
	contacts, err := contactsInto(media)
	if err != nil {
		return v, err
	}
	if _, err := p.s.ChangePartyIn(ctx, tx, n, into); err != nil {
		return v, err
	}
	if err := p.s.SetContactsIn(ctx, tx, n, contacts); err != nil {
		return v, err
	}
	return partyDocument(ctx, tx, id, p, of)
}

// Words of TM Forum that differ from ours.
const (
	deceaded      = "deceaded" // sic
	postalAddress = "postalAddress"
	languageName  = "language"
)

func individualOf(r *reachable) individual {
	v := individual{
		Entity: rest.Entity{ID: rest.ID(r.ID)}, GivenName: r.GivenName, FamilyName: r.FamilyName, FullName: r.Name(), BirthDate: birthDate(r.BirthDate),
		Status: string(r.Status), ContactMedium: contactsFrom(r.media), Language: []languageAbility{{r.Language, true}}, Identification: identified(r.TaxID),
	}
	if r.Status == customer.Deceased {
		v.Status = deceaded
	}
	return v
}

func (v individual) into(p *customer.Party) (err error) {
	p.GivenName, p.FamilyName, p.BirthDate, p.Status = v.GivenName, v.FamilyName, string(v.BirthDate), customer.PartyStatus(v.Status)
	if v.Status == deceaded {
		p.Status = customer.Deceased
	}
	p.Language = ""
	for k := range v.Language {
		if v.Language[k].Favourite || len(v.Language) == 1 {
			p.Language = v.Language[k].LanguageCode
		}
	}
	p.TaxID, err = identifiedBy("individualIdentification", v.Identification)
	return err
}

func organizationOf(r *reachable) organization {
	language, _ := json.Marshal(r.Language)
	return organization{
		Entity: rest.Entity{ID: rest.ID(r.ID)}, Name: r.LegalName, Status: string(r.Status), ContactMedium: contactsFrom(r.media),
		Identification: identified(r.TaxID), PartyCharacteristic: []rest.Characteristic{{Name: languageName, ValueType: "string", Value: language}},
	}
}

func (v organization) into(p *customer.Party) (err error) {
	p.LegalName, p.Status = v.Name, customer.PartyStatus(v.Status)
	if p.Language, err = textCharacteristic("partyCharacteristic", v.PartyCharacteristic, languageName); err != nil {
		return err
	}
	p.TaxID, err = identifiedBy("organizationIdentification", v.Identification)
	return err
}

func identified(taxID string) []identification {
	if taxID == "" {
		return nil
	}
	return []identification{{taxID, taxNumber}}
}

// identifiedBy is the tax number among papers; others are not kept here.
func identifiedBy(field string, papers []identification) (taxID string, err error) {
	for k := range papers {
		if papers[k].Type != taxNumber {
			return "", refusal.New(refusal.Invalid, "invalid_value", field+".identificationType", "%q is not kept here; there is %s", papers[k].Type, taxNumber)
		}
		taxID = papers[k].ID
	}
	return taxID, nil
}

// textCharacteristic is the one characteristic that a document has, "" where it
// is not there.
func textCharacteristic(field string, all []rest.Characteristic, name string) (value string, err error) {
	for k := range all {
		if all[k].Name != name || json.Unmarshal(all[k].Value, &value) != nil {
			return "", refusal.New(refusal.Invalid, "invalid_value", field, "%q with the value %s is not kept here; there is %s, a text", all[k].Name, all[k].Value, name)
		}
	}
	return value, nil
}

func contactsFrom(media []customer.ContactMedium) (all []contactMedium) {
	for k := range media {
		m := &media[k]
		v := contactMedium{MediumType: string(m.Kind), Preferred: m.Preferred}
		switch m.Kind {
		case customer.Email:
			v.Characteristic.EmailAddress = m.Value
		case customer.Phone:
			v.Characteristic.PhoneNumber = m.Value
		case customer.Postal:
			v.MediumType = postalAddress
			v.Characteristic = mediumCharacteristic{Street1: m.Street, City: m.City, PostCode: m.Postcode, Country: m.Country}
		case customer.Webhook:
			continue
		}
		all = append(all, v)
	}
	return all
}

func contactsInto(all []contactMedium) (media []customer.ContactMedium, err error) {
	for k := range all {
		c := &all[k].Characteristic
		m := customer.ContactMedium{Preferred: all[k].Preferred}
		switch all[k].MediumType {
		case "email":
			m.Kind, m.Value = customer.Email, c.EmailAddress
		case "phone":
			m.Kind, m.Value = customer.Phone, c.PhoneNumber
		case postalAddress:
			m.Kind, m.Street, m.City, m.Postcode, m.Country = customer.Postal, c.Street1, c.City, c.PostCode, c.Country
		default:
			return nil, refusal.New(refusal.Invalid, "invalid_value", "contactMedium.mediumType", "%q is none of email, phone, postalAddress", all[k].MediumType)
		}
		media = append(media, m)
	}
	return media, nil
}
