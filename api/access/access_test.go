package access

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

var admin = database.Actor{Name: "user:root", Role: "administrator", Via: "test"}

// clock is a clock that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) tell() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// run runs a test with a service on each database.
func run(t *testing.T, o Options, test func(t *testing.T, s *Service, c *clock)) {
	t.Helper()
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			c := &clock{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
			s, err := New(dbtest.Open(t, dialect, dbtest.Clock(c.tell)), o)
			if err != nil {
				t.Fatal(err)
			}
			test(t, s, c)
		})
	}
}

const secret = "correct horse battery staple"

func (s *Service) addUser(t *testing.T, name string, roles Roles) {
	t.Helper()
	p, err := s.PrepareUser(t.Context(), name, secret, roles, false)
	if err == nil {
		err = s.db.Write(t.Context(), admin, func(ctx context.Context, tx *database.Tx) error {
			_, err := s.CreateUser(ctx, tx, p)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s *Service) write(t *testing.T, fn func(ctx context.Context, tx *database.Tx) error) {
	t.Helper()
	if err := s.db.Write(t.Context(), admin, fn); err != nil {
		t.Fatal(err)
	}
}

func wantOut(t *testing.T, what string, err error, words string) {
	t.Helper()
	if !errors.Is(err, ErrUnauthenticated) || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %v, want it to say %q", what, err, words)
	}
}

func TestASessionIsAUsersWayIn(t *testing.T) {
	run(t, Options{PublicURL: "https://office.example"}, func(t *testing.T, s *Service, c *clock) {
		s.addUser(t, "ada", Sales|Care)
		for name, password := range map[string]string{"ada": "wrong password here", "eve": secret} {
			if _, err := s.Login(t.Context(), name, password, "192.0.2.1"); !errors.Is(err, errLogin) {
				t.Errorf("%s: %v", name, err)
			}
		}
		login, err := s.Login(t.Context(), "ada", secret, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		read := Request{Session: login.Token}
		p, err := s.Authenticate(t.Context(), read)
		if err != nil || p.Name != "user:ada" || p.Roles != Sales|Care || p.Via != ViaSession {
			t.Fatalf("%+v, %v", p, err)
		}

		change := Request{Session: login.Token, Changes: true, Origin: "https://office.example", SiteFetch: "same-origin", CSRF: login.CSRF}
		if _, err := s.Authenticate(t.Context(), change); err != nil {
			t.Error(err)
		}
		for what, r := range map[string]Request{
			"X-CSRF-Token":     {Session: login.Token, Changes: true, Origin: change.Origin},
			"not this session": {Session: login.Token, Changes: true, CSRF: strings.Repeat("0", 64)},
			"from a page of":   {Session: login.Token, Changes: true, CSRF: login.CSRF, Origin: "https://evil.example"},
			"another site":     {Session: login.Token, Changes: true, CSRF: login.CSRF, SiteFetch: "cross-site"},
			"is over":          {Session: login.Token + "x"},
		} {
			_, err := s.Authenticate(t.Context(), r)
			wantOut(t, what, err, what)
		}

		for range 3 { // it lives as long as it is used
			c.advance(25 * time.Minute)
			if _, err := s.Authenticate(t.Context(), read); err != nil {
				t.Error(err)
			}
		}
		c.advance(31 * time.Minute)
		_, err = s.Authenticate(t.Context(), read)
		wantOut(t, "idle", err, "is over")

		login, err = s.Login(t.Context(), "ada", secret, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		for range 29 {
			c.advance(25 * time.Minute)
			_, err = s.Authenticate(t.Context(), Request{Session: login.Token})
		}
		wantOut(t, "after twelve hours", err, "is over")
	})
}

func TestPasswordsAreChosenWell(t *testing.T) {
	for password, good := range map[string]bool{
		secret: true, "short": false, "aaaaaaaaaaaaaaa": false, "my name is Ada!": false, strings.Repeat("abcdef", 30): false,
		"pässwörter!!": true, "\xff\xfe23456789012": false,
	} {
		if err := checkPassword("ada", password); (err == nil) != good {
			t.Errorf("%q: %v", password, err)
		}
	}
	h := make(hasher, 1)
	phc, err := h.hash(t.Context(), secret)
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(phc, err)
	}
	for password, want := range map[string]bool{secret: true, secret + " ": false, "": false} {
		if got, err := h.matches(t.Context(), phc, password); got != want || err != nil {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
	if _, err := h.matches(t.Context(), strings.Replace(phc, "argon2id", "argon2i", 1), secret); err == nil {
		t.Error("a hash of another algorithm is read")
	}
}

func TestAChangeOfPasswordLogsOthersOut(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, _ *clock) {
		s.addUser(t, "ada", Care)
		mine, err := s.Login(t.Context(), "ada", secret, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		other, err := s.Login(t.Context(), "ada", secret, "192.0.2.2")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetPassword(t.Context(), database.Actor{Name: "user:ada", Via: "api"}, "ada", "another good password", false, mine.Token); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Authenticate(t.Context(), Request{Session: mine.Token}); err != nil {
			t.Error(err)
		}
		_, err = s.Authenticate(t.Context(), Request{Session: other.Token})
		wantOut(t, "the other session", err, "is over")
		if _, err := s.Login(t.Context(), "ada", secret, "192.0.2.1"); !errors.Is(err, errLogin) {
			t.Errorf("the old password is good: %v", err)
		}
		if err := s.SetPassword(t.Context(), admin, "ada", "one that an admin chose", true, ""); err != nil {
			t.Fatal(err)
		}
		login, err := s.Login(t.Context(), "ada", "one that an admin chose", "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		if p, err := s.Authenticate(t.Context(), Request{Session: login.Token}); err != nil || !p.MustChange {
			t.Errorf("%+v, %v", p, err)
		}
		if err := s.Logout(t.Context(), admin, login.Token); err != nil {
			t.Fatal(err)
		}
		_, err = s.Authenticate(t.Context(), Request{Session: login.Token})
		wantOut(t, "after logging out", err, "is over")
	})
}

func TestKeysOpenUntilTheyAreOldRotatedOrRevoked(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, c *clock) {
		var first, second string
		s.write(t, func(ctx context.Context, tx *database.Tx) (err error) {
			_, first, err = s.CreateKey(ctx, tx, "webshop", Sales, tx.Now().Add(10*instant.Day))
			return err
		})
		open := func(secret string) error {
			_, err := s.Authenticate(t.Context(), Request{APIKey: secret})
			return err
		}
		p, err := s.Authenticate(t.Context(), Request{Authorization: "bearer " + first})
		if err != nil || p.Name != "key:webshop" || p.Roles != Sales {
			t.Fatalf("%+v, %v", p, err)
		}
		var k Key
		err = s.db.Read(t.Context(), func(ctx context.Context, q bun.IDB) (err error) {
			k, err = s.FindKey(ctx, q, "webshop")
			return err
		})
		if err != nil || k.UsedAt != s.db.Now() || strings.Contains(k.Hash, first) {
			t.Errorf("%+v, %v", k, err)
		}
		s.write(t, func(ctx context.Context, tx *database.Tx) (err error) {
			_, second, err = s.RotateKey(ctx, tx, "webshop")
			return err
		})
		if err := errors.Join(open(first), open(second)); err != nil {
			t.Error(err)
		}
		c.advance(25 * time.Hour)
		wantOut(t, "the secret before", open(first), "was rotated")
		c.advance(9 * 24 * time.Hour)
		wantOut(t, "an old key", open(second), "expired")

		s.addUser(t, "root", Administrator)
		var third string
		s.write(t, func(ctx context.Context, tx *database.Tx) (err error) {
			_, third, err = s.CreateKey(ctx, tx, "billing", Finance, 0)
			return err
		})
		s.write(t, func(ctx context.Context, tx *database.Tx) error {
			_, err := s.RevokeKey(ctx, tx, "billing")
			return err
		})
		wantOut(t, "a revoked key", open(third), "is revoked")
		wantOut(t, "a made-up key", open("gyro_"+strings.Repeat("A", 43)), "none of this server")
		wantOut(t, "no key", open(""), "log in at")
		_, err = s.Authenticate(t.Context(), Request{Authorization: "Basic YTpi"})
		wantOut(t, "Basic", err, "must be Bearer")
		err = s.db.Write(t.Context(), admin, func(ctx context.Context, tx *database.Tx) error {
			_, _, err := s.CreateKey(ctx, tx, "webshop", Sales, 0)
			return err
		})
		if !refusal.Is(err, "key_exists") {
			t.Error(err)
		}
	})
}

func TestTheFirstKeyIsMadeOnce(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, _ *clock) {
		lost := errors.New("the disk is full")
		if _, err := s.Bootstrap(t.Context(), func(string) error { return lost }); !errors.Is(err, lost) {
			t.Fatal(err)
		}
		var kept string
		made, err := s.Bootstrap(t.Context(), func(secret string) error { kept = secret; return nil })
		if !made || err != nil {
			t.Fatal(made, err)
		}
		p, err := s.Authenticate(t.Context(), Request{APIKey: kept})
		if err != nil || p.Roles != Anyone {
			t.Errorf("%+v, %v", p, err)
		}
		made, err = s.Bootstrap(t.Context(), func(string) error { t.Error("a second key"); return nil })
		if made || err != nil {
			t.Error(made, err)
		}
		err = s.db.Write(t.Context(), admin, func(ctx context.Context, tx *database.Tx) error {
			_, err := s.RevokeKey(ctx, tx, bootstrapKey)
			return err
		})
		if !refusal.Is(err, "last_administrator") {
			t.Errorf("the last administrator can go: %v", err)
		}
	})
}

