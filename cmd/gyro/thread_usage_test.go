package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/fiorix/go-diameter/v4/diam"

	"gyro/api/client"
	"gyro/internal/money"
)

// Where bills and what they are made of are.
const (
	billPath = "/tmf-api/customerBillManagement/v4/customerBill"
	ratePath = "/tmf-api/customerBillManagement/v4/appliedCustomerBillingRate"
)

// message has a line send one short message to a national number, as an event that the test makes itself, and returns the
// Session-Id under which it asked.
func (o *operator) message(l line) (session string) {
	o.t.Helper()
	session = "smsc.test.example;1;" + l.imsi
	g := connectGateway(o.t, o.p.diameter)
	if result := resultOf(o.t, g.ask(g.ccr(ccr{session: session, kind: oneTime, subscriber: o.subscriberOf(l)}))); result != diam.Success {
		o.t.Fatalf("the message of %s is answered with %d", l.msisdn, result)
	}
	return session
}

// subscriberOf is what a gateway of the tests calls a line.
func (o *operator) subscriberOf(l line) int {
	o.t.Helper()
	imsi, err := strconv.Atoi(l.imsi)
	if err != nil {
		o.t.Fatal(err)
	}
	return imsi - firstIMSI
}

// rated is everything that the charging core has rated of an account: its usage feed, read to its end.
func (o *operator) rated(l line) map[uint64]client.UsageRecord {
	o.t.Helper()
	of := map[uint64]client.UsageRecord{}
	for page := (client.UsagePage{Last: 1}); page.Next < page.Last; {
		path := fmt.Sprintf("/charging/v1/usage?after=%d&limit=1000", page.Next)
		page = client.UsagePage{}
		o.charging.must(http.MethodGet, path, "", nil, &page)
		for _, r := range page.Records {
			if r.Account == "ba-"+l.account {
				of[r.Record] = r
			}
		}
	}
	return of
}

// billLine is a line of a bill, as TMF678 shows it.
type billLine struct {
	ID, Name, Description string
	TaxExcludedAmount     struct{ Value json.Number }
	Characteristic        []struct {
		Name  string
		Value any
	}
}

func (r *billLine) value(name string) string {
	for _, c := range r.Characteristic {
		if c.Name == name {
			return fmt.Sprint(c.Value)
		}
	}
	return ""
}

// follow follows the only bill of a line's account down to the records that its usage is made of, as a reader of the bill
// would, and holds them against what the charging core rated: each record is behind one line, with what the core charged,
// and those behind a line come to its exact amount. The message that was sent under a Session-Id is on the bill for its price.
func (o *operator) follow(l line, session string) {
	o.t.Helper()
	core := o.rated(l)
	var bills []struct{ ID, BillNo string }
	o.ask(http.MethodGet, billPath+"?billingAccount.id="+l.account, nil, &bills)
	if len(bills) != 1 {
		o.t.Fatalf("account %s has the bills %+v, want one", l.account, bills)
	}
	var rates []billLine
	o.ask(http.MethodGet, ratePath+"?limit=100&bill.id="+bills[0].ID, nil, &rates)
	behind, fractions := map[uint64]string{}, 0 // record to the line that has it; records with fractions of a cent
	for k := range rates {
		r := &rates[k]
		path := r.value("usage")
		if (path != "") != (r.Description == "usage") {
			o.t.Errorf("line %s (%s) of %s says its usage is at %q", r.ID, r.Description, bills[0].BillNo, path)
		}
		if path == "" {
			continue
		}
		sum, service := money.Amount(0), ""
		for record, charged := range o.behind(path) {
			if other, twice := behind[record]; twice {
				o.t.Errorf("record %d is behind %s and %s", record, other, path)
			}
			behind[record], sum = path, sum+charged
			if charged%(money.Unit/100) != 0 {
				fractions++
			}
			of, found := core[record]
			if service = cmp.Or(service, of.Service); !found || of.Charged != charged || of.Service != service {
				o.t.Errorf("%s has record %d for %s, the core %s of %q", path, record, charged.Format(money.Decimals), of.Charged.Format(money.Decimals), of.Service)
			}
			if core[record].SessionID == session {
				o.t.Logf("the message of session %s is record %d, line %s of %s, %s", session, record, r.ID, bills[0].BillNo, path)
				if charged.Format(2) != "0.09" {
					o.t.Errorf("the message costs %s", charged.Format(money.Decimals))
				}
			}
		}
		if exact := r.value("exact"); exact != sum.Format(money.Decimals) {
			o.t.Errorf("%s comes to %s, its records to %s", path, exact, sum.Format(money.Decimals))
		}
	}
	for record, of := range core {
		if _, found := behind[record]; !found {
			o.t.Errorf("record %d of the core (%s, %s) is behind no line of %s", record, of.Service, of.Charged.Format(money.Decimals), bills[0].BillNo)
		} else if of.SessionID == session {
			session = ""
		}
	}
	if session != "" {
		o.t.Errorf("the core has no record of session %s", session)
	}
	if fractions == 0 {
		o.t.Errorf("no record of %s has fractions of a cent: nothing shows that they add up exactly", bills[0].BillNo)
	}
}

// behind is what the office says of the usage that a line is made of, three records at a time: record to what it charged.
func (o *operator) behind(path string) map[uint64]money.Amount {
	o.t.Helper()
	records := map[uint64]money.Amount{}
	for offset, more := 0, true; more; {
		var page struct {
			Records []struct {
				Record  string
				Charged json.Number
			}
			Total, NextOffset int
		}
		o.ask(http.MethodGet, fmt.Sprintf("%s?limit=3&offset=%d", path, offset), nil, &page)
		for _, r := range page.Records {
			number, err := strconv.ParseUint(r.Record, 10, 64)
			charged, wrong := money.Parse(r.Charged.String(), money.Decimals)
			if err != nil || wrong != nil {
				o.t.Fatal(path, r, err, wrong)
			}
			records[number] = charged
		}
		if offset, more = page.NextOffset, page.NextOffset > 0; !more && len(records) != page.Total {
			o.t.Errorf("%s has %d records and shows %d", path, page.Total, len(records))
		}
	}
	return records
}
