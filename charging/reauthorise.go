package charging

import (
	"slices"

	"gyro/charging/session"
	"gyro/internal/ident"
	"gyro/rating"
)

// round is a walk over all open sessions after a new version of a catalogue
// whose publisher wants it to hold at once: the gateways of sessions that have
// quota at another price are asked to report it and to ask anew. There may be
// millions, so each tick goes on with a slice. It is state: after a restart the
// walk goes on where it was.
type round struct {
	// Catalogs are those that it is about; none is no walk.
	Catalogs []ident.Name `json:"catalogs,omitempty"`
	// At is the number of the last session that was looked at, Until the last
	// one that there was at the publication: later ones have the new prices.
	At    uint64 `json:"at,omitempty"`
	Until uint64 `json:"until,omitempty"`
}

// Bounds of one tick's part of a round: how many sessions are looked at, some
// milliseconds, and how many gateways are asked for something, which they do.
const (
	roundLooks   = 20_000
	roundNotices = 1_000
)

// beginRound begins a round for a catalogue. One that is under way for others
// begins again, for all of them.
func (s *State) beginRound(catalog ident.Name) {
	r := &s.round
	if !slices.Contains(r.Catalogs, catalog) {
		r.Catalogs = append(r.Catalogs, catalog)
	}
	r.At, r.Until = 0, s.sessions.LastNumber
	s.sessions.Walk(0)
}

// walkRound goes on with the round.
func (s *State) walkRound() {
	before := len(s.scratch.notices.list)
	for looks := 0; len(s.round.Catalogs) > 0 && looks < roundLooks && len(s.scratch.notices.list) < before+roundNotices; looks++ {
		i := s.sessions.Step()
		if i == 0 || s.sessions.Sessions.At(i).Number > s.round.Until {
			s.round = round{}
			return
		}
		r := s.sessions.Sessions.At(i)
		s.round.At = r.Number
		if slices.Contains(s.round.Catalogs, s.accounts.At(r.Account).Catalog) {
			s.ask(r, s.repriced)
		}
	}
}

// ask sends for a session where a condition holds for any of its rating groups:
// for the group where it is one, for the whole session where several are,
// because a gateway answers one question at a time.
func (s *State) ask(r *session.Session, holds func(*session.Session, *session.Group) bool) {
	var first *session.Group
	count := 0
	for k := r.Groups; k != 0; k = s.sessions.Groups.At(k).Next {
		if g := s.sessions.Groups.At(k); holds(r, g) {
			if count++; first == nil {
				first = g
			}
		}
	}
	switch count {
	case 0:
	case 1:
		s.notify(Reauthorise, r, first)
	default:
		s.notify(Reauthorise, r, nil)
	}
}

// repriced reports whether a group that has quota, or runs free, would now get
// it at another price, or not at all, and whether one that was refused quota
// would now get it.
func (s *State) repriced(r *session.Session, g *session.Group) bool {
	x := exchange{State: s, session: r, account: s.accounts.At(r.Account), owner: r.Account}
	plan, number := s.catalogs.current(x.account.Catalog)
	if plan == nil || g.Ended() {
		return false
	}
	var m rating.Match
	refusal := x.classify(plan, g, s.now, &m)
	switch {
	case !g.Matched:
		return refusal == rating.Matched && m.Treatment != rating.Denied
	case g.Granted == 0 && !g.Free && !g.Exhausted:
		return false // it has nothing, and asks before it uses anything
	case g.Plan == number:
		return false
	case refusal != rating.Matched || m.Treatment == rating.Denied:
		return true
	case g.Free || m.Treatment == rating.Free:
		return g.Free != (m.Treatment == rating.Free)
	}
	return m.ServiceID != g.ServiceName || m.Offer != g.Offer ||
		!s.catalogs.plan(g.Plan).Price(g.Rate).Same(plan.Price(m.Rate))
}

// askAll is ask for every session of an account.
func (s *State) askAll(a *account, holds func(*session.Session, *session.Group) bool) {
	for i := a.Sessions; i != 0; i = s.sessions.Sessions.At(i).Next {
		s.ask(s.sessions.Sessions.At(i), holds)
	}
}

// exhausted groups were refused quota, or have their last.
func exhausted(_ *session.Session, g *session.Group) bool { return g.Exhausted }

// replanned groups have quota or run free, or were refused: anything but those
// that their gateway is done with.
func replanned(_ *session.Session, g *session.Group) bool { return !g.Ended() }
