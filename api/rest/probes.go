package rest

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"gyro/api/access"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
	"github.com/uptrace/bun"
	"github.com/valyala/fasthttp"
)

// sets is several sets in one.
type sets []Endpoint

// Endpoints implements Set.
func (s sets) Endpoints() []Endpoint { return s }

type statusBody struct {
	Status string `json:"status"`
}

// probes are what machines look at.
func (s *Server) probes() Set {
	return sets{
		{Method: fasthttp.MethodGet, Path: "/healthz", Public: true, Early: true, Do: s.health, Answer: statusBody{}, Summary: "Says that the process lives and answers."},
		{Method: fasthttp.MethodGet, Path: "/readyz", Public: true, Early: true, Do: s.readiness, Answer: statusBody{}, Summary: "Says whether requests are taken and the database answers."},
		{Method: fasthttp.MethodGet, Path: "/metrics", Roles: access.Network | access.Administrator, Early: true, Do: s.exposition, Summary: "Shows the metrics in Prometheus' format."},
	}
}

func (s *Server) health(context.Context, *Call) (*Answer, error) { return OK(statusBody{"ok"}), nil }

func (s *Server) readiness(ctx context.Context, _ *Call) (*Answer, error) {
	if !s.ready.Load() {
		return nil, notReady()
	}
	err := s.o.DB.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		_, err := q.ExecContext(ctx, "SELECT 1")
		return err
	})
	if err != nil {
		s.outage.tell(s.o.Logger, time.Now(), err)
		return nil, fail(fasthttp.StatusServiceUnavailable, "not_ready", "the database does not answer; the log says why")
	}
	return OK(statusBody{"ready"}), nil
}

// metrics of the server itself.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func (m *metrics) served(e *Endpoint, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, e.Path, statusText(status)).Inc()
	m.duration.WithLabelValues(method, e.Path).Observe(took.Seconds())
}

func (s *Server) register() error {
	s.registry = prometheus.NewRegistry()
	s.metrics = metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gyro_office_http_requests_total", Help: "Requests to the office by route and status.",
		}, []string{"method", "route", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gyro_office_http_request_duration_seconds", Help: "Time from a request to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"method", "route"}),
	}
	working := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gyro_office_http_requests_in_progress", Help: "Requests that are being worked on.",
	}, func() float64 { return float64(len(s.working)) })
	all := append([]prometheus.Collector{s.metrics.requests, s.metrics.duration, working, collectors.NewGoCollector()}, s.o.Collectors...)
	for _, collector := range all {
		if err := s.registry.Register(collector); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) exposition(context.Context, *Call) (*Answer, error) {
	families, err := s.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather the metrics: %w", err)
	}
	var body bytes.Buffer
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	encoder := expfmt.NewEncoder(&body, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return nil, fmt.Errorf("write the metrics: %w", err)
		}
	}
	return &Answer{Raw: body.Bytes(), ContentType: string(format)}, nil
}
