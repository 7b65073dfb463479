package charging

import (
	"errors"
	"slices"

	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/internal/slab"
	"gyro/rating"

	"github.com/cespare/xxhash/v2"
)

func accountHash(id []byte) uint64 { return xxhash.Sum64(id) }

// putAccount creates an account or brings an existing one to the stated form.
// Everything is checked before anything changes.
func (s *State) putAccount(c *PutAccount, o *Outcome) {
	i := s.findAccount([]byte(c.Account))
	if c.Account == "" || len(c.Account) > MaxAccountID || len(c.Offers) > MaxOffers ||
		len(c.Subscribers) > MaxSubscribers || !c.Currency.Valid() ||
		c.CreditLimit < 0 || c.CreditLimit > balance.MaxAmount {
		o.refuse(Invalid, "account %q: an identifier of 1 to %d octets, at most %d offers and %d subscribers, and a credit limit from 0 are needed",
			c.Account, MaxAccountID, MaxOffers, MaxSubscribers)
		return
	}
	if kind := balance.Kind(c.Kind); kind < balance.Prepaid || kind > balance.Hybrid || (kind == balance.Prepaid && c.CreditLimit > 0) {
		o.refuse(Invalid, "account %q: a kind is needed, and a prepaid account has no credit limit; make it hybrid to give it one", c.Account)
		return
	}
	if i != 0 && s.accounts.At(i).Currency != c.Currency {
		o.refuse(CurrencyMismatch, "account %q is kept in %s; close it and open another to change the currency", c.Account, s.accounts.At(i).Currency)
		return
	}
	catalog, offers, ok := s.findOffers(c, o)
	if !ok {
		return
	}
	subscribers, ok := s.checkSubscribers(i, c, o)
	if !ok {
		return
	}
	if i != 0 && !s.removable(i, subscribers, o) {
		return
	}
	if i == 0 {
		i = s.openAccount(c)
	}
	s.touchAccount(i)
	a := s.accounts.At(i)
	a.CreditLimit, a.Kind = c.CreditLimit, balance.Kind(c.Kind)
	main := s.book.Buckets.At(s.book.Main(&a.Account))
	a.Overdrawn = max(0, main.Reserved-main.Remaining-int64(a.CreditLimit))
	s.setSubscribers(i, subscribers)
	s.setOffers(a, catalog, offers)
	o.Currency = uint16(a.Currency)
	o.Amount = main.Remaining
}

func (s *State) openAccount(c *PutAccount) slab.Index {
	i, a := s.accounts.New()
	s.lastAccount++
	s.counters.Accounts++
	a.Number, a.Created, a.Currency = s.lastAccount, s.now, c.Currency
	a.IDLength = uint8(copy(a.ID[:], c.Account))
	s.byAccount.Insert(accountHash(a.id()), i)
	s.book.Open(&a.Account, balance.Bucket{
		Denomination: a.Denomination(), Priority: balance.MainPriority, Main: true, From: s.now,
	})
	return i
}

// findOffers finds the catalogue that has all of the account's offers.
func (s *State) findOffers(c *PutAccount, o *Outcome) (catalog ident.Name, offers []ident.Name, ok bool) {
	if len(c.Offers) == 0 {
		return 0, nil, true
	}
	for n, name := range c.Offers {
		if slices.Contains(c.Offers[:n], name) {
			o.refuse(Invalid, "account %q: offer %q is named twice; an account has an offer once", c.Account, name)
			return 0, nil, false
		}
	}
	var foreign *rating.Plan // has the offers, but prices in another currency
	for _, p := range s.catalogs.currents {
		plan := s.catalogs.publications[p-1].plan
		offers = offersOf(plan, c.Offers, offers[:0])
		switch {
		case len(offers) != len(c.Offers):
		case plan.Currency() != c.Currency:
			foreign = plan
		default:
			return ident.NameOf(plan.Name()), offers, true
		}
	}
	if foreign != nil {
		o.refuse(CurrencyMismatch, "account %q is to be kept in %s, but catalogue %q, which has the offers, prices in %s", c.Account, c.Currency, foreign.Name(), foreign.Currency())
	} else {
		o.refuse(OfferUnknown, "no published catalogue has all of the offers %q; publish one with PUT /charging/v1/catalogs/{name}", c.Offers)
	}
	return 0, nil, false
}

// offersOf appends those of the named offers that the plan has.
func offersOf(plan *rating.Plan, names []string, offers []ident.Name) []ident.Name {
	for _, name := range names {
		if offer, found := plan.Offer(ident.NameOf(name)); found {
			offers = append(offers, offer.ID)
		}
	}
	return offers
}

var errIdentityKind = errors.New("no such kind of identity")

