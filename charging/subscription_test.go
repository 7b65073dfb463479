package charging_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/instant"
)

// renewingOffers are offers of the random world that renew, cost, bind, carry
// over and are capped, of every length and policy.
const renewingOffers = `
  - name: monthly
    kind: prepaid
    recurring: {amount: 0.10, every: 1 month, prorated: true, unpaid: {retry: 1d, times: 2, grace: 3d, then: suspend}}
    allowances: [{name: monthly-9, unit: octets, amount: 9MB, services: [data], priority: 7, validity: cycle, roll_over: {most: 4MB, cycles: 2}}]
  - name: daily
    kind: prepaid
    one_time: 0.01
    recurring: {amount: 0.03, every: 1 day, unpaid: {then: cancel}}
    allowances: [{name: daily-3, unit: octets, amount: 3MB, services: [data], priority: 6, validity: cycle, daily_cap: 2MB}]
  - name: behind
    kind: prepaid
    recurring: {amount: 0.07, every: 3 days, due: arrears, unpaid: {retry: 12h, times: 1, then: suspend}}
    rates: [{service: data, rules: [{price: {amount: 0.005, per: 1MB}}]}]
    commitment: 1 week
  - name: extra
    kind: prepaid
    add_on: true
    one_time: 0.02
    excludes: [daily]
    allowances:
      - {name: extra-5, unit: octets, amount: 5MB, services: [data], priority: 2, validity: {from_first_use: 20m}}
      - {name: extra-own, unit: seconds, amount: 2m, services: [voice], priority: 2, validity: 2h, shared: false}
`

var renewing = []string{"monthly", "daily", "behind", "extra", "payg"}

// TestSubscriptionHistories runs random histories of subscribers and their
// offers among everything else that happens: whatever is subscribed, renewed,
// unpaid, carried over, expired, barred and charged, the books hold after each
// batch and every replay comes to the same.
func TestSubscriptionHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &historian{
			shard: newShard(t), now: 1_800_000_000_000,
			world: world{t: t, requests: map[string]uint32{}, wide: true},
		}
		opening := worldOpening(t)
		settings := charging.DefaultSettings()
		settings.Supervision, settings.SessionRetention = instant.Hour, 366*instant.Day
		settings.EventRetention, settings.CommandRetention = 366*instant.Day, 366*instant.Day
		opening[0] = command(t, charging.KindConfigure, settings)
		opening[1] = publication(t, "world", worldCatalog+renewingOffers)
		h.apply(h.now, opening...)
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			if h.one(2) {
				h.live(t)
			} else {
				h.step(t)
			}
		}
		if h.running != nil {
			h.complete()
		}
		h.books()
		h.metamorphic()
	})
}

// live lets something happen to subscribers and their offers, or days pass.
func (h *historian) live(t *rapid.T) {
	account := rapid.IntRange(0, worldAccounts-1).Draw(t, "account")
	var whose *charging.IdentitySpec
	if h.one(3) {
		whose = &charging.IdentitySpec{Kind: ident.IMSI, Value: worldIMSI(account)}
	}
	h.keys++
	key, name := fmt.Sprint("live-", h.keys), fmt.Sprintf("account-%d", account)
	offer := rapid.SampledFrom(renewing).Draw(t, "offer")
	switch rapid.IntRange(0, 8).Draw(t, "live") {
	case 0, 1, 2:
		c := charging.Subscribe{Account: name, Subscriber: whose, Offer: offer, Key: key}
		if h.one(3) {
			c.Replaces, c.AtCycleEnd = rapid.SampledFrom(renewing).Draw(t, "replaces"), h.one(2)
		}
		h.accepted(t, charging.KindSubscribe, c)
	case 3:
		h.accepted(t, charging.KindUnsubscribe, charging.Unsubscribe{
			Account: name, Subscriber: whose, Offer: offer, AtCycleEnd: h.one(2), Waive: h.one(2), Key: key,
		})
	case 4:
		c := charging.SetSubscriber{
			Account: name, Subscriber: charging.IdentitySpec{Kind: ident.IMSI, Value: worldIMSI(account)}, Key: key,
			State: charging.SubscriberState(rapid.IntRange(2, 6).Draw(t, "state")),
		}
		if h.one(2) && c.State != charging.Terminated {
			c.Until = h.now.Add(instant.Day)
		}
		h.accepted(t, charging.KindSetSubscriber, c)
	case 5:
		h.apply(h.now, command(t, charging.KindDeleteAccount, charging.DeleteAccount{Account: name, Abort: true}))
	case 6:
		h.apply(h.now, worldAccount(t, account))
	default:
		h.now = h.now.Add(instant.Span(rapid.Int64Range(1, 10*24).Draw(t, "hours")) * instant.Hour)
		for h.state.NeedsTick(h.now) {
			h.tick()
		}
	}
}

// accepted applies a command, and keeps one that was carried out to be sent
// again.
func (h *historian) accepted(t *rapid.T, kind charging.Kind, v any) {
	c := command(t, kind, v)
	if o := h.apply(h.now, c)[0]; o.Result == charging.Success {
		h.done = append(h.done, answered{c, o})
	}
}
