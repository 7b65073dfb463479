package tmf

import (
	"context"
	"strconv"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/refusal"

	"github.com/valyala/fasthttp"
)

// care is what care and sales do with customers beside the Open APIs: opening
// one in one go, and what is said to them.
type care struct {
	s    *customer.Service
	core Core
}

// careRoles are who deals with customers.
const careRoles = access.Sales | access.Care

const (
	customersPath = "/office/v1/customers"
	messagesPath  = "/office/v1/messages"
	ticketsPath   = "/office/v1/tickets"
)

// notificationStates are the states that messages can be listed by.
var notificationStates = []string{
	string(customer.NotificationPending), string(customer.NotificationSent), string(customer.NotificationFailed), string(customer.NotificationSuppressed),
}

// pageParameters choose a part of a list.
var pageParameters = []rest.Parameter{
	{Name: "offset", About: "how many to leave out at the beginning", Kind: rest.Number},
	{Name: "limit", About: "how many to show at most", Kind: rest.Number},
}

// listing is a part of a list, and how long the whole list is.
type listing[T any] struct {
	Items []T `json:"items"`
	Total int `json:"total"`
}

// Endpoints implements rest.Set.
func (c care) Endpoints() []rest.Endpoint {
	one := customersPath + "/{id}"
	get, post, patch := fasthttp.MethodGet, fasthttp.MethodPost, fasthttp.MethodPatch
	return []rest.Endpoint{
		{
			Method: post, Path: customersPath, Roles: careRoles, Body: opening{}, Answer: opened{}, Status: fasthttp.StatusCreated, Do: c.open,
			Summary: "Makes a party, its customer and a first billing account in one step, and welcomes them.",
		},
		{Method: get, Path: one + "/overview", Roles: customerReaders, Answer: overview{}, Do: c.overview, Summary: "Shows all there is of a customer: accounts with their balances, lines, products, bills, tickets, what was said."},
		{Method: get, Path: one + "/tickets", Roles: careRoles, Parameters: pageParameters, Answer: listing[ticketView]{}, Do: c.tickets, Summary: "Lists a customer's tickets."},
		{Method: post, Path: one + "/tickets", Roles: careRoles, Body: newTicket{}, Answer: ticketView{}, Status: fasthttp.StatusCreated, Do: c.openTicket, Summary: "Opens a ticket."},
		{Method: patch, Path: ticketsPath + "/{id}", Roles: careRoles, Body: ticketChange{}, Media: []string{"application/merge-patch+json", "application/json"}, Answer: ticketView{}, Do: c.changeTicket, Summary: "Moves a ticket on, assigns it, or adds a note."},
		{Method: get, Path: one + "/interactions", Roles: careRoles, Parameters: pageParameters, Answer: listing[interactionView]{}, Do: c.interactions, Summary: "Lists what was said with a customer, the newest first."},
		{Method: post, Path: one + "/interactions", Roles: careRoles, Body: newInteraction{}, Answer: interactionView{}, Status: fasthttp.StatusCreated, Do: c.interact, Summary: "Writes down what was said with a customer."},
		{Method: get, Path: one + "/consents", Roles: careRoles | access.Marketing, Answer: []consentView{}, Do: c.consents, Summary: "Lists what a customer's party agreed to, the last decision of each purpose."},
		{Method: post, Path: one + "/consents", Roles: careRoles, Body: newConsent{}, Answer: consentView{}, Status: fasthttp.StatusCreated, Do: c.consent, Summary: "Writes a decision of a customer's party down."},
		{Method: post, Path: one + "/webhook", Roles: careRoles, Body: newWebhook{}, Answer: webhookView{}, Status: fasthttp.StatusCreated, Do: c.webhook, Summary: "Has messages sent to a customer's own program; the secret that signs them is in the answer and never again."},
		{Method: fasthttp.MethodDelete, Path: one + "/webhook", Roles: careRoles, Status: fasthttp.StatusNoContent, Do: c.noWebhook, Summary: "Sends no more messages to a customer's program."},
		{Method: get, Path: messagesPath, Roles: careRoles | access.Administrator, Parameters: append([]rest.Parameter{{Name: "customer", About: "a customer's id", Kind: rest.Number}, {Name: "state", About: "pending, sent, failed or suppressed", Values: notificationStates}}, pageParameters...), Answer: listing[messageView]{}, Do: c.messages, Summary: "Lists messages to customers: what was sent, what failed and why."},
		{Method: post, Path: messagesPath + "/{id}/resend", Roles: careRoles | access.Administrator, Answer: messageView{}, Do: c.resend, Summary: "Takes a message up again that was given up, or had no sender."},
		{Method: post, Path: "/office/v1/accounts/{id}/close", Roles: access.Care | access.Finance, Body: closing{}, Answer: billingAccount{}, Do: c.close, Summary: "Closes a billing account whose lines are terminated, for good."},
	}
}

