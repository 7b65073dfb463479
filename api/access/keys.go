package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// Key is what a program has to prove itself; of its secret there is a hash only.
type Key struct {
	bun.BaseModel `bun:"table:access_key,alias:k" json:"-"`
	ID            int64           `bun:",pk,autoincrement" json:"id"`
	Name          string          `json:"name"`
	RoleNames     string          `bun:"roles" json:"roles"`
	Hash          string          `json:"-"`
	OldHash       *string         `json:"-"`
	OldUntil      instant.Instant `json:"-"`
	Status        string          `json:"status"`
	CreatedBy     string          `json:"createdBy"`
	// Owner is the person who was told the secret, and OldOwner the one who was told the one before: the user who made or
	// rotated it, be it with another key of his.
	Owner     string          `json:"owner"`
	OldOwner  string          `json:"-"`
	CreatedAt instant.Instant `json:"-"`
	RotatedAt instant.Instant `json:"-"`
	ExpiresAt instant.Instant `json:"-"`
	UsedAt    instant.Instant `json:"-"`

	left map[string]bool // of its owners: who are disabled
}

// Roles are the key's.
func (k *Key) Roles() Roles { return rolesOf(k.RoleNames) }

// Lives of keys.
const (
	// DefaultKeyLife is how long a key is good where nobody says: long enough not to be renewed in a hurry.
	DefaultKeyLife = 365 * instant.Day
	// RotationGrace is how long the secret before is good after a rotation, so that clients change over one by one.
	RotationGrace = instant.Day
)

// CreateKey makes a key. The secret is returned here and never again.
func (s *Service) CreateKey(ctx context.Context, tx *database.Tx, name string, roles Roles, expires instant.Instant) (k Key, secret string, err error) {
	secret = newSecret(secretPrefix)
	k, err = s.createKey(ctx, tx, name, roles, expires, secret)
	return k, secret, err
}

func (s *Service) createKey(ctx context.Context, tx *database.Tx, name string, roles Roles, expires instant.Instant, secret string) (Key, error) {
	k := Key{
		Name: name, RoleNames: roles.stored(), Hash: digest(secret), Status: Active,
		CreatedBy: tx.By().Name, Owner: ownerOf(ctx, tx), CreatedAt: tx.Now(), ExpiresAt: expires,
	}
	if err := errors.Join(checkName(name), checkRoles(roles)); err != nil {
		return k, err
	}
	if expires != 0 && expires <= tx.Now() {
		return k, refusal.New(refusal.Invalid, "invalid_value", "expiresAt", "%s has passed; take a later moment", expires)
	}
	exists, err := tx.NewSelect().Model((*Key)(nil)).Where("k.name = ?", name).Exists(ctx)
	if err != nil {
		return k, err
	}
	if exists {
		return k, refusal.New(refusal.Conflict, "key_exists", "name", "there is or was a key %q; take another name, so that the audit trail stays clear", name)
	}
	if _, err := tx.NewInsert().Model(&k).Exec(ctx); err != nil {
		return k, err
	}
	err = tx.Audit(ctx, "apiKey", name, "create", nil, &k)
	return k, err
}

// ownerOf is who is told the secret of a key that is made in a transaction.
func ownerOf(ctx context.Context, tx *database.Tx) string {
	if p := PrincipalOf(ctx); p.Name != "" {
		return p.person()
	}
	return tx.By().Name
}

// FindKey returns a key by name.
func (s *Service) FindKey(ctx context.Context, q bun.IDB, name string) (Key, error) {
	var k Key
	err := q.NewSelect().Model(&k).Where("k.name = ?", name).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = refusal.New(refusal.NotFound, "key_unknown", "", "there is no key %q", name)
	}
	return k, err
}

// Keys returns the keys behind an id, by id.
func (s *Service) Keys(ctx context.Context, q bun.IDB, after int64, limit int) ([]Key, error) {
	var all []Key
	err := q.NewSelect().Model(&all).Where("k.id > ?", after).OrderExpr("k.id").Limit(int64(limit)).Scan(ctx)
	return all, err
}

// RotateKey gives a key a new secret; the one before is good for RotationGrace.
func (s *Service) RotateKey(ctx context.Context, tx *database.Tx, name string) (k Key, secret string, err error) {
	k, err = s.FindKey(ctx, tx.IDB, name)
	if err != nil {
		return k, "", err
	}
	if k.Status != Active {
		return k, "", refusal.New(refusal.Conflict, "key_revoked", "", "the key %q is revoked; make a new one", name)
	}
	s.keys.change(name, tx.Now())
	secret = newSecret(secretPrefix)
	was := k
	old := k.Hash
	k.Hash, k.OldHash, k.OldUntil, k.RotatedAt = digest(secret), &old, tx.Now().Add(RotationGrace), tx.Now()
	k.Owner, k.OldOwner = ownerOf(ctx, tx), k.Owner
	if _, err := tx.NewUpdate().Model(&k).WherePK().Exec(ctx); err != nil {
		return k, "", err
	}
	err = tx.Audit(ctx, "apiKey", name, "rotate", &was, &k)
	return k, secret, err
}

