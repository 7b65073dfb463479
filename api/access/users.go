package access

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// User is a person who works with the office.
type User struct {
	bun.BaseModel     `bun:"table:access_user,alias:u" json:"-"`
	ID                int64           `bun:",pk,autoincrement" json:"-"`
	Name              string          `json:"name"`
	RoleNames         string          `bun:"roles" json:"roles"`
	Password          string          `json:"-"`
	MustChange        bool            `json:"mustChangePassword"`
	Status            string          `json:"status"`
	Failed            int             `json:"-"`
	SlowUntil         instant.Instant `json:"-"` // see guess.go
	PasswordChangedAt instant.Instant `json:"-"`
	CreatedAt         instant.Instant `json:"-"`
	UpdatedAt         instant.Instant `json:"-"`
}

// The states of users and keys.
const (
	Active   = "active"
	Disabled = "disabled"
	Revoked  = "revoked"
)

// Roles are the user's.
func (u *User) Roles() Roles { return rolesOf(u.RoleNames) }

// rolesOf reads roles as the database has them.
func rolesOf(names string) Roles {
	if names == "" {
		return 0
	}
	r, err := ParseRoles(strings.Split(names, ","))
	if err != nil {
		return 0 // a role that this version does not know allows nothing
	}
	return r
}

func (r Roles) stored() string { return strings.Join(r.Names(), ",") }

// checkName refuses names that could not stand in an audit trail, a path or a log.
func checkName(name string) error {
	valid := len(name) > 0 && len(name) <= 64
	for _, c := range []byte(name) {
		letter := (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
		valid = valid && (letter || strings.IndexByte("._@-", c) >= 0)
	}
	if !valid {
		return refusal.New(refusal.Invalid, "invalid_value", "name", "%q is no name; use 1 to 64 of a-z, 0-9, dot, underscore, at and minus", name)
	}
	return nil
}

func checkRoles(roles Roles) error {
	if roles == 0 || roles&^Anyone != 0 {
		return refusal.New(refusal.Invalid, "invalid_value", "roles", "there is none; name one or more of %s", Anyone)
	}
	return nil
}

// PreparedUser is a new user whose password is hashed: hashing waits for its turn, which no transaction may.
type PreparedUser struct{ user User }

// PrepareUser checks a new user. Who sets the password for somebody else lets him change it at once.
func (s *Service) PrepareUser(ctx context.Context, name, password string, roles Roles, mustChange bool) (PreparedUser, error) {
	if err := errors.Join(checkName(name), checkRoles(roles)); err != nil {
		return PreparedUser{}, err
	}
	if err := checkPassword(name, password); err != nil {
		return PreparedUser{}, err
	}
	hash, err := s.hasher.hash(ctx, password)
	return PreparedUser{User{Name: name, RoleNames: roles.stored(), Password: hash, MustChange: mustChange, Status: Active}}, err
}

// CreateUser makes a user.
func (s *Service) CreateUser(ctx context.Context, tx *database.Tx, p PreparedUser) (User, error) {
	u := p.user
	u.PasswordChangedAt, u.CreatedAt, u.UpdatedAt = tx.Now(), tx.Now(), tx.Now()
	exists, err := tx.NewSelect().Model((*User)(nil)).Where("u.name = ?", u.Name).Exists(ctx)
	if err != nil {
		return u, err
	}
	if exists {
		return u, refusal.New(refusal.Conflict, "user_exists", "name", "there is a user %q already; take another name", u.Name)
	}
	if _, err := tx.NewInsert().Model(&u).Exec(ctx); err != nil {
		return u, err
	}
	err = tx.Audit(ctx, "user", u.Name, "create", nil, &u)
	return u, err
}

// FindUser returns a user by name.
func (s *Service) FindUser(ctx context.Context, q bun.IDB, name string) (User, error) {
	var u User
	err := q.NewSelect().Model(&u).Where("u.name = ?", name).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = refusal.New(refusal.NotFound, "user_unknown", "", "there is no user %q", name)
	}
	return u, err
}

// Users returns the users behind an id, by id.
func (s *Service) Users(ctx context.Context, q bun.IDB, after int64, limit int) ([]User, error) {
	var all []User
	err := q.NewSelect().Model(&all).Where("u.id > ?", after).OrderExpr("u.id").Limit(int64(limit)).Scan(ctx)
	return all, err
}

// UserChange says what of a user is to be other than it is; nil stays.
type UserChange struct {
	Roles  *Roles
	Status *string
	// Unlock forgets wrong passwords, so that nobody has to wait for the next attempt.
	Unlock bool
}

