package charging

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gyro/internal/instant"
	"gyro/internal/wire"
)

// encode is a batch as it is stored; its parts are stored apart.
func (b *voucherBatch) encode() []byte {
	value, err := json.Marshal(b)
	if err != nil {
		panic(fmt.Sprintf("charging: batch of vouchers: %v", err))
	}
	return value
}

// touchVouchers must be called before a voucher of a part is redeemed, as
// touchAccount before an account changes.
func (s *State) touchVouchers(p *voucherPart) {
	if p.touched == s.dirty.epoch {
		return
	}
	if c := s.dirty.running; c != nil {
		c.redeemedPart(p)
	}
	p.touched = s.dirty.epoch
	s.dirty.redeemed = append(s.dirty.redeemed, p)
}

// vouchersSlice is how many parts of vouchers one Step writes, at 64 KiB each.
const vouchersSlice = 4

// someVouchers writes some of the parts that are new or of which something was
// redeemed.
func (c *Checkpoint) someVouchers() {
	for range vouchersSlice {
		switch {
		case len(c.vouchers) > 0:
			p := c.vouchers[0]
			c.vouchers = c.vouchers[1:]
			value := binary.AppendUvarint([]byte{stateFormat}, uint64(p.batch.Number))
			value = binary.AppendUvarint(value, uint64(p.first))
			c.w.Set(numbered(prefixVouchers, uint64(p.number)), wire.AppendBytes(value, p.hashes))
		case len(c.redeemed) > 0:
			c.redeemedPart(c.redeemed[0])
			c.redeemed = c.redeemed[1:]
		}
	}
}

// redeemedPart writes what is redeemed of a part, unless it is newer than the
// checkpoint or written already.
func (c *Checkpoint) redeemedPart(p *voucherPart) {
	if p.touched != c.epoch || p.written == c.epoch {
		return
	}
	value := []byte{stateFormat}
	for position, record := range p.records {
		if record != 0 {
			value = binary.AppendUvarint(value, uint64(position)+1)
			value = binary.AppendUvarint(value, record)
		}
	}
	c.w.Set(numbered(prefixRedeemed, uint64(p.number)), append(value, 0))
	p.written = c.epoch
}

func (l *loader) readBatch(number uint64, value []byte) error {
	b := &voucherBatch{}
	if err := json.Unmarshal(value, b); err != nil {
		return err
	}
	if number != uint64(len(l.vouchers.batches)+1) {
		return ErrEncoding
	}
	l.vouchers.enter(b)
	return nil
}

func (l *loader) readVouchers(number uint64, value []byte) error {
	in := readerOf(value)
	format, batch, first := in.Octet(), in.Uvarint(), uint32(in.Uvarint())
	hashes := in.Bytes()
	if in.Failed() || format != stateFormat || number != uint64(len(l.vouchers.parts)+1) || batch == 0 ||
		batch > uint64(len(l.vouchers.batches)) || len(hashes) > MaxVouchers*VoucherHashSize || len(hashes)%VoucherHashSize != 0 {
		return ErrEncoding
	}
	l.vouchers.addPart(&voucherPart{
		batch: l.vouchers.batches[batch-1], number: uint32(number), first: first, hashes: slices.Clone(hashes),
	})
	return in.err()
}

func (l *loader) readRedeemed(number uint64, value []byte) error {
	in := readerOf(value)
	if in.Octet() != stateFormat || number == 0 || number > uint64(len(l.vouchers.parts)) {
		return ErrEncoding
	}
	p := l.vouchers.parts[number-1]
	p.records = make([]uint64, p.count())
	for at := in.Uvarint(); at != 0 && !in.Failed(); at = in.Uvarint() {
		if at > uint64(len(p.records)) {
			return ErrEncoding
		}
		p.records[at-1] = in.Uvarint()
		p.batch.redeemed++
	}
	return in.err()
}

// serial names a voucher for people: its batch and its number there.
func (b *voucherBatch) serial(p *voucherPart, position int) string {
	return fmt.Sprintf("voucher %s/%d", b.Name, int(p.first)+position)
}

// VoucherBatchView is a batch of vouchers as it is now. Every voucher is in
// one of the counts.
type VoucherBatchView struct {
	Name             string
	Terms            VoucherTerms
	Created, Blocked instant.Instant // Blocked is zero for a batch that is not
	Reason           string          // of blocking
	Parts            int             // the next part's number while the batch is not complete
	// Missing vouchers have no code yet: none of the batch can be redeemed.
	Missing, Unused, Used, Expired, BlockedCount uint32
}

// VoucherSalt is what the shard's codes are hashed with; nil before the first
// batch, which sets it.
func (s *State) VoucherSalt() []byte { return slices.Clone(s.vouchers.salt) }

// VoucherBatch shows a batch.
func (s *State) VoucherBatch(name string) (v VoucherBatchView, ok bool) {
	b := s.vouchers.byName[name]
	if b == nil {
		return v, false
	}
	v = VoucherBatchView{
		Name: b.Name, Terms: b.Terms, Created: b.Created, Blocked: b.Blocked, Reason: b.Reason, Parts: len(b.parts),
		Missing: b.Terms.Count - b.added, Used: b.redeemed,
	}
	left := b.added - b.redeemed
	switch {
	case b.Blocked != 0:
		v.BlockedCount = left
	case b.Terms.Until != 0 && s.now >= b.Terms.Until:
		v.Expired = left
	default:
		v.Unused = left
	}
	return v, true
}

// VoucherBatches shows up to limit batches with names above after, by name.
func (s *State) VoucherBatches(after string, limit int) (views []VoucherBatchView) {
	var names []string
	for _, b := range s.vouchers.batches {
		if b.Name > after {
			names = append(names, b.Name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	for _, name := range names[:min(limit, len(names))] {
		v, _ := s.VoucherBatch(name)
		views = append(views, v)
	}
	return views
}

// Voucher finds a voucher by its code's hash, for care: its batch and serial
// number, and the record of its redemption, zero while it is unused.
func (s *State) Voucher(hash []byte) (batch string, serial uint32, record uint64, ok bool) {
	if len(hash) != VoucherHashSize {
		return "", 0, 0, false
	}
	p, position := s.vouchers.find(hash)
	if p == nil {
		return "", 0, 0, false
	}
	if p.records != nil {
		record = p.records[position]
	}
	return p.batch.Name, p.first + uint32(position), record, true
}
