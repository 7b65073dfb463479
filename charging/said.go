package charging

import (
	"encoding/binary"

	"gyro/charging/session"
	"gyro/internal/wire"
)

// said is what a gateway said of the parties and the service when a group was
// classified. It is the session's own until a request says otherwise.
type said struct {
	apn, called, calling []byte
	context              uint32
}

// saidOf is what was said of a group's open record.
func (s *State) saidOf(r *session.Session, group *session.Group) (w said) {
	octets := &s.sessions.Octets
	if group.Facts.Said == 0 {
		return said{octets.Get(r.APN), s.calledOf(r, group), octets.Get(r.Calling), r.Context}
	}
	in := wire.NewReader(octets.Get(group.Facts.Said))
	w.context = uint32(in.Uvarint())
	w.apn, w.called, w.calling = in.Bytes(), in.Bytes(), in.Bytes()
	return w
}

// keepSaid gives each group of a session its own copy of what was said when it
// was classified, because a request that says otherwise is about to replace it.
func (s *State) keepSaid(r *session.Session, c *CreditControl) {
	octets := &s.sessions.Octets
	differs := func(known, now []byte) bool { return len(now) > 0 && string(known) != string(now) }
	if !differs(octets.Get(r.APN), c.APN) && !differs(octets.Get(r.Called), c.Called) &&
		!differs(octets.Get(r.Calling), c.Calling) && (c.Context == 0 || c.Context == r.Context) {
		return
	}
	for k := r.Groups; k != 0; k = s.sessions.Groups.At(k).Next {
		g := s.sessions.Groups.At(k)
		if g.Facts.At == 0 || g.Facts.Said != 0 {
			continue
		}
		w := s.saidOf(r, g)
		s.scratch.why = binary.AppendUvarint(s.scratch.why[:0], uint64(w.context))
		for _, b := range [...][]byte{w.apn, w.called, w.calling} {
			s.scratch.why = wire.AppendBytes(s.scratch.why, b)
		}
		g.Facts.Said = octets.Put(s.scratch.why)
	}
}
