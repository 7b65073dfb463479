package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Of the test that kills the program while customers order.
const (
	crashOrders     = 60
	crashSellers    = 4
	crashOrderEnds  = 4                     // by turns it is killed and told to stop
	crashOrderPause = 30 * time.Millisecond // of each seller between two orders
	crashStock      = 100                   // numbers and cards: operator.stock
)

// seller places orders for one account, one after the other, and asks for every third to be cancelled. What is not answered
// it repeats until it is.
type seller struct {
	o       *office
	key     string // the administrator's
	name    string
	account string
	orders  map[string]string // what the seller calls it: the order's number
	failed  error
}

// ask repeats a request until it is answered, and returns the answer.
func (s *seller) ask(path, key string, body any) (*reply, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	pause := time.NewTicker(crashOrderPause)
	defer pause.Stop()
	for deadline := time.Now().Add(patience); ; <-pause.C {
		r, err := s.o.do(context.Background(), http.MethodPost, path, "application/json", text, "Idempotency-Key", key, "Authorization", "Bearer "+s.key)
		switch {
		case err == nil && r.status < http.StatusInternalServerError:
			return r, nil
		case err == nil && r.status != http.StatusServiceUnavailable:
			return r, fmt.Errorf("%s %s: status %d: %s", path, key, r.status, r.body)
		case time.Now().After(deadline):
			return nil, fmt.Errorf("%s %s is not answered: %w", path, key, err)
		}
	}
}

// sell places so many orders.
func (s *seller) sell(count int) error {
	pause := time.NewTicker(crashOrderPause)
	defer pause.Stop()
	for n := range count {
		name := fmt.Sprintf("%s-%d", s.name, n)
		r, err := s.ask(orderPath, name, map[string]any{
			"externalId": name, "billingAccount": reference{ID: s.account},
			"productOrderItem": []any{map[string]any{"id": "1", "action": "add", "productOffering": reference{ID: "mobile-s"}}},
		})
		if err != nil {
			return err
		}
		var placed reference
		if err := json.Unmarshal(r.body, &placed); err != nil || r.status != http.StatusCreated {
			return fmt.Errorf("order %s: status %d: %s", name, r.status, r.body)
		}
		s.orders[name] = placed.ID
		if n%3 == 2 {
			// It may be too late, which is an answer as well.
			if _, err := s.ask(cancelsResource, name+"-cancel", map[string]any{"productOrder": reference{ID: placed.ID}}); err != nil {
				return err
			}
		}
		<-pause.C
	}
	return nil
}

// sell has sellers place so many orders each, at the offices of some addresses by turns; sold waits until they have.
func (o *operator) sell(each int, addresses ...string) (sellers []*seller, sold func()) {
	o.t.Helper()
	var selling sync.WaitGroup
	for n := range crashSellers {
		s := &seller{
			o: newOffice(o.t, addresses[n%len(addresses)]), key: o.key(), name: fmt.Sprintf("seller-%d", n), orders: map[string]string{},
			account: o.customer(fmt.Sprintf("Customer %d", n), "Kill"),
		}
		sellers = append(sellers, s)
		selling.Go(func() { s.failed = s.sell(each) })
	}
	return sellers, func() {
		o.t.Helper()
		selling.Wait()
		for _, s := range sellers {
			if s.failed != nil {
				o.t.Fatal(s.failed)
			}
		}
	}
}

// TestKilledWhileCustomersOrder kills the program and stops it by SIGTERM, by turns, while customers order and change their
// minds, with elements that fail before and after they did what was asked. Then every order is completed or undone, and none
// is there twice or lost; inventory, HSS, PCRF and charging core have the same lines; no number or card has two.
func TestKilledWhileCustomersOrder(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		o.publish()
		o.stock()
		o.hss.fails(`{"refuse":50,"drop_before":50,"drop_after":100,"seed":7}`)
		o.pcrf.fails(`{"refuse":50,"drop_before":50,"drop_after":100,"seed":8}`)
		sellers, sold := o.sell(crashOrders/crashSellers, o.officeAddress)
		for end := range crashOrderEnds {
			at := crashOrders * (end + 1) / (crashOrderEnds + 1)
			eventually(t, fmt.Sprintf("%d orders are taken", at), func() bool { return o.count("") >= at })
			open := o.count("") - o.count("completed") - o.count("cancelled")
			if end%2 == 0 {
				o.p.kill()
				t.Logf("killed with %d orders open", open)
			} else {
				began := time.Now()
				o.p.stop()
				t.Logf("stopped with %d orders open, in %v", open, time.Since(began).Round(time.Millisecond))
			}
			o.start()
		}
		sold()
		o.hss.fails("")
		o.pcrf.fails("")
		eventually(t, "every order has ended", func() bool { return o.count("completed")+o.count("cancelled") >= crashOrders })
		o.checkOrders(sellers)
		o.p.stop()
	})
}

