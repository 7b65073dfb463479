// Package policy is a simulated policy function (PCRF): what it decides for each
// subscriber's sessions, as JSON over HTTP at
// /nudr-dr/v2/policy-data/ues/imsi-DIGITS/sm-data. Why there is told in package
// repository.
package policy

import (
	"encoding/json"
	"fmt"
	"slices"

	"gyro/internal/simulator"
	"gyro/network/element/repository"
)

// Path and Resource enclose a subscriber's identity (TS 29.519, 5.4).
const (
	Path     = "/nudr-dr/v2/policy-data/ues"
	Resource = "/sm-data"
)

// Policy is what the element keeps of a subscriber.
type Policy struct {
	IMSI   string `json:"imsi"`
	MSISDN string `json:"msisdn,omitempty"` // E.164 digits, at most one subscriber's
	// Profile is the operator's word for a set of rules.
	Profile string `json:"profile"`
	// MaxBrUl and MaxBrDl bound the sessions' bandwidth, such as 50 Mbps (TS
	// 29.519, 5.4.2.5; BitRate of TS 29.571); empty is the profile's own.
	MaxBrUl string `json:"maxBrUl,omitempty"`
	MaxBrDl string `json:"maxBrDl,omitempty"`
	// Filters name rules that are active in addition: slow-lane is what an
	// online charging system names in its answer when a quota is used up.
	Filters []string `json:"filters,omitempty"`
	// Status is ACTIVE, or SUSPENDED: sessions are refused.
	Status string `json:"status"`
}

// The values of Status.
const (
	Active    = "ACTIVE"
	Suspended = "SUSPENDED"
)

// maxFilters bounds what a subscriber's sessions carry.
const maxFilters = 32

func check(imsi string, document []byte) ([]byte, []string, error) {
	var p Policy
	if err := simulator.Strict(document, &p); err != nil {
		return nil, nil, err
	}
	switch {
	case p.IMSI != imsi:
		return nil, nil, fmt.Errorf("imsi is %q, and the URI says %s", p.IMSI, imsi)
	case p.MSISDN != "" && !repository.Digits(p.MSISDN, 5, 15):
		return nil, nil, fmt.Errorf("msisdn is %q: 5 to 15 digits", p.MSISDN)
	case p.Status != Active && p.Status != Suspended:
		return nil, nil, fmt.Errorf("status is %q: %s or %s", p.Status, Active, Suspended)
	case !repository.Word.MatchString(p.Profile):
		return nil, nil, fmt.Errorf("profile is %q: 1 to 64 letters, digits, _, . and -", p.Profile)
	case p.MaxBrUl != "" && !repository.BitRate.MatchString(p.MaxBrUl):
		return nil, nil, fmt.Errorf("maxBrUl is %q: write it as 50 Mbps", p.MaxBrUl)
	case p.MaxBrDl != "" && !repository.BitRate.MatchString(p.MaxBrDl):
		return nil, nil, fmt.Errorf("maxBrDl is %q: write it as 50 Mbps", p.MaxBrDl)
	case len(p.Filters) > maxFilters || slices.ContainsFunc(p.Filters, func(f string) bool { return !repository.Word.MatchString(f) }):
		return nil, nil, fmt.Errorf("filters are %q: at most %d words of letters, digits, _, . and -", p.Filters, maxFilters)
	}
	canonical, err := json.Marshal(p)
	var unique []string
	if p.MSISDN != "" {
		unique = []string{"msisdn-" + p.MSISDN}
	}
	return canonical, unique, err
}

// Open opens or makes the element whose state is in the file at path.
func Open(path string) (*repository.Repository, error) {
	return repository.Open(repository.Model{Name: "pcrf", Before: Path, After: Resource, Check: check}, path)
}
