package api

import (
	"gyro/charging"

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
	command := &charging.AddSubscriber{Account: account, Subscriber: spec}
	if body.Account != nil && isName(account, charging.MaxAccountID, "-._~:@+") {
		if command.Opening, err = body.Account.command(account); err != nil {
			return err
		}
	}
	reply, err := s.carryOut(r, charging.KindAddSubscriber, command)
	if err != nil {
		return err
	}
	changed := reply.Record > 0
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
	reply, err := s.carryOut(r, charging.KindRemoveSubscriber, &charging.RemoveSubscriber{Account: account, Subscriber: identity})
	if err != nil {
		return err
	}
	return r.answer(fasthttp.StatusOK, memberView{Account: account, Identity: body.Subscriber, Changed: reply.Record > 0})
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
