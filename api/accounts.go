package api

import (
	"gyro/balance"
	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/money"

	"github.com/cespare/xxhash/v2"
	"github.com/valyala/fasthttp"
)

// accountBody is what PUT takes.
type accountBody struct {
	Currency    string           `json:"currency"`
	Kind        string           `json:"kind"`
	CreditLimit string           `json:"credit_limit"`
	Subscribers []subscriberBody `json:"subscribers"`
	Offers      []string         `json:"offers"`
	// LowBalance is the money below which the account is warned.
	LowBalance string `json:"low_balance"`
	// CycleDay is the day of the month, 1 to 28, on which billing cycles begin.
	CycleDay *int `json:"cycle_day"`
}

// subscriberBody is the identities of one subscriber, one of each kind.
type subscriberBody struct {
	IMSI    string `json:"imsi,omitempty"`
	MSISDN  string `json:"msisdn,omitempty"`
	SIPURI  string `json:"sip_uri,omitempty"`
	NAI     string `json:"nai,omitempty"`
	Private string `json:"private,omitempty"`
	// State is what a new subscriber begins with: ordered or active.
	State string `json:"state,omitempty"`
}

// byKind are the fields in the order in which identities are kept.
func (b *subscriberBody) byKind() [charging.MaxIdentities]struct {
	value *string
	kind  ident.Kind
} {
	return [charging.MaxIdentities]struct {
		value *string
		kind  ident.Kind
	}{
		{&b.IMSI, ident.IMSI},
		{&b.MSISDN, ident.E164},
		{&b.SIPURI, ident.SIPURI},
		{&b.NAI, ident.NAI},
		{&b.Private, ident.Private},
	}
}

// accountView is an account as GET shows it.
type accountView struct {
	Account     string    `json:"account"`
	Kind        string    `json:"kind"`
	Currency    string    `json:"currency"`
	CreditLimit string    `json:"credit_limit"`
	Remaining   string    `json:"remaining"`
	Reserved    string    `json:"reserved"`
	Available   string    `json:"available"`
	Excess      string    `json:"excess"`
	LowBalance  string    `json:"low_balance,omitempty"`
	CycleDay    uint8     `json:"cycle_day,omitempty"` // where it is not the first
	Loan        *loanView `json:"loan,omitempty"`
	// RedeemLocked is until when no voucher can be redeemed, after wrong codes.
	RedeemLocked string           `json:"redeem_locked_until,omitempty"`
	Created      string           `json:"created"`
	Catalog      string           `json:"catalog,omitempty"`
	Offers       []string         `json:"offers"`
	Subscribers  []subscriberView `json:"subscribers"`
	// Subscriptions are the offers that renew, cost or bind.
	Subscriptions []activeView  `json:"subscriptions,omitempty"`
	Counters      []counterView `json:"counters,omitempty"` // of the account as a whole
	Buckets       []bucketView  `json:"buckets"`
	OpenSessions  []string      `json:"open_sessions"`
	Records       uint64        `json:"records"`
	LastRecord    uint64        `json:"last_record"`
}

// loanView is what is owed of a loan, its fee included.
type loanView struct {
	Owed  string `json:"owed"`
	Taken string `json:"taken"`
	Due   string `json:"due,omitempty"`
}

type bucketView struct {
	ID           uint64 `json:"id"`
	Name         string `json:"name"`
	Denomination string `json:"denomination"`
	Remaining    string `json:"remaining"`
	Reserved     string `json:"reserved"`
	Granted      string `json:"granted,omitempty"`
	Priority     int16  `json:"priority"`
	From         string `json:"from,omitempty"`
	Until        string `json:"until,omitempty"`
	Valid        bool   `json:"valid"`
}

func (s *Server) getAccount(r *request) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	account, err := r.param("account")
	if err != nil {
		return err
	}
	view, err := s.accountView(account)
	if err != nil {
		return err
	}
	return r.answer(fasthttp.StatusOK, view)
}

// accountCopy is all that the state knows of an account, at one moment.
type accountCopy struct {
	charging.AccountView
	subscribers   []charging.SubscriberView
	subscriptions []charging.SubscriptionView
	counters      []charging.CounterView
	limits        []charging.LimitView
}

