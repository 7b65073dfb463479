package gy

import (
	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/internal/money"
)

// appendMoney appends what the answer says of money and balances.
func (a *answer) appendMoney(dst []byte) []byte {
	o := a.outcome
	if o.CheckBalance != 0 {
		dst = diameter.AppendUint32(dst, diameter.AVPCheckBalanceResult, uint32(o.CheckBalance)-1)
	}
	if a.result == charging.Success && o.Currency != 0 {
		dst = a.appendPrice(dst)
	}
	if o.LowBalance != 0 && a.profile.LowBalance {
		dst = diameter.AppendUint32(dst, diameter.AVPLowBalanceIndication, uint32(o.LowBalance)-1)
	}
	if o.HasRemaining && a.profile.Remaining {
		dst = appendAmount(dst, diameter.AVPRemainingBalance, o.Remaining, o.Currency)
	}
	return dst
}

// appendPrice appends what an event or a session cost, or an event would cost.
func (a *answer) appendPrice(dst []byte) []byte {
	o := a.outcome
	switch a.request.Type {
	case charging.Termination:
		if a.profile.CostInformation {
			dst = appendAmount(dst, diameter.AVPCostInformation, o.Amount, o.Currency)
		}
	case charging.Event:
		debit := a.request.Action == charging.DirectDebiting
		if a.request.Action == charging.PriceEnquiry || debit && a.profile.CostInformation {
			dst = appendAmount(dst, diameter.AVPCostInformation, o.Amount, o.Currency)
		}
		if debit && a.profile.RefundInformation && o.Amount != 0 {
			dst = appendRefundInformation(dst, o.Amount, o.Currency)
		}
	case charging.Initial, charging.Update:
	}
	return dst
}

// appendAmount appends a group of Unit-Value and Currency-Code, which Cost-Information (RFC 8506 section 8.7) and
// Remaining-Balance (TS 32.299) are, for an amount in millionths.
func appendAmount(dst []byte, c diameter.Code, millionths int64, currency uint16) []byte {
	dst, amount := diameter.BeginGroup(dst, c)
	dst = appendValue(dst, millionths)
	dst = diameter.AppendUint32(dst, diameter.AVPCurrencyCode, uint32(currency))
	diameter.EndGroup(dst, amount)
	return dst
}

// appendValue appends Unit-Value { Value-Digits, Exponent } for an amount in millionths. The mantissa has no zeros at
// its end, so that clients which expect cents find them.
func appendValue(dst []byte, millionths int64) []byte {
	mantissa, exponent := millionths, int32(-money.Decimals)
	for exponent < 0 && mantissa%10 == 0 {
		mantissa /= 10
		exponent++
	}
	dst, value := diameter.BeginGroup(dst, diameter.AVPUnitValue)
	dst = diameter.AppendInt64(dst, diameter.AVPValueDigits, mantissa)
	dst = diameter.AppendInt32(dst, diameter.AVPExponent, exponent)
	diameter.EndGroup(dst, value)
	return dst
}
