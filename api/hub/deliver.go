package hub

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/outbound"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"
)

// Options of a Service.
type Options struct {
	// Document returns an entity as its API shows it, for the body of a notification; nil, or a nil document, where there is none.
	Document func(ctx context.Context, api int, resource, id string) (any, error)
	// AllowPrivate lets callbacks be in private networks and on this machine, and be plain http.
	AllowPrivate bool
	// Timeout bounds one delivery, 10 s where it is zero.
	Timeout time.Duration
	// GiveUp is how long a listener may fail before it is disabled, a day where it is zero.
	GiveUp instant.Span
	Logger *slog.Logger
}

// How events are delivered.
const (
	defaultTimeout = 10 * time.Second
	defaultGiveUp  = instant.Day
	// pollEvery is how late an event can be that nobody waits for.
	pollEvery = 500 * time.Millisecond
	// page is how many events are read, and delivered, before the cursor is moved: what a kill makes arrive twice at most.
	page = 100
	// backoff doubles from the first to the most.
	firstBackoff = instant.Second
	mostBackoff  = 10 * instant.Minute
	longestWait  = mostBackoff + mostBackoff/4
	// maxError bounds what is kept of what went wrong.
	maxError = 300
)

// Service keeps listeners and tells them what happens.
type Service struct {
	db     *database.DB
	o      Options
	client *http.Client

	mu      sync.Mutex
	busy    map[int64]bool // listeners that are being told
	workers sync.WaitGroup

	deliveries *prometheus.CounterVec
	disabled   prometheus.Gauge
}

// New makes a Service. Its Collectors are for the metrics of the server.
func New(db *database.DB, o Options) *Service {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.GiveUp == 0 {
		o.GiveUp = defaultGiveUp
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Service{
		db: db, o: o, client: outbound.NewClient(outbound.Options{AllowPrivate: o.AllowPrivate, Timeout: o.Timeout}), busy: map[int64]bool{},
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gyro_office_hub_deliveries_total", Help: "Notifications sent to listeners, by what came of it.",
		}, []string{"outcome"}),
		disabled: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gyro_office_hub_disabled_listeners", Help: "Listeners that failed for too long and are told nothing until they are enabled.",
		}),
	}
}

// Collectors are the metrics of the deliveries.
func (s *Service) Collectors() []prometheus.Collector {
	return []prometheus.Collector{s.deliveries, s.disabled}
}

// SetDocument says where the bodies of notifications come from, before Run.
func (s *Service) SetDocument(document func(ctx context.Context, api int, resource, id string) (any, error)) {
	s.o.Document = document
}

