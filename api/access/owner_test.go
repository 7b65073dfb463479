package access

import (
	"context"
	"testing"
	"time"

	"gyro/internal/database"
	"gyro/internal/refusal"
)

// TestAKeyIsTheOnesWhoWereToldIt: who made it, be it with another key, and after a rotation whoever rotated it.
func TestAKeyIsTheOnesWhoWereToldIt(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, c *clock) {
		ada, bob := Principal{Name: "user:ada"}, Principal{Name: "user:bob"}
		issue := func(by Principal, name string) (secret string) {
			t.Helper()
			s.write(t, func(ctx context.Context, tx *database.Tx) (err error) {
				_, secret, err = s.CreateKey(WithPrincipal(ctx, by), tx, name, Anyone, 0)
				return err
			})
			return secret
		}
		who := func(secret string) Principal {
			t.Helper()
			p, err := s.Authenticate(t.Context(), Request{APIKey: secret})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		first := issue(ada, "first")
		second := issue(who(first), "second")
		for name, secret := range map[string]string{"key:first": first, "key:second": second} {
			if p := who(secret); p.Name != name || p.person() != "user:ada" {
				t.Errorf("%+v", p)
			}
		}
		var rotated string
		s.write(t, func(ctx context.Context, tx *database.Tx) (err error) {
			_, rotated, err = s.RotateKey(WithPrincipal(ctx, bob), tx, "second")
			return err
		})
		if old, now := who(second), who(rotated); old.person() != "user:ada" || now.person() != "user:bob" {
			t.Errorf("%+v, %+v", old, now)
		}
		s.addUser(t, "root", Administrator)
		s.addUser(t, "bob", Finance)
		above := Limits{"EUR": 1}
		c.advance(time.Minute) // after which the key is remembered again
		if err := FourEyes(WithApproval(WithPrincipal(t.Context(), ada), Approval{By: who(rotated)}, above), 2, "EUR"); err != nil {
			t.Errorf("bob's key does not approve: %v", err)
		}
		disabled := Disabled
		s.write(t, func(ctx context.Context, tx *database.Tx) error {
			_, err := s.ChangeUser(ctx, tx, "bob", UserChange{Status: &disabled})
			return err
		})
		for _, later := range []time.Duration{0, time.Minute} { // although the key was in use a moment ago
			c.advance(later)
			if err := FourEyes(WithApproval(WithPrincipal(t.Context(), ada), Approval{By: who(rotated)}, above), 2, "EUR"); !refusal.Is(err, "approver_unknown") {
				t.Errorf("%s later the key of somebody who left approves: %v", later, err)
			}
		}
		if p := who(issue(Principal{}, "third")); p.person() != "user:root" {
			t.Errorf("without a request it is who writes: %+v", p)
		}
	})
}