// ChangeUser changes a user. Whoever is disabled, or has other roles, is logged out. The last active administrator stays one.
func (s *Service) ChangeUser(ctx context.Context, tx *database.Tx, name string, change UserChange) (User, error) {
	u, err := s.FindUser(ctx, tx.IDB, name)
	if err != nil {
		return u, err
	}
	was := u
	if change.Roles != nil {
		if err := checkRoles(*change.Roles); err != nil {
			return u, err
		}
		u.RoleNames = change.Roles.stored()
	}
	if change.Status != nil {
		if *change.Status != Active && *change.Status != Disabled {
			return u, refusal.New(refusal.Invalid, "invalid_value", "status", "%q is neither %s nor %s", *change.Status, Active, Disabled)
		}
		u.Status = *change.Status
	}
	if change.Unlock {
		if err := u.forgiven(ctx, tx); err != nil {
			return u, err
		}
	}
	s.sessions.change(name, tx.Now())
	s.keys.change("user:"+name, tx.Now()) // whether he is behind a key is remembered with it
	u.UpdatedAt = tx.Now()
	if _, err := tx.NewUpdate().Model(&u).WherePK().Exec(ctx); err != nil {
		return u, err
	}
	if u.RoleNames != was.RoleNames || u.Status != was.Status {
		if err := s.endSessions(ctx, tx, u.ID, ""); err != nil {
			return u, err
		}
		if err := s.keepAdministrator(ctx, tx); err != nil {
			return u, err
		}
	}
	err = tx.Audit(ctx, "user", name, "change", &was, &u)
	return u, err
}

// keepAdministrator refuses what would leave nobody who may let anybody in.
func (s *Service) keepAdministrator(ctx context.Context, tx *database.Tx) error {
	var users []User
	if err := tx.NewSelect().Model(&users).Where("u.status = ?", Active).Scan(ctx); err != nil {
		return err
	}
	for n := range users {
		if users[n].Roles()&Administrator != 0 {
			return nil
		}
	}
	var keys []Key
	err := tx.NewSelect().Model(&keys).Where("k.status = ?", Active).Where("k.expires_at = 0 OR k.expires_at > ?", tx.Now()).Scan(ctx)
	if err != nil {
		return err
	}
	for n := range keys {
		if keys[n].Roles()&Administrator != 0 {
			return nil
		}
	}
	return refusal.New(refusal.Conflict, "last_administrator", "", "nobody would be left who may let anybody in; make another administrator first")
}

// CheckOwnPassword makes sure that the user who asks knows the password that is to be changed, and returns the name. Wrong
// ones count as those at the door do.
func (s *Service) CheckOwnPassword(ctx context.Context, p Principal, password, remote string) (name string, err error) {
	name, isUser := strings.CutPrefix(p.Name, "user:")
	if !isUser || p.Via != ViaSession {
		return "", refusal.New(refusal.Conflict, "no_password", "", "%s has no password here; only users who are logged in have one", p.Name)
	}
	login, err := s.Login(ctx, name, password, remote)
	if errors.Is(err, ErrUnauthenticated) {
		return "", refusal.New(refusal.Forbidden, "password_wrong", "old", "it is not the present password, or too many wrong ones came before; wait, and write it again")
	} else if err != nil {
		return "", err
	}
	return name, s.Logout(ctx, database.Actor{Name: p.Name, Via: "api", Request: correlationOf(ctx)}, login.Token)
}

// SetPassword gives a user a new password. Others set it with reset, after which the user must change it; whoever is logged
// in is logged out, but for the session that asks.
func (s *Service) SetPassword(ctx context.Context, by database.Actor, name, password string, reset bool, session string) error {
	if err := checkPassword(name, password); err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		u, err := s.FindUser(ctx, tx.IDB, name)
		if err != nil {
			return err
		}
		s.sessions.change(name, tx.Now())
		if err := u.forgiven(ctx, tx); err != nil {
			return err
		}
		u.Password, u.MustChange = hash, reset
		u.PasswordChangedAt, u.UpdatedAt = tx.Now(), tx.Now()
		if _, err := tx.NewUpdate().Model(&u).WherePK().Exec(ctx); err != nil {
			return err
		}
		if err := s.endSessions(ctx, tx, u.ID, session); err != nil {
			return err
		}
		return tx.Audit(ctx, "user", name, "password", nil, nil)
	})
}