func TestTheLastAdministratorStays(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, _ *clock) {
		s.addUser(t, "root", Administrator)
		change := func(name string, c UserChange) error {
			return s.db.Write(t.Context(), admin, func(ctx context.Context, tx *database.Tx) error {
				_, err := s.ChangeUser(ctx, tx, name, c)
				return err
			})
		}
		disabled, sales := Disabled, Sales
		for _, c := range []UserChange{{Status: &disabled}, {Roles: &sales}} {
			if err := change("root", c); !refusal.Is(err, "last_administrator") {
				t.Errorf("%+v: %v", c, err)
			}
		}
		s.addUser(t, "vice", Administrator)
		login, err := s.Login(t.Context(), "root", secret, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		if err := change("root", UserChange{Status: &disabled}); err != nil {
			t.Error(err)
		}
		_, err = s.Authenticate(t.Context(), Request{Session: login.Token})
		wantOut(t, "a disabled user's session", err, "is over")
		if err := change("nobody", UserChange{}); !refusal.Is(err, "user_unknown") {
			t.Error(err)
		}
	})
}

func TestFourEyes(t *testing.T) {
	ada, bob := Principal{Name: "user:ada"}, Principal{Name: "user:bob"}
	adas, bobs := Principal{Name: "key:a", Person: "user:ada"}, Principal{Name: "key:b", Person: "user:bob"}
	for _, test := range []struct {
		amount, above   money.Amount
		asked, approved Principal
		want            string
	}{
		{100, 100, ada, Principal{}, ""},
		{101, 100, ada, Principal{}, "approval_needed"},
		{-101, 100, ada, Principal{}, "approval_needed"},
		{101, 100, ada, ada, "own_approval"},
		{101, 100, ada, adas, "own_approval"},
		{101, 100, adas, ada, "own_approval"},
		{101, 100, adas, Principal{Name: "key:c", Person: "user:ada"}, "own_approval"},
		{101, 100, adas, bobs, ""},
		{101, 100, ada, Principal{Name: "key:x", Via: ViaKey, Person: bootstrapKey}, "approver_unknown"},
		{101, 100, Principal{Name: "key:x", Via: ViaKey, Person: bootstrapKey}, bobs, ""},
		{101, 100, ada, bob, ""},
		{money.Min, 1, ada, bob, ""},
		{money.Max, 0, ada, Principal{}, ""},
	} {
		err := FourEyes(WithApproval(WithPrincipal(t.Context(), test.asked), Approval{By: test.approved}, Limits{"EUR": test.above}), test.amount, "EUR")
		if (test.want == "") != (err == nil) || test.want != "" && !refusal.Is(err, test.want) {
			t.Errorf("%+v: %v", test, err)
		}
	}
	if err := FourEyes(t.Context(), money.Max, "EUR"); err != nil {
		t.Errorf("a job is held up: %v", err)
	}
	limits := Limits{"EUR": 100, "JPY": 15000, "CHF": 0, AnyCurrency: 7}
	for currency, most := range map[string]money.Amount{"EUR": 100, "JPY": 15000, "USD": 7, "CHF": money.Max - 1} {
		ctx := WithApproval(WithPrincipal(t.Context(), ada), Approval{}, limits)
		if err := FourEyes(ctx, most, currency); err != nil {
			t.Errorf("%s: %v", currency, err)
		}
		if err := FourEyes(ctx, most+1, currency); refusal.Is(err, "approval_needed") != (currency != "CHF") {
			t.Errorf("%s, a millionth more: %v", currency, err)
		}
	}
	stands := WithApproval(WithPrincipal(t.Context(), ada), Approval{By: bob, Most: 20_000, Currency: "JPY"}, limits)
	if err := FourEyes(stands, 20_000, "JPY"); err != nil {
		t.Error(err)
	}
	if err := FourEyes(stands, 1000, "EUR"); !refusal.Is(err, "approval_exceeded") {
		t.Errorf("an approval of yen is good for euros: %v", err)
	}
}

