package gy

import (
	"encoding/binary"

	"gyro/charging"
	"gyro/charging/diameter"
)

// finishEvent says what an event is for, in Requested: the units it requests; else what Refund-Information tells to
// give back; else the units it reports as used, as some message centres do after delivery. If it says nothing,
// Requested stays empty, which the core takes as one unit for each recipient. Reports are gone then: an event is one
// movement of money (RFC 8506 section 6).
func (r *reader) finishEvent(group int, s *charging.Service) refusal {
	reports, used := s.ReportCount, s.Reports[0].Units
	s.Reports = [charging.MaxReports]charging.Report{}
	s.ReportCount = 0
	if s.Flags&charging.Requests != 0 && s.Requested.Has != 0 {
		return accepted
	}
	s.Flags |= charging.Requests
	if r.command.Action == charging.RefundAccount {
		if at := r.refundInformation(group); at != diameter.Root {
			return r.readRefund(at, &s.Requested)
		}
	}
	if reports > 1 {
		// Which of them the event is for is not said.
		return missing(group, diameter.AVPRequestedServiceUnit)
	}
	s.Requested = used
	return accepted
}

// refundInformation returns the Refund-Information of a service or else of the request.
func (r *reader) refundInformation(group int) int {
	if group != diameter.Root {
		if at := r.m.FindIn(group, diameter.AVPRefundInformation); at != diameter.Root {
			return at
		}
	}
	return r.root.at(atRefund)
}

// Refund-Information (TS 32.299) is an OctetString that the client got with a debit and returns to
// have it refunded; what it holds is the server's affair. Ours is a version, the amount in millionths and the number
// of its currency, so that a refund is exact even when the tariff has changed in between.
const (
	refundVersion = 1
	refundBytes   = 1 + 8 + 2
)

func appendRefundInformation(dst []byte, amount int64, currency uint16) []byte {
	var b [refundBytes]byte
	b[0] = refundVersion
	binary.BigEndian.PutUint64(b[1:], uint64(amount))
	binary.BigEndian.PutUint16(b[9:], currency)
	return diameter.AppendBytes(dst, diameter.AVPRefundInformation, b[:])
}

func (r *reader) readRefund(i int, u *charging.Units) refusal {
	b := r.m.Data(i)
	if len(b) != refundBytes || b[0] != refundVersion {
		return invalid(i)
	}
	amount, currency := binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint16(b[9:])
	if amount > charging.MaxUnits || r.profile.Currency != 0 && currency != r.profile.Currency {
		return invalid(i)
	}
	u.Money, u.Currency, u.Has = int64(amount), currency, charging.HasMoney|charging.HasCurrency
	return accepted
}
