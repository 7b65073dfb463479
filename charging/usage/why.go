package usage

import (
	"encoding/binary"

	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/wire"
)

// Why is what a record of usage was decided from, beside what the record says
// itself: enough to classify and price the usage once more, years later, with
// the version of the catalogue that the record names. Slices belong to whoever
// parsed it.
type Why struct {
	At      instant.Instant // the moment of classification, whose tariff applied
	APN     []byte
	Calling []byte
	// Seen are the values of the catalogue's counters then, in its order, each
	// an unsigned varint.
	Seen    []byte
	Offers  []ident.Name // those that rate the subscriber's usage, in order
	Serving ident.PLMN
	Rule    uint32 // index in the catalogue
	Zone    uint32 // of the called number: index in the catalogue
	Visited uint32 // of the serving network
	RAT     uint8  // 3GPP-RAT-Type plus one
	QCI     uint8
	Role    uint8
	Flags   WhyFlags
	// UsedBefore, BilledBefore and Position are where the price stood before the
	// record: used and billed units of the segment, and rated units of the
	// segment or, with ByCounter, of the price's counter.
	UsedBefore, BilledBefore, Position uint64
	// Ahead is the part of Charged that is for units in the account's next record
	// of the same usage, less what the record before has of this one's.
	Ahead money.Amount
	// Left is what each posting's bucket held when the record was written.
	Left []int64
}

// WhyFlags are facts that hold or do not.
type WhyFlags uint8

// The facts.
const (
	OnNet     WhyFlags = 1 << iota // the called party is a subscriber of this operator
	Setup                          // the record charged the setup fee
	ByCounter                      // Position is of a counter
)

// Append encodes w, as docs/formats/store.md says.
func (w *Why) Append(dst []byte) []byte {
	dst = append(dst, byte(w.Flags), w.RAT, w.QCI, w.Role)
	for _, v := range [...]uint64{
		uint64(w.At), uint64(w.Serving), uint64(w.Rule), uint64(w.Zone), uint64(w.Visited),
		w.UsedBefore, w.BilledBefore, w.Position,
	} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = binary.AppendVarint(dst, int64(w.Ahead))
	for _, b := range [...][]byte{w.APN, w.Calling, w.Seen} {
		dst = wire.AppendBytes(dst, b)
	}
	dst = append(dst, byte(len(w.Offers)))
	for _, offer := range w.Offers {
		dst = binary.AppendUvarint(dst, uint64(offer))
	}
	for _, left := range w.Left {
		dst = binary.AppendVarint(dst, left)
	}
	return dst
}

// Parse reads what Append wrote for a record of so many postings.
func (w *Why) Parse(src []byte, postings int) error {
	in := wire.NewReader(src)
	*w = Why{Flags: WhyFlags(in.Octet()), RAT: in.Octet(), QCI: in.Octet(), Role: in.Octet()}
	w.At, w.Serving = instant.Instant(in.Uvarint()), ident.PLMN(in.Uvarint())
	w.Rule, w.Zone, w.Visited = uint32(in.Uvarint()), uint32(in.Uvarint()), uint32(in.Uvarint())
	w.UsedBefore, w.BilledBefore, w.Position = in.Uvarint(), in.Uvarint(), in.Uvarint()
	w.Ahead = money.Amount(in.Varint())
	w.APN, w.Calling, w.Seen = in.Bytes(), in.Bytes(), in.Bytes()
	for range in.Octet() {
		w.Offers = append(w.Offers, ident.Name(in.Uvarint()))
		if in.Failed() {
			return ErrRecord
		}
	}
	for range postings {
		w.Left = append(w.Left, in.Varint())
	}
	if !in.Whole() {
		return ErrRecord
	}
	return nil
}