// Run tells the listeners what happens until ctx ends; it returns when nobody is being told any more. Of the processes that
// share a database one tells them, or each would be told everything as often as there are processes.
func (s *Service) Run(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	turn := s.db.Turn("hub")
	defer func() {
		s.workers.Wait()
		if err := turn.End(); err != nil {
			s.o.Logger.Warn("the turn to tell listeners was not given back", "error", err)
		}
	}()
	for {
		if err := s.inTurn(ctx, turn); err != nil && ctx.Err() == nil {
			s.o.Logger.Error("the listeners cannot be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// inTurn begins a round where it is this process that tells the listeners.
func (s *Service) inTurn(ctx context.Context, turn *database.Turn) error {
	mine, err := turn.Mine(ctx)
	if err != nil || !mine {
		return err
	}
	return s.begin(ctx)
}

// Deliver tells each listener that is due all that it has not been told, once, and returns when it is done.
func (s *Service) Deliver(ctx context.Context) error {
	err := s.begin(ctx)
	s.workers.Wait()
	return err
}

// begin starts telling the listeners that are due; one that is being told goes on.
func (s *Service) begin(ctx context.Context) error {
	var due []Listener
	var disabled int64
	err := s.db.Read(ctx, func(ctx context.Context, q bun.IDB) (err error) {
		if disabled, err = q.NewSelect().Model((*Listener)(nil)).Where("h.status = ?", Disabled).Count(ctx); err != nil {
			return err
		}
		now := s.db.Now()
		never := now.Add(longestWait) // what is later was noted before the clock was set back
		return q.NewSelect().Model(&due).Where("h.status = ?", Active).Where("h.next_attempt_at <= ? OR h.next_attempt_at > ?", now, never).
			OrderExpr("h.id").Scan(ctx)
	})
	if err != nil {
		return err
	}
	s.disabled.Set(float64(disabled))
	for n := range due {
		l := due[n]
		if !s.take(l.ID) {
			continue
		}
		s.workers.Go(func() {
			defer s.give(l.ID)
			if err := s.tell(ctx, l); err != nil && ctx.Err() == nil && !errors.Is(err, errGone) {
				s.o.Logger.Error("a listener could not be told", "listener", l.ID, "error", err)
			}
		})
	}
	return nil
}

func (s *Service) take(listener int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[listener] {
		return false
	}
	s.busy[listener] = true
	return true
}

func (s *Service) give(listener int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, listener)
}

// tell sends a listener what it has not been told, in order, until there is no more or it fails.
func (s *Service) tell(ctx context.Context, l Listener) error {
	wanted, err := parseInterest(l.Query)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		events, err := s.db.Events(ctx, l.LastSeq, page)
		if err != nil || len(events) == 0 {
			return err
		}
		seq, sent, failure := l.LastSeq, int64(0), error(nil)
		for n := range events {
			if ctx.Err() != nil {
				break // what is on its way is waited for, so that it does not come twice
			}
			e := &events[n]
			if api, _ := split(e.Type); api == l.API && wanted.wants(e.Type) {
				if failure = s.send(context.WithoutCancel(ctx), &l, e); failure != nil {
					break
				}
				sent++
			}
			seq = e.Seq
		}
		if err := s.move(context.WithoutCancel(ctx), &l, seq, sent, failure); err != nil || failure != nil {
			return err
		}
	}
	return nil
}

// postman is who moves cursors; it is no change of the business and leaves no audit row.
var postman = database.Actor{Name: "hub", Via: "job"}

// move notes what was delivered, and what went wrong.
func (s *Service) move(ctx context.Context, l *Listener, seq, sent int64, failure error) error {
	gaveUp := false
	err := s.db.Write(ctx, postman, func(ctx context.Context, tx *database.Tx) error {
		var is Listener
		err := tx.NewSelect().Model(&is).Where("h.id = ?", l.ID).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return errGone
		} else if err != nil {
			return err
		}
		is.LastSeq, is.Delivered = max(is.LastSeq, seq), is.Delivered+sent
		if sent > 0 || failure == nil {
			is.Failures, is.FailingSince, is.NextAttemptAt, is.LastError = 0, 0, 0, ""
		}
		if failure != nil {
			gaveUp = is.fail(tx.Now(), failure, s.o.GiveUp)
		}
		*l = is
		if _, err := tx.NewUpdate().Model(&is).WherePK().ExcludeColumn("secret", "callback", "query").Exec(ctx); err != nil || !gaveUp {
			return err
		}
		return tx.Audit(ctx, "hub", id(is.ID), "disable", nil, &is)
	})
	if err == nil && gaveUp {
		s.o.Logger.Warn("a listener failed for too long and is disabled; POST /office/v1/hubs/{id}/enable lets it be told again",
			"listener", l.ID, "callback", l.Callback, "failures", l.Failures, "error", l.LastError)
	}
	return err
}

// fail notes a failure, and reports whether it was one too many.
func (l *Listener) fail(now instant.Instant, failure error, giveUp instant.Span) bool {
	l.Failures++
	if l.FailingSince == 0 {
		l.FailingSince = now
	}
	l.LastError = fmt.Sprintf("%.*s", maxError, failure.Error())
	wait := min(firstBackoff<<min(l.Failures-1, 20), mostBackoff)
	wait += instant.Span(rand.Int64N(int64(wait)/4 + 1)) // so that those who fail together do not come back together
	l.NextAttemptAt = now.Add(wait)
	if now.Sub(l.FailingSince) >= giveUp {
		l.Status = Disabled
	}
	return l.Status == Disabled
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

var errGone = errors.New("the listener was removed")

var errStatus = errors.New("the listener answered")
