package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Where orders and what comes of them are.
const (
	orderPath   = "/tmf-api/productOrderingManagement/v4/productOrder"
	productPath = "/tmf-api/productInventory/v4/product"
)

// stock fills the pools of numbers and cards.
func (o *operator) stock() {
	o.t.Helper()
	o.ask(http.MethodPost, "/office/v1/pools/default/msisdn", map[string]any{"first": "4915290000000", "count": 100}, nil)
	o.ask(http.MethodPost, "/office/v1/pools/default/sim", map[string]any{"iccid": "894926000000000000", "imsi": "262019000000000", "count": 100}, nil)
}

// line is an active line of a customer.
type line struct{ account, product, imsi, msisdn string }

// order places an order of one item, which has to be taken, and returns its id.
func (o *operator) order(account, key string, item map[string]any) string {
	o.t.Helper()
	item["id"] = "1"
	var placed reference
	o.ask(http.MethodPost, orderPath, map[string]any{
		"externalId": key, "billingAccount": reference{ID: account}, "productOrderItem": []any{item},
	}, &placed, "Idempotency-Key", key)
	return placed.ID
}

// completed waits until an order is carried out.
func (o *operator) completed(id string) {
	o.t.Helper()
	var order struct{ State string }
	eventually(o.t, "order "+id+" is completed", func() bool {
		if !o.try(orderPath+"/"+id, &order) {
			return false
		}
		if order.State == "failed" || order.State == "rejected" || order.State == "cancelled" || order.State == "partial" {
			o.t.Fatalf("order %s is %s", id, order.State)
		}
		return order.State == "completed"
	})
}

// lineOf finds what an account has.
func (o *operator) lineOf(account string) line {
	o.t.Helper()
	var products []struct {
		ID                    string
		Status                string
		ProductCharacteristic []struct{ Name, Value string }
	}
	o.ask(http.MethodGet, productPath+"?billingAccount.id="+account, nil, &products)
	if len(products) != 1 || products[0].Status != "active" {
		o.t.Fatalf("account %s has %+v, want one active line", account, products)
	}
	l := line{account: account, product: products[0].ID}
	for _, c := range products[0].ProductCharacteristic {
		switch c.Name {
		case "imsi":
			l.imsi = c.Value
		case "msisdn":
			l.msisdn = c.Value
		}
	}
	return l
}

// shown waits until both elements and the inventory show a line in a state.
func (o *operator) shown(l line, product, hss, pcrf string) {
	o.t.Helper()
	var p struct{ Status string }
	eventually(o.t, "product "+l.product+" is "+product, func() bool { return o.try(productPath+"/"+l.product, &p) && p.Status == product })
	if found := o.hss.subscriber(l.imsi); found["subscriberStatus"] != hss || found["msisdn"] != l.msisdn {
		o.t.Errorf("the HSS shows %v, want %s of %s", found, hss, l.msisdn)
	}
	if found := o.pcrf.subscriber(l.imsi); found["status"] != pcrf || found["msisdn"] != l.msisdn {
		o.t.Errorf("the PCRF shows %v, want %s of %s", found, pcrf, l.msisdn)
	}
}

// simulatedRequests are what a simulated element asks for a line before it ends its sessions: a number, not a time, so that
// what is used does not depend on the machine. With so many, some calls last for more than the minute that is always paid.
const simulatedRequests = 40

// answers is how many requests of a line are granted, of those of a simulated element, which are all answered.
func (o *operator) answers(l line, kind string, more ...string) uint64 {
	o.t.Helper()
	args := append([]string{
		"simulate", kind, "--connect", o.p.diameter, "--subscribers", "1", "--sessions", "1", "--rate", "50",
		"--imsi-base", l.imsi, "--msisdn-base", l.msisdn, "--requests", fmt.Sprint(simulatedRequests), "--report", "json",
	}, more...)
	report := finalReport(o.t, launch(o.t, command(o.t, args...)))
	if report.AnswersTotal < simulatedRequests {
		o.t.Errorf("of what %s wants of the %s, %d requests are answered", kind, l.msisdn, report.AnswersTotal)
	}
	return report.Answers2001
}

