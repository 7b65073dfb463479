package tmf

import (
	"context"

	"gyro/api/client"
	"gyro/api/rest"
	"gyro/billing/invoice"
	"gyro/billing/ledger"
	"gyro/customer"
	"gyro/internal/instant"
	"gyro/provisioning"

	"github.com/uptrace/bun"
)

// Core is the charging core as the office's API shows and moves it;
// *client.Charging is it.
type Core interface {
	Account(ctx context.Context, account string) (client.Account, error)
	Postings(ctx context.Context, account string, before uint64, limit int) (client.Postings, error)
	Moved(ctx context.Context, account, kind, key string, since instant.Instant) (client.Posted, bool, error)
}

// shownOfEach bounds what an overview shows of each list.
const shownOfEach = 20

// overview is all there is of a customer, on one page.
type overview struct {
	Customer     buyer             `json:"customer"`
	Accounts     []accountSummary  `json:"accounts"`
	Lines        []lineView        `json:"lines"`
	Products     []productLine     `json:"products"`
	Bills        []billLine        `json:"bills"` // the newest first
	Tickets      []ticketView      `json:"tickets"`
	Interactions []interactionView `json:"interactions"`
	Messages     []messageView     `json:"messages"`
}

// accountSummary is an account with what it owes, and its balance in the
// charging core where that answers.
type accountSummary struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	Type     string      `json:"accountType"`
	State    string      `json:"state"`
	Open     *rest.Money `json:"open"` // of its bills
	Overdue  *rest.Money `json:"overdue"`
	Balance  *rest.Money `json:"balance,omitempty"`   // own money; below zero usage that is not billed
	Free     *rest.Money `json:"available,omitempty"` // what can still be used, the credit limit included
	CoreSays string      `json:"coreSays,omitempty"`  // why there is no balance

	charging string
}

type lineView struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	MSISDN  string    `json:"msisdn,omitempty"`
	IMSI    string    `json:"imsi,omitempty"`
	Status  string    `json:"status"`
	Since   rest.Time `json:"activatedAt,omitzero"`
}

type productLine struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Line    string    `json:"line,omitempty"`
	Name    string    `json:"name"`
	Status  string    `json:"status"`
	Since   rest.Time `json:"activatedAt,omitzero"`
}

type billLine struct {
	ID      string      `json:"id"`
	Account string      `json:"account"`
	Type    string      `json:"type"`
	Number  string      `json:"number,omitempty"`
	State   string      `json:"state"`
	Issued  string      `json:"issuedOn"`
	Due     string      `json:"dueOn,omitempty"`
	Total   *rest.Money `json:"total"`
}

func (c care) overview(ctx context.Context, call *rest.Call) (*rest.Answer, error) {
	id, err := call.ID("id")
	if err != nil {
		return nil, err
	}
	var v overview
	today := ledger.Day(call.DB().Now())
	if err := call.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		v, err = c.stored(ctx, q, id, today)
		return err
	}); err != nil {
		return nil, err
	}
	// Outside of any transaction: the core may take its time.
	for k := range v.Accounts {
		c.live(ctx, &v.Accounts[k])
	}
	return rest.OK(v), nil
}

// live adds an account's balance in the core.
func (c care) live(ctx context.Context, a *accountSummary) {
	if c.core == nil {
		a.CoreSays = "no charging core is configured"
		return
	}
	is, err := c.core.Account(ctx, a.charging)
	switch {
	case client.Refused(err, "account_unknown"):
		a.CoreSays = "the charging core does not know the account yet: it has no line"
	case err != nil:
		a.CoreSays = "the charging core does not answer"
	default:
		currency := is.Currency.String()
		a.Balance, a.Free = rest.MoneyOf(is.Remaining, currency), rest.MoneyOf(is.Available, currency)
	}
}

