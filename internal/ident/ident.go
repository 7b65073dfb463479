// Package ident holds the identities a charging request can name a subscriber
// by, and the stable short names of things a catalogue defines.
package ident

import (
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// Kind is the type of an identity, numbered as Subscription-Id-Type
// (RFC 8506 section 8.47) so that no table stands between wire and core.
type Kind uint8

// The kinds of identity.
const (
	E164    Kind = 0 // END_USER_E164: an MSISDN in international format
	IMSI    Kind = 1 // END_USER_IMSI
	SIPURI  Kind = 2 // END_USER_SIP_URI
	NAI     Kind = 3 // END_USER_NAI
	Private Kind = 4 // END_USER_PRIVATE
)

// String returns the name used in the API.
func (k Kind) String() string {
	switch k {
	case E164:
		return "msisdn"
	case IMSI:
		return "imsi"
	case SIPURI:
		return "sip_uri"
	case NAI:
		return "nai"
	case Private:
		return "private"
	}
	return "unknown"
}

// MaxIdentity is the longest identity in octets. It holds an IMS public
// identity of the form sip:<15 digits>@ims.mnc001.mcc001.3gppnetwork.org (54
// octets) and keeps a record of one identity within a cache line and a half.
const MaxIdentity = 78

// Identity is one normalised identity. It is comparable and free of pointers.
type Identity struct {
	Kind  Kind
	Len   uint8
	Octet [MaxIdentity]byte
}

// Errors of New.
var (
	ErrEmpty  = errors.New("empty identity")
	ErrLong   = fmt.Errorf("identity longer than %d octets", MaxIdentity)
	ErrDigits = errors.New("identity must be 5 to 15 digits")
)

// New normalises raw into an identity: an E.164 number loses a leading "+" (or
// "tel:"), a SIP URI whose user part is a number, with or without "+", is that
// number, as stock S-CSCFs name subscribers; parameters after ";" are dropped.
// IMSI and E.164 must be 5 to 15 digits (ITU-T E.164 and E.212 allow 15).
func New(kind Kind, raw []byte) (Identity, error) {
	if kind == SIPURI {
		kind, raw = normaliseURI(raw)
	}
	if kind == E164 {
		raw = trimPrefix(raw, "tel:")
		raw = trimPrefix(raw, "+")
		raw = untilParameter(raw)
	}
	switch {
	case len(raw) == 0:
		return Identity{}, ErrEmpty
	case len(raw) > MaxIdentity:
		return Identity{}, ErrLong
	case (kind == E164 || kind == IMSI) && !isNumber(raw):
		return Identity{}, ErrDigits
	}
	id := Identity{Kind: kind, Len: uint8(len(raw))}
	copy(id.Octet[:], raw)
	return id, nil
}

func normaliseURI(raw []byte) (Kind, []byte) {
	if hasPrefix(raw, "tel:") {
		return E164, raw
	}
	user := trimPrefix(trimPrefix(raw, "sips:"), "sip:")
	for i, c := range user {
		if c == '@' {
			number := trimPrefix(user[:i], "+")
			// 15 digits without "+" are an IMSI-derived private identity,
			// not a telephone number (TS 23.003 section 13.4B).
			if isNumber(number) && (len(number) < 15 || len(number) < i) {
				return E164, number
			}
			break
		}
	}
	return SIPURI, untilParameter(raw)
}

func untilParameter(raw []byte) []byte {
	for i, c := range raw {
		if c == ';' {
			return raw[:i]
		}
	}
	return raw
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

func trimPrefix(b []byte, prefix string) []byte {
	if hasPrefix(b, prefix) {
		return b[len(prefix):]
	}
	return b
}

func isNumber(b []byte) bool {
	if len(b) < 5 || len(b) > 15 {
		return false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// Bytes returns the identity's octets; they belong to id.
func (id *Identity) Bytes() []byte { return id.Octet[:id.Len] }

// String shows kind and value, for logs and errors.
func (id Identity) String() string { return id.Kind.String() + ":" + string(id.Bytes()) }

// IsZero reports whether no identity was set.
func (id *Identity) IsZero() bool { return id.Len == 0 }

// Hash is stable across processes and versions.
func (id *Identity) Hash() uint64 {
	return xxhash.Sum64(id.Bytes()) + uint64(id.Kind)*0x9e3779b97f4a7c15
}

// Name is the stable short form of a name that a catalogue defines (a service,
// an offer, an allowance). It is a hash, so that balances and records can refer
// to it across catalogue versions without a table of assignments; a catalogue
// in which two names meet in one Name does not compile.
type Name uint32

// NameOf returns the Name of s; it is never zero for a non-empty s.
func NameOf(s string) Name {
	if s == "" {
		return 0
	}
	h := xxhash.Sum64String(s)
	n := Name(h ^ h>>32)
	if n == 0 {
		n = 1
	}
	return n
}
