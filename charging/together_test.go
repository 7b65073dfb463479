package charging_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/instant"
)

// TestEverythingTogether runs random histories in which all that accounts,
// subscribers, offers, versions of catalogues and gateways do happens to the
// same few customers: versions that change what offers cost, grant and count,
// now or at a moment to come; accounts that move between catalogues; subscribers
// that move between accounts; quotas across tariff switches and midnight, within
// limits of members; values that no edge lets through. The books hold after each
// batch, copies of commands move nothing, every replay comes to the same, and
// nothing panics, for that would stop every replay of the journal.
func TestEverythingTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		c := newJumble(t, seed)
		c.begins(t)
		for range 40 + c.r.IntN(160) {
			c.goesOn(t)
		}
		if c.running != nil {
			c.complete()
		}
		c.books()
		c.metamorphic()
	})
}

// jumble is a history drawn evenly from a seed: what happens fits what is open,
// which rapid's own draws, that prefer small numbers, seldom do for long.
type jumble struct {
	historian
	r      *rand.Rand
	calls  map[string]*call
	number int // of commands with a key
}

// call is a session as its gateway knows it.
type call struct {
	imsi    int
	number  uint32
	granted map[uint32]charging.ServiceOutcome
}

// jumbleIMSIs are those of subscribers that move between the accounts.
var jumbleIMSIs = []int{0, 1, 2, 9, 10, 11}

func newJumble(t tester, seed uint64) *jumble {
	return &jumble{
		historian: historian{shard: newShard(t), now: 1_800_000_000_000},
		r:         rand.New(rand.NewPCG(seed, 1)), calls: map[string]*call{},
	}
}

func (c *jumble) one(in int) bool { return c.r.IntN(in) == 0 }

func (c *jumble) key() string { c.number++; return fmt.Sprint("jumble-", c.number) }

func (c *jumble) some() string { return fmt.Sprintf("account-%d", c.r.IntN(worldAccounts)) }

func (c *jumble) who() charging.IdentitySpec {
	return charging.IdentitySpec{Kind: ident.IMSI, Value: worldIMSI(jumbleIMSIs[c.r.IntN(len(jumbleIMSIs))])}
}

func pick[T any](c *jumble, from ...T) T { return from[c.r.IntN(len(from))] }

func (c *jumble) begins(t tester) {
	opening := worldOpening(t)
	settings := charging.DefaultSettings()
	settings.Supervision, settings.SessionRetention = 3*instant.Hour, 366*instant.Day
	settings.EventRetention, settings.CommandRetention = 366*instant.Day, 366*instant.Day
	settings.Money.LoanMost, settings.Money.LoanBelow, settings.Money.LoanFee = 500_000, 300_000, 20_000
	settings.Money.TransferFee, settings.Money.LowBalance = 1_000, 100_000
	settings.LifeCycle.Active, settings.LifeCycle.SuspendedOneWay = 40*instant.Day, 20*instant.Day
	opening[0], opening[1] = command(t, charging.KindConfigure, settings), publication(t, "world", worldCatalog+renewingOffers)
	c.apply(c.now, opening...)
	for k := range worldAccounts {
		c.apply(c.now, command(t, charging.KindPutAccount, c.put(k)))
		c.do(t, charging.KindTopUp, charging.MoveMoney{Account: fmt.Sprintf("account-%d", k), Amount: 2_000_000, Currency: 978, Reason: "cash", Key: c.key()})
	}
}

func (c *jumble) goesOn(t tester) {
	switch c.r.IntN(40) {
	default:
		c.gateway(t)
	case 0, 1, 2, 3, 4, 5:
		c.pause(t)
	case 6, 7, 8:
		c.office(t)
	case 9, 10, 11, 12:
		c.offers(t)
	case 13:
		c.apply(c.now, command(t, charging.KindPutAccount, c.put(c.r.IntN(worldAccounts))))
	case 14:
		p := publish(t, "world", c.version("world"))
		if c.one(5) {
			p = publish(t, "other", c.version("other"))
		}
		p.Reauthorise = c.one(2)
		if c.one(3) {
			p.At = c.now.Add(instant.Span(c.r.Int64N(40)) * instant.Hour)
		}
		c.apply(c.now, command(t, charging.KindPublish, p))
	case 15:
		if c.running == nil {
			c.restart()
		}
	case 16, 17:
		c.checkpointed()
	case 18:
		c.copied(t)
	case 19:
		c.absurd(t)
	}
}

