// Package subscriberdata is a simulated home subscriber server: what the
// network is to know of each subscriber, as JSON over HTTP at
// /nudr-dr/v2/subscription-data/imsi-DIGITS. Why there is told in package
// repository.
package subscriberdata

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"gyro/internal/simulator"
	"gyro/network/element/repository"
)

// Path is where subscribers' data are (TS 29.505, 5.2).
const Path = "/nudr-dr/v2/subscription-data"

// Subscription is what the element keeps of a subscriber. The names are those of
// the Subscription-Data of S6a (TS 29.272, 7.3.2) and of TS 29.571.
type Subscription struct {
	IMSI   string `json:"imsi"`
	MSISDN string `json:"msisdn,omitempty"` // E.164 digits, at most one subscriber's
	// AuthenticationPresent says that the authentication centre has the SIM's key.
	// It is there from when the SIMs were delivered, and no order carries keys.
	AuthenticationPresent bool `json:"authenticationPresent"`
	// SubscriberStatus is SERVICE_GRANTED or OPERATOR_DETERMINED_BARRING (TS
	// 29.272, 7.3.29).
	SubscriberStatus string `json:"subscriberStatus"`
	// Profile is the operator's word for a set of services.
	Profile string `json:"profile"`
	// APNs are the access points that the subscriber may use; the first is the default.
	APNs []string `json:"apns,omitempty"`
	// AMBR is the aggregate maximum bit rate of all that is not guaranteed.
	AMBR *AMBR `json:"ambr,omitempty"`
}

// AMBR is a pair of bit rates, such as 50 Mbps (BitRate, TS 29.571, 5.5.2).
type AMBR struct {
	Uplink   string `json:"uplink"`
	Downlink string `json:"downlink"`
}

// The values of SubscriberStatus.
const (
	ServiceGranted            = "SERVICE_GRANTED"
	OperatorDeterminedBarring = "OPERATOR_DETERMINED_BARRING"
)

var apn = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`) // TS 23.003, 9.1

// maxAPNs is the most access points a subscriber has (TS 29.272 allows 50).
const maxAPNs = 50

func check(imsi string, document []byte) ([]byte, []string, error) {
	var s Subscription
	if err := simulator.Strict(document, &s); err != nil {
		return nil, nil, err
	}
	switch {
	case s.IMSI != imsi:
		return nil, nil, fmt.Errorf("imsi is %q, and the URI says %s", s.IMSI, imsi)
	case s.MSISDN != "" && !repository.Digits(s.MSISDN, 5, 15):
		return nil, nil, fmt.Errorf("msisdn is %q: 5 to 15 digits", s.MSISDN)
	case s.SubscriberStatus != ServiceGranted && s.SubscriberStatus != OperatorDeterminedBarring:
		return nil, nil, fmt.Errorf("subscriberStatus is %q: %s or %s", s.SubscriberStatus, ServiceGranted, OperatorDeterminedBarring)
	case !s.AuthenticationPresent:
		return nil, nil, fmt.Errorf("authenticationPresent is false: load the SIM's key before it is put into service")
	case !repository.Word.MatchString(s.Profile):
		return nil, nil, fmt.Errorf("profile is %q: 1 to 64 letters, digits, _, . and -", s.Profile)
	case len(s.APNs) > maxAPNs || slices.ContainsFunc(s.APNs, func(a string) bool { return !apn.MatchString(a) }):
		return nil, nil, fmt.Errorf("apns are %q: at most %d labels of a-z, 0-9, - and dots", s.APNs, maxAPNs)
	case s.AMBR != nil && (!repository.BitRate.MatchString(s.AMBR.Uplink) || !repository.BitRate.MatchString(s.AMBR.Downlink)):
		return nil, nil, fmt.Errorf("ambr is %q up and %q down: write both as 50 Mbps", s.AMBR.Uplink, s.AMBR.Downlink)
	}
	canonical, err := json.Marshal(s)
	var unique []string
	if s.MSISDN != "" {
		unique = []string{"msisdn-" + s.MSISDN}
	}
	return canonical, unique, err
}

// Open opens or makes the element whose state is in the file at path.
func Open(path string) (*repository.Repository, error) {
	return repository.Open(repository.Model{Name: "hss", Before: Path, Check: check}, path)
}
