//go:build libraries

// This file goes when the office uses all of these: it keeps them in go.mod while its packages come one by one. It is
// never built.
package database

import (
	_ "codeberg.org/go-pdf/fpdf"
	_ "github.com/coreos/go-oidc/v3/oidc"
	_ "github.com/golang-jwt/jwt/v5"
	_ "github.com/nyaruka/phonenumbers"
	_ "github.com/schollz/progressbar/v3"
	_ "github.com/shopspring/decimal"
)
