package hub

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
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
