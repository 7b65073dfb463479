package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"

	"gyro/internal/money"
)

// abroad is what is sold and paid in a currency whose smallest coin is no hundredth, and what comes of it.
type abroad struct {
	currency            string
	fee, setup, message string // prices of the offer
	charge              string // added by hand
	limit               string // of credit
	dust                string // less than the smallest coin

	account                     string
	lines                       []string // of the bill
	net, tax, total             string
	part, rest                  string // of it, that is paid and that is left
	fine                        string // of dunning
	over, back                  string // what is paid then, and given back
	coins, coinsOver, coinsBack int    // what the provider is asked for
}

func (a *abroad) offer() string { return "mobile-" + strings.ToLower(a.currency) }

// catalogue is the document of its offer.
func (a *abroad) catalogue() []byte {
	return fmt.Appendf(nil, `catalog: office-%s
currency: %s
time_zone: %s
services:
  - {name: sms, context: 32274, unit: events, quota: {grant: 1}}
zones:
  - {name: world, prefixes: ["1", "2", "3", "4", "5", "6", "7", "8", "9"]}
specifications:
  - name: line-%[1]s
    brand: Abroad
    components: [msisdn, sim, {kind: hss, profile: mobile}, {kind: pcrf, profile: full-speed}, account, subscriber, subscription]
offers:
  - name: mobile-%[1]s
    title: Mobile %[2]s
    kind: postpaid
    specification: line-%[1]s
    prices:
      - {name: Mobile %[2]s, type: recurring, amount: %[4]s, every: 1 month, prorated: false}
      - {name: Activation, type: one_time, amount: %[5]s}
    rates:
      - service: sms
        rules: [{name: sms-%[1]s, zone: world, price: {amount: %[6]s}}]
`, strings.ToLower(a.currency), a.currency, "UTC", a.fee, a.setup, a.message)
}

// TestCurrenciesWithoutCents sells, bills, duns and is paid in yen, which have no smaller coin, and in Kuwaiti dinars, which
// have a thousand: what is due is whole coins of the currency everywhere, and the provider is asked for as many.
func TestCurrenciesWithoutCents(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		o.stock()
		c := clerkAtHand{o}
		all := []*abroad{
			{
				currency: "JPY", fee: "1980", setup: "3300", message: "3.3", charge: "333", limit: "20000", dust: "0.5",
				lines: []string{"1980", "1980", "3300", "333", "23"}, net: "7616", tax: "1447", total: "9063",
				part: "8964", coins: 8964, rest: "99", fine: "300", over: "500", coinsOver: 500, back: "401", coinsBack: 401,
			}, {
				currency: "KWD", fee: "4.750", setup: "1.505", message: "0.0125", charge: "0.333", limit: "50", dust: "0.0005",
				lines: []string{"4.750", "4.750", "1.505", "0.333", "0.088"}, net: "11.426", tax: "2.171", total: "13.597",
				part: "13.5", coins: 13_500, rest: "0.097", fine: "0.125", over: "1.000", coinsOver: 1_000, back: "0.903", coinsBack: 903,
			},
		}
		for _, a := range all {
			a.sell(o, c)
		}
		o.used()
		o.bill()
		policy := filepath.Join(t.TempDir(), "policy.json")
		write := func(jpy, kwd string) {
			text := fmt.Appendf(nil, `{"name":"from %s JPY","minimum":{"JPY":%q,"KWD":%q},"steps":[{"days":3,"action":"fee","amount":{"JPY":"300","KWD":"0.125"}}]}`, jpy, jpy, kwd)
			if err := os.WriteFile(policy, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("99.5", "0.098")
		if said := c.refused("dunning", "policy", "--set", policy); !strings.Contains(said, "99.5") {
			t.Errorf("half a yen as a threshold: %s", said)
		}
		for _, a := range all {
			a.billed(o)
			a.paid(o, c)
		}
		for n, thresholds := range [][2]string{{"100", "0.098"}, {all[0].rest, all[1].rest}} {
			write(thresholds[0], thresholds[1])
			c.run("dunning", "policy", "--set", policy)
			if fees := dunAll(o, fmt.Sprint("dun-", n)); fees != n*len(all) {
				t.Errorf("of %s JPY and %s KWD that are overdue %d accounts pay a fee where %v is the least", all[0].rest, all[1].rest, fees, thresholds)
			}
		}
		for _, a := range all {
			a.fined(o)
			a.overpaid(o, c)
		}
		o.prove()
		o.p.stop()
	})
}

// refused runs a command that has to fail, and returns what it said.
func (c clerkAtHand) refused(args ...string) string {
	c.t.Helper()
	cmd := command(c.t, append(args, "--office", "http://"+c.officeAddress, "--office-key-file", adminKeyFile(c.site.dir))...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		c.t.Errorf("gyro %v: %s", args, out)
	}
	return string(out)
}

// sell publishes the offer, signs a customer up who orders it and sends seven messages, and adds a charge by hand.
func (a *abroad) sell(o *operator, c clerkAtHand) {
	o.t.Helper()
	o.office.must(http.MethodPost, "/office/v1/catalogs", "application/yaml", a.catalogue(), nil, "Authorization", "Bearer "+o.key())
	var offer any
	eventually(o.t, "the offer is in force", func() bool { return o.try("/office/v1/offers/"+a.offer(), &offer) })
	create := []string{"customer", "create", "--given-name", "Aiko", "--family-name", a.currency, "--currency", a.currency, "--time-zone", "UTC", "--json"}
	c.refused(append(create, "--credit-limit", a.dust)...)
	var made struct{ Account reference }
	if err := json.Unmarshal([]byte(c.run(append(create, "--credit-limit", a.limit)...)), &made); err != nil {
		o.t.Fatal(err)
	}
	a.account = made.Account.ID
	o.completed(o.order(a.account, "order-"+a.currency, map[string]any{"action": "add", "productOffering": reference{ID: a.offer()}}))
	l := o.lineOf(a.account)
	g := connectGateway(o.t, o.p.diameter)
	for n := range 7 {
		sms := ccr{session: fmt.Sprintf("smsc.test.example;%s;%d", a.currency, n), kind: oneTime, subscriber: o.subscriberOf(l)}
		if result := resultOf(o.t, g.ask(g.ccr(sms))); result != diam.Success {
			o.t.Fatalf("message %d of %s: %d", n, l.msisdn, result)
		}
	}
	c.run("invoice", "charge", a.account, a.charge, "--currency", a.currency, "--for", "SIM card")
}

