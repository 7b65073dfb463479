package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/demo/thread"
	"gyro/network/element"
)

// Engine is the charging engine that the demo runs on.
type Engine interface {
	Core
	Records
	View(fn func(*charging.State))
	Metrics() engine.Metrics
}

// Books are the closed books of the core.
type Books struct {
	Problems         []string
	Difference       int64 // sum of all differences, in millionths and units
	Reserved         int64 // millionths of money still reserved
	OpenReservations int
	OpenSessions     int
}

// Options of a run.
type Options struct {
	Engine   Engine
	Operator *Operator
	Server   string        // where the elements connect to
	Realm    string        // the server's Origin-Realm
	Dir      string        // for the elements' logs
	For      time.Duration // zero until the context ends
	Rate     int           // CCRs a second of all elements together
	Seed     uint64
	Summary  string // file to write; empty for none
	Out      io.Writer
	Terminal bool // Out is one
	// Close proves the books once the network is quiet.
	Close func() (*Books, error)
	// Asked tells what the core asked gateways for so far.
	Asked func() Asked
	// Office is the thread from order to cash; nil without an office.
	Office *thread.Thread
	// Ended is an error when a process that the office needs has ended by itself;
	// nil without an office.
	Ended func() error
	Look  []string // where to look into the office, and what to try
}

// Asked is what the core asked gateways for unasked, and how many of them
// answered.
type Asked struct {
	Reauthorise         uint64 `json:"reauthorise"` // RAR: there is credit again
	ReauthoriseAnswered uint64 `json:"reauthorise_answered"`
	Abort               uint64 `json:"abort"` // ASR: the session must end
	AbortAnswered       uint64 `json:"abort_answered"`
}

// Summary is what a run came to.
type Summary struct {
	CCRTotal           uint64            `json:"ccr_total"`
	Answers2001        uint64            `json:"answers_2001"`
	AnswersByResult    map[uint32]uint64 `json:"answers_by_result"`
	RefusalsByCause    map[uint32]uint64 `json:"refusals_by_cause"`
	LatencyUS          LatencyUS         `json:"latency_us"`
	Retransmissions    uint64            `json:"retransmissions"`
	AnswerMismatches   uint64            `json:"answer_mismatches"`
	Timeouts           uint64            `json:"timeouts"`
	DuplicatesAnswered uint64            `json:"duplicates_answered"`
	DoubleDebits       int               `json:"double_debits"`
	Usage              *Comparison       `json:"usage"`
	SessionsOpened     uint64            `json:"sessions_opened"`
	SessionsOpen       int               `json:"sessions_open"`
	ReservedAfterDrain int64             `json:"reserved_after_drain"` // millionths of money
	ReservationsOpen   int               `json:"reservations_open"`    // of money and of allowances
	BooksDifference    int64             `json:"books_difference"`
	Problems           []string          `json:"problems"`
	Revenue            []Revenue         `json:"revenue"`
	Customers          Customers         `json:"customers"`
	Asked              Asked             `json:"asked_of_gateways"`
	Gateways           Gateways          `json:"gateways"`
	Office             *thread.Figures   `json:"office,omitempty"` // absent without an office
	Look               []string          `json:"where_to_look,omitempty"`
	ElapsedSeconds     float64           `json:"elapsed_seconds"`
}

// Gateways is what gateways did of themselves, as they tell.
type Gateways struct {
	Led           uint64 `json:"led_to_portal"` // subscribers without credit
	WentOn        uint64 `json:"went_on"`       // of those: with new credit, upon a RAR
	AccessChanges uint64 `json:"access_changes"`
	Roaming       uint64 `json:"roaming_sessions"`
}

func gatewaysOf(r *element.Report) Gateways {
	return Gateways{r.Led, r.WentOn, r.AccessChanges, r.Roaming}
}

// LatencyUS is as the elements measured it, in microseconds.
type LatencyUS struct {
	P50 uint64 `json:"p50"`
	P99 uint64 `json:"p99"`
	Max uint64 `json:"max"`
}

// ErrBooks is returned when the books do not close.
var ErrBooks = errors.New("the books do not close")

// ErrNothingServed is returned when books close because nothing was charged.
var ErrNothingServed = errors.New("not one request was answered with success; the elements' logs say why")

