package gy

import (
	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/internal/money"
)

// readUnits reads the members of Requested-Service-Unit or Used-Service-Unit (RFC 8506 sections 8.18 and 8.19) that
// count something.
func (r *reader) readUnits(group int, u *charging.Units) refusal {
	for i, end := r.m.Members(group); i < end; i = r.m.Next(i) {
		member := memberOf(r.m.At(i).Code)
		if member == 0 {
			continue
		}
		if u.Has&member != 0 {
			if r.profile.RefuseRepeated {
				return tooMany(i)
			}
			continue
		}
		u.Has |= member
		if f := r.readMember(i, member, u); !f.ok() {
			return f
		}
	}
	if r.profile.RefuseContradicting && !consistent(u) {
		return contradicting(group)
	}
	return accepted
}

// memberOf returns the member of units that an AVP fills, 0 for any other AVP.
func memberOf(c diameter.Code) charging.UnitSet {
	switch c {
	case diameter.AVPCCTime:
		return charging.HasSeconds
	case diameter.AVPCCTotalOctets:
		return charging.HasTotal
	case diameter.AVPCCInputOctets:
		return charging.HasInput
	case diameter.AVPCCOutputOctets:
		return charging.HasOutput
	case diameter.AVPCCServiceSpecificUnits:
		return charging.HasEvents
	case diameter.AVPCCMoney:
		return charging.HasMoney
	}
	return 0
}

func (r *reader) readMember(i int, member charging.UnitSet, u *charging.Units) refusal {
	var count *uint64
	switch member {
	case charging.HasMoney:
		return r.readMoney(i, u)
	case charging.HasSeconds:
		u.Seconds = uint64(r.uint32(i))
		return accepted
	case charging.HasTotal:
		count = &u.Total
	case charging.HasInput:
		count = &u.Input
	case charging.HasOutput:
		count = &u.Output
	default:
		count = &u.Events
	}
	if *count = r.uint64(i); *count > charging.MaxUnits {
		return invalid(i)
	}
	return accepted
}

// octetParts are the members that together say the same as CC-Total-Octets.
const octetParts = charging.HasInput | charging.HasOutput

// consistent reports whether a total and its parts agree. Which of them counts when they do not is the core's rule.
func consistent(u *charging.Units) bool {
	const all = charging.HasTotal | octetParts
	return u.Has&all != all || u.Total == u.Input+u.Output
}

// readMoney reads CC-Money { Unit-Value { Value-Digits, Exponent }, Currency-Code } (RFC 8506 section 8.22).
func (r *reader) readMoney(group int, u *charging.Units) refusal {
	value := r.m.FindIn(group, diameter.AVPUnitValue)
	if value == diameter.Root {
		return missing(group, diameter.AVPUnitValue)
	}
	digits := r.m.FindIn(value, diameter.AVPValueDigits)
	if digits == diameter.Root {
		return missing(value, diameter.AVPValueDigits)
	}
	mantissa, _ := r.m.Int64(digits)
	exponent, blame := int32(0), digits
	if at := r.m.FindIn(value, diameter.AVPExponent); at != diameter.Root {
		exponent, _ = r.m.Int32(at)
		blame = value
	}
	amount, ok := millionths(mantissa, exponent)
	// A negative amount would turn a refund into a debit and the other way round.
	if !ok || amount < 0 || amount > charging.MaxUnits {
		return invalid(blame)
	}
	u.Money = int64(amount)
	return r.readCurrency(r.m.FindIn(group, diameter.AVPCurrencyCode), u)
}

// readCurrency reads the currency of an amount, which the core holds against the account's.
func (r *reader) readCurrency(at int, u *charging.Units) refusal {
	if at == diameter.Root {
		return accepted
	}
	code := r.uint32(at)
	if code > maxCurrency || r.profile.Currency != 0 && code != uint32(r.profile.Currency) {
		return invalid(at)
	}
	u.Currency, u.Has = uint16(code), u.Has|charging.HasCurrency
	return accepted
}

// maxCurrency is the greatest number that ISO 4217 can give a currency.
const maxCurrency = 999

// millionths returns mantissa times ten to the exponent in millionths. It is false if that is not a whole number of
// them or beyond the range of an amount: money is never rounded on its way in.
func millionths(mantissa int64, exponent int32) (amount money.Amount, ok bool) {
	if mantissa == 0 {
		return 0, true
	}
	// A mantissa that is not zero can be multiplied or divided by ten at most 18 times, so both loops are short.
	shift := int64(exponent) + money.Decimals
	for ; shift > 0; shift-- {
		if mantissa > int64(money.Max)/10 || mantissa < int64(money.Min)/10 {
			return 0, false
		}
		mantissa *= 10
	}
	for ; shift < 0; shift++ {
		if mantissa%10 != 0 {
			return 0, false
		}
		mantissa /= 10
	}
	if money.Amount(mantissa) < money.Min {
		return 0, false
	}
	return money.Amount(mantissa), true
}
