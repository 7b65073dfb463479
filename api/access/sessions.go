package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// Limits of sessions.
const (
	// SessionIdle ends a session that nobody uses, SessionMost every one.
	SessionIdle = 30 * instant.Minute
	SessionMost = 12 * instant.Hour
)

type session struct {
	bun.BaseModel `bun:"table:access_session,alias:s"`
	Hash          string `bun:",pk"`
	UserID        int64
	Remote        string
	CreatedAt     instant.Instant
	SeenAt        instant.Instant
	ExpiresAt     instant.Instant
}

// loggedIn is a session with its user.
type loggedIn struct {
	session
	user User
}

// Login is a session that began.
type Login struct {
	// Token is for the cookie, CSRF for the header of every request that changes something.
	Token, CSRF string
	Expires     time.Time
	User        User
}

var errLogin = unauthenticated("name and password do not fit, or the user is disabled, or too many wrong passwords came before; wait a minute, then try again")

// Login lets a user in. Which of name, password and patience is lacking is not said.
func (s *Service) Login(ctx context.Context, name, password, remote string) (Login, error) {
	var u User
	err := s.db.Read(ctx, func(ctx context.Context, q bun.IDB) (err error) {
		u, err = s.FindUser(ctx, q, name)
		return err
	})
	if err != nil && !refusal.Is(err, "user_unknown") {
		return Login{}, err
	}
	good, err := s.hasher.matches(ctx, u.Password, password)
	if err != nil {
		return Login{}, err
	}
	if u.ID == 0 {
		return Login{}, errLogin
	}
	login := Login{Token: newSecret("")}
	login.CSRF = csrf(login.Token)
	err = s.db.Write(ctx, database.Actor{Name: "user:" + name, Via: "api", Request: correlationOf(ctx)}, func(ctx context.Context, tx *database.Tx) error {
		return s.enter(ctx, tx, u, good, remote, &login)
	})
	if err == nil && login.User.ID == 0 {
		err = errLogin
	}
	return login, err
}

// enter begins the session, or counts the failure; the count must be committed, so that it is no error.
func (s *Service) enter(ctx context.Context, tx *database.Tx, seen User, good bool, remote string, login *Login) error {
	login.User = User{}
	var u User
	if err := tx.NewSelect().Model(&u).Where("u.id = ?", seen.ID).Scan(ctx); err != nil {
		return err
	}
	from, err := findOrigin(ctx, tx, u.ID, networkOf(remote))
	if err != nil {
		return err
	}
	if u.Status != Active || u.Password != seen.Password || u.waits(&from, tx.Now()) {
		return nil // it is not looked at, so that guessing gains nothing by going on
	}
	if !good {
		return u.guessed(ctx, tx, &from)
	}
	if err := u.loggedIn(ctx, tx, &from); err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model((*session)(nil)).Where("expires_at < ?", tx.Now()).Exec(ctx); err != nil {
		return err
	}
	began := &session{
		Hash: digest(login.Token), UserID: u.ID, Remote: remote,
		CreatedAt: tx.Now(), SeenAt: tx.Now(), ExpiresAt: tx.Now().Add(SessionMost),
	}
	if _, err := tx.NewInsert().Model(began).Exec(ctx); err != nil {
		return err
	}
	login.User, login.Expires = u, began.ExpiresAt.Time()
	return tx.Audit(ctx, "user", u.Name, "login", nil, map[string]string{"remote": remote})
}

// Logout ends a session; one that is not there is ended already.
func (s *Service) Logout(ctx context.Context, by database.Actor, token string) error {
	hash := digest(token)
	return s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		s.sessions.change(hash, tx.Now())
		ended, err := tx.NewDelete().Model((*session)(nil)).Where("hash = ?", hash).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := ended.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return tx.Audit(ctx, "user", by.Name, "logout", nil, nil)
	})
}

// endSessions logs a user out, but for one session.
func (s *Service) endSessions(ctx context.Context, tx *database.Tx, user int64, except string) error {
	_, err := tx.NewDelete().Model((*session)(nil)).Where("user_id = ?", user).Where("hash <> ?", digest(except)).Exec(ctx)
	return err
}

// csrf is the token that goes with a session: who can read an answer of this server has it, a page of another origin
// cannot make it.
func csrf(token string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("csrf"))
	return hex.EncodeToString(mac.Sum(nil))
}

// CSRF is the token that goes with a session.
func (s *Service) CSRF(token string) string { return csrf(token) }

// bySession authenticates a browser.
func (s *Service) bySession(ctx context.Context, r Request) (Principal, error) {
	hash, now := digest(r.Session), s.db.Now()
	found, known := s.sessions.find(hash, now)
	if !known {
		err := s.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
			if err := q.NewSelect().Model(&found.session).Where("s.hash = ?", hash).Scan(ctx); err != nil {
				return err
			}
			return q.NewSelect().Model(&found.user).Where("u.id = ?", found.UserID).Scan(ctx)
		})
		if errors.Is(err, sql.ErrNoRows) {
			return Principal{}, unauthenticated("the session is over; log in again")
		} else if err != nil {
			return Principal{}, err
		}
		s.sessions.keep(hash, found, now, found.user.Name)
	}
	u := &found.user
	if now >= found.ExpiresAt || now.Sub(found.SeenAt) > SessionIdle || u.Status != Active {
		return Principal{}, unauthenticated("the session is over; log in again")
	}
	if err := s.checkOrigin(r); err != nil {
		return Principal{}, err
	}
	if r.Changes && subtle.ConstantTimeCompare([]byte(r.CSRF), []byte(csrf(r.Session))) != 1 {
		return Principal{}, unauthenticated("the header X-CSRF-Token is missing or not this session's; GET /office/v1/me has it")
	}
	s.touch(ctx, hash, found.SeenAt, now, "UPDATE access_session SET seen_at = ? WHERE hash = ?", now, hash)
	return Principal{Name: "user:" + u.Name, Roles: u.Roles(), Via: ViaSession, MustChange: u.MustChange}, nil
}
