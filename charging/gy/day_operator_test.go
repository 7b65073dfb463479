package gy

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"gyro/balance"
	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/rating"
)

// dayCatalog has one of each: prices by peak, night and day, allowances that renew and roll over, every final unit.
const dayCatalog = `
catalog: operator
currency: EUR
time_zone: Europe/Berlin
services:
  - {name: internet, context: 32251, rating_groups: [101], default: true, unit: octets, quota: {grant: 1MB, validity: 30m, holding: 5m, threshold: 20%}}
  - name: video
    context: 32251
    rating_groups: [102]
    unit: octets
    quota: {grant: 2MB, floor: 100KB, ceiling: 8MB, target: 10m, validity: 40m, final_unit: {redirect: {url: "https://shop.example"}}}
  - {name: music, context: 32251, rating_groups: [103], unit: octets, quota: {grant: 500KB, validity: 1h, final_unit: {restrict: {filter_ids: [portal]}}}}
  - {name: voice, context: 32260, unit: seconds, quota: {grant: 2m, validity: 30m, threshold: 10%}}
  - {name: sms, context: 32274, unit: events}
calendars:
  - {name: peak, periods: [{from: "08:00", to: "20:00"}]}
  - {name: night, periods: [{from: "02:15", to: "06:00"}]}
offers:
  - name: payg
    rates:
      - service: internet
        rules:
          - {name: internet-peak, calendar: peak, price: {amount: 0.03, per: 10KB}}
          - {name: internet-night, calendar: night, price: {amount: 0.01, per: 10KB}}
          - {name: internet-day, price: {amount: 0.02, per: 10KB}}
      - service: video
        rules:
          - {name: video-peak, calendar: peak, price: {amount: 0.04, per: 10KB}}
          - {name: video-day, price: {amount: 0.07, per: 10KB}}
      - {service: music, rules: [{name: music, price: {amount: 0.05, per: 10KB}}]}
      - service: voice
        rules:
          - {name: voice-peak, calendar: peak, price: {amount: 0.12, per: 1m, increment: 60/1}}
          - {name: voice-day, price: {amount: 0.09, per: 1m, increment: 60/1}}
      - {service: sms, rules: [{name: sms, price: {amount: 0.09}}]}
  - name: bundle
    recurring: {amount: 2.00, every: 1 month, prorated: true}
    allowances:
      - {name: bundle-data, unit: octets, amount: 8MB, services: [internet, video], priority: 10, validity: cycle, roll_over: {most: 3MB, cycles: 1}}
      - {name: bundle-talk, unit: seconds, amount: 30m, services: [voice], priority: 10, validity: cycle}
      - {name: bundle-sms, unit: events, amount: 20, services: [sms], priority: 10, validity: cycle}
`

// found is how the operator begins: a catalogue, accounts, vouchers.
func (w *day) found() {
	settings := charging.DefaultSettings()
	settings.Money.TransferFee = 50_000
	settings.Money.LoanMost, settings.Money.LoanBelow, settings.Money.LoanFee = 5_000_000, 1_000_000, 500_000
	w.must(charging.KindConfigure, settings)
	w.publish(dayCatalog, "")
	for n := range *daySubscribers {
		w.account(n)
	}
	batch := charging.Vouchers{Batch: "autumn", Salt: make([]byte, charging.VoucherSaltSize)}
	for n := range 200 {
		w.codes = append(w.codes, fmt.Sprintf("code-%d", n))
		batch.Hashes = append(batch.Hashes, hashOf(w.codes[n])...)
	}
	batch.Terms = charging.VoucherTerms{Count: uint32(len(w.codes)), Amount: 3_000_000, Currency: money.EUR}
	w.must(charging.KindVouchers, batch)
	w.shard.flush()
}

// priceOf is the price of a record: its number in the catalogue of a publication.
type priceOf struct{ publication, rate uint32 }

// publish makes a catalogue the current one; version goes behind the names of its rules in the books.
func (w *day) publish(source, version string) {
	zone := instant.Tabulate(w.d.from.Location())
	plan, err := rating.Compile([]byte(source), func(string) (instant.Zone, bool) { return zone, true })
	if err != nil {
		w.t.Fatal(err)
	}
	w.published++
	for k := range plan.Rules() {
		if rule := plan.RuleAt(uint32(k)); rule.Treatment == rating.Charged {
			w.rules[priceOf{w.published, rule.Rate}] = rule.Name + version
		}
	}
	w.shard.flush()
	w.must(charging.KindPublish, charging.Publish{Name: "operator", Source: []byte(source), Zones: zone.Append(nil), Reauthorise: true})
	w.shard.flush()
	w.books.version = version
}

// republish changes some prices while quotas are out.
func (w *day) republish() {
	changed := strings.NewReplacer("{amount: 0.05, per: 10KB}", "{amount: 0.06, per: 10KB}", "{amount: 0.09, per: 1m,", "{amount: 0.15, per: 1m,",
		"{amount: 0.09}}", "{amount: 0.08}}").Replace(dayCatalog)
	w.publish(changed, " 2")
}

func hashOf(code string) []byte {
	sum := sha256.Sum256([]byte(code))
	return sum[:charging.VoucherHashSize]
}

func (w *day) account(n int) {
	id := fmt.Sprintf("account-%03d", n)
	put := charging.PutAccount{Account: id, Currency: money.EUR, Kind: uint8(balance.Prepaid), Offers: []string{"payg"}, CycleDay: w.d.cycle}
	if n%7 == 3 {
		put.Kind, put.CreditLimit = uint8(balance.Postpaid), 15_000_000
	}
	members := 1
	if n%5 == 0 {
		members = 3
	}
	for m := range members {
		who := &daySubscriber{account: id, imsi: fmt.Sprintf("26201%05d%05d", n, m), msisdn: fmt.Sprintf("4917%04d%04d", n, m)}
		put.Subscribers = append(put.Subscribers, charging.SubscriberSpec{Identities: []charging.IdentitySpec{
			{Kind: ident.IMSI, Value: who.imsi}, {Kind: ident.E164, Value: who.msisdn},
		}})
		w.people = append(w.people, who)
	}
	w.accounts = append(w.accounts, id)
	w.must(charging.KindPutAccount, put)
	w.topUp(id, w.dice.between(3, 40)*1_000_000)
	if n%3 != 0 {
		w.bundle(id)
	} else if n%2 == 0 {
		w.clock.in(w.dice.span(0, instant.Day), func() { w.bundle(id) })
	}
}

// bundle subscribes an account to allowances that renew.
func (w *day) bundle(id string) {
	w.shard.do(charging.KindSubscribe, charging.Subscribe{Account: id, Offer: "bundle", Key: w.key()}, func(o *charging.Outcome) {
		switch o.Result {
		case charging.Success:
			w.count("bundles")
		case charging.InsufficientBalance, charging.CreditLimitReached:
			w.count("bundles refused")
		default:
			w.t.Fatalf("subscribe: %+v", o)
		}
	})
}

func (w *day) key() string { w.keys++; return fmt.Sprintf("key-%d", w.keys) }

// must submits a command that has to succeed.
func (w *day) must(kind charging.Kind, v any) {
	w.shard.do(kind, v, func(o *charging.Outcome) {
		if o.Result != charging.Success {
			w.t.Fatalf("command %d: result %d: %s", kind, o.Result, o.Detail)
		}
	})
}