// Run drives the network until the time is up or the context ends, then
// drains it and closes the books.
func Run(ctx context.Context, o Options) (err error) {
	var after uint64
	var began charging.Stats
	o.Engine.View(func(s *charging.State) { after, began = s.LastRecord(), s.Stats() })
	var elements []*networkElement
	for _, spec := range o.elements() {
		e, err := startElement(spec, o.Dir)
		if err != nil {
			return errors.Join(err, stopAll(elements))
		}
		elements = append(elements, e)
	}
	started := time.Now()
	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	v := &view{out: o.Out, terminal: o.Terminal}
	failed := o.live(ctx, v, elements, started, after)
	_, _ = fmt.Fprintln(o.Out, "draining: the elements end their sessions")
	stopped := errors.Join(failed, stopAll(elements))
	if stopped == nil && o.Office != nil {
		stopped = o.closeOffice()
	}
	summary, err := o.summarise(elements, after, &began, v.told())
	if err != nil {
		return errors.Join(stopped, err)
	}
	summary.ElapsedSeconds = time.Since(started).Seconds()
	summary.print(o.Out)
	return errors.Join(stopped, o.write(summary), summary.verdict())
}

// closeTimeout bounds what the office has left to do when the network is quiet:
// orders that were under way, and the last usage records.
const closeTimeout = 2 * time.Minute

// closeOffice lets the office end what it is at, and proves its books.
func (o *Options) closeOffice() error {
	_, _ = fmt.Fprintln(o.Out, "closing: the office ends its orders and takes in the last usage")
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var last uint64
	o.Engine.View(func(s *charging.State) { last = s.LastRecord() })
	if err := o.Office.Close(ctx, last); err != nil {
		return fmt.Errorf("office: %w", err)
	}
	return nil
}

// live serves the customers and draws the view until the context ends, or one
// of both fails.
func (o *Options) live(ctx context.Context, v *view, elements []*networkElement, started time.Time, after uint64) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	closed := make(chan error, 1)
	go func() {
		err := newOffice(o.Engine, o.Operator, o.Seed, after).open(ctx, v.tell)
		if err != nil {
			err = fmt.Errorf("customers: %w", err)
			stop(err)
		}
		closed <- err
	}()
	thread := make(chan error, 1)
	go func() {
		if o.Office == nil {
			thread <- nil
			return
		}
		err := o.Office.Run(ctx, func(imsi, msisdn string) error { return join(elements, imsi, msisdn) })
		if err != nil {
			err = fmt.Errorf("office: %w", err)
			stop(err)
		}
		thread <- err
	}()
	failed := o.watch(ctx, v, elements, started)
	stop(nil)
	return errors.Join(failed, <-closed, <-thread)
}

// watch draws the view each second until the context ends or an element does.
func (o *Options) watch(ctx context.Context, v *view, elements []*networkElement, started time.Time) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		f := &figures{
			elapsed: time.Since(started), network: merged(elements), elements: elements, currency: o.Operator.currency,
			customers: v.told(), asked: o.Asked(),
		}
		f.look(o.Engine)
		if o.Office != nil {
			office := o.Office.Figures()
			f.office = &office
		}
		v.draw(f)
		if o.Ended != nil {
			if err := o.Ended(); err != nil {
				return err
			}
		}
		for _, e := range elements {
			if err := e.ended(); err != nil {
				return err
			}
		}
	}
}

