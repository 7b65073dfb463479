package coretest

import (
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"gyro/balance/store"
	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/ident"
	"gyro/internal/instant"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Began is when the clock of a core begins.
var Began = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// Core is a real charging core for the length of a test.
type Core struct {
	*engine.Engine
	Journal *Journal
	mu      sync.Mutex
	now     time.Time
}

// New starts a core; o need not say anything.
func New(t *testing.T, o engine.Options) *Core {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	fatal := func(err error) { t.Errorf("fatal: %v", err) }
	kept, err := store.Open(store.Options{Dir: "state", FS: vfs.NewMem(), Logger: logger, Fatal: fatal})
	if err != nil {
		t.Fatal(err)
	}
	state, err := charging.Load(kept)
	if err != nil {
		t.Fatal(err)
	}
	c := &Core{now: Began}
	o.State, o.Store, o.Now, o.Origin, o.Fatal, o.Logger = state, kept, c.Clock, 1, fatal, logger
	c.Engine = engine.New(o)
	c.Journal = newJournal(c.Engine, kept)
	c.Start(c.Journal)
	t.Cleanup(func() {
		if err := errors.Join(c.Stop(), kept.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Clock is the time.
func (c *Core) Clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Now is the time as an instant.
func (c *Core) Now() instant.Instant { return instant.Of(c.Clock()) }

// Advance has time pass. What it brings about comes with the next command.
func (c *Core) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Set moves the clock to a moment that is not before it.
func (c *Core) Set(to instant.Instant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := to.Time(); at.After(c.now) {
		c.now = at
	}
}

// gateway sends credit-control requests into the core.
type gateway struct{ answers chan charging.Outcome }

// Answer implements charging.Recipient.
func (g *gateway) Answer(_ *charging.Ticket, _ *charging.CreditControl, o *charging.Outcome) bool {
	kept := *o
	kept.Services = append([]charging.ServiceOutcome(nil), o.Services...)
	g.answers <- kept
	return false
}

// Flush implements charging.Recipient.
func (g *gateway) Flush() {}

// Request is a credit-control request about one rating group of data.
type Request struct {
	Session, IMSI string
	Kind          charging.RequestType
	Number        uint32
	Group         uint32
	Want, Used    uint64 // octets
}

// Exchange sends a request as a gateway would and returns its outcome.
func (c *Core) Exchange(t *testing.T, r Request) charging.Outcome {
	t.Helper()
	id, err := ident.New(ident.IMSI, []byte(r.IMSI))
	if err != nil {
		t.Fatal(err)
	}
	service := charging.Service{RatingGroup: r.Group, Flags: charging.HasRatingGroup}
	if r.Want > 0 {
		service.Flags |= charging.Requests
		service.Requested = charging.Units{Total: r.Want, Has: charging.HasTotal}
	}
	if r.Used > 0 {
		service.ReportCount = 1
		service.Reports[0].Units = charging.Units{Total: r.Used, Has: charging.HasTotal}
	}
	request := charging.CreditControl{
		SessionID: []byte(r.Session), OriginHost: []byte("pgw.example.net"), APN: []byte("internet"), Context: 32251,
		Type: r.Kind, Number: r.Number, EndToEnd: r.Number, Recipients: 1,
		Identities: []ident.Identity{id}, Services: []charging.Service{service},
	}
	g := &gateway{answers: make(chan charging.Outcome, 1)}
	if !c.Submit(&request, charging.Ticket{To: g}) {
		t.Fatal("the engine is busy")
	}
	return <-g.answers
}