// RevokeKey ends a key: in this process at once, in others that have it in use within trustFor. It stays in the list, for the audit trail.
func (s *Service) RevokeKey(ctx context.Context, tx *database.Tx, name string) (Key, error) {
	k, err := s.FindKey(ctx, tx.IDB, name)
	if err != nil || k.Status == Revoked {
		return k, err
	}
	s.keys.change(name, tx.Now())
	was := k
	k.Status, k.OldHash = Revoked, nil
	if _, err := tx.NewUpdate().Model(&k).WherePK().Exec(ctx); err != nil {
		return k, err
	}
	if err := s.keepAdministrator(ctx, tx); err != nil {
		return k, err
	}
	err = tx.Audit(ctx, "apiKey", name, "revoke", &was, &k)
	return k, err
}

// findLeft finds out which of a key's owners is a user who is disabled: such a key opens what it did, for a program may have
// it, but nobody stands behind it any more.
func (k *Key) findLeft(ctx context.Context, q bun.IDB) error {
	k.left = map[string]bool{}
	var gone []string
	names := []string{strings.TrimPrefix(k.Owner, "user:"), strings.TrimPrefix(k.OldOwner, "user:")}
	err := q.NewSelect().Model((*User)(nil)).Column("name").Where("u.name IN (?)", bun.List(names)).Where("u.status <> ?", Active).Scan(ctx, &gone)
	for _, name := range gone {
		k.left["user:"+name] = true
	}
	return err
}

// byKey authenticates a program.
func (s *Service) byKey(ctx context.Context, secret string) (Principal, error) {
	hash, now := digest(secret), s.db.Now()
	k, found := s.keys.find(hash, now)
	if !found {
		err := s.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
			if err := q.NewSelect().Model(&k).Where("k.hash = ? OR k.old_hash = ?", hash, hash).Scan(ctx); err != nil {
				return err
			}
			return k.findLeft(ctx, q)
		})
		if errors.Is(err, sql.ErrNoRows) {
			return Principal{}, unauthenticated("the key is none of this server")
		} else if err != nil {
			return Principal{}, err
		}
		s.keys.keep(hash, k, now, k.Name, k.Owner, k.OldOwner) // no key is called as an owner is: names have no colon
	}
	switch {
	case k.Status != Active:
		return Principal{}, unauthenticated("the key %q is revoked", k.Name)
	case k.ExpiresAt != 0 && now >= k.ExpiresAt:
		return Principal{}, unauthenticated("the key %q expired at %s", k.Name, k.ExpiresAt)
	case k.Hash != hash && now >= k.OldUntil:
		return Principal{}, unauthenticated("the key %q was rotated; use the new secret", k.Name)
	}
	s.touch(ctx, hash, k.UsedAt, now, "UPDATE access_key SET used_at = ? WHERE id = ?", now, k.ID)
	owner := k.Owner
	if k.Hash != hash {
		owner = k.OldOwner
	}
	if k.left[owner] {
		owner += disabledOwner
	}
	return Principal{Name: "key:" + k.Name, Roles: k.Roles(), Via: ViaKey, Person: owner}, nil
}

// bootstrapKey is the name of the first administrator's key.
const bootstrapKey = "bootstrap"

// Bootstrap makes the first administrator's key where there is neither a user nor a
// key, and reports whether it did. keep stores the secret where the operator finds
// it, before the key becomes good: a process that is killed in between leaves a
// secret that opens nothing, and the next start makes another.
func (s *Service) Bootstrap(ctx context.Context, keep func(secret string) error) (made bool, err error) {
	there := func(ctx context.Context, q bun.IDB) (bool, error) {
		users, err := q.NewSelect().Model((*User)(nil)).Exists(ctx)
		if err != nil || users {
			return users, err
		}
		return q.NewSelect().Model((*Key)(nil)).Exists(ctx)
	}
	var already bool
	err = s.db.Read(ctx, func(ctx context.Context, q bun.IDB) (err error) {
		already, err = there(ctx, q)
		return err
	})
	if err != nil || already {
		return false, err
	}
	secret := newSecret(secretPrefix)
	if err := keep(secret); err != nil {
		return false, fmt.Errorf("keep the first administrator's key: %w", err)
	}
	err = s.db.Write(ctx, database.Actor{Name: bootstrapKey, Role: "administrator", Via: "cli"}, func(ctx context.Context, tx *database.Tx) error {
		if already, err = there(ctx, tx.IDB); err != nil || already {
			return err
		}
		_, err := s.createKey(ctx, tx, bootstrapKey, Anyone, 0, secret)
		return err
	})
	return err == nil && !already, err
}
