package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options are what a server needs.
type Options struct {
	// Name is what is simulated, such as hss.
	Name string
	// Handler serves the simulated protocol. Its requests' bodies are in memory
	// and at most MaxBody long.
	Handler http.Handler
	// Subject is what a request is about, for Faults.Only and for the seed.
	Subject func(r *http.Request, body []byte) string
	// Statistics adds to what GET /admin/statistics shows; may be nil.
	Statistics func() map[string]any
	// Admin adds routes below /admin/, which never fail on demand; may be nil.
	Admin  *http.ServeMux
	Faults Faults
	// Exit ends the process with a status, at once.
	Exit   func(status int)
	Logger *slog.Logger
}

// MaxBody bounds a request: a subscriber's data is a few hundred octets.
const MaxBody = 1 << 20

// ExitStatus is the status with which a process ends that was told to.
const ExitStatus = 3

// Server serves a simulated process.
type Server struct {
	o        Options
	inject   *injector
	stopping chan struct{}
	stop     sync.Once

	mu       sync.Mutex
	statuses map[int]uint64 // answers that were given, by status
}

// NewServer checks the options.
func NewServer(o Options) (*Server, error) {
	if err := o.Faults.Validate(); err != nil {
		return nil, err
	}
	return &Server{o: o, inject: newInjector(&o.Faults), stopping: make(chan struct{}), statuses: map[int]uint64{}}, nil
}

// The times that a server allows. Idle connections stay longer than the
// clients' pools keep them, so that the client closes first.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 5 * time.Minute
	stopTimeout   = 5 * time.Second
)

// Serve answers on l until ctx ends, then lets what is being served end.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.o.Logger.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.stop.Do(func() { close(s.stopping) })
	ending, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := h.Shutdown(ending); err != nil {
		return errors.Join(err, h.Close())
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		Problem(w, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE", fmt.Sprintf("a body has at most %d octets", MaxBody))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(r.URL.Path) >= 7 && r.URL.Path[:7] == "/admin/" {
		s.administer(w, r)
		return
	}
	p := s.inject.plan(s.o.Subject(r, body))
	s.pause(r.Context(), p.wait)
	if p.failure == refuse {
		s.count(p.status)
		Problem(w, p.status, "INSUFFICIENT_RESOURCES", "the simulated "+s.o.Name+" was told to refuse")
		return
	}
	if p.failure.before() {
		s.fail(r, p.failure)
	}
	a := &answer{header: http.Header{}}
	s.o.Handler.ServeHTTP(a, r)
	if p.failure != served {
		s.fail(r, p.failure)
	}
	s.count(a.status)
	a.send(w)
}

// fail leaves a request without an answer.
func (s *Server) fail(r *http.Request, f failure) {
	s.o.Logger.Info("fails as it was told to", "failure", string(f), "method", r.Method, "path", r.URL.Path)
	switch f {
	case exitBefore, exitAfter:
		s.o.Exit(ExitStatus)
	case hangBefore, hangAfter:
		select {
		case <-r.Context().Done():
		case <-s.stopping:
		}
	case served, refuse, dropBefore, dropAfter:
	}
	panic(http.ErrAbortHandler) // net/http closes the connection
}

func (s *Server) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-s.stopping:
	}
}

func (s *Server) count(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses[status]++
}

// answer keeps what a handler says until it is known whether anybody hears it.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

func (a *answer) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	a.WriteHeader(http.StatusOK)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // a client that left hears nothing
}

// ProblemDocument is an error in the form of RFC 9457, with the cause that 3GPP
// adds (TS 29.571, 5.2.4.1).
type ProblemDocument struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Cause  string `json:"cause"`
}

// Problem answers with an error.
func Problem(w http.ResponseWriter, status int, cause, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(ProblemDocument{Title: http.StatusText(status), Status: status, Detail: detail, Cause: cause})
}

// JSON answers with a document.
func JSON(w http.ResponseWriter, status int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		Problem(w, http.StatusInternalServerError, "SYSTEM_FAILURE", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
