package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"

	"github.com/golang-jwt/jwt/v5"
)

// issuer is an OpenID Connect issuer: discovery, keys, and tokens that it signs.
type issuer struct {
	*httptest.Server
	key     *rsa.PrivateKey
	kid     string
	asked   atomic.Int32
	broken  atomic.Bool
	foreign *rsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{kid: "k1"}
	var err error
	if i.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if i.foreign, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.asked.Add(1)
		if i.broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		i.answer(t, w, map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/authorize",
			"token_endpoint": i.URL + "/token", "response_types_supported": []string{"code"},
			"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		i.answer(t, w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "use": "sig", "kid": i.kid, "alg": "RS256",
			"n": base64.RawURLEncoding.EncodeToString(i.key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(i.key.E)).Bytes()),
		}}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) answer(t *testing.T, w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}

// token signs claims; header goes over what is usual.
func (i *issuer) token(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims, header map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = i.kid
	maps.Copy(token.Header, header)
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

var moment = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func (i *issuer) claims(change func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": i.URL, "aud": []string{"gyro-office"}, "sub": "4711", "iat": moment.Unix(), "exp": moment.Add(time.Hour).Unix(),
		"realm_access": map[string]any{"roles": []string{"bss-finance", "bss-care", "unknown"}},
	}
	if change != nil {
		change(c)
	}
	return c
}

func (i *issuer) options() *OIDC {
	return &OIDC{
		Issuer: i.URL, Audience: "gyro-office", RoleClaim: "realm_access.roles",
		Roles: map[string]Roles{"bss-finance": Finance, "bss-care": Care, "bss-admin": Administrator},
	}
}

func (i *issuer) service(t *testing.T, c *clock) *Service {
	t.Helper()
	s, err := New(dbtest.Open(t, database.SQLite, dbtest.Clock(c.tell)), Options{OIDC: i.options()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTokensOfTheIssuerAreTaken(t *testing.T) {
	i := newIssuer(t)
	s := i.service(t, &clock{now: moment})
	good := i.token(t, jwt.SigningMethodRS256, i.key, i.claims(nil), nil)
	p, err := s.Authenticate(t.Context(), Request{Authorization: "Bearer " + good})
	if err != nil || p.Name != "oidc:4711" || p.Roles != Finance|Care || p.Via != ViaOIDC {
		t.Fatalf("%+v, %v", p, err)
	}
	one := i.token(t, jwt.SigningMethodRS256, i.key, i.claims(func(c jwt.MapClaims) { c["realm_access"] = map[string]any{"roles": "bss-admin other"} }), nil)
	if p, err := s.Authenticate(t.Context(), Request{Authorization: "Bearer " + one}); err != nil || p.Roles != Administrator {
		t.Errorf("%+v, %v", p, err)
	}
	none := i.token(t, jwt.SigningMethodRS256, i.key, i.claims(func(c jwt.MapClaims) { delete(c, "realm_access") }), nil)
	if p, err := s.Authenticate(t.Context(), Request{Authorization: "Bearer " + none}); err != nil || p.Roles != 0 {
		t.Errorf("who has no role may something: %+v, %v", p, err)
	}
	if n := i.asked.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

func TestOtherTokensAreRefused(t *testing.T) {
	i := newIssuer(t)
	s := i.service(t, &clock{now: moment})
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs := jwt.SigningMethodRS256
	with := func(change func(jwt.MapClaims)) string { return i.token(t, rs, i.key, i.claims(change), nil) }
	good := with(nil)
	for what, test := range map[string]struct{ token, words string }{
		"expired":           {with(func(c jwt.MapClaims) { c["exp"] = moment.Add(-time.Second).Unix() }), "expired"},
		"without expiry":    {with(func(c jwt.MapClaims) { delete(c, "exp") }), "expired"},
		"not yet valid":     {with(func(c jwt.MapClaims) { c["nbf"] = moment.Add(time.Hour).Unix() }), "nbf"},
		"for another":       {with(func(c jwt.MapClaims) { c["aud"] = "another" }), "audience"},
		"of another issuer": {with(func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }), "different provider"},
		"without subject":   {with(func(c jwt.MapClaims) { delete(c, "sub") }), "whose it is"},
		"another key":       {i.token(t, rs, i.foreign, i.claims(nil), nil), "signature"},
		"another key's id":  {i.token(t, rs, i.foreign, i.claims(nil), map[string]any{"kid": "k2"}), "signature"},
		"another algorithm": {i.token(t, jwt.SigningMethodES256, elliptical, i.claims(nil), nil), "signature"},
		"not configured":    {i.token(t, jwt.SigningMethodRS384, i.key, i.claims(nil), nil), "RS384"},
		"unsigned":          {i.token(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, i.claims(nil), nil), "none"},
		// Whoever takes the public key for a shared secret accepts what anybody signs with it.
		"signed by the public key": {i.token(t, jwt.SigningMethodHS256, i.key.N.Bytes(), i.claims(nil), nil), "HS256"},
		"with keys from elsewhere": {i.token(t, rs, i.foreign, i.claims(nil), map[string]any{"jku": "https://evil.example/keys"}), "jku"},
		"with a certificate":       {i.token(t, rs, i.key, i.claims(nil), map[string]any{"x5u": "https://evil.example/cert"}), "x5u"},
		"with its own key":         {i.token(t, rs, i.foreign, i.claims(nil), map[string]any{"jwk": map[string]any{"kty": "RSA"}}), "jwk"},
		"cut":                      {good[:len(good)-10], "signature"},
		"garbage":                  {"a.b.c", "cannot be read"},
	} {
		_, err := s.Authenticate(t.Context(), Request{Authorization: "Bearer " + test.token})
		wantOut(t, what, err, test.words)
	}
}

func TestAnIssuerMayComeLater(t *testing.T) {
	i := newIssuer(t)
	c := &clock{now: moment}
	s := i.service(t, c)
	i.broken.Store(true)
	token := "Bearer " + i.token(t, jwt.SigningMethodRS256, i.key, i.claims(nil), nil)
	for range 3 {
		_, err := s.Authenticate(t.Context(), Request{Authorization: token})
		wantOut(t, "without issuer", err, "cannot be checked now")
	}
	if n := i.asked.Load(); n != 1 {
		t.Errorf("an issuer that fails was asked %d times within a moment", n)
	}
	i.broken.Store(false)
	c.advance(6 * time.Second)
	if _, err := s.Authenticate(t.Context(), Request{Authorization: token}); err != nil {
		t.Error(err)
	}
}

func TestAnIssuerMustBeSafe(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	for what, change := range map[string]func(*OIDC){
		"plain http":   func(o *OIDC) { o.Issuer = "http://issuer.example" },
		"no URL":       func(o *OIDC) { o.Issuer = "issuer" },
		"no audience":  func(o *OIDC) { o.Audience = "" },
		"no roles":     func(o *OIDC) { o.Roles = nil },
		"symmetric":    func(o *OIDC) { o.Algorithms = []string{"HS256"} },
		"no algorithm": func(o *OIDC) { o.Algorithms = []string{"none"} },
	} {
		o := &OIDC{Issuer: "https://issuer.example", Audience: "a", RoleClaim: "roles", Roles: map[string]Roles{"x": Care}}
		change(o)
		if _, err := New(db, Options{OIDC: o}); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}
