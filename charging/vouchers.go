package charging

import (
	"bytes"
	"encoding/binary"

	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
	"gyro/rating"
)

// vouchers are all batches of a shard. A voucher is a position in a part, a
// part is what one command added: the codes' hashes never change and are
// stored once, and what is redeemed is stored beside them.
type vouchers struct {
	salt    []byte // of the codes' hashes, set by the first batch
	batches []*voucherBatch
	byName  map[string]*voucherBatch
	parts   []*voucherPart
	byHash  slab.Table // to place
}

// voucherBatch is one batch.
type voucherBatch struct {
	Number  uint32          `json:"number"` // from 1
	Name    string          `json:"name"`
	Terms   VoucherTerms    `json:"terms"`
	Created instant.Instant `json:"created"`
	Blocked instant.Instant `json:"blocked,omitempty"`
	Reason  string          `json:"reason,omitempty"` // of blocking

	parts    []*voucherPart
	added    uint32 // codes
	redeemed uint32
}

// voucherPart is at most MaxVouchers codes of a batch.
type voucherPart struct {
	batch  *voucherBatch
	number uint32 // over all batches, from 1
	first  uint32 // serial number of its first code in the batch, from 1
	hashes []byte
	// records are those of the redemptions, by position; 0 is unused. It is nil
	// until the first.
	records          []uint64
	touched, written uint32 // as an account's, for the records
}

// voucherName is what vouchers are called in the ledger, where money comes from.
const voucherName = "voucher"

// places is the room for the positions of a part in a place.
const places = MaxVouchers

// maxParts is how many parts have places: a number of a place has 32 bits.
const maxParts = 1<<32/places - 1

// place numbers a voucher over all batches; it is never zero, as no part is.
func (p *voucherPart) place(position int) slab.Index {
	return slab.Index(p.number*places + uint32(position))
}

func (p *voucherPart) hash(position int) []byte {
	return p.hashes[position*VoucherHashSize : (position+1)*VoucherHashSize]
}

// redeemed reports whether a voucher of the part is used.
func (p *voucherPart) redeemed(position int) bool {
	return position < len(p.records) && p.records[position] != 0
}

func (p *voucherPart) count() int { return len(p.hashes) / VoucherHashSize }

// voucherTag is the hash of a hash, for the table: any part of it will do.
func voucherTag(hash []byte) uint64 { return binary.LittleEndian.Uint64(hash) }

// find returns the voucher that has a code's hash, or nil.
func (v *vouchers) find(hash []byte) (part *voucherPart, position int) {
	for p := v.byHash.Find(voucherTag(hash)); p.Next(); {
		part, position = v.parts[p.Index()/places-1], int(p.Index()%places)
		if bytes.Equal(part.hash(position), hash) {
			return part, position
		}
	}
	return nil, 0
}

// complete reports whether all codes of the batch are there.
func (b *voucherBatch) complete() bool { return b.added == b.Terms.Count }

// addVouchers adds a part of a batch, or blocks a batch.
func (s *State) addVouchers(c *Vouchers, o *Outcome) {
	b := s.vouchers.byName[c.Batch]
	switch {
	case c.Batch == "" || len(c.Batch) > MaxBatchName:
		o.refuse(Invalid, "a batch of vouchers needs a name of 1 to %d octets", MaxBatchName)
	case c.Block:
		s.blockVouchers(b, c, o)
	case !s.checkPart(b, c, o):
	case b != nil && int(c.Part) < len(b.parts): // a copy of the command that added it
		if !bytes.Equal(b.parts[c.Part].hashes, c.Hashes) {
			o.refuse(Contradiction, "part %d of batch %q has other codes; take another name for a new batch", c.Part, c.Batch)
			return
		}
		p := b.parts[c.Part]
		o.Record, o.Replayed = uint64(p.first)-1+uint64(p.count()), true
	case !s.newCodes(c, o):
	default:
		if b == nil {
			b = s.openBatch(c)
		}
		s.addPart(b, c.Hashes)
		o.Record = uint64(b.added)
	}
}

// checkPart refuses a part that does not fit its batch.
func (s *State) checkPart(b *voucherBatch, c *Vouchers, o *Outcome) bool {
	count := len(c.Hashes) / VoucherHashSize
	next, added := 0, uint32(0)
	if b != nil {
		next, added = len(b.parts), b.added
	}
	switch {
	case len(c.Salt) != VoucherSaltSize || s.vouchers.salt != nil && !bytes.Equal(s.vouchers.salt, c.Salt):
		o.refuse(Contradiction, "the codes of batch %q are not hashed with this shard's salt of %d octets; hash them with it", c.Batch, VoucherSaltSize)
	case count == 0 || count > MaxVouchers || len(c.Hashes)%VoucherHashSize != 0:
		o.refuse(Invalid, "a part of a batch has 1 to %d hashes of %d octets", MaxVouchers, VoucherHashSize)
	case b != nil && b.Terms != c.Terms:
		o.refuse(Contradiction, "batch %q has other terms; take another name for a new batch", c.Batch)
	case int(c.Part) > next:
		o.refuse(Invalid, "part %d of batch %q comes before part %d", next, c.Batch, c.Part)
	case int(c.Part) == next && uint32(count) > c.Terms.Count-min(added, c.Terms.Count):
		o.refuse(Invalid, "batch %q would have more than its %d vouchers", c.Batch, c.Terms.Count)
	case int(c.Part) == next && len(s.vouchers.parts) >= maxParts:
		o.refuse(Overflow, "the shard has %d parts of batches, the most there can be; put more vouchers into each part", maxParts)
	case b != nil && int(c.Part) == next && b.Blocked != 0:
		o.refuse(VoucherBlocked, "batch %q is blocked: %s", c.Batch, b.Reason)
	default:
		return b != nil || s.checkTerms(c, o)
	}
	return false
}

