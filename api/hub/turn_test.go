package hub

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTwoProcessesTellOnce: offices that share a database tell each listener once, and the other one goes on when the one
// that told them ends.
func TestTwoProcessesTellOnce(t *testing.T) {
	run(t, Options{AllowPrivate: true}, func(o *office) {
		r := newReceiver(o.T)
		arrived := make(chan struct{}, 100)
		r.answer = func(int) int { arrived <- struct{}{}; return http.StatusOK }
		o.subscribe(622, r.URL, "", "")
		second := New(o.db, Options{AllowPrivate: true, Logger: slog.New(slog.NewTextHandler(o.Output(), nil))})
		begin := func(s *Service) (end func()) {
			ctx, stop := context.WithCancel(o.Context())
			ended := make(chan struct{})
			go func() { s.Run(ctx); close(ended) }()
			return func() { stop(); <-ended }
		}
		var want []string
		tell := func(events int) {
			for range events {
				want = append(want, fmt.Sprint(len(want)+1))
				o.emit(order(len(want), "a"))
				<-arrived
			}
		}
		endFirst, endSecond := begin(o.Service), begin(second)
		tell(3)
		endFirst()
		tell(3)
		endFirst = begin(o.Service)
		tell(1)
		endSecond()
		tell(2)
		endFirst()
		if got := strings.Join(r.ids(), " "); got != strings.Join(want, " ") {
			o.Errorf("the listener was told %s, want %s", got, strings.Join(want, " "))
		}
	})
}

// TestASlowListenerHoldsNobodyUp: while one does not answer, the other is told all; one that does not answer in time has failed,
// and is told later.
func TestASlowListenerHoldsNobodyUp(t *testing.T) {
	run(t, Options{AllowPrivate: true, Timeout: time.Minute}, func(o *office) {
		slow, quick := newReceiver(o.T), newReceiver(o.T)
		answers := make(chan struct{})
		slow.hold(answers)
		number := o.subscribe(622, slow.URL, "", "").ID
		arrived := make(chan struct{}, 10)
		quick.answer = func(int) int { arrived <- struct{}{}; return http.StatusCreated }
		o.subscribe(622, quick.URL, "", "")
		o.emit(order(1, "a"), order(2, "b"))
		told := make(chan error, 1)
		go func() { told <- o.Deliver(o.Context()) }()
		<-arrived
		<-arrived
		if is := o.listener(number); is.LastSeq != 0 || is.Failures != 0 {
			o.Errorf("the slow one is done already: %+v", is)
		}
		close(answers)
		if err := <-told; err != nil {
			o.Fatal(err)
		}

		never := make(chan struct{})
		slow.hold(never)
		o.emit(order(3, "c"))
		hasty := New(o.db, Options{AllowPrivate: true, Timeout: 200 * time.Millisecond, Logger: o.o.Logger})
		if err := hasty.Deliver(o.Context()); err != nil {
			o.Fatal(err)
		}
		if is := o.listener(number); is.Failures != 1 || is.LastSeq != 2 {
			o.Errorf("%+v", is)
		}
		close(never)
		o.clock.advance(2 * time.Second)
		o.deliver()
		// On a busy machine a request of the hasty one may not even have arrived, and the quick one may be too slow for it.
		for name, r := range map[string]*receiver{"slow": slow, "quick": quick} {
			if got := strings.Join(slices.Compact(r.ids()), " "); got != "1 2 3" {
				o.Errorf("the %s one got %s", name, got)
			}
		}
	})
}
