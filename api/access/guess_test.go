package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gyro/internal/database"
)

// wrong tries wrong passwords.
func (s *Service) wrong(t *testing.T, name, remote string, times int) {
	t.Helper()
	for range times {
		if _, err := s.Login(t.Context(), name, "not the password", remote); !errors.Is(err, errLogin) {
			t.Fatal(err)
		}
	}
}

func (s *Service) lets(t *testing.T, what, remote string, want bool) {
	t.Helper()
	_, err := s.Login(t.Context(), "ada", secret, remote)
	if want && err != nil || !want && !errors.Is(err, errLogin) {
		t.Errorf("%s, from %s: %v", what, remote, err)
	}
}

// TestWhoGuessesWaitsAndNobodyElse: wrong passwords from one address keep nobody out who comes from another one.
func TestWhoGuessesWaitsAndNobodyElse(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, c *clock) {
		s.addUser(t, "ada", Administrator)
		const attacker, home = "192.0.2.1", "198.51.100.7"
		s.wrong(t, "ada", attacker, freeOfNetwork)
		s.lets(t, "the attacker guesses right, too early", attacker, false)
		s.lets(t, "the owner", home, true)
		c.advance(time.Second)
		s.wrong(t, "ada", attacker, 1)
		c.advance(time.Second)
		s.lets(t, "the wait does not grow", attacker, false)
		c.advance(time.Second)
		s.wrong(t, "ada", attacker, 1)
		for range 20 {
			c.advance(time.Minute)
			s.wrong(t, "ada", attacker, 2) // the second is not looked at
		}
		s.lets(t, "a minute is not waited", attacker, false)
		c.advance(59 * time.Second)
		s.lets(t, "a minute is not waited", attacker, false)
		s.lets(t, "the owner", home, true)
		c.advance(time.Second)
		s.lets(t, "after a minute, the most there is", attacker, true)
		s.wrong(t, "ada", attacker, freeOfNetwork-1)
		s.lets(t, "a login forgets what was before", attacker, true)
	})
}

// TestManyAddressesAreSlowedTogether: an attacker with any number of networks has one attempt in five seconds; the owner
// comes in from where he was before, and from elsewhere when his turn comes.
func TestManyAddressesAreSlowedTogether(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, c *clock) {
		s.addUser(t, "ada", Administrator)
		const home = "198.51.100.7"
		s.lets(t, "the first login", home, true)
		for n := range freeOfUser {
			s.wrong(t, "ada", fmt.Sprintf("192.0.2.%d", n), 1)
		}
		s.lets(t, "an attacker of a new network guesses right", "203.0.113.1", false)
		s.lets(t, "the owner at home", home, true)
		for n := range freeOfUser {
			s.wrong(t, "ada", fmt.Sprintf("192.0.2.%d", n), 1)
		}
		s.lets(t, "the owner abroad, too early", "203.0.113.2", false)
		c.advance(5 * time.Second)
		s.lets(t, "the owner abroad, when it is his turn", "203.0.113.2", true)

		for n := range 2 * freeOfUser {
			s.wrong(t, "ada", fmt.Sprintf("2001:db8:0:%x::1", n), 1)
			c.advance(5 * time.Second)
		}
		s.wrong(t, "ada", "2001:db8:0:fff::1", 1)
		c.advance(-time.Hour)
		s.lets(t, "the clock was set back: the wait is over", "203.0.113.3", true)
		s.wrong(t, "ada", "2001:db8::1", freeOfNetwork+1)
		s.lets(t, "another address of the same network", "2001:db8::ffff:1", false)
	})
}

func TestAnAdministratorForgivesWrongPasswords(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, _ *clock) {
		s.addUser(t, "ada", Administrator)
		for n := range freeOfUser / freeOfNetwork {
			s.wrong(t, "ada", fmt.Sprintf("192.0.2.%d", n), freeOfNetwork+1)
		}
		s.lets(t, "too early", "192.0.2.1", false)
		s.lets(t, "too early", "192.0.2.99", false)
		s.write(t, func(ctx context.Context, tx *database.Tx) error {
			_, err := s.ChangeUser(ctx, tx, "ada", UserChange{Unlock: true})
			return err
		})
		s.lets(t, "unlocked", "192.0.2.1", true)
		s.lets(t, "unlocked", "192.0.2.99", true)
		trail, err := s.db.AuditTrail(t.Context(), "user", "ada", 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		var actions []string
		for _, row := range trail {
			actions = append(actions, row.Action)
			if strings.Contains(string(row.Before)+string(row.After), "argon2") {
				t.Errorf("the audit trail has a hash: %s", row.After)
			}
		}
		if got := strings.Join(actions, " "); got != "create guess guess guess guess change login login" {
			t.Errorf("audit: %s", got)
		}
	})
}

func TestGuessesAtOnceAreCounted(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, _ *clock) {
		s.addUser(t, "ada", Care)
		done := make(chan error)
		for range 2 * freeOfNetwork {
			go func() {
				_, err := s.Login(context.WithoutCancel(t.Context()), "ada", "not the password", "192.0.2.1")
				done <- err
			}()
		}
		for range 2 * freeOfNetwork {
			if err := <-done; !errors.Is(err, errLogin) {
				t.Error(err)
			}
		}
		s.lets(t, "after ten at once", "192.0.2.1", false)
	})
}