// checkTerms refuses what a voucher cannot be worth.
func (s *State) checkTerms(c *Vouchers, o *Outcome) bool {
	t := &c.Terms
	switch {
	case t.Count == 0 || t.Count > MaxBatchCount:
		o.refuse(Invalid, "a batch has 1 to %d vouchers", MaxBatchCount)
	case t.Amount < 0 || t.Amount > balance.MaxAmount || t.Amount > 0 && !t.Currency.Valid():
		o.refuse(Invalid, "a voucher's money is above zero, at most %s, and in a currency", money.Amount(balance.MaxAmount))
	case t.Amount == 0 && t.Allowance == "":
		o.refuse(Invalid, "a voucher is worth money, an allowance, or both")
	case t.Until != 0 && t.Until <= s.now:
		o.refuse(Invalid, "the vouchers of batch %q would have expired at %s", c.Batch, t.Until)
	case t.Allowance != "":
		_, ok := s.voucherAllowance(t)
		if !ok {
			o.refuse(OfferUnknown, "catalogue %q has no allowance %q", t.Catalog, t.Allowance)
		}
		return ok
	default:
		return true
	}
	return false
}

func (s *State) voucherAllowance(t *VoucherTerms) (*rating.Allowance, bool) {
	plan, number := s.catalogs.current(ident.NameOf(t.Catalog))
	if number == 0 {
		return nil, false
	}
	return plan.Allowance(ident.NameOf(t.Allowance))
}

// newCodes refuses a code that is there already: no two vouchers are the same.
func (s *State) newCodes(c *Vouchers, o *Outcome) bool {
	seen := make(map[[VoucherHashSize]byte]struct{}, len(c.Hashes)/VoucherHashSize)
	for n := 0; n < len(c.Hashes); n += VoucherHashSize {
		hash := [VoucherHashSize]byte(c.Hashes[n:])
		_, twice := seen[hash]
		if part, _ := s.vouchers.find(hash[:]); part != nil || twice {
			o.refuse(Contradiction, "code %d of the part is that of another voucher; make another one", n/VoucherHashSize)
			return false
		}
		seen[hash] = struct{}{}
	}
	return true
}

func (s *State) openBatch(c *Vouchers) *voucherBatch {
	v := &s.vouchers
	if v.salt == nil {
		v.salt = bytes.Clone(c.Salt)
	}
	b := &voucherBatch{Number: uint32(len(v.batches) + 1), Name: c.Batch, Terms: c.Terms, Created: s.now}
	v.enter(b)
	s.dirty.batches = append(s.dirty.batches, b)
	return b
}

func (v *vouchers) enter(b *voucherBatch) {
	if v.byName == nil {
		v.byName = map[string]*voucherBatch{}
	}
	v.batches, v.byName[b.Name] = append(v.batches, b), b
}

func (s *State) addPart(b *voucherBatch, hashes []byte) {
	p := &voucherPart{batch: b, number: uint32(len(s.vouchers.parts) + 1), first: b.added + 1, hashes: bytes.Clone(hashes)}
	s.vouchers.addPart(p)
	s.dirty.vouchers = append(s.dirty.vouchers, p)
}

func (v *vouchers) addPart(p *voucherPart) {
	v.parts = append(v.parts, p)
	p.batch.parts = append(p.batch.parts, p)
	p.batch.added += uint32(p.count())
	for position := range p.count() {
		v.byHash.Insert(voucherTag(p.hash(position)), p.place(position))
	}
}

// blockVouchers ends a batch: stolen, or never sold.
func (s *State) blockVouchers(b *voucherBatch, c *Vouchers, o *Outcome) {
	switch {
	case b == nil:
		o.refuse(VoucherUnknown, "there is no batch %q", c.Batch)
		return
	case c.Reason == "" || len(c.Reason) > MaxKey:
		o.refuse(Invalid, "a batch is blocked for a reason of 1 to %d octets", MaxKey)
		return
	case b.Blocked != 0:
		o.Replayed = true
	default:
		b.Blocked, b.Reason = s.now, c.Reason
		s.dirty.batches = append(s.dirty.batches, b)
	}
	o.Record = uint64(b.added)
}

