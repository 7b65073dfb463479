package charging

import (
	"gyro/charging/session"
	"gyro/internal/slab"

	"github.com/cespare/xxhash/v2"
)

// once carries a command about an account out one time per key: the same key
// with the same digest gets the stored outcome, with another it contradicts.
func (s *State) once(kind Kind, name, key string, digest uint64, o *Outcome, carryOut func(i slab.Index)) {
	if len(key) > MaxKey || len(name) > MaxAccountID {
		o.refuse(Invalid, "the idempotency key has at most %d octets, the account's identifier at most %d", MaxKey, MaxAccountID)
		return
	}
	s.scratch.key = commandKey(s.scratch.key[:0], kind, name, key)
	hash := xxhash.Sum64(s.scratch.key) ^ commandSpace
	if kept := s.memory.Find(hash, s.scratch.key, 0, s.now); kept != nil && key != "" {
		if kept.Digest != digest {
			o.refuse(Contradiction, "idempotency key %q was used for another request; take a new key", key)
			return
		}
		s.replay(o, s.memory.Outcome(kept))
		return
	}
	i := s.findAccount([]byte(name))
	if i == 0 {
		o.refuse(AccountUnknown, "account %q does not exist", name)
		return
	}
	s.touchAccount(i)
	s.upToDate(i)
	if i = s.findAccount([]byte(name)); i == 0 {
		o.refuse(AccountUnknown, "account %q does not exist", name)
		return
	}
	carryOut(i)
	if o.Result != Success {
		return // a refusal changed nothing: the key may be used again
	}
	s.reschedule(i)
	a := s.accounts.At(i)
	o.Record, o.Currency = a.LastRecord, uint16(a.Currency)
	o.Amount = s.book.Buckets.At(s.book.Main(&a.Account)).Remaining
	s.warn(i)
	if key == "" {
		return
	}
	s.scratch.key = commandKey(s.scratch.key[:0], kind, name, key)
	s.scratch.encoded = appendOutcome(s.scratch.encoded[:0], o)
	s.keep(session.OfCommands, s.scratch.key, session.Retained{
		Digest: digest, Until: s.now.Add(s.settings.CommandRetention), Hash: hash,
	}, s.scratch.encoded)
}
