package charging

import (
	"gyro/internal/instant"
	"gyro/internal/money"
)

// The commands that move money between the operator and an account, or
// between accounts. Each carries a Key, which makes it idempotent: the same
// key with the same Digest is answered with the stored outcome, with another
// Digest it is a Contradiction. The edge takes the digest of the values.

// MoveMoney is a top-up, an adjustment or a settlement of an account's own
// money.
type MoveMoney struct {
	Account  string         `json:"account"`
	Amount   money.Amount   `json:"amount"` // a top-up is positive; a settlement may be negative
	Currency money.Currency `json:"currency"`
	Reason   string         `json:"reason"`
	Key      string         `json:"key"`
	Digest   uint64         `json:"digest"`
	// ExtendsDays is how many days from now, or from the end of the present
	// validity if that is later, a top-up makes the account's subscribers
	// valid; 0 leaves their validity alone.
	ExtendsDays uint16 `json:"extends_days,omitempty"`
	// Bonus comes with a top-up.
	Bonus *Bonus `json:"bonus,omitempty"`
	// AskedBy is who asks for an adjustment, ApprovedBy who approved it: names
	// of API clients or people. Above Settings.ApprovalAbove both are needed,
	// and they differ.
	AskedBy    string `json:"asked_by,omitempty"`
	ApprovedBy string `json:"approved_by,omitempty"`
}

// Bonus is money that an operator adds to a payment. It is a bucket of its
// own, which pays for anything, is used before the account's own money, never
// leaves the account by transfer, and expires.
type Bonus struct {
	Promotion string       `json:"promotion"` // its name, for the records
	Amount    money.Amount `json:"amount"`
	Days      uint16       `json:"days"` // from now on; 0 does not expire
}

// Vouchers adds a part of a batch of vouchers, or blocks a batch. A batch of
// any size is several commands, none of which holds requests up: the parts
// come in order, and the batch can be redeemed once it has Terms.Count codes. The codes
// themselves never reach the core.
type Vouchers struct {
	Batch string `json:"batch"` // its name, 1 to MaxBatchName octets
	// Terms are what each voucher of the batch is worth; every part repeats
	// them.
	Terms VoucherTerms `json:"terms"`
	// Salt is what the codes were hashed with: the shard's, which the first
	// command of all batches sets.
	Salt []byte `json:"salt"`
	// Part counts the commands of the batch from 0. A part that is there
	// already is answered with success, and nothing is added.
	Part uint32 `json:"part"`
	// Hashes are those of the codes, VoucherHashSize octets each, at most
	// MaxVouchers of them; the n-th has the next serial number of the batch.
	Hashes []byte `json:"hashes"`
	// Block ends the batch instead: what is unused can no longer be redeemed.
	Block  bool   `json:"block,omitempty"`
	Reason string `json:"reason,omitempty"` // for blocking
}

// VoucherTerms are what a voucher is worth: money, an allowance, or both.
type VoucherTerms struct {
	Count       uint32          `json:"count"`                  // vouchers in the batch
	Amount      money.Amount    `json:"amount,omitempty"`       // of money
	Currency    money.Currency  `json:"currency,omitempty"`     // of Amount
	Catalog     string          `json:"catalog,omitempty"`      // the catalogue that has Allowance
	Allowance   string          `json:"allowance,omitempty"`    // which is given when the voucher is redeemed
	ExtendsDays uint16          `json:"extends_days,omitempty"` // as MoveMoney.ExtendsDays
	Until       instant.Instant `json:"until,omitempty"`        // the last moment to redeem; zero is none
}

// Limits of batches of vouchers.
const (
	// VoucherHashSize is the octets of a code's hash: at 2^128 two of a
	// thousand million codes never meet.
	VoucherHashSize = 16
	// VoucherSaltSize is the octets of the shard's salt.
	VoucherSaltSize = 16
	// MaxVouchers is the most codes in one command: about a millisecond of
	// work, as much as a checkpoint's slice.
	MaxVouchers = 4096
	// MaxBatchName is the longest name of a batch in octets.
	MaxBatchName = 64
	// MaxBatchCount is the most vouchers in a batch.
	MaxBatchCount = 10_000_000
)

// Redeem uses a voucher up for an account.
type Redeem struct {
	Account string `json:"account"`
	Hash    []byte `json:"hash"` // of the code, with the shard's salt
	Key     string `json:"key"`
	Digest  uint64 `json:"digest"`
}

// Transfer moves an account's own money to another account of the same
// currency. The sender pays Settings' fee on top.
type Transfer struct {
	From     string         `json:"from"`
	To       string         `json:"to"`
	Amount   money.Amount   `json:"amount"` // what the receiver gets, above zero
	Currency money.Currency `json:"currency"`
	Reason   string         `json:"reason"`
	Key      string         `json:"key"` // the sender's
	Digest   uint64         `json:"digest"`
}

// Loan gives a prepaid account money in advance, which its next top-ups pay
// back, or writes off what is owed of one.
type Loan struct {
	Account  string         `json:"account"`
	Amount   money.Amount   `json:"amount"` // above zero; without meaning to WriteOff
	Currency money.Currency `json:"currency"`
	Reason   string         `json:"reason"`
	Key      string         `json:"key"`
	Digest   uint64         `json:"digest"`
	// WriteOff gives up what is owed. It is an adjustment, and is approved as
	// one.
	WriteOff   bool   `json:"write_off,omitempty"`
	AskedBy    string `json:"asked_by,omitempty"`
	ApprovedBy string `json:"approved_by,omitempty"`
}

// MaxKey is the longest idempotency key and the longest reason in octets.
const MaxKey = 255
