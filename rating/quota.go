package rating

import "gyro/internal/instant"

// Quota is how credit for a service is handed to a gateway.
type Quota struct {
	// Grant is the number of units granted when the request leaves the size to
	// the server. Where Target is set it is what is granted before the burn rate
	// is known.
	Grant uint64
	// Floor and Ceiling bound a grant: nothing smaller is worth a message to
	// the gateway while the balance allows more, nothing larger is reserved even
	// when the request asks for it. 0 is no bound. Floor <= Grant <= Ceiling.
	Floor, Ceiling uint64
	// Target is how long a grant should last at the rate at which the session
	// burns units; 0 grants what Grant says, however fast it is used.
	Target instant.Span
	// Validity is the Validity-Time of a grant; 0 sends none.
	Validity instant.Span
	// Holding is the Quota-Holding-Time (TS 32.299 section 7.2.155); 0 sends none.
	Holding instant.Span
	// ThresholdPermille is the part of a grant that remains when the gateway
	// should ask for more; 0 sends no threshold.
	ThresholdPermille uint32
	// Final is what the gateway does when the last grant is used up.
	Final FinalUnit
}

// FinalUnit is what a gateway does after the last quota: the contents of
// Final-Unit-Indication (RFC 8506 section 8.34).
type FinalUnit struct {
	Action FinalUnitAction
	// RedirectType is Redirect-Address-Type (RFC 8506 section 8.38): 0 IPv4,
	// 1 IPv6, 2 URL, 3 SIP URI. RedirectAddress is Redirect-Server-Address
	// (section 8.39), "" unless Action is Redirect.
	RedirectType    uint8
	RedirectAddress string
	// FilterRules are Restriction-Filter-Rule (RFC 8506 section 8.36), each an
	// IPFilterRule of RFC 6733 section 4.3.1 in the direction it names; FilterIDs
	// are Filter-Id (RFC 7155 section 4.4.6), names of lists that the gateway
	// has. Both say what a user may still reach; none unless Action is Restrict
	// or Redirect.
	FilterRules, FilterIDs []string
}

// FinalUnitAction is what a gateway does after the last quota. Its value is
// Final-Unit-Action (RFC 8506 section 8.35) plus one; None sends no
// Final-Unit-Indication.
type FinalUnitAction uint8

// The actions. Terminate is the default of a catalogue for services.
const (
	None      FinalUnitAction = 0
	Terminate FinalUnitAction = 1
	Redirect  FinalUnitAction = 2
	Restrict  FinalUnitAction = 3
)

// String returns the name that catalogues use.
func (a FinalUnitAction) String() string {
	switch a {
	case None:
		return "none"
	case Terminate:
		return "terminate"
	case Redirect:
		return "redirect"
	case Restrict:
		return "restrict"
	}
	return "unknown"
}