// stored is what the office has of a customer.
func (c care) stored(ctx context.Context, q bun.IDB, id int64, today string) (v overview, err error) {
	row, err := c.s.Customer(ctx, q, id)
	if err != nil {
		return v, err
	}
	if v.Customer, err = buyerOf(ctx, q, c.s, &row); err != nil {
		return v, err
	}
	v.Customer.Href, v.Customer.Type = rest.Href(ctx, rest.TMF629, "customer", v.Customer.ID), "Customer"
	accounts, _, err := c.s.Accounts(ctx, q, customer.AccountFilter{CustomerID: id}, customer.Page{Limit: shownOfEach})
	if err != nil {
		return v, err
	}
	v.Accounts = []accountSummary{}
	ids := []int64{0} // no account has it
	for k := range accounts {
		summary, err := summaryOf(ctx, q, &accounts[k], today)
		if err != nil {
			return v, err
		}
		v.Accounts, ids = append(v.Accounts, summary), append(ids, accounts[k].ID)
	}
	if err := v.possessions(ctx, q, c.s, id, ids); err != nil {
		return v, err
	}
	err = v.said(ctx, q, c.s, id)
	return v, err
}

func summaryOf(ctx context.Context, q bun.IDB, a *customer.BillingAccount, today string) (accountSummary, error) {
	open, err := ledger.OpenReceivables(ctx, q, a.ID)
	v := accountSummary{
		ID: rest.ID(a.ID), Name: a.Name, Type: string(a.Kind), State: string(a.Status), charging: a.ChargingAccount,
		Open: rest.MoneyOf(0, a.Currency), Overdue: rest.MoneyOf(0, a.Currency),
	}
	for k := range open {
		v.Open.Value += rest.Decimal(open[k].Open)
		if open[k].DueOn < today {
			v.Overdue.Value += rest.Decimal(open[k].Dunnable())
		}
	}
	return v, err
}

// possessions adds lines, products and bills.
func (v *overview) possessions(ctx context.Context, q bun.IDB, s *customer.Service, id int64, accounts []int64) error {
	lines, _, err := s.Subscriptions(ctx, q, customer.LineFilter{CustomerID: id}, customer.Page{Limit: shownOfEach})
	if err != nil {
		return err
	}
	v.Lines = []lineView{}
	for k := range lines {
		l := &lines[k]
		v.Lines = append(v.Lines, lineView{rest.ID(l.ID), rest.ID(l.BillingAccountID), l.MSISDN, l.IMSI, string(l.Status), rest.Time(l.ActivatedAt)})
	}
	var products []provisioning.Product
	if err := q.NewSelect().Model(&products).Where("p.billing_account_id IN (?)", bun.List(accounts)).Order("p.id").Limit(shownOfEach).Scan(ctx); err != nil {
		return err
	}
	v.Products = []productLine{}
	for k := range products {
		p := &products[k]
		v.Products = append(v.Products, productLine{rest.ID(p.ID), rest.ID(p.BillingAccountID), refOrNone(p.SubscriptionID), p.Name, string(p.Status), rest.Time(p.ActivatedAt)})
	}
	var bills []invoice.Invoice
	if err := q.NewSelect().Model(&bills).Where("i.billing_account_id IN (?)", bun.List(accounts)).OrderExpr("i.id DESC").Limit(shownOfEach).Scan(ctx); err != nil {
		return err
	}
	v.Bills = []billLine{}
	for k := range bills {
		b := &bills[k]
		line := billLine{
			ID: rest.ID(b.ID), Account: rest.ID(b.Account), Type: string(b.Type), State: string(b.State), Issued: b.IssuedOn, Due: b.DueOn, Total: rest.MoneyOf(b.Total, b.Currency),
		}
		if b.Number != nil {
			line.Number = *b.Number
		}
		v.Bills = append(v.Bills, line)
	}
	return nil
}

// said adds tickets, interactions and messages.
func (v *overview) said(ctx context.Context, q bun.IDB, s *customer.Service, id int64) error {
	page := customer.Page{Limit: shownOfEach}
	tickets, _, err := s.Tickets(ctx, q, customer.TicketFilter{CustomerID: id}, page)
	if err != nil {
		return err
	}
	interactions, _, err := s.Interactions(ctx, q, id, page)
	if err != nil {
		return err
	}
	messages, _, err := s.Messages(ctx, q, customer.MessageFilter{CustomerID: id}, page)
	if err != nil {
		return err
	}
	v.Tickets, v.Interactions, v.Messages = []ticketView{}, []interactionView{}, []messageView{}
	for k := range tickets {
		v.Tickets = append(v.Tickets, viewTicket(&tickets[k]))
	}
	for k := range interactions {
		v.Interactions = append(v.Interactions, viewInteraction(&interactions[k]))
	}
	for k := range messages {
		v.Messages = append(v.Messages, viewMessage(&messages[k]))
	}
	return nil
}
