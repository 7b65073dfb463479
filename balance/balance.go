// Package balance holds what customers own: buckets of money and units,
// what of them is reserved, and the double-entry postings that move them. It
// is pure: every function decides from its arguments alone.
package balance

import (
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// Denomination is what an amount counts: a currency (its ISO 4217 numeric
// code) or a unit of service. Postings sum to zero per denomination.
type Denomination uint16

// The denominations that are not currencies, out of ISO 4217's three digits.
const (
	Octets  Denomination = 1001
	Seconds Denomination = 1002
	Events  Denomination = 1003
)

// IsMoney reports whether d is a currency.
func (d Denomination) IsMoney() bool { return d > 0 && d < 1000 }

// String is the currency's code or the unit's name.
func (d Denomination) String() string {
	switch d {
	case Octets:
		return "octets"
	case Seconds:
		return "seconds"
	case Events:
		return "events"
	}
	return money.Currency(d).String()
}

// Kind is how an account pays.
type Kind uint8

// The kinds of account.
const (
	Prepaid  Kind = 1 // pays before: money never goes below zero
	Postpaid Kind = 2 // pays after: money may go down to minus the credit limit
	Hybrid   Kind = 3 // pays before, with a credit limit for what exceeds it
)

// String is the kind's name in the API.
func (k Kind) String() string {
	switch k {
	case Prepaid:
		return "prepaid"
	case Postpaid:
		return "postpaid"
	case Hybrid:
		return "hybrid"
	}
	return "unknown"
}

// ParseKind is the inverse of Kind.String; ok is false for another word.
func ParseKind(s string) (Kind, bool) {
	for _, k := range [...]Kind{Prepaid, Postpaid, Hybrid} {
		if k.String() == s {
			return k, true
		}
	}
	return 0, false
}

// Account is what the balances of one payer need to know of it.
type Account struct {
	// CreditLimit is how far below zero the main bucket may go.
	CreditLimit money.Amount
	// Excess is usage that a gateway reported beyond its grant and that no
	// bucket could pay. It is owed: the next top-up settles it first.
	Excess money.Amount
	// Buckets is the first bucket in the order of use.
	Buckets  slab.Index
	Currency money.Currency
	Kind     Kind
}

// Denomination is the account's currency as a denomination.
func (a *Account) Denomination() Denomination { return Denomination(a.Currency) }

// Bucket is one store of money or units.
type Bucket struct {
	// ID is unique over all accounts and never used again.
	ID uint64
	// Remaining and Reserved are in the denomination's smallest unit;
	// Reserved is the sum of open reservations on the bucket.
	Remaining, Reserved int64
	// Granted is what the bucket held when it was given.
	Granted int64
	// From and Until bound its validity; zero is unbounded.
	From, Until instant.Instant
	// Next is the account's next bucket in the order of use.
	Next         slab.Index
	Allowance    ident.Name // zero for money that pays for anything
	Denomination Denomination
	Priority     int16 // lower is used first
	// Owner is the number of the account's subscriber that alone may draw on
	// the bucket; 0 is shared by all.
	Owner uint32
	Terms slab.Index // what few buckets have, in Book.Terms; 0 is none
	Main  bool       // the account's own money: no expiry, may use the credit limit
}

// Valid reports whether the bucket may be drawn on at the given moment.
func (b *Bucket) Valid(now instant.Instant) bool {
	return b.From <= now && (b.Until == 0 || now < b.Until)
}

// before is the order of use: priority, then earliest expiry, then smallest id.
func (b *Bucket) before(o *Bucket) bool {
	if b.Priority != o.Priority {
		return b.Priority < o.Priority
	}
	if b.Until != o.Until {
		return o.Until == 0 || (b.Until != 0 && b.Until < o.Until)
	}
	return b.ID < o.ID
}

// MainPriority puts the account's own money behind every allowance and bonus.
const MainPriority int16 = 1000

// MaxAmount bounds what one bucket holds and how high a credit limit is:
// 10^12 units of money or 10^18 of anything else. Far beyond any customer, it
// keeps the sum of a balance, a limit and a reservation within 63 bits.
const MaxAmount = 1_000_000_000_000_000_000
