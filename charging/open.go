package charging

import (
	"gyro/balance"
	"gyro/charging/session"
	"gyro/internal/ident"
)

// openSums are sums over the rating groups of all open sessions. They are kept
// as requests change them, because there may be millions of groups, and who
// asks for the sums holds all requests up meanwhile.
type openSums struct {
	groups int
	// reserved is what they have reserved, by service and denomination: a short
	// list, searched from where the last search ended, for it is changed twice
	// by each request.
	reserved []balance.Total
	last     int
}

// add changes what is reserved for a service.
func (o *openSums) add(service ident.Name, d balance.Denomination, amount int64) {
	if o.last < len(o.reserved) {
		if t := &o.reserved[o.last]; t.Name == service && t.Denomination == d {
			t.Sum = t.Sum.Add(amount)
			return
		}
	}
	for k := range o.reserved {
		if t := &o.reserved[k]; t.Name == service && t.Denomination == d {
			t.Sum, o.last = t.Sum.Add(amount), k
			return
		}
	}
	o.last = len(o.reserved)
	o.reserved = append(o.reserved, balance.Total{
		Sum: balance.Sum{}.Add(amount), Name: service, Class: balance.Revenue, Denomination: d,
	})
}

// leave takes the rating groups of a session out of the sums before they
// change, and enter puts them back as they are then.
func (s *State) leave(r *session.Session) {
	for g := r.Groups; g != 0; g = s.sessions.Groups.At(g).Next {
		s.open.groups--
		s.addReserved(&s.open, s.sessions.Groups.At(g), -1)
	}
}

func (s *State) enter(r *session.Session) {
	for g := r.Groups; g != 0; g = s.sessions.Groups.At(g).Next {
		s.open.groups++
		s.addReserved(&s.open, s.sessions.Groups.At(g), 1)
	}
}

// addReserved adds what a group has reserved, or with a negative sign takes it
// away.
func (s *State) addReserved(to *openSums, g *session.Group, sign int64) {
	s.addParts(to, g, &g.Reserved, sign)
	if g.Change != 0 {
		s.addParts(to, g, &s.sessions.Changes.At(g.Change).Reserved, sign)
	}
}

func (s *State) addParts(to *openSums, g *session.Group, parts *balance.Parts, sign int64) {
	for n, i := range parts.Bucket {
		if i == 0 {
			return
		}
		if amount := parts.Amount[n]; amount > 0 {
			to.add(g.ServiceName, s.book.Buckets.At(i).Denomination, sign*amount)
		}
	}
}

// reservations are the open reservations by service and denomination, in the
// order in which a service first had any.
func reservations(sums *openSums) (byService []balance.Total) {
	for _, total := range sums.reserved {
		if total.Sum != (balance.Sum{}) {
			byService = append(byService, total)
		}
	}
	return byService
}

// verifyOpen proves that the sums are those of the groups.
func (s *State) verifyOpen(b *Books) {
	var sums openSums
	s.eachGroup(func(_ *session.Session, g *session.Group) {
		sums.groups++
		s.addReserved(&sums, g, 1)
	})
	if s.open.groups != sums.groups {
		b.problem("%d rating groups are open, %d are counted", sums.groups, s.open.groups)
	}
	counted := map[balance.Total]balance.Sum{}
	for _, total := range reservations(&s.open) {
		counted[keyOf(total)] = total.Sum
	}
	open := reservations(&sums)
	for _, total := range open {
		if counted[keyOf(total)] != total.Sum {
			b.problem("reservations of %s for %s sum to %v, counted are %v", total.Denomination, s.Label(total.Name), total.Sum, counted[keyOf(total)])
		}
	}
	if len(open) != len(counted) {
		b.problem("reservations of %d services are counted, of %d they are open", len(counted), len(open))
	}
}
