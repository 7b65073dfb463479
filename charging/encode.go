package charging

import (
	"encoding/binary"
	"errors"
	"fmt"

	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/wire"

	"github.com/cespare/xxhash/v2"
)

// ErrEncoding is returned for octets that are no command or outcome.
var ErrEncoding = errors.New("malformed command")

// AppendCreditControl encodes a credit-control request as a command: its kind,
// what identifies it, then the body, and sets its Digest: a hash of the body,
// which a retransmission repeats to the octet. What may differ between a
// request and its retransmission (the End-to-End Identifier after a restart,
// the session for an event, the gateway's host where another half of it took
// over) stays out of the body.
// The format is documented in docs/formats/commands.md.
func AppendCreditControl(dst []byte, c *CreditControl) []byte {
	dst = append(dst, byte(KindCreditControl))
	dst = wire.AppendBytes(dst, c.SessionID)
	dst = binary.AppendUvarint(dst, c.SubSession)
	dst = binary.AppendUvarint(dst, uint64(c.Number))
	dst = binary.LittleEndian.AppendUint32(dst, c.EndToEnd)
	dst = append(dst, byte(c.Client))
	dst = wire.AppendBytes(dst, c.OriginHost)
	body := len(dst)
	dst = append(dst, byte(c.Type), byte(c.Action), c.Role, c.Recipients, c.RAT, c.QCI)
	dst = binary.AppendUvarint(dst, uint64(c.Context))
	dst = binary.AppendUvarint(dst, uint64(c.Serving))
	dst = wire.AppendBytes(dst, c.APN)
	dst = wire.AppendBytes(dst, c.Called)
	dst = wire.AppendBytes(dst, c.Calling)
	dst = wire.AppendBytes(dst, c.Equipment)
	dst = append(dst, byte(len(c.Also)))
	for _, number := range c.Also {
		dst = wire.AppendBytes(dst, number)
	}
	dst = append(dst, byte(len(c.Identities)))
	for i := range c.Identities {
		dst = append(dst, byte(c.Identities[i].Kind))
		dst = wire.AppendBytes(dst, c.Identities[i].Bytes())
	}
	dst = append(dst, byte(len(c.Services)))
	for i := range c.Services {
		dst = appendService(dst, &c.Services[i])
	}
	c.Digest = xxhash.Sum64(dst[body:])
	return dst
}

func appendService(dst []byte, s *Service) []byte {
	dst = append(dst, byte(s.Flags), s.Reason)
	if s.Flags&HasRatingGroup != 0 {
		dst = binary.AppendUvarint(dst, uint64(s.RatingGroup))
	}
	if s.Flags&HasServiceID != 0 {
		dst = binary.AppendUvarint(dst, uint64(s.ServiceID))
	}
	if s.Flags&Requests != 0 {
		dst = appendUnits(dst, &s.Requested)
	}
	dst = append(dst, s.ReportCount)
	for i := range s.ReportCount {
		r := &s.Reports[i]
		dst = append(dst, r.Reason, r.TariffChange)
		dst = appendUnits(dst, &r.Units)
	}
	return dst
}

func appendUnits(dst []byte, u *Units) []byte {
	dst = append(dst, byte(u.Has))
	if u.Has&HasSeconds != 0 {
		dst = binary.AppendUvarint(dst, u.Seconds)
	}
	if u.Has&HasTotal != 0 {
		dst = binary.AppendUvarint(dst, u.Total)
	}
	if u.Has&HasInput != 0 {
		dst = binary.AppendUvarint(dst, u.Input)
	}
	if u.Has&HasOutput != 0 {
		dst = binary.AppendUvarint(dst, u.Output)
	}
	if u.Has&HasEvents != 0 {
		dst = binary.AppendUvarint(dst, u.Events)
	}
	if u.Has&HasMoney != 0 {
		dst = binary.AppendVarint(dst, u.Money)
	}
	if u.Has&HasCurrency != 0 {
		dst = binary.AppendUvarint(dst, uint64(u.Currency))
	}
	return dst
}

// reader reads the parts of commands and of the state.
type reader struct{ wire.Reader }

func readerOf(b []byte) reader { return reader{wire.NewReader(b)} }

// err is ErrEncoding when anything was missing or left over.
func (r *reader) err() error {
	if !r.Whole() {
		return ErrEncoding
	}
	return nil
}

// decode reads what AppendCreditControl wrote after the kind. Slices point
// into src, lists are reused.
func (c *CreditControl) decode(src []byte) error {
	in := readerOf(src)
	*c = CreditControl{Identities: c.Identities[:0], Services: c.Services[:0], Also: c.Also[:0]}
	c.SessionID = in.Bytes()
	c.SubSession = in.Uvarint()
	c.Number = uint32(in.Uvarint())
	c.EndToEnd = in.Uint32()
	c.Client = Client(in.Octet())
	c.OriginHost = in.Bytes()
	c.Digest = xxhash.Sum64(in.Rest())
	c.Type, c.Action = RequestType(in.Octet()), RequestedAction(in.Octet())
	c.Role, c.Recipients = in.Octet(), in.Octet()
	c.RAT, c.QCI = in.Octet(), in.Octet()
	c.Context, c.Serving = uint32(in.Uvarint()), ident.PLMN(in.Uvarint())
	c.APN, c.Called = in.Bytes(), in.Bytes()
	c.Calling, c.Equipment = in.Bytes(), in.Bytes()
	for range min(in.Octet(), MaxAlso) {
		c.Also = append(c.Also, in.Bytes())
	}
	for range min(in.Octet(), MaxIdentities) {
		id := ident.Identity{Kind: ident.Kind(in.Octet())}
		id.Len = uint8(copy(id.Octet[:], in.Bytes()))
		c.Identities = append(c.Identities, id)
	}
	for range min(in.Octet(), MaxServices) {
		c.Services = append(c.Services, Service{})
		in.service(&c.Services[len(c.Services)-1])
	}
	return in.err()
}

