package charging

import (
	"encoding/binary"

	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/slab"
)

// appendCounters encodes the counters of an account and its subscribers: the
// owner, 0 for the account and n for its n-th subscriber, and the counts.
func (s *State) appendCounters(dst []byte, a *account) []byte {
	dst = s.appendChain(dst, 0, a.Counters)
	n := uint64(1)
	for who := a.Subscribers; who != 0; who = s.subscribers.At(who).Next {
		dst = s.appendChain(dst, n, s.subscribers.At(who).Counters)
		n++
	}
	return append(dst, 0)
}

func (s *State) appendChain(dst []byte, owner uint64, first slab.Index) []byte {
	for i := first; i != 0; i = s.counts.At(i).Next {
		c := s.counts.At(i)
		dst = append(dst, 1, c.Noticed)
		for _, v := range [...]uint64{owner, uint64(c.ID), uint64(c.Until), c.Used, c.Rated} {
			dst = binary.AppendUvarint(dst, v)
		}
	}
	return dst
}

// readCounters reads what appendCounters wrote, and keeps the order.
func (l *loader) readCounters(in *reader, a *account) {
	var last slab.Index
	owner, who := uint64(0), slab.Index(0)
	for in.Octet() == 1 && !in.Failed() {
		i, c := l.counts.New()
		c.Noticed = in.Octet()
		of := in.Uvarint()
		c.ID, c.Until, c.Used, c.Rated = ident.Name(in.Uvarint()), instant.Instant(in.Uvarint()), in.Uvarint(), in.Uvarint()
		for ; owner < of && (owner == 0 || who != 0); owner++ { // not beyond the last subscriber
			if last = 0; owner == 0 {
				who = a.Subscribers
			} else if who != 0 {
				who = l.subscribers.At(who).Next
			}
		}
		switch {
		case last != 0:
			l.counts.At(last).Next = i
		case of == 0:
			a.Counters = i
		case who != 0:
			l.subscribers.At(who).Counters = i
		default:
			return
		}
		last = i
	}
}

// appendLimits encodes the limits of an account's subscribers: which
// subscriber, counted from 1, and its limit.
func (s *State) appendLimits(dst []byte, a *account) []byte {
	n := uint64(0)
	for who := a.Subscribers; who != 0; who = s.subscribers.At(who).Next {
		n++
		for _, l := range s.limitsOf(s.subscribers.At(who)) {
			dst = append(dst, 1, l.Noticed)
			for _, v := range [...]uint64{n, uint64(l.Counter), l.Most, uint64(l.Until)} {
				dst = binary.AppendUvarint(dst, v)
			}
		}
	}
	return append(dst, 0)
}

// readLimits reads what appendLimits wrote, and keeps the order.
func (l *loader) readLimits(in *reader, a *account) {
	who, at, last := a.Subscribers, uint64(1), slab.Index(0)
	for in.Octet() == 1 && !in.Failed() {
		noticed, n := in.Octet(), in.Uvarint()
		for ; at < n && who != 0; at++ {
			who, last = l.subscribers.At(who).Next, 0
		}
		i, next := l.limits.New()
		*next = limit{Noticed: noticed, Counter: ident.Name(in.Uvarint()), Most: in.Uvarint(), Until: instant.Instant(in.Uvarint())}
		switch {
		case who == 0:
			return
		case last != 0:
			l.limits.At(last).Next = i
		default:
			l.subscribers.At(who).Limits = i
		}
		last = i
	}
}