// count is how many orders are in a state, "" for all.
func (o *operator) count(state string) int {
	o.t.Helper()
	path := orderPath + "?limit=1&fields=id"
	if state != "" {
		path += "&state=" + state
	}
	r, err := o.office.do(o.t.Context(), http.MethodGet, path, "", nil, "Authorization", "Bearer "+o.key())
	if err != nil || r.status/100 != 2 { // 206 is a part of the list
		return 0
	}
	n := 0
	if _, err := fmt.Sscan(r.header.Get("X-Total-Count"), &n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

// checkOrders holds the orders that were answered against those that there are, and what came of them against what the
// elements, the core and the pools have.
func (o *operator) checkOrders(sellers []*seller) {
	o.t.Helper()
	lines := map[string]string{} // IMSI to number, of the inventory
	completed := 0
	for _, s := range sellers {
		var orders []struct{ ID, ExternalID, State string }
		o.ask(http.MethodGet, orderPath+"?limit=100&billingAccount.id="+s.account, nil, &orders)
		if len(orders) != len(s.orders) {
			o.t.Errorf("account %s has %d orders, %d were answered", s.account, len(orders), len(s.orders))
		}
		for _, order := range orders {
			if s.orders[order.ExternalID] != order.ID {
				o.t.Errorf("order %s is %s, and was answered as %s", order.ExternalID, order.ID, s.orders[order.ExternalID])
			}
			if order.State == "completed" {
				completed++
			}
		}
		for imsi, msisdn := range o.activeLines(s.account) {
			if lines[imsi] != "" {
				o.t.Errorf("card %s has two lines", imsi)
			}
			lines[imsi] = msisdn
		}
		o.checkCore(s.account)
	}
	if len(lines) != completed {
		o.t.Errorf("%d orders are completed, and %d lines are active", completed, len(lines))
	}
	o.checkElements(lines)
	o.t.Logf("of %d orders %d are completed, the others undone", crashOrders, completed)
}

// activeLines are the cards and numbers of the products that an account uses.
func (o *operator) activeLines(account string) map[string]string {
	o.t.Helper()
	var products []struct {
		ID, Status            string
		ProductCharacteristic []struct{ Name, Value string }
	}
	o.ask(http.MethodGet, productPath+"?limit=100&billingAccount.id="+account, nil, &products)
	lines := map[string]string{}
	for _, p := range products {
		switch p.Status {
		case "active":
			values := map[string]string{}
			for _, c := range p.ProductCharacteristic {
				values[c.Name] = c.Value
			}
			lines[values["imsi"]] = values["msisdn"]
		case "cancelled":
		default:
			o.t.Errorf("product %s is %s", p.ID, p.Status)
		}
	}
	return lines
}

// checkCore holds the subscribers of an account in the charging core against its lines.
func (o *operator) checkCore(account string) {
	o.t.Helper()
	var found struct {
		Subscribers []struct{ IMSI, MSISDN, State string }
	}
	o.charging.must(http.MethodGet, "/charging/v1/accounts/ba-"+account, "", nil, &found)
	lines := o.activeLines(account)
	for _, s := range found.Subscribers {
		if lines[s.IMSI] != s.MSISDN || s.State != "active" {
			o.t.Errorf("the core has %+v, the inventory %q", s, lines[s.IMSI])
		}
	}
	if len(found.Subscribers) != len(lines) {
		o.t.Errorf("the core has %d subscribers of account %s, the inventory %d lines", len(found.Subscribers), account, len(lines))
	}
}

// checkElements holds what the elements and the pools have of every card and number against the lines.
func (o *operator) checkElements(lines map[string]string) {
	o.t.Helper()
	numbers := map[string]bool{}
	for _, msisdn := range lines {
		if numbers[msisdn] {
			o.t.Errorf("number %s has two lines", msisdn)
		}
		numbers[msisdn] = true
	}
	const first = 262019000000000
	for n := range crashStock {
		imsi := fmt.Sprint(first + n)
		hss, pcrf, msisdn := o.hss.subscriber(imsi), o.pcrf.subscriber(imsi), lines[imsi]
		if (hss != nil) != (msisdn != "") || hss != nil && (hss["msisdn"] != msisdn || hss["subscriberStatus"] != "SERVICE_GRANTED") {
			o.t.Errorf("card %s has number %q, the HSS shows %v", imsi, msisdn, hss)
		}
		if (pcrf != nil) != (msisdn != "") || pcrf != nil && (pcrf["msisdn"] != msisdn || pcrf["status"] != "ACTIVE") {
			o.t.Errorf("card %s has number %q, the PCRF shows %v", imsi, msisdn, pcrf)
		}
	}
	var levels struct {
		Items []struct {
			Resource, State string
			Count           int
		}
	}
	o.ask(http.MethodGet, "/office/v1/pools", nil, &levels)
	sum := map[string]int{}
	for _, l := range levels.Items {
		sum[l.Resource] += l.Count
		if l.State == "reserved" || l.State == "assigned" && l.Count != len(lines) {
			o.t.Errorf("of %s %d are %s, with %d lines", l.Resource, l.Count, l.State, len(lines))
		}
	}
	if sum["msisdn"] != crashStock || sum["sim"] != crashStock {
		o.t.Errorf("the pools have %v, want %d of each", sum, crashStock)
	}
}
