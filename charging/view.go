package charging

import (
	"slices"

	"gyro/balance"
	"gyro/charging/session"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// Views are copies for people and the API; they stay valid when the state
// goes on.

// AccountView is an account as it is now.
type AccountView struct {
	ID          string
	Kind        balance.Kind
	Currency    money.Currency
	CreditLimit money.Amount
	LowBalance  money.Amount // the money below which it is warned; zero is never
	CycleDay    uint8        // of the month, 1 to 28, on which the billing cycle begins
	Excess      money.Amount // owed for usage beyond grants
	Loan        money.Amount // owed for a loan, its fee included
	Remaining   money.Amount // money over all buckets
	Reserved    money.Amount
	Available   money.Amount // neither used nor reserved, with the credit limit
	Created     instant.Instant
	LoanTaken   instant.Instant // zero without a loan
	LoanDue     instant.Instant // zero without one, or when it has no term or is overdue
	// RedeemLocked is until when no voucher can be redeemed, after wrong codes;
	// zero when they can.
	RedeemLocked instant.Instant
	Catalog      string // the catalogue that has the offers; empty without any
	Offers       []string
	Subscribers  [][]ident.Identity
	Buckets      []BucketView
	OpenSessions []string // Session-Ids
	Records      uint64   // records ever written
	LastRecord   uint64   // the newest one
}

// BucketView is one bucket.
type BucketView struct {
	ID                           uint64
	Allowance                    string
	Denomination                 balance.Denomination
	Remaining, Reserved, Granted int64
	Priority                     int16
	From, Until                  instant.Instant
	Main, Valid                  bool
}

// HasAccount reports whether an account exists.
func (s *State) HasAccount(id string) bool { return s.findAccount([]byte(id)) != 0 }

// Account shows an account.
func (s *State) Account(id string) (v AccountView, ok bool) {
	i := s.findAccount([]byte(id))
	if i == 0 {
		return v, false
	}
	a := s.accounts.At(i)
	v = AccountView{
		ID: id, Kind: a.Kind, Currency: a.Currency, CreditLimit: a.CreditLimit, CycleDay: a.cycleDay(), Excess: a.Excess,
		Created: a.Created, Records: a.Records, LastRecord: a.LastRecord,
	}
	s.showPurse(a, &v)
	if plan, number := s.catalogs.current(a.Catalog); number != 0 {
		v.Catalog = plan.Name()
	}
	for _, offer := range a.offers() {
		v.Offers = append(v.Offers, s.Label(offer))
	}
	for who := a.Subscribers; who != 0; who = s.subscribers.At(who).Next {
		v.Subscribers = append(v.Subscribers, s.identitiesOf(who))
	}
	for k := a.Buckets; k != 0; k = s.book.Buckets.At(k).Next {
		b := s.book.Buckets.At(k)
		v.Buckets = append(v.Buckets, BucketView{
			ID: b.ID, Allowance: s.Label(b.Allowance), Denomination: b.Denomination, Remaining: b.Remaining,
			Reserved: b.Reserved, Granted: b.Granted, Priority: b.Priority, From: b.From, Until: b.Until,
			Main: b.Main, Valid: b.Valid(s.now),
		})
		if b.Denomination == a.Denomination() {
			v.Remaining += money.Amount(b.Remaining)
			v.Reserved += money.Amount(b.Reserved)
		}
	}
	v.Available = money.Amount(s.book.Free(&a.Account, a.Denomination(), s.now, anyAllowance{}))
	for k := a.Sessions; k != 0; k = s.sessions.Sessions.At(k).Next {
		v.OpenSessions = append(v.OpenSessions, string(s.sessions.Octets.Get(s.sessions.Sessions.At(k).ID)))
	}
	return v, true
}

// anyAllowance lets every allowance count.
type anyAllowance struct{}

// Pays implements balance.Filter.
func (anyAllowance) Pays(*balance.Bucket) bool { return true }

// DayEnd implements balance.Filter; nothing is debited by it.
func (anyAllowance) DayEnd(now instant.Instant) instant.Instant { return now }

func (s *State) identitiesOf(who slab.Index) (ids []ident.Identity) {
	for i := s.subscribers.At(who).Identities; i != 0; i = s.identities.At(i).Next {
		ids = append(ids, s.identities.At(i).Identity)
	}
	return ids
}

// Label is the catalogue's word for a name, or that of an operation on a
// balance; "" when it is neither.
func (s *State) Label(n ident.Name) string {
	for _, word := range [...]string{transferName, loanName} {
		if n == ident.NameOf(word) {
			return word
		}
	}
	for k := len(s.catalogs.publications) - 1; k >= 0 && n != 0; k-- {
		if label := s.catalogs.publications[k].plan.Label(n); label != "" {
			return label
		}
	}
	return ""
}

// SessionView is an open session.
type SessionView struct {
	SessionID        string
	SubSession       uint64
	Number           uint64
	Account          string
	Currency         money.Currency // the account's
	Subscriber       string
	OriginHost       string
	Context          uint32
	Opened, Deadline instant.Instant
	LastRequest      uint32
	APN, Called      string
	Groups           []GroupView
}

// GroupView is a rating group of an open session.
type GroupView struct {
	RatingGroup, ServiceID       uint32
	HasRatingGroup, HasServiceID bool
	Service, Offer               string
	Unit                         balance.Denomination
	Granted, Used                uint64
	Charged                      money.Amount
	ReservedMoney                money.Amount
	ReservedUnits                int64
	// Exhausted: nothing was granted for want of credit, or the last that there
	// was; a top-up has the gateway asked to come back.
	Exhausted bool
}

// Session shows an open session by its Session-Id and CC-Sub-Session-Id, which
// is 0 where a session has none.
func (s *State) Session(id string, sub uint64) (v SessionView, ok bool) {
	i := s.sessions.Find([]byte(id), sub, session.Hash([]byte(id), sub))
	if i == 0 {
		return v, false
	}
	return s.sessionView(s.sessions.Sessions.At(i)), true
}

// Sessions shows up to limit open sessions with numbers above after, in the
// order in which they were opened.
func (s *State) Sessions(after uint64, limit int) (views []SessionView) {
	for i := s.sessions.After(after); i != 0 && len(views) < limit; i = s.sessions.Younger(i) {
		views = append(views, s.sessionView(s.sessions.Sessions.At(i)))
	}
	return views
}

func (s *State) sessionView(r *session.Session) SessionView {
	octets := &s.sessions.Octets
	a := s.accounts.At(r.Account)
	v := SessionView{
		SessionID: string(octets.Get(r.ID)), SubSession: r.Sub, Number: r.Number, Account: string(a.id()), Currency: a.Currency,
		Subscriber: string(octets.Get(r.Identity)), OriginHost: s.hosts.names[r.Host], Context: r.Context,
		Opened: r.Opened, Deadline: r.Deadline, LastRequest: r.Highest,
		APN: string(octets.Get(r.APN)), Called: string(octets.Get(r.Called)),
	}
	for k := r.Groups; k != 0; k = s.sessions.Groups.At(k).Next {
		g := s.sessions.Groups.At(k)
		if g.Ended() {
			continue
		}
		view := GroupView{
			RatingGroup: g.RatingGroup, ServiceID: g.ServiceID, HasRatingGroup: g.HasRatingGroup,
			HasServiceID: g.HasServiceID, Service: s.Label(g.ServiceName), Offer: s.Label(g.Offer),
			Unit: g.Unit, Granted: g.Granted, Used: g.RecordUsed, Charged: g.RecordCharged,
			Exhausted: g.Exhausted,
		}
		for _, parts := range s.reservedFor(g) {
			for n := 0; parts != nil && n < len(parts.Bucket) && parts.Bucket[n] != 0; n++ {
				if s.book.Buckets.At(parts.Bucket[n]).Denomination.IsMoney() {
					view.ReservedMoney += money.Amount(parts.Amount[n])
				} else {
					view.ReservedUnits += parts.Amount[n]
				}
			}
		}
		v.Groups = append(v.Groups, view)
	}
	return v
}

// Stats are the shard's figures for metrics.
type Stats struct {
	Activity
	OpenSessions, OpenGroups, OpenAccounts, RetainedAnswers int
	LastRecord                                              uint64
	Totals                                                  []balance.Total
	Reserved                                                []balance.Total // open reservations by service
}

// Stats shows the shard's figures.
func (s *State) Stats() Stats {
	return Stats{
		Activity: s.activity, OpenSessions: s.sessions.Sessions.Len(), OpenGroups: s.open.groups, OpenAccounts: s.accounts.Len(),
		RetainedAnswers: s.memory.Len(), LastRecord: s.outbox.last,
		Totals: append([]balance.Total(nil), s.book.Ledger.Totals()...), Reserved: reservations(&s.open),
	}
}

func (s *State) eachGroup(fn func(*session.Session, *session.Group)) {
	for i := slab.Index(1); i < s.sessions.Sessions.Bound(); i++ {
		r := s.sessions.Sessions.At(i)
		for g := r.Groups; r.Number != 0 && g != 0; g = s.sessions.Groups.At(g).Next {
			fn(r, s.sessions.Groups.At(g))
		}
	}
}

// Publication shows a version of a catalogue; version 0 is the current one.
func (s *State) Publication(name string, version uint32) (*Publication, bool) {
	if version == 0 {
		p := s.catalogs.currentNamed(name)
		return p, p != nil
	}
	for _, p := range slices.Backward(s.catalogs.publications) {
		if p.Name == name && p.Version == version {
			return p, true
		}
	}
	return nil, false
}

// PublicationAt shows the publication that a record's Plan names.
func (s *State) PublicationAt(number uint32) (*Publication, bool) {
	if number == 0 || int(number) > len(s.catalogs.publications) {
		return nil, false
	}
	return s.catalogs.publications[number-1], true
}

// Currents shows the current version of every catalogue.
func (s *State) Currents() (current []*Publication) {
	for _, number := range s.catalogs.currents {
		current = append(current, s.catalogs.publications[number-1])
	}
	return current
}

// CopyBlock copies the octets of the block in memory that holds a record; ok
// is false when only the store may have it.
func (s *State) CopyBlock(sequence uint64) (block []byte, ok bool) {
	b := s.outbox.Find(sequence)
	if b == nil {
		return nil, false
	}
	return append([]byte(nil), b.Data...), true
}

// LastRecord is the sequence number of the newest record.
func (s *State) LastRecord() uint64 { return s.outbox.last }

// OpenPosting is what an open session moved and no record has yet.
type OpenPosting struct {
	SessionID string
	Postings  []balance.Posting
}

// OpenPostings shows an account's movements that are not in a record yet.
func (s *State) OpenPostings(account string) (open []OpenPosting) {
	i := s.findAccount([]byte(account))
	if i == 0 {
		return nil
	}
	a := s.accounts.At(i)
	for k := a.Sessions; k != 0; k = s.sessions.Sessions.At(k).Next {
		r := s.sessions.Sessions.At(k)
		for g := r.Groups; g != 0; g = s.sessions.Groups.At(g).Next {
			postings := s.postingsOf(s.sessions.Groups.At(g), a.Denomination())
			if len(postings) > 0 {
				open = append(open, OpenPosting{
					SessionID: string(s.sessions.Octets.Get(r.ID)), Postings: append([]balance.Posting(nil), postings...),
				})
			}
		}
	}
	return open
}