func (s *Server) accountView(account string) (*accountView, error) {
	var c accountCopy
	known := false
	s.o.Engine.View(func(state *charging.State) {
		if c.AccountView, known = state.Account(account); known {
			c.subscribers, c.subscriptions = state.Subscribers(account), state.Subscriptions(account)
			c.counters, c.limits = state.Counters(account), state.Limits(account)
		}
	})
	if !known {
		return nil, accountUnknown(account)
	}
	return c.view(), nil
}

func (c *accountCopy) view() *accountView {
	v := &c.AccountView
	view := &accountView{
		Account: v.ID, Kind: v.Kind.String(), Currency: v.Currency.String(),
		CreditLimit: decimal(v.CreditLimit, v.Currency), Remaining: decimal(v.Remaining, v.Currency),
		Reserved: decimal(v.Reserved, v.Currency), Available: decimal(v.Available, v.Currency),
		Excess: decimal(v.Excess, v.Currency), RedeemLocked: moment(v.RedeemLocked), Created: moment(v.Created),
		Catalog: v.Catalog, Offers: append([]string{}, v.Offers...), Buckets: []bucketView{},
		OpenSessions: append([]string{}, v.OpenSessions...), Records: v.Records, LastRecord: v.LastRecord,
		Subscribers: c.subscriberViews(), Subscriptions: c.subscriptionViews(), Counters: c.counterViews(0),
	}
	if v.CycleDay > 1 {
		view.CycleDay = v.CycleDay
	}
	if v.LowBalance != 0 {
		view.LowBalance = decimal(v.LowBalance, v.Currency)
	}
	if v.Loan != 0 {
		view.Loan = &loanView{Owed: decimal(v.Loan, v.Currency), Taken: moment(v.LoanTaken), Due: moment(v.LoanDue)}
	}
	for n := range v.Buckets {
		view.Buckets = append(view.Buckets, bucketOf(&v.Buckets[n]))
	}
	return view
}

func accountUnknown(account string) *problem {
	return unknownAccount("account " + quoted(account) + " does not exist")
}

func bucketOf(b *charging.BucketView) bucketView {
	view := bucketView{
		ID: b.ID, Name: b.Allowance, Denomination: b.Denomination.String(),
		Remaining: denominated(b.Remaining, b.Denomination), Reserved: denominated(b.Reserved, b.Denomination),
		Priority: b.Priority, From: moment(b.From), Until: moment(b.Until), Valid: b.Valid,
	}
	switch {
	case b.Main:
		view.Name = mainBucket
	case b.Allowance == "":
		view.Name, view.Granted = bonusBucket, denominated(b.Granted, b.Denomination)
	default:
		view.Granted = denominated(b.Granted, b.Denomination)
	}
	return view
}

// putAccount creates an account or brings it to the stated form. The turn
// makes "was it there before" and the command one step.
func (s *Server) putAccount(r *request) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	account, err := r.param("account")
	if err != nil {
		return err
	}
	if !isName(account, charging.MaxAccountID, "-._~:@+") {
		return refuse(fasthttp.StatusUnprocessableEntity, "invalid_value",
			"account %s: use 1 to %d letters, digits, -, _, ., ~, :, @ and +", quoted(account), charging.MaxAccountID)
	}
	var body accountBody
	if err := r.decode(&body); err != nil {
		return err
	}
	command, err := body.command(account)
	if err != nil {
		return err
	}
	turn := s.turnOf(account)
	if err := turn.take(r.ctx); err != nil {
		return err
	}
	defer turn.give()
	status := fasthttp.StatusOK
	s.o.Engine.View(func(state *charging.State) {
		if !state.HasAccount(account) {
			status = fasthttp.StatusCreated
		}
	})
	if _, err := s.carryOut(r, charging.KindPutAccount, command); err != nil {
		return err
	}
	view, err := s.accountView(account)
	if err != nil {
		return err
	}
	return r.answer(status, view)
}