func (r *reader) service(s *Service) {
	s.Flags, s.Reason = ServiceFlags(r.Octet()), r.Octet()
	if s.Flags&HasRatingGroup != 0 {
		s.RatingGroup = uint32(r.Uvarint())
	}
	if s.Flags&HasServiceID != 0 {
		s.ServiceID = uint32(r.Uvarint())
	}
	if s.Flags&Requests != 0 {
		r.units(&s.Requested)
	}
	s.ReportCount = min(r.Octet(), MaxReports)
	for i := range s.ReportCount {
		report := &s.Reports[i]
		report.Reason, report.TariffChange = r.Octet(), r.Octet()
		r.units(&report.Units)
	}
}

func (r *reader) units(u *Units) {
	u.Has = UnitSet(r.Octet())
	if u.Has&HasSeconds != 0 {
		u.Seconds = r.Uvarint()
	}
	if u.Has&HasTotal != 0 {
		u.Total = r.Uvarint()
	}
	if u.Has&HasInput != 0 {
		u.Input = r.Uvarint()
	}
	if u.Has&HasOutput != 0 {
		u.Output = r.Uvarint()
	}
	if u.Has&HasEvents != 0 {
		u.Events = r.Uvarint()
	}
	if u.Has&HasMoney != 0 {
		u.Money = r.Varint()
	}
	if u.Has&HasCurrency != 0 {
		u.Currency = uint16(r.Uvarint())
	}
}

// outcomeRemaining marks an outcome with a remaining balance, in the octet of
// the low-balance indication.
const outcomeRemaining = 0x80

// appendOutcome encodes what an answer says, to be stored for duplicates and
// chained into the state's digest. Replayed and Detail are not part of it.
func appendOutcome(dst []byte, o *Outcome) []byte {
	dst = append(dst, byte(o.Result), byte(o.Type), byte(o.Action), o.CheckBalance, byte(len(o.Services)))
	dst = binary.AppendUvarint(dst, uint64(o.Number))
	dst = binary.AppendUvarint(dst, o.Record)
	dst = binary.AppendVarint(dst, o.Amount)
	dst = binary.AppendUvarint(dst, uint64(o.Currency))
	if dst = append(dst, o.LowBalance); o.HasRemaining {
		dst[len(dst)-1] |= outcomeRemaining
		dst = binary.AppendVarint(dst, o.Remaining)
	}
	for i := range o.Services {
		s := &o.Services[i]
		dst = append(dst, byte(s.Result), byte(s.Flags), s.packed())
		for _, v := range [...]uint64{
			uint64(s.RatingGroup), uint64(s.ServiceID), s.Granted,
			uint64(s.Validity), uint64(s.Threshold), uint64(s.Holding),
		} {
			dst = binary.AppendUvarint(dst, v)
		}
		if s.TariffChange != 0 {
			dst = binary.AppendVarint(dst, int64(s.TariffChange))
		}
		if s.FinalUnit > Terminate {
			dst = s.FinalAt.append(dst)
		}
	}
	return dst
}

// decode reads what appendOutcome wrote; the list of services is reused. Of
// final units it knows where they are written; finals finds them.
func (o *Outcome) decode(src []byte) error {
	in := readerOf(src)
	*o = Outcome{Services: o.Services[:0]}
	o.Result, o.Type, o.Action = Result(in.Octet()), RequestType(in.Octet()), RequestedAction(in.Octet())
	o.CheckBalance = in.Octet()
	count := in.Octet()
	o.Number = uint32(in.Uvarint())
	o.Record, o.Amount, o.Currency = in.Uvarint(), in.Varint(), uint16(in.Uvarint())
	if o.LowBalance = in.Octet(); o.LowBalance&outcomeRemaining != 0 {
		o.LowBalance, o.HasRemaining = o.LowBalance&^outcomeRemaining, true
		o.Remaining = in.Varint()
	}
	for range count {
		s := ServiceOutcome{Result: Result(in.Octet()), Flags: OutcomeFlags(in.Octet())}
		changes := s.unpack(in.Octet())
		s.RatingGroup, s.ServiceID, s.Granted = uint32(in.Uvarint()), uint32(in.Uvarint()), in.Uvarint()
		s.Validity, s.Threshold, s.Holding = uint32(in.Uvarint()), uint32(in.Uvarint()), uint32(in.Uvarint())
		if changes {
			s.TariffChange = instant.Instant(in.Varint())
		}
		if s.FinalUnit > Terminate {
			s.FinalAt = in.finalRef()
		}
		o.Services = append(o.Services, s)
	}
	if err := in.err(); err != nil {
		return fmt.Errorf("outcome: %w", err)
	}
	return nil
}
