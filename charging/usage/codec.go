package usage

import (
	"encoding/binary"
	"errors"

	"gyro/balance"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/wire"
)

// ErrRecord is returned for octets that are no record.
var ErrRecord = errors.New("malformed usage record")

// version is the first octet of every record.
const version = 2

// Append encodes r. The format is documented in docs/formats/store.md.
func (r *Record) Append(dst []byte) []byte {
	dst = append(dst, version, byte(r.Kind), byte(r.Cause), byte(r.Flags))
	for _, v := range [...]uint64{
		r.Sequence, r.Previous, uint64(r.Opened), uint64(r.Closed - r.Opened), r.SubSession,
		r.Used, r.Billed, r.Rated, uint64(r.RatingGroup), uint64(r.ServiceID), uint64(r.Context),
		uint64(r.Requests), uint64(r.Plan), uint64(r.Rate), uint64(r.Service), uint64(r.Offer),
		uint64(r.Unit), uint64(r.Currency),
	} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = binary.AppendVarint(dst, int64(r.Charged))
	dst = binary.AppendVarint(dst, int64(r.Excess))
	for _, b := range [...][]byte{
		r.SessionID, r.Account, r.Subscriber, r.Called, r.Reason, r.Other, r.AskedBy, r.ApprovedBy,
	} {
		dst = wire.AppendBytes(dst, b)
	}
	dst = append(dst, byte(len(r.Postings)))
	for i := range r.Postings {
		dst = appendPosting(dst, &r.Postings[i])
	}
	return wire.AppendBytes(dst, r.Why)
}

func appendPosting(dst []byte, p *balance.Posting) []byte {
	dst = appendLedgerAccount(dst, p.From)
	dst = appendLedgerAccount(dst, p.To)
	dst = binary.AppendUvarint(dst, uint64(p.Amount))
	return binary.AppendUvarint(dst, uint64(p.Denomination))
}

func appendLedgerAccount(dst []byte, a balance.LedgerAccount) []byte {
	dst = append(dst, byte(a.Class))
	dst = binary.AppendUvarint(dst, uint64(a.Name))
	return binary.AppendUvarint(dst, a.Bucket)
}

func ledgerAccount(r *wire.Reader) balance.LedgerAccount {
	return balance.LedgerAccount{
		Class: balance.Class(r.Octet()), Name: ident.Name(r.Uvarint()), Bucket: r.Uvarint(),
	}
}

// Decode reads what Append wrote into r, reusing its postings. The slices of
// r then point into src.
func (r *Record) Decode(src []byte) error {
	in := wire.NewReader(src)
	if in.Octet() != version {
		return ErrRecord
	}
	*r = Record{Postings: r.Postings[:0], Kind: Kind(in.Octet()), Cause: Cause(in.Octet()), Flags: Flags(in.Octet())}
	r.Sequence, r.Previous = in.Uvarint(), in.Uvarint()
	r.Opened = instant.Instant(in.Uvarint())
	r.Closed = r.Opened + instant.Instant(in.Uvarint())
	r.SubSession = in.Uvarint()
	r.Used, r.Billed, r.Rated = in.Uvarint(), in.Uvarint(), in.Uvarint()
	r.RatingGroup, r.ServiceID, r.Context = uint32(in.Uvarint()), uint32(in.Uvarint()), uint32(in.Uvarint())
	r.Requests, r.Plan, r.Rate = uint32(in.Uvarint()), uint32(in.Uvarint()), uint32(in.Uvarint())
	r.Service, r.Offer = ident.Name(in.Uvarint()), ident.Name(in.Uvarint())
	r.Unit, r.Currency = balance.Denomination(in.Uvarint()), money.Currency(in.Uvarint())
	r.Charged, r.Excess = money.Amount(in.Varint()), money.Amount(in.Varint())
	r.SessionID, r.Account, r.Subscriber = in.Bytes(), in.Bytes(), in.Bytes()
	r.Called, r.Reason = in.Bytes(), in.Bytes()
	r.Other, r.AskedBy, r.ApprovedBy = in.Bytes(), in.Bytes(), in.Bytes()
	for range in.Octet() {
		r.Postings = append(r.Postings, balance.Posting{
			From: ledgerAccount(&in), To: ledgerAccount(&in),
			Amount: int64(in.Uvarint()), Denomination: balance.Denomination(in.Uvarint()),
		})
		if in.Failed() {
			return ErrRecord
		}
	}
	if r.Why = in.Bytes(); !in.Whole() {
		return ErrRecord
	}
	return nil
}