func (b *accountBody) command(account string) (*charging.PutAccount, error) {
	currency, err := parseCurrency(b.Currency, "use an ISO 4217 code such as EUR")
	if err != nil {
		return nil, err
	}
	if b.Kind == "" {
		return nil, missing("kind", "use prepaid, postpaid or hybrid")
	}
	kind, ok := balance.ParseKind(b.Kind)
	if !ok {
		return nil, invalid("kind", "unknown kind "+quoted(b.Kind), "use prepaid, postpaid or hybrid")
	}
	if b.CreditLimit == "" {
		b.CreditLimit = "0"
	}
	limit, err := creditLimit(b.CreditLimit, currency, kind)
	if err != nil {
		return nil, err
	}
	c := &charging.PutAccount{Account: account, Currency: currency, Kind: uint8(kind), CreditLimit: limit, Offers: b.Offers}
	if b.LowBalance != "" {
		if c.LowBalance, err = parseAmount("low_balance", b.LowBalance, currency, paidDecimals); err != nil {
			return nil, err
		}
	}
	if c.CycleDay, err = cycleDay(b.CycleDay); err != nil {
		return nil, err
	}
	for n := range b.Subscribers {
		spec, err := b.Subscribers[n].spec(index("subscribers", n))
		if err != nil {
			return nil, err
		}
		c.Subscribers = append(c.Subscribers, spec)
	}
	return c, unique(b.Offers)
}

// creditLimit reads the credit limit of an account of a kind.
func creditLimit(text string, currency money.Currency, kind balance.Kind) (money.Amount, error) {
	limit, err := parseAmount("credit_limit", text, currency, paidDecimals)
	switch {
	case err != nil:
		return 0, err
	case limit < 0 || limit > balance.MaxAmount:
		return 0, invalid("credit_limit", quoted(text)+" is out of range", "use an amount from 0 to "+decimal(balance.MaxAmount, currency))
	case kind == balance.Prepaid && limit != 0:
		return 0, invalid("credit_limit", "a prepaid account has none", "use 0, or the kind hybrid or postpaid")
	}
	return limit, nil
}

// unique refuses an offer that is named twice: it would be activated twice.
func unique(offers []string) error {
	seen := map[string]bool{}
	for n, offer := range offers {
		if seen[offer] {
			return invalid(index("offers", n), quoted(offer)+" is there twice", "name each offer once")
		}
		seen[offer] = true
	}
	return nil
}

// spec normalises a subscriber's identities. Two fields may say the same, for
// a SIP URI of a telephone number is that number; they must not contradict.
func (b *subscriberBody) spec(key string) (spec charging.SubscriberSpec, err error) {
	var known [charging.MaxIdentities]string
	for _, field := range b.byKind() {
		if *field.value == "" {
			continue
		}
		at := key + "." + field.kind.String()
		id, err := ident.New(field.kind, []byte(*field.value))
		if err != nil {
			return spec, invalid(at, quoted(*field.value)+": "+err.Error(), "correct it, or leave it out")
		}
		value := string(id.Bytes())
		switch known[id.Kind] {
		case "":
			known[id.Kind] = value
			spec.Identities = append(spec.Identities, charging.IdentitySpec{Kind: id.Kind, Value: value})
		case value:
		default:
			return spec, invalid(at, quoted(*field.value)+" names another "+id.Kind.String()+" than "+quoted(known[id.Kind]), "a subscriber has one of each kind")
		}
	}
	if spec.State, err = parseState(key+".state", b.State); err != nil {
		return spec, err
	}
	if len(spec.Identities) == 0 {
		return spec, invalid(key, "the subscriber has no identity", "give it an imsi, msisdn, sip_uri, nai or private")
	}
	return spec, nil
}

// turnOf is the turn that changes of an account take.
func (s *Server) turnOf(account string) turn {
	return s.changing[xxhash.Sum64String(account)%accountTurns]
}

// closingView answers the deletion of an account whose sessions are being ended.
type closingView struct {
	Account string `json:"account"`
	// OpenSessions were asked to end; the account goes with the last of them.
	OpenSessions uint64 `json:"open_sessions"`
}

func (s *Server) deleteAccount(r *request) error {
	abort, err := r.flag("abort")
	if err != nil {
		return err
	}
	account, err := r.param("account")
	if err != nil {
		return err
	}
	turn := s.turnOf(account)
	if err := turn.take(r.ctx); err != nil {
		return err
	}
	defer turn.give()
	reply, err := s.o.Engine.Do(r.ctx, charging.KindDeleteAccount, &charging.DeleteAccount{Account: account, Abort: abort})
	if err != nil {
		return err
	}
	if reply.Result == charging.AccountUnknown {
		return goneAccount(reply.Detail)
	}
	if err := refusal(&reply); err != nil {
		return err
	}
	if reply.Record > 0 {
		return r.answer(fasthttp.StatusAccepted, closingView{account, reply.Record})
	}
	r.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}