func TestAnApprovalIsForOneRequest(t *testing.T) {
	run(t, Options{}, func(t *testing.T, s *Service, c *clock) {
		s.addUser(t, "bob", Finance)
		bob := Principal{Name: "user:bob", Roles: Finance, Via: ViaSession}
		approve := func() (secret string) {
			t.Helper()
			s.write(t, func(ctx context.Context, tx *database.Tx) (err error) {
				secret, _, err = s.Approve(ctx, tx, bob, "POST", "/refund", 50*money.Unit, "EUR")
				return err
			})
			return secret
		}
		use := func(secret string, u Use) (Approval, error) {
			return s.UseApproval(t.Context(), admin, secret, u)
		}
		mine := Use{Method: "POST", Path: "/refund", For: "mine"}
		secret := approve()
		for range 2 { // it may be sent again
			if a, err := use(secret, mine); err != nil || a.By.Name != "user:bob" || a.Most != 50*money.Unit || a.Currency != "EUR" || a.By.Roles != Finance {
				t.Errorf("%+v, %v", a, err)
			}
		}
		_, err := use(secret, Use{Method: "POST", Path: "/refund", For: "another"})
		wantOut(t, "used twice", err, "ask for a new one")
		for _, other := range []Use{{"POST", "/write-off", "mine"}, {"PATCH", "/refund", "mine"}} {
			_, err := use(approve(), other)
			wantOut(t, other.Path, err, "ask for a new one")
		}
		_, err = use(approvalPrefix+"made-up", mine)
		wantOut(t, "made up", err, "ask for a new one")
		late := approve()
		c.advance(16 * time.Minute)
		_, err = use(late, mine)
		wantOut(t, "too late", err, "ask for a new one")

		last := approve()
		s.addUser(t, "root", Administrator)
		disabled := Disabled
		s.write(t, func(ctx context.Context, tx *database.Tx) error {
			_, err := s.ChangeUser(ctx, tx, "bob", UserChange{Status: &disabled})
			return err
		})
		_, err = use(last, mine)
		wantOut(t, "of somebody who left", err, "ask for a new one")

		for _, test := range []struct {
			p      Principal
			path   string
			amount money.Amount
			of     string
		}{{Principal{Name: "key:webshop"}, "/refund", 1, "EUR"}, {bob, "refund", 1, "EUR"}, {bob, "/refund", 0, "EUR"}, {bob, "/refund", 1, ""}} {
			err := s.db.Write(t.Context(), admin, func(ctx context.Context, tx *database.Tx) error {
				_, _, err := s.Approve(ctx, tx, test.p, "POST", test.path, test.amount, test.of)
				return err
			})
			if refusal.Of(err) == nil {
				t.Errorf("%+v: %v", test, err)
			}
		}
		half := WithApproval(WithPrincipal(t.Context(), Principal{Name: "user:ada"}), Approval{bob, 50 * money.Unit, "EUR"}, Limits{"EUR": money.Unit})
		if err := FourEyes(half, 51*money.Unit, "EUR"); !refusal.Is(err, "approval_exceeded") {
			t.Error(err)
		}
	})
}
