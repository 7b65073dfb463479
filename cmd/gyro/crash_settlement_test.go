package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// What the way to the core does with settlements.
const (
	settlementsPass    int32 = iota
	settlementsRefused       // for now
	settlementsLost          // carried out, and the answer never comes
)

// wayToCore is what an office's requests to its core go through.
type wayToCore struct {
	url   string
	does  atomic.Int32
	asked atomic.Int32 // how many settlements were refused
}

func newWayToCore(t testing.TB, core string) *wayToCore {
	t.Helper()
	target, err := url.Parse("http://" + core)
	if err != nil {
		t.Fatal(err)
	}
	w, proxy := &wayToCore{}, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/settlements") {
			proxy.ServeHTTP(answer, r)
			return
		}
		switch w.does.Load() {
		case settlementsRefused:
			answer.WriteHeader(http.StatusServiceUnavailable)
			w.asked.Add(1)
		case settlementsLost:
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			proxy.ServeHTTP(answer, r)
		}
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// settled counts the settlements of accounts in the core.
func (o *operator) settled(accounts []string) (n int) {
	o.t.Helper()
	for _, account := range accounts {
		var page struct{ Postings []struct{ Kind string } }
		o.charging.must(http.MethodGet, "/charging/v1/accounts/ba-"+account+"/postings", "", nil, &page)
		for _, p := range page.Postings {
			if p.Kind == "settlement" {
				n++
			}
		}
	}
	return n
}

// TestKilledBetweenABillAndItsSettlement kills the office when its bills are final and the core has not been told, and again
// when the core has settled and the office does not know it yet. Each bill is settled once.
func TestKilledBetweenABillAndItsSettlement(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		o.publish()
		o.stock()
		var accounts []string
		for n := range crashLines {
			accounts = append(accounts, o.customerWhoSent(n, 1))
		}
		o.used()

		// From here on the halves are two processes, and the test is on the way between them.
		o.p.stop()
		o.site.args[slices.Index(o.site.args, "--office")] = "--office=false"
		o.p = o.site.start()
		o.charging = newOffice(t, o.p.http)
		way := newWayToCore(t, o.p.http)
		alone := &secondOffice{o: o, address: o.officeAddress, data: filepath.Join(t.TempDir(), "office"), core: way.url}
		start := func() {
			alone.start()
			o.office = newOffice(t, o.officeAddress)
		}
		way.does.Store(settlementsRefused)
		start()
		next := nextBillDay(o.t)
		if run := o.ended(o.begins(next, "final")); run.Invoices != crashLines || run.Parked != 0 {
			t.Fatalf("%+v", run)
		}
		eventually(t, "the core is asked to settle", func() bool { return way.asked.Load() > 0 })
		alone.p.kill()
		if n := o.settled(accounts); n != 0 {
			t.Fatalf("%d settlements came through", n)
		}
		way.does.Store(settlementsLost)
		start()
		eventually(t, "the core has settled every bill", func() bool { return o.settled(accounts) >= crashLines })
		alone.p.kill()
		way.does.Store(settlementsPass)
		start()
		o.prove()
		if n := o.settled(accounts); n != crashLines {
			t.Errorf("%d bills are settled %d times", crashLines, n)
		}
		alone.p.stop()
		o.p.stop()
		o.site.verify(o.site.dir)
	})
}
