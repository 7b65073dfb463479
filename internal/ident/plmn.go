package ident

import (
	"errors"
	"fmt"
)

// PLMN is a public land mobile network: a mobile country code and a mobile
// network code (ITU-T E.212). Zero is no network. With a country code alone it
// stands for every network of the country, which is how zones name them.
//
// The three digits of the MCC, the digits of the MNC and how many they are
// stay apart, for 310-26 and 310-026 are two networks.
type PLMN uint32

// Layout of a PLMN: MCC above, then the number of MNC digits, then the MNC.
const (
	plmnMNCBits    = 10
	plmnDigitsBits = 2
	plmnDigitsAt   = plmnMNCBits
	plmnMCCAt      = plmnMNCBits + plmnDigitsBits
)

// ErrPLMN is returned by ParsePLMN.
var ErrPLMN = errors.New("a network is a mobile country code of 3 digits and a network code of 2 or 3, for example 262-01")

// ParsePLMN reads "262", "262-01", "310-410", or the last two without hyphen.
func ParsePLMN(text []byte) (PLMN, error) {
	if len(text) > 3 && text[3] == '-' {
		if len(text) == 4 {
			return 0, ErrPLMN
		}
		return newPLMN(text[:3], text[4:])
	}
	if len(text) < 3 {
		return 0, ErrPLMN
	}
	return newPLMN(text[:3], text[3:])
}

func newPLMN(mcc, mnc []byte) (PLMN, error) {
	if len(mcc) != 3 || len(mnc) == 1 || len(mnc) > 3 || !allDigits(mcc) || !allDigits(mnc) {
		return 0, ErrPLMN
	}
	return number(mcc)<<plmnMCCAt | PLMN(len(mnc))<<plmnDigitsAt | number(mnc), nil
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func number(b []byte) (n PLMN) {
	for _, c := range b {
		n = n*10 + PLMN(c-'0')
	}
	return n
}

// Country is the network's country alone.
func (p PLMN) Country() PLMN { return p >> plmnMCCAt << plmnMCCAt }

// IsCountry reports whether p stands for a whole country.
func (p PLMN) IsCountry() bool { return p != 0 && p == p.Country() }

// String is the usual form, such as 262-01, and "" for no network.
func (p PLMN) String() string {
	mcc, digits, mnc := p>>plmnMCCAt, int(p>>plmnDigitsAt&(1<<plmnDigitsBits-1)), p&(1<<plmnMNCBits-1)
	switch {
	case p == 0:
		return ""
	case digits == 0:
		return fmt.Sprintf("%03d", uint32(mcc))
	}
	return fmt.Sprintf("%03d-%0*d", uint32(mcc), digits, uint32(mnc))
}
