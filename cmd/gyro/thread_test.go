package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// webhookSecret signs what the simulated payment provider reports.
const webhookSecret = "whsec_of_the_thread_test"

// operator is everything that an operator runs: both halves in one process, with its database, and the elements and the
// payment provider around it, each a process of its own.
type operator struct {
	t                   testing.TB
	site                *site
	p                   *program
	officeAddress       string
	hss, pcrf, payments *surroundings
	office, charging    *office
}

// newOperator starts an operator on a database of its own.
func newOperator(t testing.TB, dialect database.Dialect) *operator {
	t.Helper()
	o := &operator{t: t, officeAddress: freeAddress(t)}
	o.hss, o.pcrf = simulate(t, "hss"), simulate(t, "pcrf")
	o.payments = simulate(t, "payments", "--secret", webhookSecret, "--late", "200ms",
		"--webhook", "http://"+o.officeAddress+"/office/v1/payment-webhook",
		"--webhook-duplicate", "300", "--webhook-shuffle", "300", "--webhook-retry", "50ms", "--webhook-retry-most", "500ms")
	secrets := filepath.Join(t.TempDir(), "webhook.secret")
	if err := os.WriteFile(secrets, []byte(webhookSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.site = newSite(t, fmt.Sprintf(`office:
  webhook: {allow_private: true}
  elements: {hss: %q, pcrf: %q}
  payment: {provider: %q, webhook_secret_file: %q}
`, o.hss.url(), o.pcrf.url(), o.payments.url(), secrets), "--office", "--database", dbtest.URL(t, dialect), "--office-listen", o.officeAddress)
	o.start()
	return o
}

// start starts both halves and waits until they serve.
func (o *operator) start() {
	o.t.Helper()
	o.p = o.site.start()
	if _, ok := o.p.awaitLine(officeReadyMessage); !ok {
		o.t.Fatalf("it ended before the office was up: %v\n%s", o.p.exit(), o.p.output())
	}
	o.charging, o.office = newOffice(o.t, o.p.http), newOffice(o.t, o.officeAddress)
}

// key is the administrator's, which the first start left beside the data.
func (o *operator) key() string {
	o.t.Helper()
	text, err := os.ReadFile(adminKeyFile(o.site.dir))
	if err != nil {
		o.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// ask sends a request to the office as its administrator, which has to succeed, and reads the answer into v.
func (o *operator) ask(method, path string, body, v any, header ...string) *reply {
	o.t.Helper()
	var data []byte
	contentType := ""
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			o.t.Fatal(err)
		}
		contentType = "application/json"
		if method == http.MethodPatch {
			contentType = "application/merge-patch+json"
		}
	}
	return o.office.must(method, path, contentType, data, v, append(header, "Authorization", "Bearer "+o.key())...)
}

// gyro runs a command against the office, which has to succeed, and returns what it printed.
func (o *operator) gyro(args ...string) string {
	o.t.Helper()
	cmd := command(o.t, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("gyro %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// onBoth runs a test on an operator with each database.
func onBoth(t *testing.T, test func(t *testing.T, o *operator)) {
	t.Helper()
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			test(t, newOperator(t, dialect))
		})
	}
}

// TestBothHalvesComeUpTogether, with the administrator's key, and again after a kill.
func TestBothHalvesComeUpTogether(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		key := o.key()
		for range 2 {
			var me struct{ Name string }
			o.ask(http.MethodGet, "/office/v1/me", nil, &me)
			if me.Name == "" {
				t.Error("nobody")
			}
			o.p.kill()
			o.start()
			if o.key() != key {
				t.Error("the administrator's key is another one after a restart")
			}
		}
		o.p.stop()
	})
}

