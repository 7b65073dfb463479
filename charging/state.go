package charging

import (
	"gyro/balance"
	"gyro/charging/session"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// Settings decide outcomes, so they are state: they change by a command and
// every replay uses those that were in force.
type Settings struct {
	// Supervision is the least Tcc: a session without any request for this
	// long (or for twice its longest Validity-Time, if that is more) is closed
	// and its reservations are released.
	Supervision instant.Span `json:"supervision_ms"`
	// SessionRetention, EventRetention and CommandRetention are how long the
	// answers to terminations, events and balance commands are kept for
	// duplicates.
	SessionRetention instant.Span `json:"session_retention_ms"`
	EventRetention   instant.Span `json:"event_retention_ms"`
	CommandRetention instant.Span `json:"command_retention_ms"`
	// LifeCycle is how long subscribers stay in each state of their life.
	LifeCycle LifeCycle `json:"life_cycle"`
	// Money are those of the operations on a balance.
	Money MoneySettings `json:"money"`
}

// DefaultSettings suit a gateway whose Tx timer is ten seconds and that
// retries for minutes, and clients of the API that retry for a day.
func DefaultSettings() Settings {
	return Settings{
		Supervision:      2 * instant.Hour,
		SessionRetention: 5 * instant.Minute,
		EventRetention:   instant.Hour,
		CommandRetention: instant.Day,
		Money:            defaultMoneySettings(),
	}
}

// State is one shard of accounts and everything that is open on them. It is
// changed by Apply alone, and by one goroutine at a time.
type State struct {
	settings Settings
	now      instant.Instant
	index    uint64 // of the last batch applied
	digest   uint64 // chained over all outcomes and records
	recent   digestRing

	accounts    slab.Slab[account]
	subscribers slab.Slab[subscriber]
	agenda      agenda
	// subscriptions are the offers that renew, cost or bind; the others are in
	// account.Offers alone.
	subscriptions    slab.Slab[subscription]
	lastSubscription uint64
	identities       slab.Slab[identity]
	counts           slab.Slab[counter]
	byAccount        slab.Table
	byIdentity       slab.Table
	lastAccount      uint64

	book     balance.Book
	sessions session.Set
	open     openSums
	round    round
	memory   session.Memory
	hosts    hosts
	catalogs catalogs
	outbox   Outbox
	dirty    dirtySets
	retained blobs
	purses   slab.Slab[purse]
	limits   slab.Slab[limit]
	vouchers vouchers
	activity Activity

	scratch scratch
}

// scratch is memory that one command after the other uses.
type scratch struct {
	request  CreditControl
	outcome  Outcome
	encoded  []byte
	key      []byte
	record   usage.Record
	due      []slab.Index
	filter   filter
	offers   []ident.Name
	after    filter        // after a tariff switch
	half     session.Group // the part of a quota behind it
	notices  notices
	event    session.Session
	group    session.Group
	postings [usage.MaxPostings]balance.Posting
	left     [usage.MaxPostings]int64
	why      []byte
	counting counting
	held     []balance.Held
	pending  []pendingUnits
}

// NewState returns an empty shard.
func NewState() *State {
	return &State{settings: DefaultSettings(), hosts: newHosts(), dirty: dirtySets{epoch: 1}}
}

// Activity is what the shard has done since it began, as far as no ledger
// account shows it.
type Activity struct {
	Accounts, Sessions uint64 // opened ever
	Requests           [RequestTypes]uint64
	Duplicates         uint64
	SupervisionExpired uint64
	Excess             uint64 // reports beyond what any bucket could pay
	// Grants are the sizes of grants by GrantUnit.
	Grants [GrantUnits]GrantSizes
}

// account is a payer: the balance's view of it and what else belongs to it.
type account struct {
	balance.Account
	Number      uint64 // counts accounts from 1; never repeats
	LastRecord  uint64 // the newest record of its chain
	Records     uint64
	Created     instant.Instant
	Offers      [MaxOffers]ident.Name
	Subscribers slab.Index
	Sessions    slab.Index
	Counters    slab.Index // of the account as a whole
	// Refundable is what the account was charged for usage and did not get back:
	// the most that refunds may return to it.
	Refundable   money.Amount
	OpenSessions uint32
	// Overdrawn is how far the money used and reserved was beyond the credit
	// limit when that was last set: a limit may be lowered below what is used.
	Overdrawn int64
	// LowBalance is the available money below which the balance is low; zero
	// never is.
	LowBalance money.Amount
	Catalog    ident.Name
	// Due is when the account is to be seen to, and place where in the agenda it
	// is, counted from 1; both are zero when time brings nothing about.
	Due            instant.Instant
	Subscriptions  slab.Index
	place          uint32
	LastSubscriber uint32 // the highest subscriber's number given
	CycleDay       uint8  // of the month on which the billing cycle begins, 1 to 28
	// Closing accounts are deleted when their last session has ended.
	Closing bool
	// lingers tells that a bucket whose time has passed waits for what is
	// reserved or recorded on it.
	lingers bool
	// particular tells that not every offer of the account is in force for each
	// of its subscribers: some are suspended, or somebody's own.
	particular bool
	Warned     warned
	Purse      slab.Index // loan, wrong guesses, transfers of the day; 0 nothing
	IDLength   uint8
	ID         [MaxAccountID]byte
	// touched and written are the checkpoint epochs of the last change and of
	// the last writing; an account that was never written has written 0.
	touched, written uint32
}

// Limits of an account.
const (
	// MaxOffers is the most offers one account can have at once.
	MaxOffers = 8
	// MaxAccountID is the longest account identifier in octets: a UUID with
	// room for a prefix.
	MaxAccountID = 55
	// MaxSubscribers is the most subscribers one account can have. A company
	// with more is several accounts.
	MaxSubscribers = 1000
)

func (a *account) id() []byte { return a.ID[:a.IDLength] }

func (a *account) offers() []ident.Name {
	for n, offer := range a.Offers {
		if offer == 0 {
			return a.Offers[:n]
		}
	}
	return a.Offers[:]
}

// subscriber is someone who uses services that the account pays for.
type subscriber struct {
	Account      slab.Index
	Next         slab.Index // the account's next subscriber
	Identities   slab.Index
	Counters     slab.Index
	Limits       slab.Index
	OpenSessions uint32
	Number       uint32 // in the account, from 1; never given again
	// Until is when the state ends by itself, zero never; Then is what follows,
	// zero what comes next in life.
	Until       instant.Instant
	State, Then SubscriberState
	// Held states were set by a command: credit does not end them.
	Held      bool
	Equipment equipment
}

// identity is one way to name a subscriber.
type identity struct {
	ident.Identity
	Subscriber slab.Index
	Next       slab.Index // the subscriber's next identity
}

// resolve returns the subscriber that the first known of the identities names,
// and that identity.
func (s *State) resolve(ids []ident.Identity) (slab.Index, *ident.Identity) {
	for n := range ids {
		if i := s.findIdentity(&ids[n]); i != 0 {
			return s.identities.At(i).Subscriber, &ids[n]
		}
	}
	return 0, nil
}

func (s *State) findIdentity(id *ident.Identity) slab.Index {
	for p := s.byIdentity.Find(id.Hash()); p.Next(); {
		if s.identities.At(p.Index()).Identity == *id {
			return p.Index()
		}
	}
	return 0
}

func (s *State) findAccount(id []byte) slab.Index {
	for p := s.byAccount.Find(accountHash(id)); p.Next(); {
		if string(s.accounts.At(p.Index()).id()) == string(id) {
			return p.Index()
		}
	}
	return 0
}

// hosts numbers the gateways that sessions came from. The names are those of
// requests, so a peer may make up any number of them.
type hosts struct {
	names []string
	open  []int // sessions
	index map[string]uint32
	free  []uint32
	sweep int // how many names there are when those without sessions are forgotten
}

// rememberedHosts is how many gateways are remembered whether or not they have
// sessions: more than an operator has, so that one without sessions for a
// moment costs nothing.
const rememberedHosts = 4096

func newHosts() hosts { return hosts{index: map[string]uint32{}, sweep: rememberedHosts} }

// enter counts a session of a gateway and returns the gateway's number; leave
// takes it off.
func (h *hosts) enter(name []byte) uint32 {
	n, ok := h.index[string(name)]
	if !ok {
		n = h.add(string(name))
	}
	h.open[n]++
	return n
}

func (h *hosts) leave(n uint32) { h.open[n]-- }

func (h *hosts) add(name string) (n uint32) {
	if len(h.index) >= h.sweep {
		h.forget()
	}
	if last := len(h.free) - 1; last >= 0 {
		n, h.free = h.free[last], h.free[:last]
		h.names[n] = name
	} else {
		n = uint32(len(h.names))
		h.names, h.open = append(h.names, name), append(h.open, 0)
	}
	h.index[name] = n
	return n
}

// forget drops the gateways without sessions.
func (h *hosts) forget() {
	for n, name := range h.names {
		if number, ok := h.index[name]; ok && number == uint32(n) && h.open[n] == 0 {
			delete(h.index, name)
			h.names[n] = ""
			h.free = append(h.free, uint32(n))
		}
	}
	h.sweep = max(rememberedHosts, 2*len(h.index))
}

// Index is the journal index of the last batch applied.
func (s *State) Index() uint64 { return s.index }

// Digest is chained over every outcome and record so far: two states that
// applied the same batches have the same digest, or have diverged.
func (s *State) Digest() uint64 { return s.digest }

// Now is the time stamped on the last batch.
func (s *State) Now() instant.Instant { return s.now }

// Settings returns the settings in force.
func (s *State) Settings() Settings { return s.settings }

// NeedsTick reports whether a KindTick command at the given time would change
// anything.
func (s *State) NeedsTick(now instant.Instant) bool {
	return s.sessions.AnyDue(now) || s.memory.AnyExpired(now) || s.agenda.anyDue(now) || s.catalogs.anyTakesEffect(now) || len(s.round.Catalogs) > 0
}
