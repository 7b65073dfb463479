package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
)

// listener is a program that others have their events sent to: it answers badly now and then, and keeps what it
// acknowledged.
type listener struct {
	*httptest.Server
	t      testing.TB
	mu     sync.Mutex
	asked  int
	last   int64            // the newest event that it acknowledged
	events map[string]int64 // by the customer that each is of
}

func newListener(t testing.TB) *listener {
	t.Helper()
	l := &listener{t: t, events: map[string]int64{}}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var n struct {
		EventID string
		Event   struct{ Customer struct{ ID, Name string } }
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it is the office that went
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked++; l.asked%7 == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	unreadable := json.Unmarshal(body, &n)
	id, err := strconv.ParseInt(n.EventID, 10, 64)
	switch was, known := l.events[n.Event.Customer.ID]; {
	case unreadable != nil || err != nil || n.Event.Customer.Name == "":
		l.t.Errorf("not a notification with its document: %s", body)
	case known && was != id:
		l.t.Errorf("customer %s has the events %d and %d", n.Event.Customer.ID, was, id)
	case !known && id < l.last:
		l.t.Errorf("event %d comes behind %d", id, l.last)
	}
	l.events[n.Event.Customer.ID], l.last = id, max(l.last, id)
}

func (l *listener) has(customer string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events[customer] != 0
}

// TestListenersMissNothingAcrossKills: whatever happens to the office and the listener, each customer who was signed up is
// told of, in order.
func TestListenersMissNothingAcrossKills(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		l := newListener(t)
		o.ask(http.MethodPost, "/tmf-api/customerManagement/v4/hub", map[string]any{"callback": l.URL, "query": "eventType=customerCreateEvent"}, nil)
		var customers []string
		for n := range 60 {
			var person, made reference
			o.ask(http.MethodPost, "/tmf-api/party/v4/individual", map[string]any{"familyName": fmt.Sprint("Lang ", n)}, &person)
			o.ask(http.MethodPost, "/tmf-api/customerManagement/v4/customer", map[string]any{
				"engagedParty": reference{ID: person.ID, ReferredType: "Individual"},
			}, &made)
			customers = append(customers, made.ID)
			if n%20 == 10 {
				eventually(t, "something is told", func() bool { return l.has(customers[0]) })
				o.p.kill()
				o.start()
			}
		}
		eventually(t, "all are told of", func() bool {
			for _, id := range customers {
				if !l.has(id) {
					return false
				}
			}
			return true
		})
		var hubs struct {
			Items []struct {
				Status    string
				LastError string
			}
		}
		o.ask(http.MethodGet, "/office/v1/hubs", nil, &hubs)
		if len(hubs.Items) != 1 || hubs.Items[0].Status != "active" {
			t.Errorf("%+v", hubs)
		}
		o.p.stop()
	})
}
