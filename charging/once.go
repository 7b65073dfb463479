package charging

import (
	"encoding/binary"

	"gyro/charging/session"
	"gyro/internal/money"
	"gyro/internal/slab"

	"github.com/cespare/xxhash/v2"
)

// keyed is what a command about an account has that makes it idempotent.
type keyed struct {
	account, key, reason string
	digest               uint64
	currency             money.Currency // zero: the command does not say
}

// once carries a command about an account out one time per key: the same key
// with the same digest gets the stored outcome, with another it contradicts. A
// refusal changes nothing, and its key may be used again; but a wrong guess of
// a voucher counts, so it is kept like a success, and its copy does not count
// twice. The outcome's record is the last that
// carryOut wrote unless it says which, and none where it wrote none.
func (s *State) once(kind Kind, k keyed, o *Outcome, carryOut func(slab.Index)) {
	if len(k.key) > MaxKey || len(k.account) > MaxAccountID || len(k.reason) > MaxKey {
		o.refuse(Invalid, "the idempotency key and the reason have at most %d octets, the account's identifier at most %d", MaxKey, MaxAccountID)
		return
	}
	s.scratch.key = commandKey(s.scratch.key[:0], kind, k.account, k.key)
	hash := xxhash.Sum64(s.scratch.key) ^ commandSpace
	if kept := s.memory.Find(hash, s.scratch.key, 0, s.now); kept != nil {
		s.again(kept, &k, o)
		return
	}
	i := s.openFor(&k, o)
	if i == 0 {
		return
	}
	before := s.accounts.At(i).LastRecord
	carryOut(i)
	if o.Result != Success && o.Result != VoucherUnknown {
		return
	}
	if o.Result == Success {
		s.reschedule(i)
		a := s.accounts.At(i)
		if o.Record == 0 && a.LastRecord != before {
			o.Record = a.LastRecord
		}
		s.warn(i)
		o.Currency, o.Amount = uint16(a.Currency), s.mainOf(a).Remaining
	}
	s.scratch.key = commandKey(s.scratch.key[:0], kind, k.account, k.key)
	s.scratch.encoded = appendOutcome(s.scratch.encoded[:0], o)
	s.keep(session.OfCommands, s.scratch.key, session.Retained{
		Digest: k.digest, Until: s.now.Add(s.settings.CommandRetention), Hash: hash,
	}, s.scratch.encoded)
}

// again answers a command whose key was used before.
func (s *State) again(kept *session.Retained, k *keyed, o *Outcome) {
	if kept.Digest != k.digest {
		o.refuse(Contradiction, "idempotency key %q was used for another request; take a new key", k.key)
		return
	}
	s.replay(o, s.memory.Outcome(kept))
	if o.Result == VoucherUnknown {
		o.Detail = wrongGuess
	}
}

// openFor finds the account that a command is about, announces it and brings
// it up to date, or refuses and returns zero.
func (s *State) openFor(k *keyed, o *Outcome) slab.Index {
	i := s.findAccount([]byte(k.account))
	if i != 0 && k.currency != 0 && s.accounts.At(i).Currency != k.currency {
		o.refuse(CurrencyMismatch, "account %q is kept in %s, not %s", k.account, s.accounts.At(i).Currency, k.currency)
		return 0
	}
	if i != 0 {
		s.touchAccount(i)
		s.upToDate(i)
		i = s.findAccount([]byte(k.account)) // its last day may be over
	}
	if i == 0 {
		o.refuse(AccountUnknown, "account %q does not exist", k.account)
	}
	return i
}

// commandKey is the key of a command's stored outcome: each kind of command
// and each account has keys of its own.
func commandKey(dst []byte, kind Kind, account, key string) []byte {
	dst = append(dst, byte(kind))
	dst = binary.AppendUvarint(dst, uint64(len(account)))
	dst = append(dst, account...)
	return append(dst, key...)
}
