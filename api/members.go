package api

import (
	"slices"

	"gyro/balance"
	"gyro/charging"
	"gyro/internal/ident"

	"github.com/valyala/fasthttp"
)

// memberBody adds one subscriber to an account and leaves the others alone. Who
// keeps an account elsewhere cannot do that with PUT: between reading the
// account and putting it back somebody else may have added another one.
type memberBody struct {
	Subscriber subscriberBody `json:"subscriber"`
	// Account is what an account that is not there begins as; one that is there
	// stays as it is.
	Account *accountBody `json:"account"`
}

// memberView answers it, and the removal.
type memberView struct {
	Account    string          `json:"account"`
	Subscriber *subscriberBody `json:"subscriber,omitempty"`
	Identity   string          `json:"identity,omitempty"` // that the removal named
	Changed    bool            `json:"changed"`            // false: it was so already
}

// addSubscriber makes sure that an account has a subscriber. It says what is to
// be, as PUT does, and so needs no key.
func (s *Server) addSubscriber(r *request) error {
	var body memberBody
	account, err := s.member(r, &body)
	if err != nil {
		return err
	}
	spec, err := body.Subscriber.spec("subscriber")
	if err != nil {
		return err
	}
	changed, err := s.changeMembers(r, account, body.Account, func(c *charging.PutAccount) bool {
		at := slices.IndexFunc(c.Subscribers, func(known charging.SubscriberSpec) bool { return related(known, spec) })
		if at < 0 {
			c.Subscribers = append(c.Subscribers, spec)
			return true
		}
		if sameIdentities(c.Subscribers[at], spec) {
			return false
		}
		c.Subscribers[at] = spec
		return true
	})
	if err != nil {
		return err
	}
	status := fasthttp.StatusOK
	if changed {
		status = fasthttp.StatusCreated
	}
	return r.answer(status, memberView{Account: account, Subscriber: &body.Subscriber, Changed: changed})
}

// leaverBody names the subscriber that an account is to have no more.
type leaverBody struct {
	Subscriber string `json:"subscriber"`
}

// removeSubscriber makes sure that an account does not have a subscriber; its
// own offers end with it.
func (s *Server) removeSubscriber(r *request) error {
	var body leaverBody
	account, err := s.member(r, &body)
	if err != nil {
		return err
	}
	identity, err := parseIdentity(body.Subscriber)
	if err != nil {
		return err
	}
	changed, err := s.changeMembers(r, account, nil, func(c *charging.PutAccount) bool {
		before := len(c.Subscribers)
		c.Subscribers = slices.DeleteFunc(c.Subscribers, func(known charging.SubscriberSpec) bool {
			return slices.Contains(known.Identities, identity)
		})
		return len(c.Subscribers) < before
	})
	if err != nil {
		return err
	}
	return r.answer(fasthttp.StatusOK, memberView{Account: account, Identity: body.Subscriber, Changed: changed})
}

// member reads what both requests have.
func (s *Server) member(r *request, body any) (account string, err error) {
	if err := r.noQuery(); err != nil {
		return "", err
	}
	if account, err = r.param("account"); err != nil {
		return "", err
	}
	return account, r.decode(body)
}

// changeMembers changes the list of an account's subscribers while no other
// request changes the account, and tells whether there was anything to change.
func (s *Server) changeMembers(r *request, account string, opening *accountBody, change func(*charging.PutAccount) bool) (bool, error) {
	turn := s.turnOf(account)
	if err := turn.take(r.ctx); err != nil {
		return false, err
	}
	defer turn.give()
	command := s.presentForm(account)
	switch {
	case command != nil:
	case opening == nil || !isName(account, charging.MaxAccountID, "-._~:@+"):
		return false, accountUnknown(account)
	default:
		var err error
		if command, err = opening.command(account); err != nil {
			return false, err
		}
	}
	if !change(command) {
		return false, nil
	}
	_, err := s.carryOut(r, charging.KindPutAccount, command)
	return err == nil, err
}

// presentForm is the command that would leave an account as it is, nil if there
// is none.
func (s *Server) presentForm(account string) *charging.PutAccount {
	var view charging.AccountView
	known := false
	s.o.Engine.View(func(state *charging.State) { view, known = state.Account(account) })
	if !known {
		return nil
	}
	c := &charging.PutAccount{
		Account: account, Currency: view.Currency, Kind: uint8(view.Kind), CreditLimit: view.CreditLimit,
		Offers: view.Offers, CycleDay: view.CycleDay, LowBalance: view.LowBalance,
	}
	if view.Kind == balance.Prepaid {
		c.CreditLimit = 0
	}
	for _, identities := range view.Subscribers {
		var spec charging.SubscriberSpec
		for _, id := range identities {
			spec.Identities = append(spec.Identities, specOf(id))
		}
		c.Subscribers = append(c.Subscribers, spec)
	}
	return c
}

func specOf(id ident.Identity) charging.IdentitySpec {
	return charging.IdentitySpec{Kind: id.Kind, Value: string(id.Bytes())}
}

// related reports whether two have an identity in common, and so are one
// subscriber.
func related(a, b charging.SubscriberSpec) bool {
	return slices.ContainsFunc(a.Identities, func(id charging.IdentitySpec) bool { return slices.Contains(b.Identities, id) })
}

func sameIdentities(a, b charging.SubscriberSpec) bool {
	return len(a.Identities) == len(b.Identities) && !slices.ContainsFunc(a.Identities, func(id charging.IdentitySpec) bool {
		return !slices.Contains(b.Identities, id)
	})
}
