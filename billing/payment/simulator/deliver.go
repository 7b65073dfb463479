package simulator

import (
	"bytes"
	"container/heap"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"gyro/billing/payment/provider"
	"gyro/internal/instant"
)

// task is a step of a charge or the delivery of an event.
type task struct{ charge, event string }

type due struct {
	at   int64
	task task
}

// agenda is a heap of what is to be done, the earliest first.
type agenda []due

func (a *agenda) Len() int           { return len(*a) }
func (a *agenda) Less(i, j int) bool { return (*a)[i].at < (*a)[j].at }
func (a *agenda) Swap(i, j int)      { (*a)[i], (*a)[j] = (*a)[j], (*a)[i] }

// Push implements heap.Interface.
func (a *agenda) Push(x any) { *a = append(*a, x.(due)) } //nolint:forcetypeassert // add pushes nothing else

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

func (a *agenda) add(at int64, t task) { heap.Push(a, due{at, t}) }

// deliveries is how many webhooks are on their way at once.
const deliveries = 16

// Run takes the steps of charges and delivers webhooks until ctx ends.
func (p *Provider) Run(ctx context.Context) error {
	var going sync.WaitGroup
	defer going.Wait()
	places := make(chan struct{}, deliveries)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next, wait := p.next()
		if next == nil {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			case <-p.wake:
			}
			continue
		}
		if next.charge != "" {
			p.take(next.charge, instant.Of(p.now()))
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case places <- struct{}{}:
		}
		going.Go(func() {
			defer func() { <-places }()
			p.deliver(ctx, next.event)
		})
	}
}

// nothing is how long Run sleeps when nothing is to be done.
const nothing = time.Hour

// next returns what is due, or how long to wait.
func (p *Provider) next() (*task, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.agenda) == 0 {
		return nil, nothing
	}
	if wait := p.agenda[0].at - p.now().UnixMilli(); wait > 0 {
		return nil, time.Duration(wait) * time.Millisecond
	}
	first, _ := heap.Pop(&p.agenda).(due)
	return &first.task, 0
}

// deliver sends an event once, and puts it back if it did not arrive or is to arrive again.
func (p *Provider) deliver(ctx context.Context, id string) {
	p.mu.Lock()
	e, s := p.events[id], p.settings
	body := e.Body
	p.mu.Unlock()
	if body == nil {
		return
	}
	var err error
	if s.Webhook == "" {
		err = errNowhere
	} else {
		err = p.send(ctx, &s, body)
	}
	p.mu.Lock()
	e.attempts++
	wait := time.Duration(s.ShuffleBy)
	switch {
	case err != nil:
		wait = s.backoff(min(e.attempts, 30))
		p.logger.Debug("a webhook did not arrive", "event", id, "attempt", e.attempts, "again_in", wait.String(), "error", err)
	default:
		e.arrived++
		if e.arrived >= e.Copies {
			e.Body = nil
			p.mu.Unlock()
			if err := p.log.Write(record{Delivered: id})(); err != nil {
				p.logger.Error("a delivery is not durable", "event", id, "error", err)
			}
			return
		}
	}
	p.agenda.add(p.now().UnixMilli()+wait.Milliseconds(), task{event: id})
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

var errNowhere = fmt.Errorf("there is no webhook URL")

// send posts a body, signed now.
func (p *Provider) send(ctx context.Context, s *Settings, body []byte) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Webhook, bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("User-Agent", "gyro-simulated-payments")
	q.Header.Set(provider.SignatureHeader, provider.Sign(s.Secrets, body, instant.Of(p.now())))
	response, err := p.client.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // what it says is of no interest; its connection is
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the receiver answered %s", response.Status)
	}
	return nil
}
