package gy

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the wall clock of the books

	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/charging/usage"
	"gyro/internal/instant"
)

var (
	daySeed        = flag.Uint64("sim.seed", 1, "seed of the first simulated day")
	dayFor         = flag.Duration("sim.for", 0, "how long to go on with further seeds")
	daySubscribers = flag.Int("sim.subscribers", 60, "accounts in a simulated day; every fifth has three subscribers")
)

// aDay is when a simulated day begins, on the wall, and how long it is.
type aDay struct {
	name  string
	from  time.Time
	hours int
	cycle uint8 // the day of the month that begins within it
}

func days(berlin *time.Location) []aDay {
	return []aDay{
		{"24 hours and a new month", time.Date(2026, 11, 30, 16, 30, 0, 0, berlin), 24, 1},
		{"25 hours, the clock is set back", time.Date(2026, 10, 24, 16, 30, 0, 0, berlin), 25, 25},
		{"23 hours, the clock is set forward", time.Date(2027, 3, 27, 16, 30, 0, 0, berlin), 23, 28},
	}
}

// TestDays has simulated gateways of every profile live through days of traffic, in virtual time, with the real gateway and
// core between them and an independent bookkeeping. "make sim" goes on with other seeds.
func TestDays(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for seed := *daySeed; ; seed++ {
		for _, d := range days(berlin) {
			t.Run(fmt.Sprintf("seed %d/%s", seed, d.name), func(t *testing.T) {
				w := newDay(t, d, seed)
				w.live()
				w.conclude()
			})
		}
		if t.Failed() || time.Since(began) >= *dayFor {
			return
		}
		t.Logf("seed %d is done, after %v", seed, time.Since(began).Round(time.Second))
	}
}

// day is a world of gateways, subscribers and an office for a day.
type day struct {
	t         *testing.T
	d         aDay
	dice      dice
	clock     *clockwork
	shard     *dayShard
	server    *Gateway
	notices   *Notices
	profiles  map[string]*Profile
	gateways  []*dayGateway
	books     *dayBooks
	accounts  []string
	people    []*daySubscriber
	rules     map[priceOf]string
	counts    map[string]int
	keys      int
	published uint32
	ends      instant.Instant
	codes     []string
}

type daySubscriber struct {
	account, imsi, msisdn string
	barred                bool
}

func newDay(t *testing.T, d aDay, seed uint64) *day {
	w := &day{
		t: t, d: d, dice: dice{rand.New(rand.NewPCG(seed, uint64(d.hours)))}, clock: &clockwork{now: instant.Of(d.from)},
		profiles: map[string]*Profile{}, rules: map[priceOf]string{}, counts: map[string]int{},
	}
	t.Logf("seed %d: go test ./charging/gy -run 'TestDays/seed_%d/' -sim.seed=%d -sim.subscribers=%d", seed, seed, seed, *daySubscribers)
	w.ends = w.clock.now.Add(instant.Span(d.hours) * instant.Hour)
	w.books = newDayBooks(w)
	w.shard = newDayShard(t, w.clock)
	w.shard.notify = func(n *charging.Notice) { w.notices.Notify(n) }
	w.shard.applied = func() {
		w.notices.step(w.clock.now.Time())
		for _, g := range w.gateways {
			if g.conn != nil {
				g.harvest()
			}
		}
	}
	w.start()
	for _, m := range makers {
		g := &dayGateway{maker: m, w: w, sent: map[uint32]*dayRequest{}, stateID: 1, endToEnd: w.dice.Uint32()}
		w.gateways = append(w.gateways, g)
		g.connect()
	}
	return w
}