// TestPaymentsThroughAProvider: each payment is one charge, however often the office, the provider and the network between
// them fail, and what has become of it is known in the end.
func TestPaymentsThroughAProvider(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		account := o.customer("Ada", "Lang")
		o.payments.fails(`{"refuse":100,"drop_before":150,"drop_after":150,"exit_after":50,"seed":3}`)
		ended := map[string]string{} // payment to its end
		for n, token := range []string{"tok_visa", "tok_late", "tok_declined", "mnd_1", "tok_late_declined", "tok_visa_2"} {
			id := o.pay(account, token, fmt.Sprintf("pay-%d", n), "10.00")
			ended[id] = "settled"
			if strings.Contains(token, "declined") {
				ended[id] = "failed"
			}
			switch n {
			case 2:
				o.p.kill()
				o.payments.p.kill()
				o.payments.start()
				o.payments.fails(`{"drop_before":150,"drop_after":150,"seed":4}`)
				o.start()
			case 4:
				o.p.kill()
				o.start()
			}
		}
		o.payments.fails("")
		for id, status := range ended {
			o.awaitPayment(id, status)
		}
		var page struct{ Charges []struct{ State string } }
		o.payments.ask(http.MethodGet, "/v1/charges", "", &page)
		if len(page.Charges) != len(ended) {
			t.Errorf("%d payments became %d charges: %+v", len(ended), len(page.Charges), page.Charges)
		}
		credit := 0
		for _, c := range o.openItems(account).Credits {
			if c.Open != "10.00" && c.Open != "10" {
				t.Errorf("a credit of %s", c.Open)
			}
			credit++
		}
		if credit != 4 {
			t.Errorf("%d payments are the customer's credit, want 4", credit)
		}
		o.p.stop()
	})
}

// TestFromOrderToCash is the thread from end to end, over the public APIs alone: two customers order, are activated on both
// elements and in the core, use the network and are billed, with each usage line followed down to the core's records and from a
// request of a gateway up to its line; one pays, the other does not and is suspended until he does.
// On the way the office is killed.
func TestFromOrderToCash(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		o.publish()
		o.stock()
		ada, ben := o.customer("Ada", "Lang"), o.customer("Ben", "Kurz")
		o.hss.fails(`{"refuse":200,"drop_before":200,"drop_after":200,"seed":5}`)
		o.pcrf.fails(`{"drop_after":300,"seed":6}`)
		first := o.order(ada, "order-ada", map[string]any{"action": "add", "productOffering": reference{ID: "mobile-s"}})
		o.p.kill()
		o.start()
		second := o.order(ben, "order-ben", map[string]any{"action": "add", "productOffering": reference{ID: "mobile-s"}})
		o.completed(first)
		o.completed(second)
		o.hss.fails("")
		o.pcrf.fails("")
		pays, owes := o.lineOf(ada), o.lineOf(ben)
		o.shown(pays, "active", "SERVICE_GRANTED", "ACTIVE")
		o.shown(owes, "active", "SERVICE_GRANTED", "ACTIVE")

		for _, l := range []line{pays, owes} {
			o.traffic(l, "pgw", "--style", "pgw", "--rating-groups", "10")
			o.traffic(l, "smsc", "--destinations", "49170*")
			o.traffic(l, "ims", "--destinations", "49170*", "--terminating", "0") // by the second: fractions of a cent
		}
		sent := o.message(pays)
		o.used()
		if billed := o.bill(); billed != 2 {
			t.Errorf("%d accounts are billed, want 2", billed)
		}
		owed := o.openItems(ada).Receivables
		if len(owed) != 1 || owed[0].Open != owed[0].Total || owed[0].Number == "" {
			t.Fatalf("Ada owes %+v, want one invoice with a number", owed)
		}
		o.follow(pays, sent)
		o.awaitPayment(o.pay(ada, "tok_late", "pay-ada", owed[0].Open), "settled")
		eventually(t, "Ada owes nothing", func() bool { return len(o.openItems(ada).Receivables) == 0 })

		owed = o.openItems(ben).Receivables
		o.awaitPayment(o.pay(ben, "tok_insufficient", "pay-ben", owed[0].Open), "failed")
		o.dun(owed[0].DueOn)
		o.shown(owes, "suspended", "OPERATOR_DETERMINED_BARRING", "SUSPENDED")
		if answers := o.answers(owes, "pgw", "--style", "pgw", "--rating-groups", "10"); answers != 0 {
			t.Errorf("%d requests of a suspended line are granted", answers)
		}
		o.shown(pays, "active", "SERVICE_GRANTED", "ACTIVE")
		o.awaitPayment(o.pay(ben, "tok_visa", "pay-ben-again", owed[0].Open), "settled")
		o.shown(owes, "active", "SERVICE_GRANTED", "ACTIVE")
		o.traffic(owes, "pgw", "--style", "pgw", "--rating-groups", "10")
		o.used()
		o.prove()
		o.p.stop()
		o.site.verify(o.site.dir)
	})
}
