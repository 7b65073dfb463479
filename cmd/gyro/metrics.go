package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"gyro/charging/diameter"
	"gyro/charging/gy"
	"gyro/charging/journal"
)

// collectors show what the engine does not see: connections, requests that
// never became commands, the journal behind the last checkpoint, the disk.
func (n *node) collectors() []prometheus.Collector {
	var list []prometheus.Collector
	counter := func(name, help string, read func() uint64) {
		list = append(list, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(read()) }))
	}
	gauge := func(name, help string, read func() float64) {
		list = append(list, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
	}
	peers := func(of func(diameter.Counters) uint64) func() uint64 {
		return func() uint64 { return of(n.server.Counters()) }
	}
	requests := func(of func(gy.Counters) uint64) func() uint64 {
		return func() uint64 { return of(n.requests.Counters()) }
	}
	log := func(of func(journal.Stats) float64) func() float64 {
		return func() float64 { return of(n.core.journal.Stats()) }
	}
	counter("gyro_diameter_connections_total", "Connections of gateways accepted.",
		peers(func(c diameter.Counters) uint64 { return c.Accepted }))
	counter("gyro_diameter_connections_over_limit_total", "Connections closed at once because there were too many.",
		peers(func(c diameter.Counters) uint64 { return c.OverLimit }))
	counter("gyro_diameter_connections_made_room_total", "Connections closed before their CER, because another one needed the room.",
		peers(func(c diameter.Counters) uint64 { return c.MadeRoom }))
	counter("gyro_diameter_restarts_passed_over_total", "Changes of an Origin-State-Id that came too often to release sessions each time.",
		peers(func(c diameter.Counters) uint64 { return c.RestartsPassedOver }))
	counter("gyro_diameter_peers_refused_total", "Capabilities-Exchange-Requests answered with an error.",
		peers(func(c diameter.Counters) uint64 { return c.PeersRefused }))
	counter("gyro_ccr_refused_total", "Credit-control requests answered without the engine: something is wrong with them.",
		requests(func(c gy.Counters) uint64 { return c.Refused }))
	counter("gyro_ccr_busy_total", "Credit-control requests answered 3004, because too many waited.",
		requests(func(c gy.Counters) uint64 { return c.Busy }))
	counter("gyro_ccr_spoofed_total", "Credit-control requests refused because a peer that is no relay sent them for another host.",
		requests(func(c gy.Counters) uint64 { return c.Spoofed }))
	list = append(list, noticeMetrics{n.notices})
	gauge("gyro_journal_pending", "Batches on their way through the journal.",
		log(func(s journal.Stats) float64 { return float64(s.Pending) }))
	gauge("gyro_journal_checkpoint_index", "Journal index of the last durable checkpoint.",
		log(func(s journal.Stats) float64 { return float64(s.CheckpointIndex) }))
	gauge("gyro_journal_replay_bytes", "Octets of the journal that a start would have to read.",
		log(func(s journal.Stats) float64 { return float64(s.LogBytes) }))
	gauge("gyro_journal_disk_bytes", "Size of the journal's files.",
		log(func(s journal.Stats) float64 { return float64(s.DiskBytes) }))
	gauge("gyro_journal_sync_running_seconds", "How long the sync in progress has been running, 0 if there is none.",
		log(func(s journal.Stats) float64 { return s.SyncRunning.Seconds() }))
	gauge("gyro_store_disk_bytes", "Size of the state store's files.",
		func() float64 { return float64(n.core.store.DiskBytes()) })
	gauge("gyro_data_free_bytes", "Octets free on the disk of the data directory, -1 where that cannot be told.",
		n.core.free)
	return list
}

func (c *core) free() float64 {
	free, err := c.dir.Free()
	if err != nil {
		return -1
	}
	return float64(free)
}