// wrongGuess is what a copy of a wrong guess is answered with.
const wrongGuess = "no voucher has this code; check the digits, and take a new idempotency key for another try"

// redeem uses a voucher up: once, whoever asks first.
func (s *State) redeem(c *Redeem, o *Outcome) {
	k := keyed{account: c.Account, key: c.Key, digest: c.Digest}
	s.once(KindRedeem, k, o, func(i slab.Index) {
		a := s.accounts.At(i)
		if until := s.inPurse(a).LockedUntil; s.now < until {
			o.Until = until
			o.refuse(GuessesLocked, "account %q tried too many wrong codes; it can redeem vouchers again at %s", c.Account, until)
			return
		}
		if len(c.Hash) != VoucherHashSize {
			o.refuse(Invalid, "the hash of a code has %d octets", VoucherHashSize)
			return
		}
		part, position := s.vouchers.find(c.Hash)
		switch {
		case part == nil:
			s.guessedWrong(a, o)
		case s.redeemable(a, part, position, o):
			s.useVoucher(i, part, position, c, o)
		}
	})
}

// guessedWrong counts a code that no voucher has, and locks the account when
// there were too many.
func (s *State) guessedWrong(a *account, o *Outcome) {
	m, p := &s.settings.Money, s.purse(a)
	if p.Guesses == 0 || s.now >= p.GuessesSince.Add(m.GuessWindow) {
		p.Guesses, p.GuessesSince = 0, s.now
	}
	p.Guesses++
	left := max(uint64(m.GuessLimit), p.Guesses) - p.Guesses
	if left == 0 {
		p.Guesses, p.LockedUntil = 0, s.now.Add(m.GuessLock)
		o.Until = p.LockedUntil
		o.refuse(VoucherUnknown, "no voucher has this code; after %d wrong ones account %q can redeem vouchers again at %s", m.GuessLimit, a.id(), o.Until)
		return
	}
	o.refuse(VoucherUnknown, "no voucher has this code; %d more wrong ones lock account %q", left, a.id())
}

// redeemable reports whether a voucher can be used, and by this account.
func (s *State) redeemable(a *account, p *voucherPart, position int, o *Outcome) bool {
	b := p.batch
	t := &b.Terms
	switch {
	case p.redeemed(position):
		o.refuse(VoucherUsed, "the voucher was redeemed before")
	case b.Blocked != 0:
		o.refuse(VoucherBlocked, "the voucher's batch was blocked at %s", b.Blocked)
	case !b.complete():
		o.refuse(VoucherBlocked, "the voucher's batch is not complete; %d of %d codes are there", b.added, t.Count)
	case t.Until != 0 && s.now >= t.Until:
		o.refuse(VoucherExpired, "the voucher expired at %s", t.Until)
	case t.Amount > 0 && t.Currency != a.Currency:
		o.refuse(CurrencyMismatch, "the voucher is worth %s, and account %q is kept in %s", t.Currency, a.id(), a.Currency)
	case t.Allowance != "" && a.Catalog != ident.NameOf(t.Catalog):
		o.refuse(VoucherUnsuitable, "the voucher gives allowance %q of catalogue %q, which account %q does not have", t.Allowance, t.Catalog, a.id())
	default:
		if t.Allowance != "" {
			allowance, ok := s.voucherAllowance(t)
			if !ok {
				o.refuse(VoucherUnsuitable, "catalogue %q no longer has allowance %q, which the voucher gives", t.Catalog, t.Allowance)
				return false
			}
			if next := s.catalogs.waiting(t.Catalog); next != nil && !keepsAllowance(next.plan, allowance) {
				o.refuse(VoucherUnsuitable, "allowance %q, which the voucher gives, is not in the version of catalogue %q that takes effect at %s", t.Allowance, t.Catalog, next.At)
				return false
			}
		}
		return s.room(a, t.Amount, o)
	}
	return false
}

func (s *State) useVoucher(i slab.Index, p *voucherPart, position int, c *Redeem, o *Outcome) {
	b := p.batch
	o.Record = s.receive(i, &income{
		kind: usage.TopUp, from: balance.LedgerAccount{Class: balance.Funding, Name: ident.NameOf(voucherName)},
		amount: b.Terms.Amount, key: c.Key, reason: b.serial(p, position),
	})
	s.touchVouchers(p)
	if p.records == nil {
		p.records = make([]uint64, p.count())
	}
	p.records[position] = o.Record
	b.redeemed++
	if b.Terms.Allowance != "" {
		allowance, _ := s.voucherAllowance(&b.Terms)
		plan, _ := s.catalogs.current(ident.NameOf(b.Terms.Catalog))
		s.grantAllowance(i, plan, allowance, grantFor{from: s.now, cause: usage.Requested, key: []byte(c.Key)})
	}
	s.extend(i, days(b.Terms.ExtendsDays))
}
