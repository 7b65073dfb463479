package tmf

import (
	"context"
	"slices"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/billing"
	"gyro/billing/invoice"
	"gyro/billing/payment/provider"
	"gyro/internal/database"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// invoices are the endpoints of documents that TM Forum has no resource for.
type invoices struct{ s *billing.Service }

const (
	invoicesPath = "/office/v1/invoices"
	invoicePath  = invoicesPath + "/{id}"
)

type invoiceList struct {
	Invoices []invoice.JSON `json:"invoices"`
	Total    int            `json:"total"`
}

type creditBody struct {
	Reason string           `json:"reason"`
	Lines  []creditLineBody `json:"lines,omitempty"`
}

type creditLineBody struct {
	Position int          `json:"position"`
	Amount   rest.Decimal `json:"amount,omitempty"` // net; left out it is all that is left
}

type rebillView struct {
	CreditNote invoice.JSON  `json:"creditNote"`
	Invoice    *invoice.JSON `json:"invoice,omitempty"` // none where nothing is left to bill
}

type chargeBody struct {
	Kind        string       `json:"kind"` // one_time, debit or credit
	Amount      rest.Decimal `json:"amount"`
	Currency    string       `json:"currency"`
	Description string       `json:"description"`
	TaxCategory string       `json:"taxCategory,omitempty"`
	GLCode      string       `json:"glCode,omitempty"`
	Product     string       `json:"product,omitempty"`
}

type chargeList struct {
	Charges []chargeView `json:"charges"`
}

type chargeView struct {
	ID          string       `json:"id"`
	Kind        string       `json:"kind"`
	Amount      rest.Decimal `json:"amount"`
	Currency    string       `json:"currency"`
	Description string       `json:"description"`
	On          string       `json:"on"`
}

// Endpoints implements rest.Set.
func (i invoices) Endpoints() []rest.Endpoint {
	const finance, look = access.Finance, access.Finance | access.Care
	narrow := append(slices.Clone(pages), rest.Parameter{Name: "account", Kind: rest.Number, About: "of a billing account"}, rest.Parameter{Name: "run", Kind: rest.Number, About: "of an invoice run"},
		rest.Parameter{Name: "state", About: "draft, reviewed, finalised or cancelled", Values: []string{string(invoice.Draft), string(invoice.Reviewed), string(invoice.Finalised), string(invoice.Cancelled)}},
		rest.Parameter{Name: "type", About: "invoice, creditNote or statement", Values: []string{string(invoice.Bill), string(invoice.CreditNote), string(invoice.Statement)}})
	return []rest.Endpoint{
		reading(look, invoicesPath, "Lists documents, drafts as well, the newest first.", narrow, i.list),
		reading(look, invoicePath, "Shows a document, found by its id or its number, with its lines and taxes.", nil, func(ctx context.Context, q bun.IDB, c *rest.Call) (invoice.JSON, error) {
			d, err := i.find(ctx, q, c)
			if err != nil {
				return invoice.JSON{}, err
			}
			return d.JSON(), nil
		}),
		{Method: "GET", Path: invoicePath + "/pdf", Roles: look, Summary: "Prints a document.", Do: i.pdf},
		reading(look, invoicePath+"/lines/{n}/usage", "Lists the usage records that a line is made of; their charges come to its exact amount.", pages, i.usage),
		writing("POST", finance, invoicePath+"/credit-notes", "Credits an invoice, or lines of it, with a document of its own.", i.credit),
		{
			Method: "POST", Path: invoicePath + "/rebill", Roles: finance, Body: reasonBody{}, Answer: rebillView{},
			Summary: "Takes an account's last invoice back as a whole and bills its period anew.", Do: performed(i.rebill),
		},
		reading(look, "/office/v1/accounts/{id}/charges", "Lists the charges that wait for an account's next bill.", nil, i.charges),
		writing("POST", look, "/office/v1/accounts/{id}/charges", "Adds a charge or a credit to an account's next bill.", i.charge),
	}
}

// page reads offset and limit, which were checked to be numbers.
func page(c *rest.Call) (offset, limit int, err error) {
	limit = rest.DefaultLimit
	values := c.Query()
	for name, to := range map[string]*int{"offset": &offset, "limit": &limit} {
		if text := values.Get(name); text != "" {
			if *to, err = strconv.Atoi(text); err != nil || *to < 0 || name == "limit" && (*to < 1 || *to > rest.MaxLimit) {
				return 0, 0, refusal.New(refusal.Invalid, "invalid_parameter", name, "%q is out of range: limit is 1 to %d", text, rest.MaxLimit)
			}
		}
	}
	return offset, limit, nil
}

func (i invoices) list(ctx context.Context, q bun.IDB, c *rest.Call) (invoiceList, error) {
	offset, limit, err := page(c)
	if err != nil {
		return invoiceList{}, err
	}
	values := c.Query()
	f := invoice.Filter{State: invoice.State(values.Get("state")), Type: invoice.Type(values.Get("type"))}
	f.Account, _ = strconv.ParseInt(values.Get("account"), 10, 64) // checked to be a number
	f.Run, _ = strconv.ParseInt(values.Get("run"), 10, 64)
	rows, total, err := invoice.List(ctx, q, f, limit, offset)
	v := invoiceList{Invoices: []invoice.JSON{}, Total: total}
	for k := range rows {
		v.Invoices = append(v.Invoices, rows[k].Summary())
	}
	return v, err
}

func (i invoices) find(ctx context.Context, q bun.IDB, c *rest.Call) (*invoice.Document, error) {
	id, err := invoice.Find(ctx, q, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return invoice.Get(ctx, q, id)
}

func (i invoices) pdf(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	var d *invoice.Document
	err := c.DB().Read(ctx, func(ctx context.Context, q bun.IDB) (err error) {
		d, err = i.find(ctx, q, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	text, err := invoice.PDF(d)
	return &rest.Answer{
		Status: 200, Raw: text, ContentType: "application/pdf",
		Header: map[string]string{"Content-Disposition": `inline; filename="` + d.Reference() + `.pdf"`},
	}, err
}

func (i invoices) usage(ctx context.Context, q bun.IDB, c *rest.Call) (usageOfLine, error) {
	offset, limit, err := page(c)
	if err != nil {
		return usageOfLine{}, err
	}
	d, err := i.find(ctx, q, c)
	if err != nil {
		return usageOfLine{}, err
	}
	n, err := c.ID("n")
	if err != nil || n > int64(len(d.Lines)) {
		return usageOfLine{}, refusal.New(refusal.NotFound, "line_unknown", "n", "%s has no line %s", d.Reference(), c.Param("n"))
	}
	l := &d.Lines[n-1]
	records, total, err := invoice.RecordsOf(ctx, q, l, limit, offset)
	return viewUsageOfLine(l, records, total, offset), err
}

func (i invoices) credit(ctx context.Context, tx *database.Tx, c *rest.Call, in creditBody) (invoice.JSON, error) {
	key, err := c.NeedKey()
	if err != nil {
		return invoice.JSON{}, err
	}
	id, err := invoice.Find(ctx, tx, c.Param("id"))
	if err != nil {
		return invoice.JSON{}, err
	}
	request := billing.CreditRequest{Reason: in.Reason, Key: c.Principal().Name + " " + key}
	for _, l := range in.Lines {
		request.Lines = append(request.Lines, billing.CreditLine{Position: l.Position, Amount: money.Amount(l.Amount)})
	}
	note, err := i.s.CreditIn(ctx, tx, id, request)
	if err != nil {
		return invoice.JSON{}, err
	}
	d, err := invoice.Get(ctx, tx, note)
	if err != nil {
		return invoice.JSON{}, err
	}
	return d.JSON(), access.FourEyes(ctx, d.Total, d.Currency)
}

func (i invoices) rebill(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	key, err := c.NeedKey()
	if err != nil {
		return nil, err
	}
	var in reasonBody
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	var id int64
	var left money.Amount
	var currency string
	err = c.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		if id, err = invoice.Find(ctx, q, c.Param("id")); err == nil {
			left, currency, err = invoice.Creditable(ctx, q, id)
		}
		return err
	})
	if err == nil {
		err = access.FourEyes(ctx, left, currency) // what the credit note takes back: never more than this
	}
	if err != nil {
		return nil, err
	}
	note, bill, err := i.s.Rebill(ctx, c.Actor(), id, in.Reason, c.Principal().Name+" "+key)
	if err != nil {
		return nil, err
	}
	var v rebillView
	err = c.Read(ctx, func(ctx context.Context, q rest.Reader) error {
		d, err := invoice.Get(ctx, q, note)
		if err != nil {
			return err
		}
		if v.CreditNote = d.JSON(); bill == 0 {
			return nil
		}
		if d, err = invoice.Get(ctx, q, bill); err != nil {
			return err
		}
		made := d.JSON()
		v.Invoice = &made
		return nil
	})
	return rest.OK(v), err
}

func (i invoices) charges(ctx context.Context, q bun.IDB, c *rest.Call) (chargeList, error) {
	id, err := c.ID("id")
	if err != nil {
		return chargeList{}, err
	}
	waiting, err := billing.WaitingCharges(ctx, q, id)
	all := []chargeView{}
	for k := range waiting {
		w := &waiting[k]
		all = append(all, chargeView{rest.ID(w.ID), string(w.Kind), rest.Decimal(w.Amount), w.Currency, w.Description, w.ChargedOn})
	}
	return chargeList{all}, err
}

func (i invoices) charge(ctx context.Context, tx *database.Tx, c *rest.Call, in chargeBody) (chargeList, error) {
	key, err := c.NeedKey()
	if err != nil {
		return chargeList{}, err
	}
	id, err := c.ID("id")
	if err != nil {
		return chargeList{}, err
	}
	if of, err := money.ParseCurrency(in.Currency); err == nil {
		if _, err := provider.ToMinor(money.Amount(in.Amount), of); err != nil {
			return chargeList{}, refusal.New(refusal.Invalid, "amount_invalid", "amount", "%s %s is no amount of a bill: give one with at most %d decimals", money.Amount(in.Amount), of, of.Exponent())
		}
	}
	if err := access.FourEyes(ctx, money.Amount(in.Amount), in.Currency); err != nil {
		return chargeList{}, err
	}
	product := int64(0)
	if in.Product != "" {
		if product, err = rest.ParseRef("product", in.Product); err != nil {
			return chargeList{}, err
		}
	}
	err = billing.AddCharge(ctx, tx, billing.Charge{
		Account: id, Product: product, Kind: billing.ChargeKind(in.Kind), Amount: money.Amount(in.Amount), Currency: in.Currency, Description: in.Description,
		TaxCategory: in.TaxCategory, GLCode: in.GLCode, Key: c.Principal().Name + " " + key,
	})
	if err != nil {
		return chargeList{}, err
	}
	return i.charges(ctx, tx, c)
}
