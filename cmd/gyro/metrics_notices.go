package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"gyro/charging"
	"gyro/charging/gy"
)

// noticeMetrics shows what gateways were asked for unasked and what came of it.
type noticeMetrics struct{ notices *gy.Notices }

var (
	noticesSent     = noticeDesc("sent_total", "Requests sent to gateways unasked (RAR, ASR), by what the core wanted.", "kind")
	noticesAnswered = noticeDesc("answered_total", "Their answers, by Result-Code.", "kind", "result")
	noticesTimedOut = noticeDesc("timed_out_total", "Those that got no answer.", "kind")
	noticesDropped  = noticeDesc("dropped_total", "Those that were never sent, by why.", "reason")
	noticesWaiting  = noticeDesc("waiting", "Those in the queue now.")
)

// noticeNames are the values of the label kind.
var noticeNames = [gy.NoticeKinds]string{charging.Reauthorise: "reauthorise", charging.Abort: "abort"}

func noticeDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("gyro_notices_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (noticeMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{noticesSent, noticesAnswered, noticesTimedOut, noticesDropped, noticesWaiting} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m noticeMetrics) Collect(out chan<- prometheus.Metric) {
	counts := m.notices.Counts()
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for kind, name := range noticeNames {
		if name == "" {
			continue
		}
		count(noticesSent, counts.Sent[kind], name)
		count(noticesTimedOut, counts.TimedOut[kind], name)
		for a := range gy.NoticeAnswers {
			count(noticesAnswered, counts.Answered[kind][a], name, a.String())
		}
	}
	for r := range gy.DropReasons {
		count(noticesDropped, counts.Dropped[r], r.String())
	}
	out <- prometheus.MustNewConstMetric(noticesWaiting, prometheus.GaugeValue, float64(counts.Waiting))
}