// checkSubscribers normalises the identities and refuses one that another
// account has, or that is named twice.
func (s *State) checkSubscribers(account slab.Index, c *PutAccount, o *Outcome) (subscribers [][]ident.Identity, ok bool) {
	seen := map[ident.Identity]bool{}
	for _, spec := range c.Subscribers {
		var ids []ident.Identity
		for _, raw := range spec.Identities {
			id, err := ident.New(raw.Kind, []byte(raw.Value))
			if err == nil && raw.Kind > ident.Private {
				err = errIdentityKind
			}
			if err != nil {
				o.refuse(InvalidValue, "%s %q: %v", raw.Kind, raw.Value, err)
				return nil, false
			}
			if i := s.findIdentity(&id); seen[id] || (i != 0 && s.subscribers.At(s.identities.At(i).Subscriber).Account != account) {
				o.refuse(IdentityTaken, "%s belongs to another subscriber; remove it there first", id)
				return nil, false
			}
			seen[id] = true
			ids = append(ids, id)
		}
		if len(ids) == 0 || len(ids) > MaxIdentities {
			o.refuse(InvalidValue, "a subscriber needs 1 to %d identities, such as an imsi or an msisdn", MaxIdentities)
			return nil, false
		}
		subscribers = append(subscribers, ids)
	}
	return subscribers, true
}

// keeps reports whether a subscriber has exactly the given identities.
func (s *State) keeps(who slab.Index, ids []ident.Identity) bool {
	n := 0
	for i := s.subscribers.At(who).Identities; i != 0; i = s.identities.At(i).Next {
		if n == len(ids) || s.identities.At(i).Identity != ids[n] {
			return false
		}
		n++
	}
	return n == len(ids)
}

func (s *State) kept(who slab.Index, subscribers [][]ident.Identity) bool {
	for _, ids := range subscribers {
		if s.keeps(who, ids) {
			return true
		}
	}
	return false
}

// removable refuses to take subscribers away in the middle of a session.
func (s *State) removable(i slab.Index, subscribers [][]ident.Identity, o *Outcome) bool {
	for who := s.accounts.At(i).Subscribers; who != 0; who = s.subscribers.At(who).Next {
		if s.subscribers.At(who).OpenSessions > 0 && !s.kept(who, subscribers) {
			first := s.identities.At(s.subscribers.At(who).Identities)
			o.refuse(SubscriberBusy, "subscriber %s has open sessions; end them before it is changed", first.Identity)
			return false
		}
	}
	return true
}

// setSubscribers makes the account's subscribers those given, in that order;
// one that stays is not touched.
func (s *State) setSubscribers(i slab.Index, subscribers [][]ident.Identity) {
	a := s.accounts.At(i)
	var stay []slab.Index
	for who := a.Subscribers; who != 0; {
		next := s.subscribers.At(who).Next
		if s.kept(who, subscribers) {
			stay = append(stay, who)
		} else {
			s.removeSubscriber(who)
		}
		who = next
	}
	link := &a.Subscribers
	for _, ids := range subscribers {
		who := slab.Index(0)
		for _, candidate := range stay {
			if s.keeps(candidate, ids) {
				who = candidate
			}
		}
		if who == 0 {
			who = s.addSubscriber(i, ids)
		}
		*link = who
		link = &s.subscribers.At(who).Next
	}
	*link = 0
}

func (s *State) addSubscriber(account slab.Index, ids []ident.Identity) slab.Index {
	who, sub := s.subscribers.New()
	sub.Account = account
	link := &sub.Identities
	for _, id := range ids {
		i, record := s.identities.New()
		record.Identity, record.Subscriber = id, who
		s.byIdentity.Insert(id.Hash(), i)
		*link = i
		link = &record.Next
	}
	return who
}

func (s *State) removeSubscriber(who slab.Index) {
	for i := s.subscribers.At(who).Identities; i != 0; {
		next := s.identities.At(i).Next
		s.byIdentity.Remove(s.identities.At(i).Hash(), i)
		s.identities.Free(i)
		i = next
	}
	s.forgetCounters(&s.subscribers.At(who).Counters)
	s.subscribers.Free(who)
}

// setOffers gives the account its offers; an offer that is new to it grants
// its allowances.
func (s *State) setOffers(a *account, catalog ident.Name, offers []ident.Name) {
	had := a.Offers
	s.catalogs.hold(a, -1)
	defer s.catalogs.hold(a, 1)
	a.Catalog, a.Offers = catalog, [MaxOffers]ident.Name{}
	plan, _ := s.catalogs.current(catalog)
	for n, offer := range offers {
		a.Offers[n] = offer
		isNew := true
		for _, old := range had {
			isNew = isNew && old != offer
		}
		if !isNew {
			continue
		}
		o, _ := plan.Offer(offer)
		for _, k := range o.Allowances {
			s.grantAllowance(a, plan.AllowanceAt(k), offer)
		}
	}
}

