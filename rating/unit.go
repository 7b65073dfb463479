package rating

// Unit says what a service or an allowance is counted in.
type Unit uint8

// The units, after the children of Granted-Service-Unit (RFC 8506 section
// 8.17): CC-Total-Octets, CC-Time, CC-Service-Specific-Units and CC-Money.
// A service is never counted in Money; an allowance may be.
const (
	Octets Unit = iota
	Seconds
	Events // service-specific units: messages, events
	Money  // millionths of the catalogue's currency
)

// String returns the name that catalogues use.
func (u Unit) String() string {
	switch u {
	case Octets:
		return "octets"
	case Seconds:
		return "seconds"
	case Events:
		return "events"
	case Money:
		return "money"
	}
	return "unknown"
}

// MaxUnits bounds every count of units. It is far above any usage (4.6e18
// octets) and leaves two bits, so that the sum of two counts and the product
// with an Amount stay within 64 and 128 bits.
const MaxUnits uint64 = 1 << 62
