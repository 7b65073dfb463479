package access

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"gyro/internal/database"
	"gyro/internal/instant"

	"github.com/coreos/go-oidc/v3/oidc"
)

// OIDC is an OpenID Connect issuer whose bearer tokens are taken (RFC 9068, OpenID Connect Discovery).
type OIDC struct {
	// Issuer is its URL: https, but for one on this machine.
	Issuer string
	// Audience is what a token must be meant for: the name of this server at the issuer.
	Audience string
	// RoleClaim is where a token says what its user may, such as roles or realm_access.roles: a list of words, or one.
	RoleClaim string
	// Roles are our roles for the words of the claim. Words that are not here give nothing.
	Roles map[string]Roles
	// Algorithms are those that a token may be signed by; none is RS256, PS256, ES256 and EdDSA. Symmetric ones are refused.
	Algorithms []string
	// Client asks the issuer; nil is one with a timeout.
	Client *http.Client
}

// asymmetric are the algorithms that may be configured. With a symmetric one, whoever can check a token can make one.
var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

const (
	// discoveryTimeout bounds one question to the issuer; a request waits for it.
	discoveryTimeout = 5 * time.Second
	// discoveryPause is between two attempts to reach an issuer that did not answer.
	discoveryPause = 5 * instant.Second
	// maxToken bounds a token in octets, below the header's limit.
	maxToken = 12 << 10
)

func (o *OIDC) validate() error {
	var errs []error
	u, err := url.Parse(o.Issuer)
	switch {
	case err != nil || u.Host == "":
		errs = append(errs, fmt.Errorf("access: issuer %q is no URL", o.Issuer))
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		errs = append(errs, fmt.Errorf("access: issuer %q: whoever is between could make keys of his own; use https", o.Issuer))
	}
	if o.Audience == "" {
		errs = append(errs, errors.New("access: OIDC without audience takes tokens that are meant for others; name it"))
	}
	if o.RoleClaim == "" || len(o.Roles) == 0 {
		errs = append(errs, errors.New("access: OIDC without role claim and its words lets nobody do anything; name them"))
	}
	for _, algorithm := range o.Algorithms {
		if !slices.Contains(asymmetric, algorithm) {
			errs = append(errs, fmt.Errorf("access: algorithm %q is not one of %s", algorithm, strings.Join(asymmetric, ", ")))
		}
	}
	return errors.Join(errs...)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// verifier checks tokens. The issuer is asked for its keys when the first token comes, so that the office starts without it.
type verifier struct {
	o  OIDC
	db *database.DB

	mu     sync.Mutex
	tokens *oidc.IDTokenVerifier
	failed instant.Instant
}

func newVerifier(o OIDC, db *database.DB) (*verifier, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: discoveryTimeout}
	}
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}
	}
	return &verifier{o: o, db: db}, nil
}

// ready returns what checks tokens, once the issuer has said where its keys are.
func (v *verifier) ready(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.db.Now()
	if v.tokens != nil || (v.failed != 0 && now.Sub(v.failed) < discoveryPause) {
		return v.tokens, nil
	}
	// The keys are fetched with the context of the provider, which outlives this request.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), v.o.Client), v.o.Issuer)
	if err != nil {
		v.failed = now
		return nil, fmt.Errorf("the issuer %s does not answer as it should: %w", v.o.Issuer, err)
	}
	v.tokens = provider.Verifier(&oidc.Config{
		ClientID: v.o.Audience, SupportedSigningAlgs: v.o.Algorithms,
		Now: func() time.Time { return v.db.Now().Time() },
	})
	return v.tokens, nil
}

// verify authenticates the bearer of a token.
func (v *verifier) verify(ctx context.Context, raw string) (Principal, error) {
	if err := v.checkHeader(raw); err != nil {
		return Principal{}, err
	}
	tokens, err := v.ready(ctx)
	if err != nil {
		return Principal{}, unauthenticated("the token cannot be checked now: %v", err)
	}
	if tokens == nil {
		return Principal{}, unauthenticated("the token cannot be checked now: the issuer did not answer; try again in some seconds")
	}
	token, err := tokens.Verify(ctx, raw)
	if err != nil {
		return Principal{}, unauthenticated("the token is not good: %v", err)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil || token.Subject == "" {
		return Principal{}, unauthenticated("the token says not whose it is")
	}
	return Principal{Name: "oidc:" + token.Subject, Roles: v.roles(claims), Via: ViaOIDC}, nil
}

// checkHeader refuses tokens that want to be checked by an algorithm that is not configured, or by keys that they bring
// along: whoever makes a token would choose how it is checked.
func (v *verifier) checkHeader(raw string) error {
	head, _, _ := strings.Cut(raw, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header map[string]any
	if len(raw) > maxToken || err != nil || json.Unmarshal(text, &header) != nil {
		return unauthenticated("the token cannot be read")
	}
	algorithm, _ := header["alg"].(string)
	if !slices.Contains(v.o.Algorithms, algorithm) {
		return unauthenticated("the token is signed by %q; what is taken is %s", algorithm, strings.Join(v.o.Algorithms, ", "))
	}
	for _, key := range []string{"jku", "jwk", "x5u", "x5c", "crit"} {
		if _, found := header[key]; found {
			return unauthenticated("the token has the header %q; keys come from the issuer alone", key)
		}
	}
	return nil
}

// roles are ours for what the claim says.
func (v *verifier) roles(claims map[string]any) (roles Roles) {
	var value any = claims
	for part := range strings.SplitSeq(v.o.RoleClaim, ".") {
		inside, _ := value.(map[string]any)
		value = inside[part]
	}
	switch words := value.(type) {
	case string:
		for word := range strings.FieldsSeq(words) {
			roles |= v.o.Roles[word]
		}
	case []any:
		for _, word := range words {
			if text, ok := word.(string); ok {
				roles |= v.o.Roles[text]
			}
		}
	}
	return roles
}