// do carries a command out and keeps it, to be sent again.
func (c *jumble) do(t tester, kind charging.Kind, v any) {
	encoded := command(t, kind, v)
	if o := c.apply(c.now, encoded)[0]; o.Result == charging.Success {
		c.done = append(c.done, answered{encoded, o})
	}
}

func (c *jumble) checkpointed() {
	switch {
	case c.running == nil:
		c.captured = len(c.history)
		c.begin()
	case c.one(2):
		c.complete()
	case c.running.Step():
		c.running.Stored(c.stored)
		c.running = nil
		c.compare()
	}
}

// copied sends any command that was carried out again: nothing moves.
func (c *jumble) copied(t tester) {
	if len(c.done) == 0 {
		return
	}
	again := c.done[c.r.IntN(len(c.done))]
	record := c.state.LastRecord()
	got := c.apply(c.now, again.command)[0]
	// What is due at this moment for the account may happen with the copy.
	if !got.Replayed && got.Result != charging.Contradiction && got.Result != charging.UnknownSession {
		t.Fatalf("a copy of %+v is carried out again: %+v", again.outcome, got)
	}
	if c.state.LastRecord() != record {
		t.Fatalf("a copy of %+v moved something", again.outcome)
	}
}

// pause lets time pass: a little, to a moment at which prices, counters or days
// change, or days.
func (c *jumble) pause(t tester) {
	day := c.now - c.now%instant.Instant(instant.Day)
	switch c.r.IntN(6) {
	case 0:
		c.now = c.now.Add(instant.Span(1 + c.r.Int64N(100_000))) // less than a tick may be late
		return
	case 1:
		c.now = c.now.Add(instant.Span(1+c.r.Int64N(20)) * instant.Minute)
	case 2:
		next := pick(c, day.Add(8*instant.Hour), day.Add(9*instant.Hour), day.Add(23*instant.Hour), day.Add(24*instant.Hour), day.Add(32*instant.Hour))
		c.now = max(c.now, next.Add(-instant.Minute))
		c.ticks(t)
		c.now = max(c.now, next.Add(instant.Span(c.r.Int64N(8_000)-4_000)))
		return
	case 3:
		c.now = c.now.Add(instant.Span(1+c.r.Int64N(50)) * instant.Hour)
	case 4:
		c.now = c.now.Add(instant.Span(1+c.r.Int64N(20)) * instant.Day)
	case 5:
		c.now = c.now.Add(30 * instant.Second)
	}
	c.ticks(t)
}

func (c *jumble) ticks(t tester) {
	for n := 0; c.state.NeedsTick(c.now); n++ {
		if n > 200 {
			t.Fatal("the state wants ticks without end")
		}
		c.tick()
	}
}

// gateway goes on with a session: what was granted is used, more or less, and
// more is asked for.
func (c *jumble) gateway(t tester) {
	id := fmt.Sprintf("call-%d", c.r.IntN(6))
	k := c.calls[id]
	request := &charging.CreditControl{
		OriginHost: []byte("gateway"), Context: 32251, Recipients: 1, EndToEnd: c.r.Uint32(), Type: charging.Update,
		RAT: pick[uint8](c, 0, 0, 0, 7, 11), Client: pick(c, 0, charging.SplitsTariffChange, charging.SplitsTariffChange|charging.WantsRemaining|charging.WantsLowBalance|charging.WantsCost),
	}
	if k == nil {
		k = &call{imsi: jumbleIMSIs[c.r.IntN(len(jumbleIMSIs))], granted: map[uint32]charging.ServiceOutcome{}}
		c.calls[id] = k
		request.Type = charging.Initial
	}
	c.number++
	request.SessionID = []byte(fmt.Sprint(id, "-", k.imsi))
	imsi, err := ident.New(ident.IMSI, []byte(worldIMSI(k.imsi)))
	if err != nil {
		t.Fatal(err)
	}
	request.Identities, request.Number = []ident.Identity{imsi}, k.number
	k.number++
	if request.Type == charging.Update && c.one(7) {
		request.Type = charging.Termination
		delete(c.calls, id)
	}
	for _, rg := range worldAll {
		if g, had := k.granted[rg]; had || c.one(6) {
			request.Services = append(request.Services, c.used(rg, &g, request.Type == charging.Termination))
		}
	}
	if request.Type == charging.Initial && c.one(12) {
		request.Type, request.Action = charging.Event, charging.RequestedAction(c.r.IntN(4))
		delete(c.calls, id)
	}
	if request.Type == charging.Termination || request.Type == charging.Event { // the name is not used again
		request.SessionID = append(request.SessionID[:len(request.SessionID):len(request.SessionID)], ""...)
	}
	encoded := charging.AppendCreditControl(nil, request)
	o := c.apply(c.now, encoded)[0]
	switch {
	case o.Result != charging.Success:
		delete(c.calls, id)
		return
	case request.Type != charging.Event || len(request.Services) > 0:
		c.done = append(c.done, answered{encoded, o})
	}
	for _, so := range o.Services {
		if k.granted[so.RatingGroup] = so; so.Flags&charging.Grants == 0 {
			delete(k.granted, so.RatingGroup)
		}
	}
}

