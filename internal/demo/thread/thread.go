// Package thread is what the demo's customers do with the office, from order to
// cash: they order lines and get them, use them, change and suspend them, are
// billed and pay; one does not, and is suspended until he does. It is a client of
// the office's API like any other, and of the simulated processes' own.
package thread

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Options of a thread.
type Options struct {
	// Office is the base URL of the office's API, Key an administrator's key for it.
	Office, Key string
	// HSS is the base URL of a simulated subscriber database, which is told to refuse orders for a while.
	HSS string
	// Catalogue is the document of what is sold.
	Catalogue []byte
	// Prove proves the books as gyro books verify does: how many checks there are,
	// and what they found to differ.
	Prove func() (checks int, problems []string, err error)
	// For is how long the run lasts; zero is until it is ended.
	For time.Duration
}

// The pace of new customers, and how many of them are waited for at once.
const (
	orderEvery = 250 * time.Millisecond
	atOnce     = 8
)

// unbounded is how long a run without an end takes for the story.
const unbounded = time.Minute

// Thread is one run.
type Thread struct {
	o      Options
	client *http.Client
	run    int64     // the moment of the start in milliseconds, which keeps keys of two runs apart
	began  time.Time // of Run
	// join tells the network of a subscriber.
	join func(imsi, msisdn string) error

	mu       sync.Mutex
	f        Figures
	people   []*person       // whose line is active, in the order of activation
	underWay map[string]bool // orders that are not carried out yet
}

// New prepares a run.
func New(o Options) *Thread {
	now := time.Now()
	return &Thread{
		o: o, client: &http.Client{}, run: now.UnixMilli(), began: now, underWay: map[string]bool{},
		f: Figures{Currency: "EUR", LeftOut: []string{}, Problems: []string{}},
	}
}

// Open publishes the catalogue and fills the pools of numbers and cards.
func (t *Thread) Open(ctx context.Context) error {
	if err := t.fillPools(ctx); err != nil {
		return err
	}
	return t.publish(ctx)
}

// Run lives the story until it is over and ctx ends. join is told of every
// subscriber whose line was activated. What does not fit is named in the figures.
func (t *Thread) Run(ctx context.Context, join func(imsi, msisdn string) error) error {
	t.began, t.join = time.Now(), join
	orders := make(chan error, 1)
	stop, stopOrders := context.WithCancelCause(ctx)
	defer stopOrders(nil)
	go func() {
		err := t.takeOrders(stop)
		if err != nil {
			stopOrders(err)
		}
		orders <- err
	}()
	err := t.story(stop)
	if err != nil {
		stopOrders(err)
	}
	taken := <-orders
	if taken != nil && errors.Is(err, context.Canceled) {
		err = nil // the story ended because the orders did
	}
	return errors.Join(err, taken)
}

// Figures are how far it is.
func (t *Thread) Figures() Figures {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.f
	f.LeftOut = append([]string{}, f.LeftOut...)
	f.Problems = append([]string{}, f.Problems...)
	return f
}

// count changes the figures.
func (t *Thread) count(change func(f *Figures)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.f)
}

// span is the time that the story has.
func (t *Thread) span() time.Duration {
	if t.o.For == 0 {
		return unbounded
	}
	return t.o.For
}

// at waits until permille of the time that there is has passed.
func (t *Thread) at(ctx context.Context, permille int) error {
	return pause(ctx, time.Until(t.began.Add(t.span()*time.Duration(permille)/1000)))
}

// scene is a part of the story and when it begins, in permille of the time.
type scene struct {
	name  string
	from  int
	plays func(ctx context.Context) error
}

// story plays the scenes. When the time is up, those that are left are named.
func (t *Thread) story(ctx context.Context) error {
	scenes := []scene{
		{"an element that refuses orders", 150, t.refuseOrders},
		{"a change of plan, a suspension and its end", 250, t.changeLines},
		{"an invoice run", 400, t.bill},
		{"payments", 400, t.pay},
		{"dunning to suspension", 400, t.dun},
		{"the debtor's payment", 400, t.relent},
	}
	for n := range scenes {
		s := &scenes[n]
		err := t.at(ctx, s.from)
		if err == nil {
			err = s.plays(ctx)
		}
		if ctx.Err() != nil {
			t.leaveOut(scenes[n:])
			return ended(context.Cause(ctx))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	<-ctx.Done()
	return ended(context.Cause(ctx))
}

// leaveOut notes what there was no time for.
func (t *Thread) leaveOut(scenes []scene) {
	t.count(func(f *Figures) {
		for _, s := range scenes {
			f.LeftOut = append(f.LeftOut, s.name)
		}
	})
}

// ended is nil for the end of the time, which is none of a run.
func ended(cause error) error {
	if errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
		return nil
	}
	return cause
}

// key names a request of this run, so that it can be sent again.
func (t *Thread) key(what string, n int) string { return fmt.Sprintf("demo-%d-%s-%d", t.run, what, n) }
