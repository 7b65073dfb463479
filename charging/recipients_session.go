package charging

import (
	"gyro/charging/session"
)

// A message that is reserved first and debited when it was sent (ECUR) is a
// session. Where it goes to several recipients, each has a rating group of its
// own under the key that the gateway names, so that each is priced and recorded
// by its own number; towards the gateway they are one, granted as a whole.

// keepRecipients notes the recipients of a session's message: each number
// behind its length.
func (s *State) keepRecipients(r *session.Session, c *CreditControl) {
	count := c.recipients()
	if c.Type != Initial || count < 2 {
		return
	}
	s.scratch.key = s.scratch.key[:0]
	for n := range count {
		number := c.recipient(n)
		s.scratch.key = append(append(s.scratch.key, byte(len(number))), number...)
	}
	r.Recipients = s.sessions.Octets.Put(s.scratch.key)
}

// calledOf is whom a group's usage is to: the session's called party, or the
// recipient that the group is for.
func (s *State) calledOf(r *session.Session, group *session.Group) []byte {
	if group.Recipient == 0 {
		return s.sessions.Octets.Get(r.Called)
	}
	numbers := s.sessions.Octets.Get(r.Recipients)
	for n := uint8(1); n < group.Recipient && len(numbers) > 0; n++ {
		numbers = numbers[1+numbers[0]:]
	}
	if len(numbers) == 0 {
		return nil
	}
	return numbers[1 : 1+numbers[0]]
}

// recipientsOf is how many recipients a session's message has; 0 is no message
// to several.
func (s *State) recipientsOf(r *session.Session) (count int) {
	for numbers := s.sessions.Octets.Get(r.Recipients); len(numbers) > 0; numbers = numbers[1+numbers[0]:] {
		count++
	}
	return count
}

// serviceForAll answers one Multiple-Services-Credit-Control for all recipients
// of a message: what it asks for is granted for all of them or for none.
func (x *exchange) serviceForAll(sv *Service, o *ServiceOutcome, recipients int) {
	all := ServiceOutcome{RatingGroup: sv.RatingGroup, ServiceID: sv.ServiceID, Flags: outcomeFlags(sv.Flags), Result: Success}
	refused, free := Success, false
	for n := range recipients {
		part, one := *sv, ServiceOutcome{}
		if !part.shareOut(n, recipients) {
			continue
		}
		x.serviceOf(&part, &one, uint8(n+1))
		switch {
		case one.Result == NotApplicable:
			free = true
		case one.Result != Success:
			refused = firstOf(refused, one.Result)
		case one.Flags&Grants != 0 && x.ranOut(sv, uint8(n+1)):
			refused = firstOf(refused, CreditLimitReached)
		case one.Flags&Grants != 0:
			all.join(&one)
		}
	}
	if free && all.Flags&Grants == 0 {
		all.Result = NotApplicable
	}
	if refused != Success {
		x.withdraw(sv)
		all = ServiceOutcome{RatingGroup: all.RatingGroup, ServiceID: all.ServiceID, Flags: outcomeFlags(sv.Flags), Result: refused}
	}
	*o = all
}

// ranOut reports whether a recipient was granted less than was wanted, for want
// of credit.
func (x *exchange) ranOut(sv *Service, recipient uint8) bool {
	key := sv.group()
	key.Recipient = recipient
	i := x.sessions.Group(x.session, &key)
	return i != 0 && x.sessions.Groups.At(i).Exhausted
}

// firstOf is the refusal that came first.
func firstOf(refused, next Result) Result {
	if refused != Success {
		return refused
	}
	return next
}

// shareOut leaves of a service what one of its recipients has of it: its share
// of a count, the whole of a size. It reports whether there is anything.
func (s *Service) shareOut(n, recipients int) bool {
	something := s.Requested.shareOut(n, recipients)
	for k := range s.ReportCount {
		something = s.Reports[k].shareOut(n, recipients) || something
	}
	return something
}

func (u *Units) shareOut(n, recipients int) bool {
	if u.Has&HasEvents == 0 || u.Events == 0 {
		return true
	}
	u.Events = shareOf(u.Events, n, recipients)
	return u.Events > 0
}

// join adds what one recipient was granted to what all are.
func (o *ServiceOutcome) join(one *ServiceOutcome) {
	if o.Flags&Grants == 0 {
		flags := o.Flags
		*o = *one
		o.Flags |= flags
		return
	}
	if one.Unit == GrantEvents {
		o.Granted += one.Granted
	}
	if o.Validity == 0 || one.Validity != 0 && one.Validity < o.Validity {
		o.Validity = one.Validity
	}
}

// withdraw takes back what the recipients of a service were granted.
func (x *exchange) withdraw(sv *Service) {
	for k := x.session.Groups; k != 0; k = x.sessions.Groups.At(k).Next {
		g := x.sessions.Groups.At(k)
		if g.Recipient != 0 && g.RatingGroup == sv.RatingGroup && g.ServiceID == sv.ServiceID &&
			g.HasRatingGroup == (sv.Flags&HasRatingGroup != 0) && g.HasServiceID == (sv.Flags&HasServiceID != 0) {
			x.release(g)
			g.Granted = 0
		}
	}
}
