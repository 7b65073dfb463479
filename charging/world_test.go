package charging_test

import (
	"fmt"

	"pgregory.net/rapid"

	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// worldCatalog has one of each kind of price; tariffs in tariff_test.go are the
// same prices in the words of the slow model.
const worldCatalog = `
catalog: world
currency: EUR
time_zone: UTC
services:
  - {name: data, context: 32251, rating_groups: [10], default: true, unit: octets, quota: {grant: 10MB, validity: 20m, threshold: 20%}}
  - {name: tiered, context: 32251, rating_groups: [20], unit: octets, quota: {grant: 3MB, validity: 20m, final_unit: none}}
  - {name: voice, context: 32251, rating_groups: [30], unit: seconds, quota: {grant: 2m, validity: 0}}
  - {name: portal, context: 32251, rating_groups: [40], unit: octets}
  - {name: blocked, context: 32251, rating_groups: [50], unit: octets}
  - {name: timed, context: 32251, rating_groups: [70], unit: octets, quota: {grant: 4MB}}
  - name: paced
    context: 32251
    rating_groups: [80]
    unit: octets
    quota: {grant: 2MB, floor: 200KB, ceiling: 20MB, target: 5m, validity: 45m, final_unit: {redirect: {url: "https://shop.example"}}}
  - {name: orphan, context: 32251, rating_groups: [60], unit: octets}
calendars:
  - {name: early, periods: [{from: "08:00", to: "09:00"}]}
counters:
  - {name: own-data, unit: octets, services: [data, tiered], period: day}
  - {name: own-money, unit: money, services: [data, voice, timed], period: ever}
offers:
  - name: many
    kind: prepaid
    allowances:
      - {name: scrap-1, unit: octets, amount: 20KB, services: [data, timed], priority: 1, validity: 50m}
      - {name: scrap-2, unit: octets, amount: 30KB, services: [data, timed], priority: 2}
      - {name: scrap-3, unit: octets, amount: 10KB, services: [data, timed], priority: 3}
      - {name: scrap-4, unit: money, amount: 0.01, services: [data, timed], priority: 4}
      - {name: scrap-5, unit: octets, amount: 30KB, services: [data, timed], priority: 5}
      - {name: scrap-6, unit: octets, amount: 2MB, services: [data], priority: 6}
      - {name: morning, unit: octets, amount: 3MB, services: [paced, timed], calendars: [early], priority: 7}
      - {name: slow, unit: octets, amount: 5MB, services: [paced], priority: 8, exhausted: {restrict: {filter_ids: [slow]}}}
  - name: payg
    kind: prepaid
    rates:
      - {service: data, rules: [{price: {amount: 0.01, per: 1MB, increment: 100KB}}]}
      - service: tiered
        rules:
          - price: {per: 1MB, setup: 0.05, rounding: half-even, tiers: [{up_to: 5MB, amount: 0.007}, {amount: 0.003}]}
      - {service: voice, rules: [{price: {setup: 0.10, amount: 0.09, per: 1m, increment: 60/1, minimum: 0.12, cap: 0.80}}]}
      - service: timed
        rules:
          - {name: timed-early, calendar: early, price: {amount: 0.02, per: 1MB}}
          - {name: timed-late, price: {amount: 0.01, per: 1MB, increment: 50KB}}
      - service: paced
        rules:
          - {name: paced-early, calendar: early, price: {amount: 0.02, per: 1MB, setup: 0.01}}
          - {name: paced-nr, rat: nr, price: {amount: 0.03, per: 1MB}}
          - {name: paced-late, price: {amount: 0.01, per: 1MB, minimum: 0.02}}
      - {service: portal, rules: [{treatment: free}]}
      - {service: blocked, rules: [{treatment: deny}]}
  - name: bundle
    kind: prepaid
    allowances:
      - {name: soon, unit: octets, amount: 20MB, services: [data, tiered], priority: 10, validity: 30m}
      - {name: later, unit: octets, amount: 15MB, services: [data], priority: 10}
      - {name: minutes, unit: seconds, amount: 5m, services: [voice], priority: 20, validity: 2h}
      - {name: welcome, unit: money, amount: 0.30, services: [data, voice], priority: 5, validity: 90m}
`

const (
	worldAccounts = 3
	worldSessions = 5 // session k belongs to account k % worldAccounts
)

// worldGroups are drawn from; those that cost something more often.
var worldGroups = []uint32{10, 10, 10, 20, 20, 30, 30, 40, 50, 60, 99}

// world draws commands that mean something to each other.
type world struct {
	t        *rapid.T
	requests map[string]uint32
	keys     int
	sent     uint32
	wide     bool // draw what the slow model does not know, too
}

func worldIMSI(account int) string { return fmt.Sprintf("2620100000000%02d", account) }

// worldOpening is how every history begins: a day of retention, so that no
// duplicate comes too late; the catalogue; the accounts.
func worldOpening(t tester) (commands [][]byte) {
	settings := charging.DefaultSettings()
	settings.Supervision = instant.Hour
	settings.SessionRetention, settings.EventRetention = 30*instant.Day, 30*instant.Day
	settings.CommandRetention = 30 * instant.Day
	commands = append(commands, command(t, charging.KindConfigure, settings), publication(t, "world", worldCatalog))
	for k := range worldAccounts {
		commands = append(commands, worldAccount(t, k))
	}
	return commands
}

func worldAccount(t tester, k int) []byte {
	put := charging.PutAccount{
		Account: fmt.Sprintf("account-%d", k), Currency: money.EUR, Kind: 1, Offers: []string{"payg"},
		Subscribers: []charging.SubscriberSpec{{Identities: []charging.IdentitySpec{{Kind: ident.IMSI, Value: worldIMSI(k)}}}},
	}
	switch k {
	case 1:
		put.Offers = []string{"bundle", "payg"}
	case 2:
		put.Kind, put.CreditLimit = 3, 200_000
	}
	return command(t, charging.KindPutAccount, put)
}

// manyBuckets gives the first account more buckets than a reservation holds,
// and a second subscriber.
func manyBuckets(t tester) []byte {
	return command(t, charging.KindPutAccount, charging.PutAccount{
		Account: "account-0", Currency: money.EUR, Kind: 1, Offers: []string{"many", "payg"},
		Subscribers: []charging.SubscriberSpec{
			{Identities: []charging.IdentitySpec{{Kind: ident.IMSI, Value: worldIMSI(0)}}},
			{Identities: []charging.IdentitySpec{{Kind: ident.IMSI, Value: worldIMSI(9)}}},
		},
	})
}

// request draws a credit-control request of a session.
func (w *world) request() *charging.CreditControl {
	k := rapid.IntRange(0, worldSessions-1).Draw(w.t, "session")
	id := fmt.Sprintf("session-%d", k)
	w.sent++
	c := &charging.CreditControl{
		SessionID: []byte(id), OriginHost: []byte("gateway"), Context: 32251, Recipients: 1, EndToEnd: w.sent,
		Type: rapid.SampledFrom([]charging.RequestType{
			charging.Initial, charging.Update, charging.Update, charging.Update, charging.Update, charging.Termination,
		}).Draw(w.t, "type"),
	}
	imsi, err := ident.New(ident.IMSI, []byte(worldIMSI(k%worldAccounts)))
	if err != nil {
		w.t.Fatal(err)
	}
	c.Identities = []ident.Identity{imsi}
	if skip := rapid.IntRange(0, 9).Draw(w.t, "skip"); skip == 9 {
		w.requests[id]++ // a gap
	}
	w.requests[id]++
	c.Number = w.requests[id]
	for range rapid.IntRange(0, 2).Draw(w.t, "services") {
		c.Services = append(c.Services, w.service())
	}
	if w.wide {
		w.widen(c)
	}
	return c
}

// widen draws what only some gateways do: they report before and after a tariff
// switch apart, come from another host, have sub-sessions, send numbers late, say
// how the subscriber is served.
func (w *world) widen(c *charging.CreditControl) {
	if w.one(2) {
		c.Client = charging.SplitsTariffChange
		for k := range c.Services {
			w.split(&c.Services[k])
		}
	}
	if w.one(8) {
		c.OriginHost = []byte("other half")
	}
	if w.one(8) {
		c.SubSession = 1
	}
	if w.one(8) {
		c.Number -= min(c.Number, rapid.Uint32Range(1, 80).Draw(w.t, "late"))
	}
	if w.one(3) {
		c.RAT = rapid.SampledFrom([]uint8{0, 7, 11}).Draw(w.t, "rat")
	}
}

// split labels reports by tariff period, and makes more of them.
func (w *world) split(sv *charging.Service) {
	for range rapid.IntRange(0, 2).Draw(w.t, "more") {
		if sv.ReportCount > 0 {
			sv.Reports[sv.ReportCount] = charging.Report{Units: w.used(sv.RatingGroup)}
			sv.ReportCount++
		}
	}
	for k := range sv.ReportCount {
		sv.Reports[k].TariffChange = rapid.Uint8Range(0, 3).Draw(w.t, "change")
	}
}

// event draws a one-time event of one service.
func (w *world) event() *charging.CreditControl {
	c := w.request()
	c.Type, c.Action = charging.Event, charging.RequestedAction(rapid.IntRange(0, 3).Draw(w.t, "action"))
	c.Services = []charging.Service{{Flags: charging.HasRatingGroup | charging.Requests, RatingGroup: rapid.SampledFrom(worldGroups).Draw(w.t, "group")}}
	c.Services[0].Requested = w.used(c.Services[0].RatingGroup)
	return c
}

// service draws one MSCC: it reports, wants, both, neither or is final.
func (w *world) service() charging.Service {
	sv := charging.Service{
		Flags:       charging.HasRatingGroup,
		RatingGroup: rapid.SampledFrom(worldGroups).Draw(w.t, "group"),
	}
	if w.wide && w.one(6) {
		sv.Flags, sv.RatingGroup = charging.Bare, 0
	}
	if w.wide && w.one(3) {
		sv.RatingGroup = rapid.SampledFrom([]uint32{70, 80}).Draw(w.t, "timed")
	}
	if !w.one(4) {
		sv.ReportCount = 1
		sv.Reports[0] = charging.Report{Units: w.used(sv.RatingGroup)}
	}
	if !w.one(4) {
		sv.Flags |= charging.Requests
		if w.one(3) {
			sv.Requested = w.used(sv.RatingGroup)
		}
	}
	if w.one(8) {
		sv.Reason = charging.ReasonFinal + 1
	}
	return sv
}

func (w *world) one(in int) bool { return rapid.IntRange(1, in).Draw(w.t, "one") == 1 }

func (w *world) used(ratingGroup uint32) charging.Units {
	if ratingGroup == 30 {
		return charging.Units{Has: charging.HasSeconds, Seconds: rapid.Uint64Range(0, 300).Draw(w.t, "seconds")}
	}
	return charging.Units{Has: charging.HasTotal, Total: rapid.Uint64Range(0, 15_000_000).Draw(w.t, "octets")}
}

// money draws a top-up or an adjustment.
func (w *world) money() (charging.Kind, charging.MoveMoney) {
	w.keys++
	c := charging.MoveMoney{
		Account:  fmt.Sprintf("account-%d", rapid.IntRange(0, worldAccounts-1).Draw(w.t, "account")),
		Currency: money.EUR, Reason: "voucher", Key: fmt.Sprint(w.keys), Digest: uint64(w.keys),
	}
	if w.one(4) {
		c.Amount = money.Amount(rapid.Int64Range(-300_000, 100_000).Draw(w.t, "amount"))
		return charging.KindAdjust, c
	}
	if w.one(4) {
		c.Account = fmt.Sprintf("account-%d", rapid.IntRange(1, 2).Draw(w.t, "settled"))
		c.Amount = money.Amount(rapid.Int64Range(-100_000, 100_000).Draw(w.t, "amount"))
		return charging.KindSettle, c
	}
	c.Amount = money.Amount(rapid.Int64Range(1, 300_000).Draw(w.t, "amount"))
	return charging.KindTopUp, c
}
