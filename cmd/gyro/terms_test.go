package main

import (
	"encoding/json"
	"net/http"
	"testing"
)

// TestACreditLimitReachesTheCore changes the credit limit of an account that has a line; the program is killed right after
// the office has answered.
func TestACreditLimitReachesTheCore(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		o.publish()
		o.stock()
		account := o.customer("Ada", "Lang")
		o.completed(o.order(account, "order-1", map[string]any{"action": "add", "productOffering": reference{ID: "mobile-s"}}))
		o.ask(http.MethodPatch, "/tmf-api/accountManagement/v4/billingAccount/"+account, map[string]any{
			"creditLimit": map[string]any{"unit": "EUR", "value": json.Number("123.45")},
		}, nil)
		o.p.kill()
		o.start()
		eventually(t, "the core has the limit", func() bool {
			var a struct {
				Limit       string `json:"credit_limit"`
				Subscribers []struct{ State string }
			}
			o.charging.must(http.MethodGet, "/charging/v1/accounts/ba-"+account, "", nil, &a)
			return a.Limit == "123.45" && len(a.Subscribers) == 1 && a.Subscribers[0].State == "active"
		})
		o.p.stop()
		o.site.verify(o.site.dir)
	})
}
