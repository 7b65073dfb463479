package access

import (
	"context"
	"encoding/json"
	"fmt"
	"math/bits"
	"strings"
)

// Roles is a set of roles. The zero set is nobody.
type Roles uint8

// The roles.
const (
	Sales Roles = 1 << iota
	Finance
	Marketing
	Care
	Network
	Administrator

	// Anyone is who has any role at all.
	Anyone = Sales | Finance | Marketing | Care | Network | Administrator
)

var roleNames = [...]string{"sales", "finance", "marketing", "care", "network", "administrator"}

// Names returns the roles of the set in words, in their order.
func (r Roles) Names() []string {
	names := make([]string, 0, bits.OnesCount8(uint8(r)))
	for n, name := range roleNames {
		if r&(1<<n) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String lists the roles of the set.
func (r Roles) String() string { return strings.Join(r.Names(), ", ") }

// MarshalJSON writes the set as a list of names.
func (r Roles) MarshalJSON() ([]byte, error) { return json.Marshal(r.Names()) }

// UnmarshalJSON reads a list of names.
func (r *Roles) UnmarshalJSON(b []byte) error {
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return fmt.Errorf("roles are a list of names: %s", strings.Join(roleNames[:], ", "))
	}
	parsed, err := ParseRoles(names)
	*r = parsed
	return err
}

// ParseRoles reads names of roles.
func ParseRoles(names []string) (Roles, error) {
	var r Roles
	for _, name := range names {
		role, found := roleOf(name)
		if !found {
			return 0, fmt.Errorf("there is no role %q; the roles are %s", name, strings.Join(roleNames[:], ", "))
		}
		r |= role
	}
	return r, nil
}

func roleOf(name string) (Roles, bool) {
	for n, known := range roleNames {
		if name == known {
			return 1 << n, true
		}
	}
	return 0, false
}

// Via is how a principal proved who it is.
type Via string

// The ways.
const (
	ViaKey     Via = "api-key"
	ViaSession Via = "session"
	ViaOIDC    Via = "oidc"
	// ViaLoopback is no proof: a server that was told to serve its own machine without authentication.
	ViaLoopback Via = "loopback"
)

// Principal is who sends a request: a person or a program.
type Principal struct {
	// Name is unique over users and keys, and stands in the audit trail: user:ada, key:webshop, oidc:ISSUER|SUBJECT.
	Name  string
	Roles Roles
	Via   Via
	// Person is who knows the secret of a key, as far as the office can tell: whoever made it. It is empty where that is the
	// principal.
	Person string
	// MustChange says that a user may do nothing but change the password that somebody else chose.
	MustChange bool
}

// person is who acts: two principals with the same are one pair of eyes.
func (p Principal) person() string {
	if p.Person != "" {
		return p.Person
	}
	return p.Name
}

// May reports whether the principal has one of the roles.
func (p Principal) May(roles Roles) bool { return p.Roles&roles != 0 }

type principalKey struct{}

// WithPrincipal says in a context for whom it is.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

type correlationKey struct{}

// WithCorrelation says in a context what correlates the traces of a request, for those that change something before it is
// known who asks.
func WithCorrelation(ctx context.Context, request string) context.Context {
	return context.WithValue(ctx, correlationKey{}, request)
}

func correlationOf(ctx context.Context) string {
	request, _ := ctx.Value(correlationKey{}).(string)
	return request
}

// PrincipalOf returns for whom a context is; the zero Principal has no role.
func PrincipalOf(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}
