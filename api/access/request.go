package access

import (
	"context"
	"errors"
)

// Request is what a request says of who sends it.
type Request struct {
	// Authorization and APIKey are the headers of these names.
	Authorization, APIKey string
	// Session is the cookie of a session, CSRF the token that goes with it in a header.
	Session, CSRF string
	// Changes is true for methods that change something.
	Changes bool
	// Origin is the header Origin, SiteFetch the header Sec-Fetch-Site; Host is what the request is addressed to, with the
	// scheme before it: https://office.example.
	Origin, SiteFetch, Host string
	// Remote is the address that it came from.
	Remote string
}

// Authenticator tells who sends a request.
type Authenticator interface {
	// Authenticate returns ErrUnauthenticated, wrapped with what to do, for a request that proves nothing.
	Authenticate(ctx context.Context, r Request) (Principal, error)
}

// ErrUnauthenticated says that it is not known who sends a request.
var ErrUnauthenticated = errors.New("not authenticated")
