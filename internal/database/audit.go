package database

import (
	"context"
	"encoding/json"
	"fmt"

	"gyro/internal/instant"
)

// maxAudited is how many rows of the audit trail wait for the end of a transaction at most.
const maxAudited = 1000

// Audit writes what was done to an entity into the audit trail, with who and when. before and after are kept as JSON; nil
// is nothing, as before something is created or after it is deleted. They are taken as they are now; the row is written at
// the end of the transaction.
func (tx *Tx) Audit(ctx context.Context, entity, id, action string, before, after any) error {
	was, err := document(before)
	if err != nil {
		return fmt.Errorf("audit %s %s: before: %w", entity, id, err)
	}
	is, err := document(after)
	if err != nil {
		return fmt.Errorf("audit %s %s: after: %w", entity, id, err)
	}
	a := &tx.audited
	a.entity, a.id, a.action = append(a.entity, entity), append(a.id, id), append(a.action, action)
	a.before, a.after = append(a.before, was), append(a.after, is)
	if len(a.id) >= maxAudited {
		return tx.Flush(ctx)
	}
	return nil
}

// document is a value as JSON, nil for none.
func document(v any) (*string, error) {
	if v == nil {
		return nil, nil //nolint:nilnil // NULL
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	s := string(text)
	if s == "null" {
		return nil, nil //nolint:nilnil // a nil pointer is nothing, too
	}
	return &s, nil
}

// AuditRow is one row of the audit trail.
type AuditRow struct {
	ID       int64
	At       instant.Instant
	Actor    Actor
	Entity   string
	EntityID string
	Action   string
	Before   json.RawMessage // nil when it was created
	After    json.RawMessage // nil when it was deleted
}

// AuditTrail returns what was done to an entity, the oldest first, at most limit rows after the one with the number after.
// An empty entity is everything, an empty id all of its kind.
func (db *DB) AuditTrail(ctx context.Context, entity, id string, after int64, limit int) ([]AuditRow, error) {
	rows, err := db.reader.QueryContext(ctx, `SELECT id, at, actor, role, via, request, entity, entity_id, action, before, after
		FROM audit WHERE id > ? AND (? = '' OR entity = ?) AND (? = '' OR entity_id = ?) ORDER BY id LIMIT ?`,
		after, entity, entity, id, id, limit)
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var trail []AuditRow
	for rows.Next() {
		var r AuditRow
		var was, is *string
		if err := rows.Scan(&r.ID, &r.At, &r.Actor.Name, &r.Actor.Role, &r.Actor.Via, &r.Actor.Request,
			&r.Entity, &r.EntityID, &r.Action, &was, &is); err != nil {
			return nil, fmt.Errorf("read the audit trail: %w", err)
		}
		r.Before, r.After = rawDocument(was), rawDocument(is)
		trail = append(trail, r)
	}
	return trail, rows.Err()
}

func rawDocument(s *string) json.RawMessage {
	if s == nil {
		return nil
	}
	return json.RawMessage(*s)
}
