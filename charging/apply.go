package charging

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// Receiver is told what each command of a batch came to, in order. Arguments
// are valid during the call only.
type Receiver interface {
	// CreditControl reports the n-th command, a credit-control request.
	CreditControl(n int, request *CreditControl, outcome *Outcome)
	// Command reports the n-th command, of any other kind.
	Command(n int, kind Kind, outcome *Outcome)
	// Notice is something that a gateway should be told unasked, brought about
	// by the command that is reported next.
	Notice(notice *Notice)
}

// Apply carries out a batch at a journal index. It is the only way in which
// the state changes, and decides from the state and the batch alone. An error
// means that the batch is not one of this journal, or that the state diverged:
// nothing of it may be answered.
func (s *State) Apply(index uint64, batch []byte, to Receiver) error {
	h, err := ReadHeader(batch)
	if err != nil {
		return fmt.Errorf("journal index %d: %w", index, err)
	}
	if index <= s.index { // what was applied already would be charged again
		return fmt.Errorf("journal index %d: %w, which is at %d", index, ErrOrder, s.index)
	}
	if s.recent.differs(h.CheckIndex, h.CheckDigest) {
		return fmt.Errorf("journal index %d: %w (at index %d)", index, ErrDiverged, h.CheckIndex)
	}
	s.index = index
	s.now = max(s.now, h.Time)
	s.takeEffect()
	rest := batch[HeaderSize:]
	for n := range int(h.Count) {
		if len(rest) < commandLength {
			return fmt.Errorf("journal index %d, command %d: %w", index, n, ErrBatch)
		}
		size := int(binary.LittleEndian.Uint32(rest))
		rest = rest[commandLength:]
		if size == 0 || size > len(rest) {
			return fmt.Errorf("journal index %d, command %d: %w", index, n, ErrBatch)
		}
		if err := s.command(n, rest[:size], to); err != nil {
			return fmt.Errorf("journal index %d, command %d: %w", index, n, err)
		}
		rest = rest[size:]
	}
	if len(rest) != 0 {
		return fmt.Errorf("journal index %d: %w: %d octets left over", index, ErrBatch, len(rest))
	}
	s.recent.note(index, s.digest)
	return nil
}

func (s *State) command(n int, command []byte, to Receiver) error {
	kind, body := Kind(command[0]), command[1:]
	o := &s.scratch.outcome
	*o = Outcome{Services: o.Services[:0]}
	if kind == KindCreditControl {
		c := &s.scratch.request
		if err := c.decode(body); err != nil {
			return err
		}
		s.activity.Requests[c.Type%RequestTypes]++
		s.creditControl(c, o)
		s.chain(o)
		s.giveNotices(to)
		to.CreditControl(n, c, o)
		return nil
	}
	if err := s.administer(kind, body, o); err != nil {
		return err
	}
	s.chain(o)
	s.giveNotices(to)
	to.Command(n, kind, o)
	return nil
}

// chain mixes an outcome into the state's digest.
func (s *State) chain(o *Outcome) {
	s.scratch.encoded = appendOutcome(s.scratch.encoded[:0], o)
	s.digest = mix(s.digest, xxhash.Sum64(s.scratch.encoded))
}

func mix(digest, value uint64) uint64 {
	digest = (digest ^ value) * 0x9e3779b97f4a7c15
	return digest ^ digest>>29
}
