package access

import (
	"context"
	"fmt"
	"testing"
	"time"

	"gyro/internal/database"
	"gyro/internal/instant"
)

// TestARequestReadsNothingOfWhoIsKnown: the tables that keys and sessions are in are taken away between two requests.
func TestARequestReadsNothingOfWhoIsKnown(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, c *clock) {
		key, login := s.oneOfEach(t)
		open := func() (errs [2]error) {
			_, errs[0] = s.Authenticate(t.Context(), Request{APIKey: key})
			_, errs[1] = s.Authenticate(t.Context(), Request{Session: login.Token})
			return errs
		}
		if errs := open(); errs != [2]error{} {
			t.Fatal(errs)
		}
		rename := func(from, to string) {
			s.write(t, func(ctx context.Context, tx *database.Tx) error {
				for _, table := range []string{"access_key", "access_session", "access_user"} {
					if _, err := tx.ExecContext(ctx, fmt.Sprintf("ALTER TABLE %s%s RENAME TO %s%s", table, from, table, to)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		rename("", "_gone")
		c.advance(2900 * time.Millisecond)
		if errs := open(); errs != [2]error{} {
			t.Errorf("the database was asked: %v", errs)
		}
		c.advance(100 * time.Millisecond)
		for n, err := range open() {
			if err == nil {
				t.Errorf("%d is good without a look after %d ms", n, trustFor)
			}
		}
		rename("_gone", "")
		if errs := open(); errs != [2]error{} {
			t.Fatal(errs)
		}
		c.advance(-time.Hour) // a clock that is set back makes nothing good for longer
		rename("", "_gone")
		for n, err := range open() {
			if err == nil {
				t.Errorf("%d is good without a look on a clock that was set back", n)
			}
		}
		rename("_gone", "")
	})
}

// oneOfEach makes a key and a session.
func (s *Service) oneOfEach(t *testing.T) (key string, login Login) {
	t.Helper()
	s.addUser(t, "root", Administrator)
	s.addUser(t, "ada", Care)
	s.write(t, func(ctx context.Context, tx *database.Tx) (err error) {
		_, key, err = s.CreateKey(ctx, tx, "webshop", Sales, 0)
		return err
	})
	login, err := s.Login(t.Context(), "ada", secret, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	return key, login
}

// TestWhatAnotherProcessRevokesEndsSoon: a second service over the same database is another process; in its own, what is
// revoked ends at once.
func TestWhatAnotherProcessRevokesEndsSoon(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, c *clock) {
		other, err := New(s.db, Options{})
		if err != nil {
			t.Fatal(err)
		}
		key, login := s.oneOfEach(t)
		requests := []Request{{APIKey: key}, {Session: login.Token}}
		for _, r := range requests {
			for _, at := range []*Service{s, other} {
				if _, err := at.Authenticate(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
		}
		disabled := Disabled
		s.write(t, func(ctx context.Context, tx *database.Tx) error {
			if _, err := s.RevokeKey(ctx, tx, "webshop"); err != nil {
				return err
			}
			if _, err := s.ChangeUser(ctx, tx, "ada", UserChange{Status: &disabled}); err != nil {
				return err
			}
			// Requests that come while the transaction is open see what was, and must not keep it for those after it.
			if s.db.Dialect() == database.PostgreSQL {
				for _, r := range requests {
					if _, err := s.Authenticate(context.WithoutCancel(t.Context()), r); err != nil {
						t.Error(err)
					}
				}
			}
			return nil
		})
		for _, r := range requests {
			_, err := s.Authenticate(t.Context(), r)
			wantOut(t, "where it was revoked", err, "")
			if _, err := other.Authenticate(t.Context(), r); err != nil {
				t.Errorf("the other process did look: %v", err)
			}
		}
		c.advance(3 * time.Second)
		for _, r := range requests {
			_, err := other.Authenticate(t.Context(), r)
			wantOut(t, "in the other process, later", err, "")
		}
	})
}

func TestRotationAndLogoutEndAtOnce(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, c *clock) {
		key, login := s.oneOfEach(t)
		for _, r := range []Request{{APIKey: key}, {Session: login.Token}} {
			if _, err := s.Authenticate(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		var next string
		s.write(t, func(ctx context.Context, tx *database.Tx) (err error) {
			_, next, err = s.RotateKey(ctx, tx, "webshop")
			return err
		})
		if err := s.Logout(t.Context(), admin, login.Token); err != nil {
			t.Fatal(err)
		}
		_, err := s.Authenticate(t.Context(), Request{Session: login.Token})
		wantOut(t, "logged out", err, "is over")
		c.advance(24*time.Hour - time.Second)
		for _, good := range []string{key, next} {
			if _, err := s.Authenticate(t.Context(), Request{APIKey: good}); err != nil {
				t.Error(err)
			}
		}
		c.advance(time.Second) // within the time that rows are remembered
		_, err = s.Authenticate(t.Context(), Request{APIKey: key})
		wantOut(t, "the secret before", err, "was rotated")
	})
}

// TestLastUseIsTriedOnceAMinute also where it cannot be written: a disk that is full is not asked with every request.
func TestLastUseIsTriedOnceAMinute(t *testing.T) {
	var a attempts
	now := instant.Of(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	for _, step := range []struct {
		after instant.Span
		hash  string
		want  bool
	}{{0, "a", true}, {0, "a", false}, {59 * instant.Second, "a", false}, {0, "b", true}, {instant.Second, "a", true}, {-instant.Hour, "a", true}} {
		now = now.Add(step.after)
		if got := a.due(step.hash, now, touchEvery); got != step.want {
			t.Errorf("%s at %s: %v", step.hash, now, got)
		}
	}
}

func TestWhatIsKnownIsBounded(t *testing.T) {
	var k known[int]
	var a attempts
	for n := range 3 * maxKnown {
		k.keep(fmt.Sprint(n), n, 1000, "webshop")
		a.due(fmt.Sprint(n), 1000, touchEvery)
		if len(k.rows) > maxKnown || len(a.tried) > maxKnown {
			t.Fatalf("%d and %d are remembered", len(k.rows), len(a.tried))
		}
	}
	for n := range 1000 {
		k.change(fmt.Sprint("key", n), instant.Instant(n)*instant.Instant(instant.Minute))
	}
	if len(k.rows) == 0 || len(k.changing) > 2 {
		t.Errorf("%d rows, %d that change", len(k.rows), len(k.changing))
	}
}