// stopAll ends the elements side by side.
func stopAll(elements []*networkElement) error {
	errs := make(chan error, len(elements))
	for _, e := range elements {
		go func() { errs <- e.stop(context.Background()) }()
	}
	var all []error
	for range elements {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

func (o *Options) summarise(elements []*networkElement, after uint64, began *charging.Stats, customers Customers) (*Summary, error) {
	network := merged(elements)
	var logs []string
	for _, e := range elements {
		logs = append(logs, o.usageLog(e.name))
	}
	comparison, err := Compare(o.Engine, after, logs)
	if err != nil {
		return nil, err
	}
	books, err := o.Close()
	if err != nil {
		return nil, err
	}
	f := figures{}
	f.look(o.Engine)
	var office *thread.Figures
	if o.Office != nil {
		ended := o.Office.Figures()
		office = &ended
	}
	return &Summary{
		Office: office, Look: o.Look,
		CCRTotal: network.CCRTotal, Answers2001: network.Answers2001, AnswersByResult: network.AnswersByResult,
		RefusalsByCause: network.RefusalsByCause,
		LatencyUS:       LatencyUS{network.Latency.QuantileUS(500), network.Latency.QuantileUS(990), network.Latency.MaxUS()},
		Retransmissions: network.Retransmissions, AnswerMismatches: network.AnswerMismatches, Timeouts: network.Timeouts,
		DuplicatesAnswered: f.stats.Duplicates - began.Duplicates,
		DoubleDebits:       comparison.DoubleDebits, Usage: comparison,
		SessionsOpened: f.stats.Sessions - began.Sessions, SessionsOpen: books.OpenSessions,
		ReservedAfterDrain: books.Reserved, ReservationsOpen: books.OpenReservations, BooksDifference: books.Difference,
		Problems: append([]string{}, books.Problems...), Revenue: f.revenue(), Customers: customers, Asked: o.Asked(), Gateways: gatewaysOf(&network),
	}, nil
}

func (o *Options) write(s *Summary) error {
	if o.Summary == "" {
		return nil
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.Summary, append(text, '\n'), 0o644)
}

func (s *Summary) print(out io.Writer) {
	_, _ = fmt.Fprintf(out, "\n%d CCRs in %.0f s, %d answers 2001, latency p50 %s, p99 %s, max %s\n",
		s.CCRTotal, s.ElapsedSeconds, s.Answers2001,
		milliseconds(s.LatencyUS.P50), milliseconds(s.LatencyUS.P99), milliseconds(s.LatencyUS.Max))
	_, _ = fmt.Fprintf(out, "answers (command): %s\nrefusals (rating group): %s\n", byCode(s.AnswersByResult), byCode(s.RefusalsByCause))
	_, _ = fmt.Fprintf(out, "retransmissions %d, of which %d were answered from memory; answers that differed %d\n",
		s.Retransmissions, s.DuplicatesAnswered, s.AnswerMismatches)
	_, _ = fmt.Fprintf(out, "asked of gateways: %s\ncustomers: %s\ngateways: %s\n", &s.Asked, &s.Customers, &s.Gateways)
	if s.Office != nil {
		for _, line := range s.Office.Tell() {
			_, _ = fmt.Fprintln(out, line)
		}
	}
	for _, line := range bars(s.Revenue) {
		_, _ = fmt.Fprintln(out, "  "+line)
	}
	_, _ = fmt.Fprintf(out, "books: difference %d, double debits %d, lost usage %d (of %d compared), open sessions %d, reserved %d\n",
		s.BooksDifference, s.DoubleDebits, s.Usage.Lost, s.Usage.Compared, s.SessionsOpen, s.ReservedAfterDrain)
	for _, problem := range append(append([]string{}, s.Problems...), s.Usage.Examples...) {
		_, _ = fmt.Fprintln(out, "WRONG:", problem)
	}
	if s.verdict() == nil {
		_, _ = fmt.Fprintln(out, "The books close.")
	}
}

// verdict is an error when money or usage was lost, doubled or created, or
// when the run shows nothing because nothing was charged.
func (s *Summary) verdict() error {
	switch {
	case s.BooksDifference != 0 || len(s.Problems) > 0:
		return fmt.Errorf("%w: difference %d, %d problems", ErrBooks, s.BooksDifference, len(s.Problems))
	case s.DoubleDebits > 0:
		return fmt.Errorf("%w: %d double debits", ErrBooks, s.DoubleDebits)
	case s.Usage.Lost > 0:
		return fmt.Errorf("%w: usage of %d rating groups was lost", ErrBooks, s.Usage.Lost)
	case s.ReservedAfterDrain != 0 || s.ReservationsOpen != 0 || s.SessionsOpen != 0:
		return fmt.Errorf("%w: %d sessions, %d reservations and %d millionths reserved are left",
			ErrBooks, s.SessionsOpen, s.ReservationsOpen, s.ReservedAfterDrain)
	case s.AnswerMismatches > 0:
		return fmt.Errorf("%w: %d retransmissions were answered differently", ErrBooks, s.AnswerMismatches)
	case s.Office != nil && !s.Office.Whole():
		return fmt.Errorf("%w: those of the office have %d problems, and %d of %d usage records", ErrBooks, len(s.Office.Problems), s.Office.UsageTaken, s.Office.UsageRecords)
	case s.CCRTotal > 0 && s.Answers2001 == 0:
		return ErrNothingServed
	}
	return nil
}
