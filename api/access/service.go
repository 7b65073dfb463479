package access

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"gyro/internal/database"
	"gyro/internal/instant"
)

// Options of a Service.
type Options struct {
	// OIDC is the issuer whose bearer tokens are taken; nil is none.
	OIDC *OIDC
	// PublicURL is the address under which browsers know the server; requests of sessions that come from pages of another
	// origin are refused. Where it is empty, the origin is the address that the request is addressed to.
	PublicURL string
	Logger    *slog.Logger
}

// Service knows users, keys and sessions. It is safe for concurrent use.
type Service struct {
	db     *database.DB
	o      Options
	hasher hasher
	oidc   *verifier

	keys     known[Key]
	sessions known[loggedIn]
	touched  attempts
}

// New makes a Service over a database.
func New(db *database.DB, o Options) (*Service, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Service{db: db, o: o, hasher: make(hasher, hashesAtOnce)}
	if o.OIDC != nil {
		v, err := newVerifier(*o.OIDC, db)
		if err != nil {
			return nil, err
		}
		s.oidc = v
	}
	return s, nil
}

var _ Authenticator = (*Service)(nil)

// secretPrefix lets scanners for leaked secrets find a key.
const secretPrefix = "gyro_"

// newSecret makes a secret of 256 random bits, so that a fast hash of it is as safe as a slow one.
func newSecret(prefix string) string {
	return prefix + base64.RawURLEncoding.EncodeToString(random(32))
}

// digest is what is kept of a secret. The look-up by it is by an index, whose time tells of a secret no more than of its
// hash, which leads back to no secret.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Authenticate implements Authenticator. A key or token in a header counts before a
// cookie; what is presented and not good is refused, whatever else there is.
func (s *Service) Authenticate(ctx context.Context, r Request) (Principal, error) {
	secret := r.APIKey
	if r.Authorization != "" {
		scheme, rest, found := strings.Cut(r.Authorization, " ")
		if !found || !strings.EqualFold(scheme, "Bearer") {
			return Principal{}, unauthenticated("Authorization must be Bearer KEY or Bearer TOKEN")
		}
		secret = strings.TrimSpace(rest)
	}
	switch {
	case strings.HasPrefix(secret, secretPrefix):
		return s.byKey(ctx, secret)
	case secret != "" && s.oidc != nil && strings.Count(secret, ".") == 2:
		return s.oidc.verify(ctx, secret)
	case secret != "":
		return Principal{}, unauthenticated("the key is none of this server")
	case r.Session != "":
		return s.bySession(ctx, r)
	}
	return Principal{}, unauthenticated("send Authorization: Bearer KEY, X-API-Key: KEY, or log in at /office/v1/login")
}

func unauthenticated(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnauthenticated, fmt.Sprintf(format, args...))
}

// touchEvery is how exact the time of last use is: a write for each request would cost more than the request.
const touchEvery = instant.Minute

// touch notes that a key or session was used at a moment, unless that was noted or tried a short while ago; it is no change
// of the business and leaves no audit row. A failure is logged only: who may read must not be kept from it by a disk that
// is full.
func (s *Service) touch(ctx context.Context, hash string, noted, now instant.Instant, query string, args ...any) {
	if now.Sub(noted) < touchEvery || !s.touched.due(hash, now, touchEvery) {
		return
	}
	err := s.db.Write(ctx, database.Actor{Name: "access", Via: "api"}, func(ctx context.Context, tx *database.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
	if err != nil {
		s.o.Logger.Warn("the time of last use was not noted", "error", err)
	}
}

// checkOrigin refuses what a page of another origin has a browser send: the cookie alone proves nothing about who wrote
// the request.
func (s *Service) checkOrigin(r Request) error {
	if !r.Changes {
		return nil
	}
	own := s.o.PublicURL
	if own == "" {
		own = r.Host
	}
	if r.Origin != "" && !sameOrigin(r.Origin, own) {
		return unauthenticated("the request comes from a page of %q, not of this server", r.Origin)
	}
	if r.SiteFetch != "" && r.SiteFetch != "same-origin" && r.SiteFetch != "none" {
		return unauthenticated("the browser says that the request comes from another site")
	}
	return nil
}

func sameOrigin(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && x.Scheme == y.Scheme && strings.EqualFold(x.Host, y.Host) && x.Host != ""
}