var worldAll = []uint32{10, 20, 30, 40, 50, 60, 70, 80}

// used reports the use of a grant, parted where the price changed meanwhile.
func (c *jumble) used(rg uint32, g *charging.ServiceOutcome, last bool) charging.Service {
	sv := charging.Service{Flags: charging.HasRatingGroup, RatingGroup: rg}
	if !last && !c.one(8) {
		sv.Flags |= charging.Requests
	}
	amount := g.Granted / 4 * uint64(c.r.IntN(9))
	units := func(n uint64) charging.Units {
		if rg == 30 {
			return charging.Units{Has: charging.HasSeconds, Seconds: n}
		}
		return charging.Units{Has: charging.HasTotal, Total: n}
	}
	switch {
	case g.Granted == 0 && !c.one(20):
	case g.TariffChange != 0 && c.now >= g.TariffChange:
		before := amount / 3 * uint64(c.r.IntN(4))
		sv.ReportCount = 2
		sv.Reports[0] = charging.Report{Units: units(before), TariffChange: 1}
		sv.Reports[1] = charging.Report{Units: units(amount - min(amount, before)), TariffChange: 2}
	default:
		sv.ReportCount = 1
		sv.Reports[0].Units = units(amount)
	}
	if c.one(12) {
		sv.Reason = charging.ReasonFinal + 1
	}
	return sv
}

// version draws a version of a catalogue of the random world: each of what
// follows is as it was, in other terms, or gone.
func (c *jumble) version(name string) string {
	source := strings.Replace(worldCatalog+renewingOffers, "catalog: world", "catalog: "+name, 1)
	for _, change := range jumbleChanges {
		if c.one(4) {
			source = strings.Replace(source, change[0], change[1], 1)
		}
	}
	return source
}

// jumbleChanges are what versions differ in.
var jumbleChanges = [...][2]string{
	{"time_zone: UTC", "time_zone: Europe/Berlin"},
	{"    recurring: {amount: 0.10, every: 1 month, prorated: true, unpaid: {retry: 1d, times: 2, grace: 3d, then: suspend}}\n", ""},
	{"recurring: {amount: 0.10, every: 1 month, prorated: true", "recurring: {amount: 0.20, every: 2 months, due: arrears"},
	{"due: arrears, unpaid: {retry: 12h, times: 1, then: suspend}", "unpaid: {grace: 1d, then: cancel}"},
	{"roll_over: {most: 4MB, cycles: 2}", "daily_cap: 1MB"},
	{"validity: cycle, daily_cap: 2MB", "validity: 36h, roll_over: {cycles: 3}"},
	{
		"{name: minutes, unit: seconds, amount: 5m, services: [voice], priority: 20, validity: 2h}",
		"{name: minutes, unit: octets, amount: 5MB, services: [data], priority: 20, validity: 2h}",
	},
	{
		"{name: later, unit: octets, amount: 15MB, services: [data], priority: 10}",
		"{name: later, unit: money, amount: 0.15, services: [data], priority: 9, validity: 1d}",
	},
	{"  - {name: own-money, unit: money, services: [data, voice, timed], period: ever}\n", ""},
	{"services: [data, tiered], period: day}", "services: [data], period: cycle, of: account}"},
	{"services: [data, tiered], period: day}", "services: [data, tiered], period: day, limit: 9MB, notify: [50%, 100%]}"},
	{
		"price: {amount: 0.01, per: 1MB, increment: 100KB}",
		"price: {per: 1MB, increment: 100KB, counter: own-data, tiers: [{up_to: 8MB, amount: 0.02}, {amount: 0.004}]}",
	},
	{"{service: data, rules: [{price:", "{service: data, rules: [{counter: {name: own-data, from: 12MB}, treatment: free}, {price:"},
	{"exhausted: {restrict: {filter_ids: [slow]}}", "exhausted: terminate"},
	{"    one_time: 0.02\n", "    one_time: 0.05\n    requires: [monthly]\n"},
	{"treatment: deny", "treatment: free"},
	{"unit: octets, quota: {grant: 4MB}}", "unit: octets, quota: {grant: 6MB, validity: 15m}}"},
}
