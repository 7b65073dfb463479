package invoice

import (
	"strconv"
	"strings"

	"gyro/internal/money"
)

// Amount is money in JSON: a decimal string with its currency.
type Amount struct {
	Value    string `json:"value"`
	Currency string `json:"unit"`
}

func amountOf(a money.Amount, currency string, decimals int) Amount {
	return Amount{a.Format(decimals), currency}
}

// JSON is a document as programs read it.
type JSON struct {
	ID          string     `json:"id"`
	Type        Type       `json:"type"`
	State       State      `json:"state"`
	Number      string     `json:"number,omitempty"`
	Entity      string     `json:"entity"`
	Account     string     `json:"billingAccountId"`
	Customer    string     `json:"customerId"`
	Name        string     `json:"customerName"`
	Language    string     `json:"language"`
	From        *JSONParty `json:"seller,omitempty"`
	To          *JSONParty `json:"recipient,omitempty"`
	PeriodFrom  string     `json:"periodFrom"`
	PeriodUntil string     `json:"periodUntil"` // the day behind the last
	Revision    int        `json:"revision"`
	IssuedOn    string     `json:"issuedOn"`
	DueOn       string     `json:"dueOn"`
	Net         Amount     `json:"net"`
	Tax         Amount     `json:"tax"`
	Total       Amount     `json:"total"`
	SetOff      *Amount    `json:"setOff,omitempty"` // credit that was used as it was finalised
	ToPay       *Amount    `json:"toPay,omitempty"`  // of an invoice: total less setOff
	Open        Amount     `json:"open"`             // now
	Corrects    string     `json:"correctsInvoiceId,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	Run         string     `json:"invoiceRunId,omitempty"`
	Lines       []JSONLine `json:"lines"`
	Taxes       []JSONTax  `json:"taxes"`
}

// JSONLine is a line; exact is its amount before rounding, to the millionth.
type JSONLine struct {
	Position     int    `json:"position"`
	Kind         string `json:"kind"`
	Account      string `json:"billingAccountId"`
	Product      string `json:"productId,omitempty"`
	Subscription string `json:"subscriptionId,omitempty"`
	Description  string `json:"description"`
	Quantity     int64  `json:"quantity"`
	Unit         string `json:"unit"`
	PeriodFrom   string `json:"periodFrom"`
	PeriodUntil  string `json:"periodUntil"`
	PeriodDays   int    `json:"periodDays,omitempty"`
	Exact        string `json:"exact"`
	Amount       Amount `json:"amount"`
	TaxCode      string `json:"taxCode"`
	TaxRate      string `json:"taxRate"`
	GL           string `json:"glCode"`
	Records      int64  `json:"usageRecords,omitempty"`
	UsageFrom    int64  `json:"usageFrom,omitempty"`
	UsageThrough int64  `json:"usageThrough,omitempty"`
	Corrects     string `json:"corrects,omitempty"` // invoice.line
	MSISDN       string `json:"msisdn,omitempty"`
}

// JSONParty is who a document is from, or for, as they were when it was made.
type JSONParty struct {
	Name    string   `json:"name"`
	Account string   `json:"account,omitempty"`
	Address []string `json:"address,omitempty"`
	TaxID   string   `json:"taxId,omitempty"`
	IBAN    string   `json:"iban,omitempty"`
}

// JSONTax is the tax of one rate.
type JSONTax struct {
	Code   string `json:"code"`
	Rate   string `json:"rate"`
	Base   Amount `json:"base"`
	Tax    Amount `json:"tax"`
	Reason string `json:"reason,omitempty"`
}

// ID is a number as programs read it: a decimal string, empty for none.
func ID(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// Summary is a document without its lines, as lists show it.
func (i *Invoice) Summary() JSON {
	decimals := 2
	if c, err := money.ParseCurrency(i.Currency); err == nil {
		decimals = c.Exponent()
	}
	v := JSON{
		ID: ID(i.ID), Type: i.Type, State: i.State, Entity: i.Entity, Account: ID(i.Account), PeriodFrom: i.PeriodFrom, PeriodUntil: i.PeriodUntil,
		Revision: i.Revision, IssuedOn: i.IssuedOn, DueOn: i.DueOn, Net: amountOf(i.Net, i.Currency, decimals), Tax: amountOf(i.Tax, i.Currency, decimals),
		Total: amountOf(i.Total, i.Currency, decimals), Reason: i.Reason, Run: ID(i.Run),
		Name: i.Recipient.Name, Language: i.Language,
	}
	if i.Number != nil {
		v.Number = *i.Number
	}
	if i.Corrects != nil {
		v.Corrects = ID(*i.Corrects)
	}
	return v
}

// JSON is the whole document.
func (d *Document) JSON() JSON {
	v := d.Summary()
	decimals := 2
	if c, err := money.ParseCurrency(d.Currency); err == nil {
		decimals = c.Exponent()
	}
	v.Customer, v.Open = ID(d.Customer), amountOf(d.Open, d.Currency, decimals)
	if d.Type == Bill {
		setOff, toPay := amountOf(d.SetOff, d.Currency, decimals), amountOf(d.ToPay(), d.Currency, decimals)
		v.SetOff, v.ToPay = &setOff, &toPay
	}
	v.From = &JSONParty{Name: d.From.LegalName, Address: strings.Split(d.From.Address, "\n"), TaxID: d.From.TaxID, IBAN: d.From.IBAN}
	v.To = &JSONParty{Name: d.Recipient.Name, Account: d.Recipient.Account, Address: d.Recipient.Address(), TaxID: d.Recipient.TaxID}
	for k := range d.Lines {
		l := &d.Lines[k]
		line := JSONLine{
			Position: l.Position, Kind: string(l.Kind), Account: ID(l.Account), Product: ID(l.Product), Subscription: ID(l.Subscription), Description: l.Description,
			Quantity: l.Quantity, Unit: l.Unit, PeriodFrom: l.PeriodFrom, PeriodUntil: l.PeriodUntil, PeriodDays: l.PeriodDays, Exact: l.Exact.Format(money.Decimals),
			Amount: amountOf(l.Amount, d.Currency, decimals), TaxCode: l.TaxCode, TaxRate: percent(l.TaxRate), GL: l.GL, Records: l.Records, UsageFrom: l.UsageFrom, UsageThrough: l.UsageThrough,
			MSISDN: l.MSISDN,
		}
		if l.CorrectsInvoice != 0 {
			line.Corrects = ID(l.CorrectsInvoice) + "." + strconv.Itoa(l.CorrectsPosition)
		}
		v.Lines = append(v.Lines, line)
	}
	for k := range d.Taxes {
		t := &d.Taxes[k]
		v.Taxes = append(v.Taxes, JSONTax{t.Category, percent(t.Rate), amountOf(t.Base, d.Currency, decimals), amountOf(t.Tax, d.Currency, decimals), t.Reason})
	}
	return v
}

// percent is a rate in millionths as programs read it.
func percent(rate int64) string { return money.Amount(rate*100).Format(0) + "%" }
