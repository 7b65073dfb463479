package api

import (
	"bytes"
	"math"
	"time"

	"gyro/balance"
	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/money"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
	"github.com/valyala/fasthttp"
)

// SyncHistogram measures how long the journal takes to make a group of batches
// durable.
type SyncHistogram struct{ h prometheus.Histogram }

// NewSyncHistogram returns an empty histogram, with buckets from a fast NVMe
// drive to a disk at which charging should stop.
func NewSyncHistogram() *SyncHistogram {
	return &SyncHistogram{prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gyro_journal_sync_duration_seconds", Help: "Time from a journal write to the return of its sync.",
		Buckets: prometheus.ExponentialBuckets(50e-6, 2, 18),
	})}
}

// Observe adds one sync. It is quick enough for the journal's own goroutine.
func (s *SyncHistogram) Observe(d time.Duration) { s.h.Observe(d.Seconds()) }

// register puts together what /metrics shows.
func (s *Server) register() error {
	s.registry = prometheus.NewRegistry()
	s.served = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gyro_http_requests_total", Help: "Requests to the API by route and status.",
	}, []string{"method", "route", "status"})
	all := []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		s.served, newCollector(s.o.Engine, s.o.Peers),
	}
	if s.o.Syncs != nil {
		all = append(all, s.o.Syncs.h)
	}
	for _, c := range append(all, s.o.Collectors...) {
		if err := s.registry.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) metrics(r *request) error {
	families, err := s.registry.Gather()
	if err != nil {
		return err
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	var body bytes.Buffer
	encoder := expfmt.NewEncoder(&body, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	writeBody(r.RequestCtx, fasthttp.StatusOK, string(format), body.Bytes())
	return nil
}

// collector shows the charging core. It reads the engine once a scrape, so
// that the figures of one scrape belong together and requests pay nothing.
type collector struct {
	engine Engine
	peers  Peers

	answers, latency, batches, batchOctets, duplicates                  *prometheus.Desc
	sessions, groups, opened, expired, accounts, records, index, excess *prometheus.Desc
	retained, reserved, spent, grants, peersUp                          *prometheus.Desc
}

func newCollector(e Engine, p Peers) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("gyro_"+name, help, labels, nil)
	}
	return &collector{
		engine: e, peers: p,
		answers:     desc("ccr_total", "Credit-control requests answered since the start, by request type and result.", "type", "result"),
		latency:     desc("ccr_duration_seconds", "Time from a request's arrival to its answer being ready to be sent, the journal's sync included."),
		batches:     desc("batch_commands", "Commands per journalled batch."),
		batchOctets: desc("batch_bytes_total", "Octets of journalled batches."),
		duplicates:  desc("duplicates_total", "Requests answered again with the stored outcome, over the life of the data."),
		sessions:    desc("sessions_open", "Open credit-control sessions."),
		groups:      desc("rating_groups_open", "Rating groups of open sessions."),
		opened:      desc("sessions_total", "Sessions ever opened."),
		expired:     desc("sessions_expired_total", "Sessions closed by supervision: their gateway went silent."),
		accounts:    desc("accounts", "Accounts."),
		records:     desc("records_total", "Records of usage and balance operations ever written."),
		index:       desc("journal_index", "Journal index of the last batch applied."),
		excess:      desc("excess_reports_total", "Reports of usage that no bucket could pay for."),
		retained:    desc("retained_answers", "Answers kept for duplicates."),
		reserved:    desc("reserved_amount", "Open reservations, in units of the currency or of the service.", "service", "denomination"),
		spent: desc("spent_total", "Earned or consumed by service, in units of the currency or of the service; a refund lowers it.",
			"service", "denomination"),
		grants:  desc("grant_units", "Sizes of the quotas granted, over the life of the data.", "unit"),
		peersUp: desc("peers_up", "Connections of a gateway that answer watchdog requests.", "origin_host", "origin_realm"),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{
		c.answers, c.latency, c.batches, c.batchOctets, c.duplicates, c.sessions, c.groups, c.opened, c.expired, c.accounts,
		c.records, c.index, c.excess, c.retained, c.reserved, c.spent, c.grants, c.peersUp,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	m := c.engine.Metrics()
	m.EachAnswer(func(t charging.RequestType, r charging.Result, n uint64) {
		counter(to, c.answers, float64(n), t.String(), resultName(r))
	})
	to <- latency(c.latency, &m)
	to <- batchSizes(c.batches, &m)
	counter(to, c.batchOctets, float64(m.BatchBytes))
	c.collectState(to)
	c.collectPeers(to)
}

func (c *collector) collectState(to chan<- prometheus.Metric) {
	var stats charging.Stats
	var index uint64
	words := map[balance.Total]string{}
	c.engine.View(func(state *charging.State) {
		stats, index = state.Stats(), state.Index()
		for _, list := range [...][]balance.Total{stats.Totals, stats.Reserved} {
			for _, t := range list {
				words[t] = wordFor(t.Name, state.Label)
			}
		}
	})
	gauge(to, c.sessions, float64(stats.OpenSessions))
	gauge(to, c.groups, float64(stats.OpenGroups))
	counter(to, c.opened, float64(stats.Sessions))
	counter(to, c.expired, float64(stats.SupervisionExpired))
	gauge(to, c.accounts, float64(stats.OpenAccounts))
	counter(to, c.records, float64(stats.LastRecord))
	gauge(to, c.index, float64(index))
	counter(to, c.duplicates, float64(stats.Duplicates))
	counter(to, c.excess, float64(stats.Excess))
	gauge(to, c.retained, float64(stats.RetainedAnswers))
	for unit := range stats.Grants {
		to <- grantSizes(c.grants, charging.GrantUnit(unit), &stats.Grants[unit])
	}
	for _, t := range stats.Reserved {
		gauge(to, c.reserved, measure(t), words[t], t.Denomination.String())
	}
	for _, t := range stats.Totals {
		if t.Class == balance.Revenue || t.Class == balance.Consumed {
			counter(to, c.spent, measure(t), words[t], t.Denomination.String())
		}
	}
}

func (c *collector) collectPeers(to chan<- prometheus.Metric) {
	if c.peers == nil {
		return
	}
	type name struct{ host, realm string }
	up := map[name]int{}
	for _, p := range c.peers.Peers() {
		n := name{p.OriginHost, p.OriginRealm}
		up[n] += 0 // a gateway whose connections are all silent is shown as 0
		if p.Up {
			up[n]++
		}
	}
	for n, count := range up {
		gauge(to, c.peersUp, float64(count), n.host, n.realm)
	}
}

func counter(to chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

func gauge(to chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// measure is a total as a metric. Prometheus knows floats only: above 2^53
// millionths, nine billion euros, the last digits are lost here and nowhere
// else.
func measure(t balance.Total) float64 {
	v := math.Ldexp(float64(t.Sum.High), 64) + float64(t.Sum.Low)
	if small, ok := t.Sum.Int64(); ok {
		v = float64(small)
	}
	if t.Denomination.IsMoney() {
		return v / float64(money.Unit)
	}
	return v
}

// latency makes a histogram of the engine's powers of two of a microsecond.
// The last bucket is open and goes into the count alone.
func latency(d *prometheus.Desc, m *engine.Metrics) prometheus.Metric {
	buckets, count := cumulate(m.Latency[:], 1e-6)
	return prometheus.MustNewConstHistogram(d, count, float64(m.LatencySum)*1e-6, buckets)
}

func batchSizes(d *prometheus.Desc, m *engine.Metrics) prometheus.Metric {
	buckets, count := cumulate(m.BatchSizes[:], 1)
	return prometheus.MustNewConstHistogram(d, count, float64(m.BatchedCommands), buckets)
}

// grantSizes makes a histogram of the core's powers of ten of a unit. The last
// bucket is open and goes into the count alone.
func grantSizes(d *prometheus.Desc, unit charging.GrantUnit, sizes *charging.GrantSizes) prometheus.Metric {
	buckets, sum, limit := map[float64]uint64{}, uint64(0), 1.0
	for _, n := range sizes.Upto[:len(sizes.Upto)-1] {
		sum += n
		buckets[limit] = sum
		limit *= 10
	}
	return prometheus.MustNewConstHistogram(d, sizes.Count, float64(sizes.Units), buckets, unit.String())
}

// cumulate turns counts per power of two into counts up to each.
func cumulate(counts []uint64, scale float64) (buckets map[float64]uint64, total uint64) {
	buckets = map[float64]uint64{}
	for k, n := range counts {
		total += n
		if k < len(counts)-1 {
			buckets[math.Ldexp(scale, k)] = total
		}
	}
	return buckets, total
}

// resultName is a result's name in metrics: Diameter's word where it has one.
func resultName(r charging.Result) string {
	switch r {
	case charging.Success:
		return "success"
	case charging.UnknownSession:
		return "unknown_session"
	case charging.UserUnknown:
		return "user_unknown"
	case charging.NoIdentity:
		return "no_identity"
	case charging.Contradiction:
		return "contradiction"
	case charging.RatingFailed:
		return "rating_failed"
	case charging.CreditLimitReached:
		return "credit_limit_reached"
	case charging.ServiceDenied:
		return "service_denied"
	case charging.NotApplicable:
		return "credit_control_not_applicable"
	case charging.InvalidValue:
		return "invalid_value"
	case charging.SessionExists:
		return "session_exists"
	case charging.TooManyGroups:
		return "too_many_rating_groups"
	case charging.AccountUnknown, charging.IdentityTaken, charging.CurrencyMismatch, charging.OfferUnknown,
		charging.AccountBusy, charging.AccountNotEmpty, charging.Overflow, charging.CatalogInvalid,
		charging.InsufficientBalance, charging.SubscriberBusy, charging.Invalid, charging.VoucherUnknown,
		charging.VoucherUsed, charging.VoucherExpired, charging.VoucherBlocked, charging.VoucherUnsuitable,
		charging.GuessesLocked, charging.TransferRefused, charging.LoanRefused, charging.ApprovalNeeded,
		charging.SettlementRefused:
		_, code, _ := statusOf(r)
		return code
	}
	return "other"
}