// traffic has a line use the network.
func (o *operator) traffic(l line, kind string, more ...string) {
	o.t.Helper()
	if o.answers(l, kind, more...) == 0 {
		o.t.Errorf("nothing that %s wants of the %s is granted", l.msisdn, kind)
	}
}

// used waits until the office has every usage record of the core.
func (o *operator) used() {
	o.t.Helper()
	var feed struct{ Last int }
	o.charging.must(http.MethodGet, "/charging/v1/usage?after=0&limit=1", "", nil, &feed)
	if feed.Last == 0 {
		o.t.Fatal("the core has no usage")
	}
	var s struct{ After int }
	eventually(o.t, "the usage is taken in", func() bool { return o.try("/office/v1/usage-intake", &s) && s.After >= feed.Last })
}

// nextBillDay is the day after the cycle that everybody is in: a month of Germany, where it begins before that of UTC.
func nextBillDay(t testing.TB) string {
	t.Helper()
	germany, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(germany)
	return time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// bill carries out the invoice run of the cycle that everybody is in.
func (o *operator) bill() (billed int) {
	o.t.Helper()
	next := nextBillDay(o.t)
	var run struct {
		ID, State        string
		Invoices, Parked int
	}
	o.ask(http.MethodPost, "/office/v1/invoice-runs", map[string]any{"asOf": next, "mode": "final", "behind": true}, &run, "Idempotency-Key", "run-"+next)
	eventually(o.t, "the invoice run is done", func() bool { return o.try("/office/v1/invoice-runs/"+run.ID, &run) && run.State == "done" })
	if run.Parked > 0 {
		o.t.Errorf("%d accounts are parked", run.Parked)
	}
	return run.Invoices
}

// dunned has a run carried out as of a day, behind the one of the hour if that is under way.
func (o *operator) dunned(day, key string) (run dunningRun) {
	o.t.Helper()
	for try := 0; run.AsOf != day; try++ {
		o.ask(http.MethodPost, "/office/v1/dunning/runs", map[string]any{"asOf": day}, &run, "Idempotency-Key", fmt.Sprint(key, "-", try))
		eventually(o.t, "dunning run "+run.ID+" is done", func() bool {
			return o.try("/office/v1/dunning/runs/"+run.ID, &run) && run.State == "done"
		})
	}
	return run
}

// dun takes every step of the policy up to the suspension, each as of its day.
func (o *operator) dun(dueOn string) {
	o.t.Helper()
	due, err := time.Parse(time.DateOnly, dueOn)
	if err != nil {
		o.t.Fatal(err)
	}
	var policy struct {
		Steps []struct {
			Days   int
			Action string
		}
	}
	o.ask(http.MethodGet, "/office/v1/dunning/policy", nil, &policy)
	for _, step := range policy.Steps {
		day := due.AddDate(0, 0, step.Days).Format(time.DateOnly)
		taken := o.dunned(day, "dunning-"+day)
		if taken.Parked > 0 || taken.Steps[step.Action] != 1 {
			o.t.Errorf("as of %s: %+v, want one step %s", day, taken, step.Action)
		}
		if step.Action == "suspend" {
			return
		}
	}
	o.t.Fatal("no step of the policy suspends")
}

// prove proves the books of the office, against themselves and the core's, once everything that moves has come to rest.
func (o *operator) prove() {
	o.t.Helper()
	var said string
	eventually(o.t, "the books are closed", func() bool {
		cmd := command(o.t, "books", "verify", "--office", "http://"+o.officeAddress, "--office-key-file", adminKeyFile(o.site.dir), "--server", "http://"+o.p.http)
		out, err := cmd.CombinedOutput()
		if said != string(out) {
			said = string(out)
			o.t.Logf("gyro books verify:\n%s", said)
		}
		return err == nil
	})
	if !strings.Contains(said, "journal") {
		o.t.Errorf("gyro books verify says nothing of the journal:\n%s", said)
	}
}