// opening is a new customer in one document: one of individual and organization.
type opening struct {
	Individual   *individual    `json:"individual,omitempty"`
	Organization *organization  `json:"organization,omitempty"`
	Name         string         `json:"name,omitempty"`    // of the customer; the party's where it is left out
	Segment      string         `json:"segment,omitempty"` // residential, business; of the party's kind where it is left out
	Account      billingAccount `json:"account"`           // without relatedParty
}

type opened struct {
	Customer buyer          `json:"customer"`
	Account  billingAccount `json:"account"`
}

func (in *opening) party() (p customer.Party, media []contactMedium, err error) {
	switch {
	case in.Individual != nil && in.Organization == nil:
		p.Kind, media, err = customer.Individual, in.Individual.ContactMedium, in.Individual.into(&p)
	case in.Organization != nil && in.Individual == nil:
		p.Kind, media, err = customer.Organization, in.Organization.ContactMedium, in.Organization.into(&p)
	default:
		err = refusal.New(refusal.Invalid, "invalid_value", "individual", "name either an individual or an organization")
	}
	return p, media, err
}

func (c care) open(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	var in opening
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	party, media, err := in.party()
	if err != nil {
		return nil, err
	}
	contacts, err := contactsInto(media)
	if err != nil {
		return nil, err
	}
	account := customer.BillingAccount{
		Kind: customer.AccountKind(in.Account.AccountType), Currency: in.Account.Currency, ChargingAccount: in.Account.ChargingAccount, TermsDays: defaultTerms,
	}
	if err := in.Account.into(&account); err != nil {
		return nil, err
	}
	return call.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		made, err := c.s.OpenIn(ctx, tx, customer.Opening{
			Party: party, Contacts: contacts, Customer: customer.Customer{Name: in.Name, Segment: customer.Segment(in.Segment)}, Account: account,
		})
		if err != nil {
			return nil, err
		}
		view, err := buyerOf(ctx, tx, c.s, &made.Customer)
		if err != nil {
			return nil, err
		}
		accounts, err := accountPage(ctx, tx, c.s, []customer.BillingAccount{made.Account})
		if err != nil {
			return nil, err
		}
		view.Href, view.Type = rest.Href(ctx, rest.TMF629, "customer", view.ID), "Customer"
		accounts[0].Href, accounts[0].Type = rest.Href(ctx, rest.TMF666, "billingAccount", accounts[0].ID), "BillingAccount"
		return rest.Created(view.Href, opened{view, accounts[0]}), nil
	})
}

type closing struct {
	Why string `json:"why"`
}

func (c care) close(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	var in closing
	if err := call.Decode(&in); err != nil {
		return nil, err
	}
	id, err := call.ID("id")
	if err != nil {
		return nil, err
	}
	return call.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		if err := c.s.SetAccountStatus(ctx, tx, id, customer.AccountClosed, in.Why); err != nil {
			return nil, err
		}
		a, err := c.s.Account(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		page, err := accountPage(ctx, tx, c.s, []customer.BillingAccount{a})
		if err != nil {
			return nil, err
		}
		page[0].Href, page[0].Type = rest.Href(ctx, rest.TMF666, "billingAccount", page[0].ID), "BillingAccount"
		return rest.OK(page[0]), nil
	})
}

// pageOf reads the parameters of a page.
func pageOf(call *rest.Call) (p customer.Page, err error) {
	_, p.Limit, err = call.Limit()
	if text := call.Query().Get("offset"); text != "" && err == nil {
		if p.Offset, err = strconv.Atoi(text); err != nil || p.Offset < 0 {
			err = refusal.New(refusal.Invalid, "invalid_parameter", "offset", "%q is not a number from 0 on", text)
		}
	}
	return p, err
}

// listed answers with the part of a list that the request asks for.
func listed[R, T any](ctx context.Context, call *rest.Call, view func(*R) T, read func(ctx context.Context, q rest.Reader, page customer.Page) ([]R, int, error)) (*rest.Answer, error) {
	page, err := pageOf(call)
	if err != nil {
		return nil, err
	}
	var l listing[T]
	err = call.Read(ctx, func(ctx context.Context, q rest.Reader) error {
		rows, total, err := read(ctx, q, page)
		l = listing[T]{Items: make([]T, len(rows)), Total: total}
		for k := range rows {
			l.Items[k] = view(&rows[k])
		}
		return err
	})
	return rest.OK(l), err
}
