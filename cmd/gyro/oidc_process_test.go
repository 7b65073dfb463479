package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issuer is an OpenID Connect issuer of the test's own, at an address where it can be away for a while.
type issuer struct {
	t       testing.TB
	address string
	server  *http.Server

	mu  sync.Mutex
	key *rsa.PrivateKey
	kid string
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{t: t, address: freeAddress(t)}
	i.rotate("k1")
	t.Cleanup(i.leave)
	return i
}

func (i *issuer) url() string { return "http://" + i.address }

// rotate gives the issuer another key, the only one that it publishes.
func (i *issuer) rotate(kid string) {
	i.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.kid = key, kid
}

func (i *issuer) come() {
	i.t.Helper()
	l, err := net.Listen("tcp", i.address)
	if err != nil {
		i.t.Fatal(err)
	}
	i.server = &http.Server{Handler: i, ReadHeaderTimeout: patience}
	go func(s *http.Server) { _ = s.Serve(l) }(i.server) // until leave
}

func (i *issuer) leave() {
	if i.server != nil {
		_ = i.server.Close() // it is only a test's
		i.server = nil
	}
}

// ServeHTTP implements http.Handler: discovery, and the keys.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	document := map[string]any{
		"issuer": i.url(), "jwks_uri": i.url() + "/keys", "authorization_endpoint": i.url() + "/authorize", "token_endpoint": i.url() + "/token",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
	}
	if r.URL.Path == "/keys" {
		document = map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "use": "sig", "kid": i.kid, "alg": "RS256",
			"n": base64.RawURLEncoding.EncodeToString(i.key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(i.key.E)).Bytes()),
		}}}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document) // who asked may be gone
}

// token is signed by the issuer, for a while from now on.
func (i *issuer) token(method jwt.SigningMethod, roles any, change func(claims jwt.MapClaims)) string {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	claims := jwt.MapClaims{
		"iss": i.url(), "aud": "gyro-office", "sub": "4711", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"realm_access": map[string]any{"roles": roles},
	}
	if change != nil {
		change(claims)
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = i.kid
	var key any = i.key
	switch method {
	case jwt.SigningMethodHS256:
		key = i.key.N.Bytes()
	case jwt.SigningMethodNone:
		key = jwt.UnsafeAllowNoneSignatureType
	}
	signed, err := token.SignedString(key)
	if err != nil {
		i.t.Fatal(err)
	}
	return signed
}

// TestTokensOfAnIssuerOpenTheOffice of the real program: the office starts without the issuer, takes its tokens as soon as
// it is there, through a change of its keys and a kill -9, and nobody else's.
func TestTokensOfAnIssuerOpenTheOffice(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	address := freeAddress(t)
	s := newSite(t, fmt.Sprintf("office: {oidc: {issuer: %q, audience: gyro-office, role_claim: realm_access.roles, roles: 'bss-finance=finance,bss-care=care,bss-admin=administrator'}}\n", i.url()),
		"--office", "--office-listen", address)
	p := s.start()
	ready := func() *office {
		t.Helper()
		if _, ok := p.awaitLine(officeReadyMessage); !ok {
			t.Fatal(p.output())
		}
		return newOffice(t, address)
	}
	o := ready()
	ask := func(method, path, body, token string) (int, map[string]any) {
		t.Helper()
		contentType := ""
		if body != "" {
			contentType = "application/json"
		}
		r, err := o.do(t.Context(), method, path, contentType, []byte(body), "Authorization", "Bearer "+token)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		_ = json.Unmarshal(r.body, &v) // a list is none
		return r.status, v
	}
	care := func() string { return i.token(jwt.SigningMethodRS256, []string{"bss-care", "other"}, nil) }
	opens := func(token string) bool {
		status, me := ask(http.MethodGet, "/office/v1/me", "", token)
		return status == http.StatusOK && me["name"] == "oidc:4711" && me["via"] == "oidc"
	}
	if status, said := ask(http.MethodGet, "/office/v1/me", "", care()); status != http.StatusUnauthorized || !strings.Contains(fmt.Sprint(said["message"]), "cannot be checked now") {
		t.Errorf("without its issuer: %d %v", status, said)
	}
	i.come()
	eventually(t, "the issuer is asked again", func() bool { return opens(care()) })
	patient := func(method, path, token string) (status int, said map[string]any) {
		t.Helper()
		eventually(t, "this address may ask again", func() bool { // it proved nothing for long
			status, said = ask(method, path, "", token)
			return status != http.StatusTooManyRequests
		})
		return status, said
	}

	const person = `{"givenName":"Ada","familyName":"Lang"}`
	if status, said := ask(http.MethodPost, "/tmf-api/party/v4/individual", person, care()); status != http.StatusCreated {
		t.Errorf("care may sign people up: %d %v", status, said)
	}
	admin := i.token(jwt.SigningMethodRS256, "bss-admin", nil)
	status, trail := ask(http.MethodGet, "/office/v1/audit?entity=party", "", admin)
	if text := fmt.Sprint(trail["items"]); status != http.StatusOK || !strings.Contains(text, "oidc:4711") {
		t.Errorf("the audit trail does not name who it was: %d %s", status, text)
	}
	for what, test := range map[string]struct {
		token string
		want  int
	}{
		"no role":              {i.token(jwt.SigningMethodRS256, []string{"other"}, nil), http.StatusForbidden},
		"another role":         {care(), http.StatusForbidden},
		"for another server":   {i.token(jwt.SigningMethodRS256, "bss-admin", func(c jwt.MapClaims) { c["aud"] = "another" }), http.StatusUnauthorized},
		"expired":              {i.token(jwt.SigningMethodRS256, "bss-admin", func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }), http.StatusUnauthorized},
		"of another issuer":    {i.token(jwt.SigningMethodRS256, "bss-admin", func(c jwt.MapClaims) { c["iss"] = "http://127.0.0.1:1" }), http.StatusUnauthorized},
		"signed by the public": {i.token(jwt.SigningMethodHS256, "bss-admin", nil), http.StatusUnauthorized},
		"unsigned":             {i.token(jwt.SigningMethodNone, "bss-admin", nil), http.StatusUnauthorized},
		"tampered with":        {admin[:len(admin)-6] + "AAAAAA", http.StatusUnauthorized},
		"with a blank inside":  {admin[:20] + " " + admin[20:], http.StatusUnauthorized},
	} {
		if status, said := patient(http.MethodGet, "/office/v1/users", test.token); status != test.want {
			t.Errorf("%s: %d, want %d: %v", what, status, test.want, said)
		}
	}
	old := care()
	i.rotate("k2")
	if status, _ := patient(http.MethodGet, "/office/v1/me", care()); status != http.StatusOK {
		t.Error("the issuer's new key is not looked for")
	}
	p.kill()
	i.leave()
	p = s.start()
	o = ready()
	if opens(care()) {
		t.Error("after a restart without the issuer a token is taken unseen")
	}
	i.come()
	eventually(t, "the issuer is asked after the restart", func() bool { return opens(care()) })
	if status, _ := patient(http.MethodGet, "/office/v1/me", old); status != http.StatusUnauthorized {
		t.Error("a key that the issuer no longer publishes is still good after a restart")
	}
	p.stop()
}
