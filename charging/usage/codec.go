package usage

import (
	"encoding/binary"
	"errors"

	"gyro/balance"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// ErrRecord is returned for octets that are no record.
var ErrRecord = errors.New("malformed usage record")

// version is the first octet of every record.
const version = 1

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
	for _, b := range [...][]byte{r.SessionID, r.Account, r.Subscriber, r.Called, r.Reason} {
		dst = binary.AppendUvarint(dst, uint64(len(b)))
		dst = append(dst, b...)
	}
	dst = append(dst, byte(len(r.Postings)))
	for i := range r.Postings {
		dst = appendPosting(dst, &r.Postings[i])
	}
	return dst
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

// reader reads varints and notes the first failure.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) octet() byte {
	if len(r.b) == 0 {
		r.failed = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.failed = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.failed = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.failed = true
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) ledgerAccount() balance.LedgerAccount {
	return balance.LedgerAccount{
		Class: balance.Class(r.octet()), Name: ident.Name(r.uvarint()), Bucket: r.uvarint(),
	}
}

// Decode reads what Append wrote into r, reusing its postings. The slices of
// r then point into src.
func (r *Record) Decode(src []byte) error {
	in := reader{b: src}
	if in.octet() != version {
		return ErrRecord
	}
	*r = Record{Postings: r.Postings[:0], Kind: Kind(in.octet()), Cause: Cause(in.octet()), Flags: Flags(in.octet())}
	r.Sequence, r.Previous = in.uvarint(), in.uvarint()
	r.Opened = instant.Instant(in.uvarint())
	r.Closed = r.Opened + instant.Instant(in.uvarint())
	r.SubSession = in.uvarint()
	r.Used, r.Billed, r.Rated = in.uvarint(), in.uvarint(), in.uvarint()
	r.RatingGroup, r.ServiceID, r.Context = uint32(in.uvarint()), uint32(in.uvarint()), uint32(in.uvarint())
	r.Requests, r.Plan, r.Rate = uint32(in.uvarint()), uint32(in.uvarint()), uint32(in.uvarint())
	r.Service, r.Offer = ident.Name(in.uvarint()), ident.Name(in.uvarint())
	r.Unit, r.Currency = balance.Denomination(in.uvarint()), money.Currency(in.uvarint())
	r.Charged, r.Excess = money.Amount(in.varint()), money.Amount(in.varint())
	r.SessionID, r.Account, r.Subscriber = in.bytes(), in.bytes(), in.bytes()
	r.Called, r.Reason = in.bytes(), in.bytes()
	for range in.octet() {
		r.Postings = append(r.Postings, balance.Posting{
			From: in.ledgerAccount(), To: in.ledgerAccount(),
			Amount: int64(in.uvarint()), Denomination: balance.Denomination(in.uvarint()),
		})
		if in.failed {
			return ErrRecord
		}
	}
	if in.failed || len(in.b) != 0 {
		return ErrRecord
	}
	return nil
}
