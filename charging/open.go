package charging

import (
	"gyro/balance"
	"gyro/charging/session"
)

// openSums are sums over the rating groups of all open sessions. They are kept
// as requests change them, because there may be millions of groups, and who
// asks for the sums holds all requests up meanwhile.
type openSums struct {
	groups int
	// reserved has a posting for each part of a reservation: from customers'
	// buckets to the revenue of the service.
	reserved balance.Ledger
}

// leave takes the rating groups of a session out of the sums before they
// change, and enter puts them back as they are then.
func (s *State) leave(r *session.Session) {
	for g := r.Groups; g != 0; g = s.sessions.Groups.At(g).Next {
		s.open.groups--
		s.postReserved(&s.open.reserved, s.sessions.Groups.At(g), -1)
	}
}

func (s *State) enter(r *session.Session) {
	for g := r.Groups; g != 0; g = s.sessions.Groups.At(g).Next {
		s.open.groups++
		s.postReserved(&s.open.reserved, s.sessions.Groups.At(g), 1)
	}
}

// postReserved books what a group has reserved, or with a negative sign takes it back.
func (s *State) postReserved(to *balance.Ledger, g *session.Group, sign int) {
	for _, parts := range s.reservedFor(g) {
		if parts != nil {
			s.postParts(to, g, parts, sign)
		}
	}
}

func (s *State) postParts(to *balance.Ledger, g *session.Group, parts *balance.Parts, sign int) {
	for n, i := range parts.Bucket {
		if i == 0 {
			return
		}
		p := balance.Posting{
			From:   balance.LedgerAccount{Class: balance.CustomerBucket},
			To:     balance.LedgerAccount{Class: balance.Revenue, Name: g.ServiceName},
			Amount: parts.Amount[n], Denomination: s.book.Buckets.At(i).Denomination,
		}
		if sign < 0 {
			p.From, p.To = p.To, p.From
		}
		if p.Amount > 0 {
			to.Post(&p)
		}
	}
}

// reservations are the open reservations by service and denomination, in the
// order in which a service first had any.
func reservations(sums *balance.Ledger) (byService []balance.Total) {
	for _, total := range sums.Totals() {
		if total.Class == balance.Revenue && total.Sum != (balance.Sum{}) {
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
		s.postReserved(&sums.reserved, g, 1)
	})
	if s.open.groups != sums.groups {
		b.problem("%d rating groups are open, %d are counted", sums.groups, s.open.groups)
	}
	counted := map[balance.Total]balance.Sum{}
	for _, total := range reservations(&s.open.reserved) {
		counted[keyOf(total)] = total.Sum
	}
	open := reservations(&sums.reserved)
	for _, total := range open {
		if counted[keyOf(total)] != total.Sum {
			b.problem("reservations of %s for %s sum to %v, counted are %v", total.Denomination, s.Label(total.Name), total.Sum, counted[keyOf(total)])
		}
	}
	if len(open) != len(counted) {
		b.problem("reservations of %d services are counted, of %d they are open", len(counted), len(open))
	}
}