// billed holds the bill against what it ought to be, as it is shown and as TM Forum has it.
func (a *abroad) billed(o *operator) {
	o.t.Helper()
	var list struct{ Invoices []struct{ ID string } }
	o.ask(http.MethodGet, "/office/v1/invoices?account="+a.account, nil, &list)
	if len(list.Invoices) != 1 {
		o.t.Fatalf("%s: %+v", a.currency, list)
	}
	type value struct{ Value, Unit string }
	var bill struct {
		Net, Tax, Total value
		Lines           []struct{ Amount value }
	}
	o.ask(http.MethodGet, "/office/v1/invoices/"+list.Invoices[0].ID, nil, &bill)
	for n, want := range a.lines {
		if n >= len(bill.Lines) || bill.Lines[n].Amount != (value{want, a.currency}) {
			o.t.Errorf("%s: the lines are %+v, want %q", a.currency, bill.Lines, a.lines)
			break
		}
	}
	if bill.Net.Value != a.net || bill.Tax.Value != a.tax || bill.Total.Value != a.total {
		o.t.Errorf("%s: the bill is %+v, want %s, %s, %s", a.currency, bill, a.net, a.tax, a.total)
	}
	a.owes(o, a.total)
}

// owes holds what is open of the account's bills against an amount.
func (a *abroad) owes(o *operator, amount string) {
	o.t.Helper()
	sum := money.Amount(0)
	for _, r := range o.openItems(a.account).Receivables {
		open, err := money.Parse(r.Open.String(), money.Decimals)
		if err != nil {
			o.t.Fatal(err)
		}
		sum += open
	}
	if want, err := money.Parse(amount, money.Decimals); err != nil || sum != want {
		o.t.Errorf("%s %s are open, want %s", sum.Format(0), a.currency, amount)
	}
}

// paid pays a part through the provider, which is asked for whole coins, and no fraction of one.
func (a *abroad) paid(o *operator, c clerkAtHand) {
	o.t.Helper()
	take := []string{"payment", "take", a.account, a.dust, "--method", "provider", "--token", "tok_visa", "--currency", a.currency}
	c.refused(take...)
	take[3] = a.part
	c.refused(take[:len(take)-2]...) // in euros
	c.run(take...)
	eventually(o.t, "the payment is settled", func() bool {
		list := c.run("payment", "list", "--account", a.account)
		return strings.Contains(list, "settled")
	})
	if !slices.Contains(o.charges(), providersCharge{Amount: a.coins, Currency: a.currency}) {
		o.t.Errorf("the provider was asked for %+v, want %d %s", o.charges(), a.coins, a.currency)
	}
	a.owes(o, a.rest)
}

// providersCharge is a charge as the provider has it, in the currency's smallest coins.
type providersCharge struct {
	Amount, Refunded int
	Currency         string
}

func (o *operator) charges() []providersCharge {
	o.t.Helper()
	var page struct{ Charges []providersCharge }
	o.payments.ask(http.MethodGet, "/v1/charges", "", &page)
	return page.Charges
}

// dunAll takes the steps that are due a month from now, and returns how many fees that were.
func dunAll(o *operator, key string) int {
	o.t.Helper()
	return int(o.dunned(time.Now().AddDate(0, 0, 30).Format(time.DateOnly), key).Steps["fee"])
}

// fined looks for the fee among what waits for the next bill.
func (a *abroad) fined(o *operator) {
	o.t.Helper()
	var waiting struct {
		Charges []struct {
			Amount   json.Number
			Currency string
		}
	}
	o.ask(http.MethodGet, "/office/v1/accounts/"+a.account+"/charges", nil, &waiting)
	if len(waiting.Charges) != 1 || waiting.Charges[0].Amount.String() != a.fine || waiting.Charges[0].Currency != a.currency {
		o.t.Errorf("%s: %+v waits for the next bill, want the fee of %s", a.currency, waiting, a.fine)
	}
}

// overpaid pays more than is owed and has the rest given back: the provider is asked for whole coins both times.
func (a *abroad) overpaid(o *operator, c clerkAtHand) {
	o.t.Helper()
	take := []string{"payment", "take", a.account, a.over, "--method", "provider", "--token", "tok_visa", "--currency", a.currency, "--json"}
	var payment reference
	if err := json.Unmarshal([]byte(c.run(take...)), &payment); err != nil {
		o.t.Fatal(err)
	}
	o.awaitPayment(payment.ID, "settled")
	a.owes(o, "0")
	refund := []string{"payment", "refund", payment.ID, a.dust, "--currency", a.currency, "--reason", "paid twice"}
	c.refused(refund...)
	refund[3] = a.back
	c.run(refund...)
	eventually(o.t, "it is given back", func() bool { return len(o.openItems(a.account).Credits) == 0 })
	eventually(o.t, "the provider has given it back", func() bool {
		for _, charge := range o.charges() {
			if charge.Currency == a.currency && charge.Amount == a.coinsOver && charge.Refunded == a.coinsBack {
				return true
			}
		}
		return false
	})
}
