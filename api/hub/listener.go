package hub

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/outbound"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// Listener is who is told of the events of one API.
type Listener struct {
	bun.BaseModel `bun:"table:hub,alias:h" json:"-"`
	ID            int64           `bun:",pk,autoincrement"`
	API           int             `bun:"api"`
	Callback      string          `bun:"callback"`
	Query         string          `bun:"query"`
	Secret        string          `bun:"secret" json:"-"`
	Status        string          `bun:"status"`
	LastSeq       int64           `bun:"last_seq"` // what the cursor is behind
	Failures      int64           `bun:"failures"` // in a row
	FailingSince  instant.Instant `bun:"failing_since"`
	NextAttemptAt instant.Instant `bun:"next_attempt_at"`
	LastError     string          `bun:"last_error"`
	Delivered     int64           `bun:"delivered"`
	CreatedBy     string          `bun:"created_by"`
	CreatedAt     instant.Instant `bun:"created_at"`
}

// The states of a listener.
const (
	Active   = "active"
	Disabled = "disabled"
)

// Limits of listeners.
const (
	maxCallback = 2000
	maxQuery    = 1000
	minSecret   = 16
	maxSecret   = 256
	// maxListeners bounds the listeners of one API: each reads all events.
	maxListeners = 50
)

// Prepare makes Subscribe quick where nobody listened for long; it goes before its transaction.
func (s *Service) Prepare(ctx context.Context) error { return s.db.NumberEvents(ctx) }

// Subscribe makes a listener of an API, who is told of what is committed after the transaction began, whatever the clocks
// say. The query narrows the events: eventType=productOrderCreateEvent,productOrderStateChangeEvent. With a secret every
// notification is signed.
func (s *Service) Subscribe(ctx context.Context, tx *database.Tx, api int, callback, query, secret string) (Listener, error) {
	l := Listener{
		API: api, Callback: callback, Query: query, Secret: secret, Status: Active,
		CreatedBy: tx.By().Name, CreatedAt: tx.Now(),
	}
	if err := s.checkCallback(callback); err != nil {
		return l, err
	}
	if _, err := parseInterest(query); err != nil {
		return l, err
	}
	if secret != "" && (len(secret) < minSecret || len(secret) > maxSecret) {
		return l, refusal.New(refusal.Invalid, "invalid_value", "secret", "it has %d octets; take %d to %d", len(secret), minSecret, maxSecret)
	}
	others, err := tx.NewSelect().Model((*Listener)(nil)).Where("h.api = ?", api).Count(ctx)
	if err != nil {
		return l, err
	}
	if others >= maxListeners {
		return l, refusal.New(refusal.Conflict, "too_many_listeners", "", "TMF%d has %d listeners, the most there may be; remove one that nobody needs", api, others)
	}
	if l.LastSeq, err = tx.LastEvent(ctx); err != nil {
		return l, err
	}
	if _, err := tx.NewInsert().Model(&l).Exec(ctx); err != nil {
		return l, err
	}
	err = tx.Audit(ctx, "hub", id(l.ID), "create", nil, &l)
	return l, err
}

// Find returns a listener of an API; api 0 is any.
func (s *Service) Find(ctx context.Context, q bun.IDB, api int, number int64) (Listener, error) {
	var l Listener
	err := q.NewSelect().Model(&l).Where("h.id = ?", number).Where("? = 0 OR h.api = ?", api, api).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = refusal.New(refusal.NotFound, "listener_unknown", "", "there is no listener %d", number)
	}
	return l, err
}

// Listeners returns the listeners behind an id, by id.
func (s *Service) Listeners(ctx context.Context, q bun.IDB, after int64, limit int) ([]Listener, error) {
	var all []Listener
	err := q.NewSelect().Model(&all).Where("h.id > ?", after).OrderExpr("h.id").Limit(int64(limit)).Scan(ctx)
	return all, err
}

// Unsubscribe removes a listener.
func (s *Service) Unsubscribe(ctx context.Context, tx *database.Tx, api int, number int64) error {
	l, err := s.Find(ctx, tx.IDB, api, number)
	if err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model(&l).WherePK().Exec(ctx); err != nil {
		return err
	}
	return tx.Audit(ctx, "hub", id(l.ID), "delete", &l, nil)
}

// Enable lets a disabled listener be told again, from where it stood.
func (s *Service) Enable(ctx context.Context, tx *database.Tx, number int64) (Listener, error) {
	l, err := s.Find(ctx, tx.IDB, 0, number)
	if err != nil {
		return l, err
	}
	was := l
	l.Status, l.Failures, l.FailingSince, l.NextAttemptAt = Active, 0, 0, 0
	if _, err := tx.NewUpdate().Model(&l).Column("status", "failures", "failing_since", "next_attempt_at").WherePK().Exec(ctx); err != nil {
		return l, err
	}
	err = tx.Audit(ctx, "hub", id(l.ID), "enable", &was, &l)
	return l, err
}

// checkCallback refuses addresses that nothing can or may be sent to. A name is looked up only when it is dialled: what it
// is then counts.
func (s *Service) checkCallback(callback string) error {
	bad := func(format string, args ...any) error {
		return refusal.New(refusal.Invalid, "invalid_value", "callback", format, args...)
	}
	u, err := url.Parse(callback)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || len(callback) > maxCallback:
		return bad("%.100q is no URL such as https://listener.example/events", callback)
	case u.Scheme != "https" && u.Scheme != "http":
		return bad("the scheme is %q; use https", u.Scheme)
	case u.User != nil || u.Fragment != "":
		return bad("it has a user or a fragment; leave them out, and ask for a signature by secret")
	case u.Scheme == "http" && !s.o.AllowPrivate:
		return bad("events have personal data, which plain http shows to everybody on the way; use https")
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil && !s.o.AllowPrivate && !outbound.IsPublic(address) {
		return bad("%s is no public address", address)
	}
	return nil
}

// interest is which events a listener wants; none is all of its API.
type interest []string

// parseInterest reads the query of a listener.
func parseInterest(query string) (interest, error) {
	if query == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(strings.TrimPrefix(query, "?"))
	if err != nil || len(query) > maxQuery || len(values) != 1 || values["eventType"] == nil {
		return nil, refusal.New(refusal.Invalid, "invalid_value", "query", "%.100q is not understood; what can be asked for is eventType=NAME,NAME", query)
	}
	var wanted interest
	for name := range strings.SplitSeq(strings.Join(values["eventType"], ","), ",") {
		if api, _ := split(name); api == 0 {
			return nil, refusal.New(refusal.Invalid, "invalid_value", "query", "there is no event %q; events are called as in customerCreateEvent", name)
		}
		wanted = append(wanted, strings.ToLower(name))
	}
	return wanted, nil
}

func (i interest) wants(eventType string) bool {
	return i == nil || slices.Contains(i, strings.ToLower(eventType))
}
