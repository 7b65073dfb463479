package charging

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"gyro/balance"
	"gyro/charging/session"
	"gyro/internal/instant"
	"gyro/internal/slab"
)

// stateFormat is the version of the state store's records, which
// docs/formats/store.md lists.
const stateFormat = 2

// Key prefixes of the state store. All keys but meta's go on with a number of
// eight octets.
const (
	prefixAccount  = 'a'
	prefixCatalog  = 'c'
	prefixMeta     = 'm'
	prefixRetained = 'r'
	prefixSession  = 's'
	prefixUsage    = 'u'
	prefixBatch    = 'b' // of vouchers
	prefixVouchers = 'v' // a part of a batch
	prefixRedeemed = 'w' // what of a part is used

	numberedKeyLength = 1 + 8
)

// checkpointSlice is how many accounts, sessions and blocks one Step writes:
// requests wait for as long as that takes.
const checkpointSlice = 1024

// Writer takes what a checkpoint writes.
type Writer interface {
	Set(key, value []byte)
	Delete(key []byte)
}

// Reader gives back what checkpoints wrote, in key order.
type Reader interface {
	Scan(lo, hi []byte, fn func(key, value []byte) error) error
}

func numbered(prefix byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, number)
}

// UsageKey is the store's key of the block of records that begins with the
// given sequence number.
func UsageKey(first uint64) []byte { return numbered(prefixUsage, first) }

// dirtySets is what changed since the last checkpoint. An account or session
// charged a thousand times between two checkpoints is in it once.
type dirtySets struct {
	epoch        uint32 // of the checkpoint that will write what changes now
	accounts     []touched
	sessions     []touched
	deleted      [][]byte // keys
	publications []*Publication
	batches      []*voucherBatch
	vouchers     []*voucherPart // new
	redeemed     []*voucherPart
	running      *Checkpoint
}

type touched struct {
	number uint64
	index  slab.Index
}

// touchAccount must be called before an account, its buckets or subscribers
// change. Where a checkpoint is under way that has not written the account
// yet, this writes it as it was at the checkpoint's index.
func (s *State) touchAccount(i slab.Index) {
	a := s.accounts.At(i)
	if a.touched == s.dirty.epoch {
		return
	}
	if c := s.dirty.running; c != nil {
		c.account(touched{a.Number, i})
	}
	a.touched = s.dirty.epoch
	s.dirty.accounts = append(s.dirty.accounts, touched{a.Number, i})
}

// touchSession is touchAccount for a session and its rating groups.
func (s *State) touchSession(i slab.Index) {
	r := s.sessions.Sessions.At(i)
	if r.Touched == s.dirty.epoch {
		return
	}
	if c := s.dirty.running; c != nil {
		c.session(touched{r.Number, i})
	}
	r.Touched = s.dirty.epoch
	s.dirty.sessions = append(s.dirty.sessions, touched{r.Number, i})
}

func (d *dirtySets) accountDeleted(a *account) {
	if a.written != 0 {
		d.deleted = append(d.deleted, numbered(prefixAccount, a.Number))
	}
}

func (d *dirtySets) sessionClosed(r *session.Session) {
	if r.Written != 0 {
		d.deleted = append(d.deleted, numbered(prefixSession, r.Number))
	}
}

// Checkpoint is the state's changes up to one index on their way to the store.
// Taking it is quick; writing happens in slices between batches, while the
// state goes on: what is about to change is written first.
type Checkpoint struct {
	s        *State
	w        Writer
	epoch    uint32
	index    uint64
	accounts []touched
	sessions []touched
	blocks   []*Block
	vouchers []*voucherPart
	redeemed []*voucherPart
	scratch  []byte
}

// Capture begins a checkpoint of everything up to the last batch applied. Only
// one can be under way. Step must be called until it reports done, with the
// state to itself each time; then the writer holds all of it.
func (s *State) Capture(w Writer) *Checkpoint {
	if s.dirty.running != nil {
		panic("charging: a checkpoint is under way already")
	}
	c := &Checkpoint{
		s: s, w: w, epoch: s.dirty.epoch, index: s.index,
		accounts: s.dirty.accounts, sessions: s.dirty.sessions, blocks: s.outbox.seal(),
		vouchers: s.dirty.vouchers, redeemed: s.dirty.redeemed,
	}
	for _, key := range s.dirty.deleted {
		w.Delete(key)
	}
	for _, p := range s.dirty.publications {
		value, err := json.Marshal(p)
		if err != nil {
			panic(fmt.Sprintf("charging: publication: %v", err))
		}
		w.Set(numbered(prefixCatalog, uint64(p.Number)), value)
	}
	for _, b := range s.dirty.batches {
		w.Set(numbered(prefixBatch, uint64(b.Number)), b.encode())
	}
	s.retained.write(s.now, w)
	w.Set([]byte{prefixMeta}, s.meta())
	s.dirty = dirtySets{epoch: s.dirty.epoch + 1, running: c}
	return c
}

