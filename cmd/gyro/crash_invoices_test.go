package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
)

// Of the test that kills the program while it bills: more accounts than a run takes in two batches, most with one charge, some
// with a line and usage.
const (
	crashPayers     = 1100
	crashLines      = 4
	crashMessages   = 5 // of each line
	crashBillings   = 4 // kills
	crashCharge     = "12.34"
	crashAccountsBy = 4 // clerks who make accounts at once
)

// billedRun is an invoice run of the office.
type billedRun struct {
	ID, State, Digest                 string
	Accounts, Invoices, Parked, Lines int
	Totals                            map[string]struct{ Net, Tax, Total json.Number }
}

// begins starts a run as of a day, with what usage there is.
func (o *operator) begins(asOf, mode string) (run billedRun) {
	o.t.Helper()
	o.ask(http.MethodPost, "/office/v1/invoice-runs", map[string]any{"asOf": asOf, "mode": mode, "behind": true}, &run, "Idempotency-Key", mode+asOf)
	return run
}

// ended waits until a run is done.
func (o *operator) ended(run billedRun) billedRun {
	o.t.Helper()
	eventually(o.t, "run "+run.ID+" is done", func() bool {
		return o.try("/office/v1/invoice-runs/"+run.ID, &run) && run.State == "done"
	})
	return run
}

// payers makes accounts of one customer, each with a charge for its next bill.
func (o *operator) payers(count int) {
	o.t.Helper()
	var person, customer reference
	o.ask(http.MethodPost, "/tmf-api/party/v4/individual", map[string]any{"givenName": "Many", "familyName": "Accounts"}, &person)
	o.ask(http.MethodPost, "/tmf-api/customerManagement/v4/customer", map[string]any{
		"engagedParty": reference{ID: person.ID, ReferredType: "Individual"},
	}, &customer)
	key := []string{"Content-Type", "application/json", "Authorization", "Bearer " + o.key()}
	var group sync.WaitGroup
	for first := range crashAccountsBy {
		group.Go(func() {
			post := func(path string, body any, v any, more ...string) bool {
				text, err := json.Marshal(body)
				if err != nil {
					o.t.Error(err)
					return false
				}
				r, err := o.office.do(o.t.Context(), http.MethodPost, path, "application/json", text, append(more, key...)...)
				if err != nil || r.status/100 != 2 || v != nil && json.Unmarshal(r.body, v) != nil {
					o.t.Errorf("POST %s: %v %+v", path, err, r)
					return false
				}
				return true
			}
			for n := first; n < count; n += crashAccountsBy {
				var account reference
				if !post("/tmf-api/accountManagement/v4/billingAccount", map[string]any{
					"name": fmt.Sprint("Account ", n), "currency": "EUR", "taxRegion": "DE", "timeZone": "Europe/Berlin",
					"relatedParty": []reference{{ID: customer.ID, Role: "customer", ReferredType: "Customer"}},
				}, &account) || !post("/office/v1/accounts/"+account.ID+"/charges", map[string]any{
					"kind": "one_time", "amount": json.Number(crashCharge), "currency": "EUR", "description": "Installation",
				}, nil, "Idempotency-Key", fmt.Sprint("charge-", n)) {
					return
				}
			}
		})
	}
	group.Wait()
}

// customerWhoSent is the account of the n-th customer, with a line that has sent so many messages. Its message centre connects
// when the order is carried out: one that says nothing for as long as that may take is given up by the server.
func (o *operator) customerWhoSent(n, messages int) (account string) {
	o.t.Helper()
	account = o.customer(fmt.Sprint("Customer ", n), "Line")
	o.completed(o.order(account, fmt.Sprint("order-", n), map[string]any{"action": "add", "productOffering": reference{ID: "mobile-s"}}))
	l := o.lineOf(account)
	g := connectGateway(o.t, o.p.diameter)
	for m := range messages {
		sms := ccr{session: fmt.Sprintf("smsc.test.example;%d;%d", n, m), kind: oneTime, subscriber: o.subscriberOf(l)}
		if result := resultOf(o.t, g.ask(g.ccr(sms))); result != diam.Success {
			o.t.Fatalf("message %d of %s: %d", m, l.msisdn, result)
		}
	}
	_ = g.conn.Close()
	return account
}

// TestKilledWhileItBills kills the program at random moments of an invoice run and of what follows it. In the end the run has
// made what a dry run of before says, to the line; numbers have no gap; and the core has what was billed settled, once.
func TestKilledWhileItBills(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		o.publish()
		o.stock()
		for n := range crashLines {
			o.customerWhoSent(n, crashMessages)
		}
		o.payers(crashPayers)
		o.used()
		next := nextBillDay(o.t)
		began := time.Now()
		dry := o.ended(o.begins(next, "dry"))
		within := time.Since(began) // about what a run takes on this machine
		if dry.Invoices != crashPayers+crashLines || dry.Parked != 0 {
			t.Fatalf("the dry run says %+v", dry)
		}
		run := o.begins(next, "final")
		for range crashBillings {
			<-time.After(time.Duration(rand.Int64N(int64(within))))
			o.try("/office/v1/invoice-runs/"+run.ID, &run)
			o.p.kill()
			t.Logf("killed with %d of %d invoices made", run.Invoices, dry.Invoices)
			o.start()
		}
		final := o.ended(run)
		if final.Digest != dry.Digest || final.Invoices != dry.Invoices || final.Lines != dry.Lines || final.Parked != 0 || fmt.Sprint(final.Totals) != fmt.Sprint(dry.Totals) {
			t.Errorf("the run made %+v, the dry run said %+v", final, dry)
		}
		var page struct{ Total int }
		if o.ask(http.MethodGet, "/office/v1/invoices?limit=1", nil, &page); page.Total != dry.Invoices {
			t.Errorf("there are %d documents, want %d", page.Total, dry.Invoices)
		}
		o.prove() // numbers without gaps; what is settled in the core
		o.p.stop()
		o.site.verify(o.site.dir)
	})
}
