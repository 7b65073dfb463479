package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// manyLines are more than one order can have.
const manyLines = 205

// addLines orders so many lines for an account, a few orders' worth, and waits for them.
func (o *operator) addLines(account string, count int) {
	o.t.Helper()
	o.ask(http.MethodPost, "/office/v1/pools/default/msisdn", map[string]any{"first": "4915290000000", "count": count}, nil)
	o.ask(http.MethodPost, "/office/v1/pools/default/sim", map[string]any{"iccid": "894926000000000000", "imsi": "262019000000000", "count": count}, nil)
	const each = 50
	var orders []string
	for first := 0; first < count; first += each {
		var items []any
		for n := range min(each, count-first) {
			items = append(items, map[string]any{"id": fmt.Sprint(n + 1), "action": "add", "productOffering": reference{ID: "mobile-s"}})
		}
		var placed reference
		key := fmt.Sprint("lines-", first)
		o.ask(http.MethodPost, orderPath, map[string]any{"externalId": key, "billingAccount": reference{ID: account}, "productOrderItem": items}, &placed, "Idempotency-Key", key)
		orders = append(orders, placed.ID)
	}
	for _, id := range orders {
		o.completed(id)
	}
}

// inState is how many products of an account are in a state.
func (o *operator) inState(account, state string) int {
	o.t.Helper()
	r, err := o.office.do(o.t.Context(), http.MethodGet, productPath+"?limit=1&billingAccount.id="+account+"&status="+state, "", nil, "Authorization", "Bearer "+o.key())
	n := 0
	if err != nil || r.status/100 != 2 {
		return -1
	}
	if _, err := fmt.Sscan(r.header.Get("X-Total-Count"), &n); err != nil {
		o.t.Fatal(err)
	}
	return n
}

// TestDunningOfManyLines suspends a debtor with more lines than an order can have, one of which is in the middle of another
// order: the others do not wait for it, it follows when that order has ended, and what was suspended for theft stays so when
// the debt is paid.
func TestDunningOfManyLines(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		o.publish()
		account := o.customer("Nora", "Viel")
		o.addLines(account, manyLines)
		var products []struct {
			ID                    string
			ProductCharacteristic []struct{ Name, Value string }
		}
		o.ask(http.MethodGet, productPath+"?limit=100&status=active&billingAccount.id="+account, nil, &products)
		stolen, imsi := products[7].ID, ""
		for _, c := range products[7].ProductCharacteristic {
			if c.Name == "imsi" {
				imsi = c.Value
			}
		}
		o.bill()
		owed := o.openItems(account).Receivables
		if len(owed) != 1 {
			t.Fatalf("%+v", owed)
		}

		// Its card is barred for theft while the HSS is away for it alone.
		o.hss.fails(`{"refuse":1000,"only":["` + imsi + `"]}`)
		theft := o.order(account, "theft", map[string]any{"action": "modify", "product": map[string]any{
			"id": stolen, "status": "suspended", "productCharacteristic": []map[string]any{{"name": "reason", "value": "theft"}},
		}})
		o.dun(owed[0].DueOn)
		eventually(t, "all lines but one are suspended", func() bool { return o.inState(account, "suspended") == manyLines-1 })
		var orders []struct {
			ID, State, ExternalID string
			ProductOrderItem      []struct{ State string }
		}
		o.ask(http.MethodGet, orderPath+"?limit=100&billingAccount.id="+account, nil, &orders)
		var sizes []int
		for _, order := range orders {
			if strings.HasPrefix(order.ExternalID, "dunning") {
				sizes = append(sizes, len(order.ProductOrderItem))
			}
		}
		if len(sizes) != 2 || sizes[0]+sizes[1] != manyLines {
			t.Errorf("dunning placed orders of %v items, want two with %d", sizes, manyLines)
		}
		o.hss.fails("")
		o.completed(theft)
		eventually(t, "dunning's orders are completed", func() bool {
			return o.inState(account, "suspended") == manyLines && o.count("completed") == o.count("")
		})

		o.awaitPayment(o.pay(account, "tok_visa", "pay", owed[0].Open), "settled")
		eventually(t, "all lines but one are back", func() bool { return o.inState(account, "active") == manyLines-1 })
		eventually(t, "every order is completed", func() bool { return o.count("completed") == o.count("") })
		var product struct{ Status string }
		if o.ask(http.MethodGet, productPath+"/"+stolen, nil, &product); product.Status != "suspended" {
			t.Errorf("the stolen card is %s", product.Status)
		}
		if shown := o.hss.subscriber(imsi); shown["subscriberStatus"] != "OPERATOR_DETERMINED_BARRING" {
			t.Errorf("the HSS shows the stolen card as %v", shown)
		}
		o.p.stop()
	})
}