func (s *State) grantAllowance(a *account, allowance *rating.Allowance, offer ident.Name) {
	if allowance.Amount == 0 {
		return
	}
	d := denominationOf(allowance.Unit)
	if allowance.Unit == rating.Money {
		d = a.Denomination()
	}
	bucket := balance.Bucket{
		Denomination: d, Allowance: allowance.ID, Priority: allowance.Priority,
		Remaining: allowance.Amount, Granted: allowance.Amount, From: s.now,
	}
	if allowance.Validity > 0 {
		bucket.Until = s.now.Add(allowance.Validity)
	}
	i := s.book.Open(&a.Account, bucket)
	s.operation(a, usage.Record{Kind: usage.Grant, Cause: usage.Requested, Offer: offer}, balance.Posting{
		From:   balance.LedgerAccount{Class: balance.Granted, Name: allowance.ID},
		To:     balance.LedgerAccount{Class: balance.CustomerBucket, Name: allowance.ID, Bucket: s.book.Buckets.At(i).ID},
		Amount: allowance.Amount, Denomination: d,
	})
}

// operation books postings and writes them as a record of a balance operation.
func (s *State) operation(a *account, record usage.Record, postings ...balance.Posting) {
	record.Opened, record.Closed, record.Currency = s.now, s.now, a.Currency
	record.Postings = postings
	for n := range postings {
		s.book.Ledger.Post(&postings[n])
	}
	s.emit(a, &record)
}

// expireBuckets takes away what an account did not use in time. What is
// reserved stays until it is used or released.
func (s *State) expireBuckets(owner slab.Index) {
	a := s.accounts.At(owner)
	for i := a.Buckets; i != 0; {
		b := s.book.Buckets.At(i)
		next := b.Next
		if b.Until != 0 && b.Until <= s.now && b.Reserved == 0 && !s.moved(a, i) {
			s.forfeit(a, i, usage.TimePassed)
		}
		i = next
	}
}

// moved reports whether an open record of the account names the bucket; it is
// needed until that record is written.
func (s *State) moved(a *account, bucket slab.Index) bool {
	for i := a.Sessions; i != 0; i = s.sessions.Sessions.At(i).Next {
		for g := s.sessions.Sessions.At(i).Groups; g != 0; g = s.sessions.Groups.At(g).Next {
			for _, used := range s.sessions.Groups.At(g).Moved.Bucket {
				if used == bucket {
					return true
				}
			}
		}
	}
	return false
}

// forfeit books what a bucket still holds as expired and closes it.
func (s *State) forfeit(a *account, i slab.Index, cause usage.Cause) {
	b := s.book.Buckets.At(i)
	if b.Remaining > 0 {
		s.operation(a, usage.Record{Kind: usage.Expiry, Cause: cause}, balance.Posting{
			From:   balance.LedgerAccount{Class: balance.CustomerBucket, Name: b.Allowance, Bucket: b.ID},
			To:     balance.LedgerAccount{Class: balance.Expired, Name: b.Allowance},
			Amount: b.Remaining, Denomination: b.Denomination,
		})
		b.Remaining = 0
	}
	s.book.Close(&a.Account, i)
}

// deleteAccount removes an account; allowances that are left, of units or of
// money, are forfeited. The account's own money is not: it must be paid out by
// an adjustment first.
func (s *State) deleteAccount(c *DeleteAccount, o *Outcome) {
	i := s.findAccount([]byte(c.Account))
	if i == 0 {
		o.refuse(AccountUnknown, "account %q does not exist", c.Account)
		return
	}
	a := s.accounts.At(i)
	if a.OpenSessions > 0 {
		o.refuse(AccountBusy, "account %q has %d open sessions; end them first", c.Account, a.OpenSessions)
		return
	}
	remaining := s.book.Buckets.At(s.book.Main(&a.Account)).Remaining
	if remaining != 0 || a.Excess != 0 {
		o.refuse(AccountNotEmpty, "account %q holds %s %s and owes %s; bring both to zero with an adjustment or a top-up first",
			c.Account, money.Amount(remaining), a.Currency, a.Excess)
		return
	}
	s.touchAccount(i)
	for b := a.Buckets; b != 0; b = a.Buckets {
		s.forfeit(a, b, usage.Requested)
	}
	s.setSubscribers(i, nil)
	s.byAccount.Remove(accountHash(a.id()), i)
	s.catalogs.hold(a, -1)
	s.dirty.accountDeleted(a)
	s.forgetCounters(&a.Counters)
	s.accounts.Free(i)
}
