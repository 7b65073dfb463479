package rating

import (
	"gyro/internal/ident"
	"gyro/internal/instant"
)

// Allowance is a quantity that pays for usage in place of money.
type Allowance struct {
	Name string
	ID   ident.Name
	Unit Unit
	// Amount is in octets, seconds, events or millionths of the currency.
	Amount int64
	// Priority orders the use of allowances: smaller is used first.
	Priority int16
	// Own allowances pay only for the subscriber they were granted for; others
	// are shared by all subscribers of the account.
	Own bool
	// Validity begins when the allowance is granted, or, with FromFirstUse, when
	// the first unit of it is used; 0 is without end.
	Validity     instant.Span
	FromFirstUse bool
	// ToCycleEnd allowances end with the period of the offer that granted them,
	// where it is recurring, and with the account's billing cycle where not;
	// Validity is 0 then.
	ToCycleEnd bool
	// DailyCap is the most of the allowance, in units of Amount, that is used
	// in a calendar day of the plan's time zone; 0 is no cap.
	DailyCap int64
	// RollOver says what becomes of what is left at the end.
	RollOver RollOver
	// Exhausted is what a gateway does with the services that the allowance pays
	// for when it has run out; None goes on with money (pay as you go).
	Exhausted FinalUnit

	services  uint32 // bit set over services
	zones     uint32 // bit set over zones of the called number, or noSet for any
	visited   uint32 // bit set over zones of the serving network, or noSet for any
	calendars uint64 // any of these in force, or 0 for always
}

// RollOver is what of an allowance outlives its end: at most Most (in units of
// Amount), for Cycles more cycles. Cycles is 0 where all is forfeited.
type RollOver struct {
	Most   int64
	Cycles uint8
}