// start starts the server's process, with a profile for each of the makers.
func (w *day) start() {
	w.notices = NewNotices()
	profiles := map[string]Profile{}
	for _, m := range makers {
		p, err := ProfileNamed(m.profile)
		if err != nil {
			w.t.Fatal(err)
		}
		profiles[m.host], w.profiles[m.host] = p, &p
	}
	var err error
	w.server, err = New(Options{
		Core: w.shard, Identity: diameter.Identity{Host: testHost, Realm: testRealm}, Profiles: profiles,
		Relays: []string{"dra.example"}, Notices: w.notices, Now: func() int64 { return int64(w.clock.now) * int64(time.Millisecond) },
		PeerRestarted: func(host string) {
			w.shard.do(charging.KindPeerRestart, charging.RestartPeer{OriginHost: host, Before: w.clock.now}, func(o *charging.Outcome) {
				w.counts["sessions released by restarts"] += int(o.Record)
			})
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// crash ends the server's process while requests wait, and starts it again: they are lost, and so are the notices.
func (w *day) crash() {
	if len(w.shard.waiting) == 0 {
		w.clock.in(1, w.crash)
		return
	}
	for _, g := range w.gateways {
		if g.conn != nil {
			g.disconnect()
			w.clock.in(w.dice.span(instant.Second, 30*instant.Second), g.connect)
		}
	}
	lost := w.shard.crash()
	w.counts["requests lost in crashes"] += int(lost)
	w.books.answeredAll(lost)
	w.start()
	w.shard.closed(w.shard.state)
	w.books.close()
}

func (w *day) count(what string) { w.counts[what]++ }

func (w *day) wall(at instant.Instant) time.Time { return at.Time().In(w.d.from.Location()) }

// live lets the day pass, and has the books closed at every hour.
func (w *day) live() {
	next := w.wall(w.clock.now).AddDate(0, 0, 1)
	w.clock.in(instant.Of(time.Date(next.Year(), next.Month(), next.Day(), 0, 0, 0, 0, next.Location())).Sub(w.clock.now), w.books.midnight)
	w.found()
	w.beat()
	for _, who := range w.people {
		w.clock.in(w.dice.span(0, 90*instant.Minute), func() { w.use(who) })
	}
	for _, g := range w.gateways {
		w.trouble(g)
	}
	w.office()
	w.clock.in(w.dice.span(instant.Hour, 20*instant.Hour), w.republish)
	for hour := 1; hour <= w.d.hours; hour++ {
		w.clock.run(w.clock.now.Add(instant.Hour))
		w.shard.flush()
		w.shard.closed(w.shard.state)
		w.books.close()
		if hour%6 == 2 {
			w.shard.checkpoint()
			w.clock.in(w.dice.span(instant.Minute, 50*instant.Minute), w.crash)
		}
	}
}

// conclude lets the last sessions end, by supervision if nobody ends them, and has the journal replayed.
func (w *day) conclude() {
	w.clock.run(w.ends.Add(longest + 3*instant.Hour))
	w.shard.flush()
	w.books.nothingReserved()
	w.books.buckets()
	w.books.rolledOver()
	w.books.answeredAll(0)
	w.shard.closed(w.shard.state)
	w.books.close()
	w.shard.closed(w.shard.replay())
	w.shard.records(func(r *usage.Record) { w.counts["records: "+r.Kind.String()+", "+r.Cause.String()]++ })
	if *dayFor > 0 { // what many days are made of is of little interest
		return
	}
	var shown []string
	for _, what := range slices.Sorted(maps.Keys(w.counts)) {
		shown = append(shown, fmt.Sprintf("%s: %d", what, w.counts[what]))
	}
	w.t.Logf("%s, %d batches, %d records\n%s", w.books, len(w.shard.journal), w.shard.state.LastRecord(), strings.Join(shown, "\n"))
	w.happened()
}

// longest is how long a session lasts at most; supervision ends what is left two hours later.
const longest = 3 * instant.Hour

// beat is the passing of time: timers of the core, notices on their way, sessions that gateways have lost.
func (w *day) beat() {
	if w.shard.state.NeedsTick(w.clock.now) {
		w.shard.do(charging.KindTick, nil, nil)
	}
	w.shard.refuses = w.dice.chance(2)
	w.notices.step(w.clock.now.Time())
	for _, g := range w.gateways {
		if g.conn != nil {
			g.harvest()
		}
	}
	for len(w.notices.losses) != 0 {
		w.shard.do(charging.KindSessionLost, <-w.notices.losses, nil)
	}
	w.clock.in(instant.Second, w.beat)
}

// use has a subscriber use something, and something else later.
func (w *day) use(who *daySubscriber) {
	if w.clock.now >= w.ends {
		return
	}
	if g := w.gateways[w.dice.IntN(len(w.gateways))]; g.tail != nil && g.host == "smsc.example" {
		g.message(who)
	} else {
		g.begin(who)
	}
	w.clock.in(w.dice.span(5*instant.Minute, 2*instant.Hour), func() { w.use(who) })
}

// trouble is what happens to gateways: connections break, and now and then one starts anew.
func (w *day) trouble(g *dayGateway) {
	w.clock.in(w.dice.span(20*instant.Minute, 3*instant.Hour), func() {
		switch {
		case w.clock.now >= w.ends || g.conn == nil:
		case w.dice.chance(250):
			g.restart()
		default:
			g.disconnect()
			w.clock.in(w.dice.span(instant.Second, 50*instant.Second), g.connect)
		}
		if w.clock.now < w.ends {
			w.trouble(g)
		}
	})
}

// happened makes sure that the day was not a quiet one: what is to be proved has to occur.
func (w *day) happened() {
	for _, what := range []string{
		"sessions strict", "sessions lenient", "sessions open5gs", "sessions kamailio", "sessions staros", "messages", "messages reserved",
		"tariff changes announced staros", "tariff changes reported in two", "RAR strict", "RAR staros", "retransmissions", "retransmissions with T",
		"duplicates", "lost requests", "lost answers", "requests lost in crashes", "reconnects", "holding times", "redirected or restricted", "lost sessions",
		"top-ups", "vouchers", "transfers", "loans", "adjustments", "records: roll-over, time-passed", "records: session, supervision",
		"records: fee, time-passed", "records: session, partial", "records: session, peer-restart", "records: session, ended", "no quota 4012", "barred",
	} {
		if w.counts[what] == 0 {
			w.t.Errorf("nothing of this in a whole day: %s", what)
		}
	}
}