// Index is the index the checkpoint is at.
func (c *Checkpoint) Index() uint64 { return c.index }

// Step writes some of what is left and reports whether that was all.
func (c *Checkpoint) Step() (done bool) {
	for range checkpointSlice {
		switch {
		case len(c.accounts) > 0:
			last := len(c.accounts) - 1
			c.account(c.accounts[last])
			c.accounts = c.accounts[:last]
		case len(c.sessions) > 0:
			last := len(c.sessions) - 1
			c.session(c.sessions[last])
			c.sessions = c.sessions[:last]
		case len(c.blocks) > 0:
			b := c.blocks[0]
			c.w.Set(UsageKey(b.First), b.Data)
			c.blocks = c.blocks[1:]
		case len(c.vouchers) > 0 || len(c.redeemed) > 0:
			c.someVouchers()
			return false // as much as a slice of accounts
		default:
			c.s.dirty.running = nil
			return true
		}
	}
	return false
}

// Stored tells the state that what the checkpoint wrote is durable, so that
// the outbox need not keep it in memory.
func (c *Checkpoint) Stored(last *Block) { c.s.outbox.drop(last) }

// LastBlock is the newest block of records in the checkpoint, or nil. It is to
// be asked for before the first Step.
func (c *Checkpoint) LastBlock() *Block {
	if len(c.blocks) == 0 {
		return nil
	}
	return c.blocks[len(c.blocks)-1]
}

// account writes an account unless it is gone, newer than the checkpoint, or
// written already.
func (c *Checkpoint) account(t touched) {
	a := c.s.accounts.At(t.index)
	if a.Number != t.number || a.touched != c.epoch || a.written == c.epoch {
		return
	}
	c.scratch = c.s.appendAccount(c.scratch[:0], a)
	c.w.Set(numbered(prefixAccount, a.Number), c.scratch)
	a.written = c.epoch
}

func (c *Checkpoint) session(t touched) {
	r := c.s.sessions.Sessions.At(t.index)
	if r.Number != t.number || r.Touched != c.epoch || r.Written == c.epoch {
		return
	}
	c.scratch = c.s.appendSession(c.scratch[:0], r)
	c.w.Set(numbered(prefixSession, r.Number), c.scratch)
	r.Written = c.epoch
}

// meta is the part of the state that is written whole at each checkpoint.
type meta struct {
	Format           int             `json:"format"`
	Semantics        int             `json:"semantics"`
	Index            uint64          `json:"index"`
	Digest           uint64          `json:"digest"`
	Now              instant.Instant `json:"now"`
	Settings         Settings        `json:"settings"`
	LastAccount      uint64          `json:"last_account"`
	LastBucket       uint64          `json:"last_bucket"`
	LastSubscription uint64          `json:"last_subscription"`
	Scheduled        []uint32        `json:"scheduled_catalogs"`
	LastSession      uint64          `json:"last_session"`
	LastRecord       uint64          `json:"last_record"`
	LastBlob         uint64          `json:"last_blob"`
	Supervised       int64           `json:"supervised_until"` // session.Deadlines.Visited
	Currents         []uint32        `json:"current_catalogs"`
	Totals           []balance.Total `json:"ledger"`
	Activity         Activity        `json:"counters"`
	VoucherSalt      []byte          `json:"voucher_salt,omitempty"`
	Round            round           `json:"round"`
}

func (s *State) meta() []byte {
	m, err := json.Marshal(meta{
		Format: stateFormat, Semantics: Semantics, Index: s.index, Digest: s.digest, Now: s.now,
		Settings: s.settings, LastAccount: s.lastAccount, LastBucket: s.book.LastBucket, LastSubscription: s.lastSubscription, Scheduled: s.catalogs.scheduled,
		LastSession: s.sessions.LastNumber, LastRecord: s.outbox.last, LastBlob: s.retained.last,
		Supervised: s.sessions.Deadlines.Visited(),
		Currents:   s.catalogs.currents, Totals: s.book.Ledger.Totals(), Activity: s.activity, Round: s.round,
		VoucherSalt: s.vouchers.salt,
	})
	if err != nil {
		panic(fmt.Sprintf("charging: meta: %v", err))
	}
	return m
}
