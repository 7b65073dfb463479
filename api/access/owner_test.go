package access

import (
	"context"
	"testing"

	"gyro/internal/database"
)

// TestAKeyIsTheOnesWhoWereToldIt: who made it, be it with another key, and after a rotation whoever rotated it.
func TestAKeyIsTheOnesWhoWereToldIt(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, _ *clock) {
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
		if p := who(issue(Principal{}, "third")); p.person() != "user:root" {
			t.Errorf("without a request it is who writes: %+v", p)
		}
	})
}
