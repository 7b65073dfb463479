package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
	"gyro/internal/zone"
	"gyro/rating"
)

// State is where a document is on its way into force.
type State string

// The states of a document.
const (
	DocumentDraft     State = "draft"     // kept, with errors
	DocumentChecked   State = "checked"   // compiles, and its tests pass
	DocumentScheduled State = "scheduled" // will be in force at its moment
	DocumentPublished State = "published" // was or is in force, in both halves
	DocumentFailed    State = "failed"    // the core refused it: Reason says why
	DocumentWithdrawn State = "withdrawn" // another one came before its moment
)

// Document is a version of a catalogue as the operator wrote it.
type Document struct {
	bun.BaseModel `bun:"table:catalog_document,alias:d" json:"-"`

	ID      int64  `bun:",pk,autoincrement" json:"id"`
	Name    string `json:"name"`
	Version int64  `json:"version"`
	State   State  `json:"state"`
	Reason  string `json:"reason,omitempty"` // of drafts and failures
	Source  string `json:"-"`
	// ChargingSource is what the core is given; "" where it is given nothing.
	ChargingSource  string          `json:"-"`
	ChargingVersion int64           `json:"charging_version,omitempty"` // in the core
	EffectiveAt     instant.Instant `json:"effective_at,omitempty"`     // what was asked for; 0 is as soon as possible
	AppliedAt       instant.Instant `json:"applied_at,omitempty"`       // from when on it is in force
	SubmittedBy     string          `json:"submitted_by"`
	CreatedAt       instant.Instant `json:"created_at"`
	UpdatedAt       instant.Instant `json:"updated_at"`
}

// Check compiles a document and says what it makes different from what is in
// force. Nothing is kept.
func (s *Service) Check(ctx context.Context, source []byte) (*Compiled, Changes, error) {
	compiled, err := Compile(source)
	if err != nil {
		return nil, Changes{}, err
	}
	var changes Changes
	err = s.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		changes, err = s.changes(ctx, q, compiled, s.db.Now())
		return err
	})
	return compiled, changes, err
}

// changes compares a document with what is in force at a moment.
func (s *Service) changes(ctx context.Context, q bun.IDB, compiled *Compiled, at instant.Instant) (c Changes, err error) {
	inForce, _, err := s.Offerings(ctx, q, Filter{Catalog: compiled.Name, At: at})
	if err != nil {
		return c, err
	}
	c.Offers, c.Charging = Diff(inForce, compiled.Offerings), []rating.Change{}
	was := &rating.Plan{}
	current, found, err := s.inForce(ctx, q, compiled.Name)
	if err != nil {
		return c, err
	}
	if found && current.ChargingSource != "" {
		if was, err = rating.Compile([]byte(current.ChargingSource), zone.Load); err != nil {
			return c, fmt.Errorf("catalogue %s version %d does not compile any more: %w", current.Name, current.Version, err)
		}
	}
	if compiled.Plan != nil && was.TimeZone() != "" {
		c.Charging = append(c.Charging, rating.Diff(was, compiled.Plan)...)
	} else if compiled.Plan != nil {
		c.Charging = append(c.Charging, rating.Change{Subject: "catalogue", Name: compiled.Name, Offers: []string{}, New: strconv.Itoa(len(compiled.Plan.Offers())) + " offers"})
	}
	return c, nil
}

// inForce is the newest published document of a catalogue.
func (s *Service) inForce(ctx context.Context, q bun.IDB, name string) (d Document, found bool, err error) {
	err = q.NewSelect().Model(&d).Where("d.name = ? AND d.state = ?", name, DocumentPublished).Order("d.version DESC").Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return d, false, nil
	}
	return d, err == nil, err
}

// Submit keeps a document as the next version of its catalogue, checked. One
// with errors is kept as a draft if draft is set, and refused with
// rating.SourceErrors otherwise. One that says what the newest version says
// already is that version.
func (s *Service) Submit(ctx context.Context, by database.Actor, source []byte, draft bool) (d Document, err error) {
	compiled, wrong := Compile(source)
	if wrong != nil && !draft {
		return d, wrong
	}
	name := nameIn(source)
	if wrong != nil && name == "" {
		return d, wrong // nobody could find it again
	}
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		newest, found, err := newestDocument(ctx, tx, name)
		if err != nil {
			return err
		}
		if found && newest.Source == string(source) && newest.State != DocumentFailed && newest.State != DocumentWithdrawn {
			d = newest
			return nil
		}
		d = Document{
			Name: name, Version: newest.Version + 1, State: DocumentChecked, Source: string(source),
			SubmittedBy: by.Name, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
		}
		if wrong != nil {
			d.State, d.Reason = DocumentDraft, wrong.Error()
		} else {
			d.ChargingSource = string(compiled.Charging)
		}
		if _, err := tx.NewInsert().Model(&d).Returning("id").Exec(ctx); err != nil {
			return fmt.Errorf("catalogue %s version %d: %w", d.Name, d.Version, err)
		}
		return tx.Audit(ctx, "catalog", d.ref(), "submit", nil, d)
	})
	return d, err
}

// ref is what the audit trail calls a document.
func (d *Document) ref() string { return d.Name + "/" + strconv.FormatInt(d.Version, 10) }

// nameIn is the name that a document gives itself, whatever else is wrong with
// it.
func nameIn(source []byte) string {
	var r reader
	root, ok := r.parse(source)
	if !ok {
		return ""
	}
	m, ok := r.mapping(root, documentKeys...)
	if !ok {
		return ""
	}
	if f, ok := m.optional("catalog"); ok {
		return r.nameAt(f)
	}
	return ""
}

func newestDocument(ctx context.Context, q bun.IDB, name string) (d Document, found bool, err error) {
	err = q.NewSelect().Model(&d).Where("d.name = ?", name).Order("d.version DESC").Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Document{}, false, nil
	}
	return d, err == nil, err
}

// Document is a version of a catalogue; 0 is the newest.
func (s *Service) Document(ctx context.Context, q bun.IDB, name string, version int64) (d Document, err error) {
	query := q.NewSelect().Model(&d).Where("d.name = ?", name)
	if version != 0 {
		query = query.Where("d.version = ?", version)
	}
	err = query.Order("d.version DESC").Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return d, refusal.New(refusal.NotFound, "catalog_unknown", "name", "there is no such version of a catalogue %q; gyro offer versions shows those there are", name)
	}
	return d, err
}

// Documents are the versions of a catalogue, or of all, the newest first.
func (s *Service) Documents(ctx context.Context, q bun.IDB, name string, offset, limit int) ([]Document, int, error) {
	list := []Document{}
	query := q.NewSelect().Model(&list).ExcludeColumn("source", "charging_source").Order("d.id DESC").Offset(int64(offset)).Limit(int64(limit))
	if name != "" {
		query = query.Where("d.name = ?", name)
	}
	total, err := query.ScanAndCount(ctx)
	return list, int(total), err
}
