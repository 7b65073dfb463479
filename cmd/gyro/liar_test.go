package main

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// TestAnElementThatLies: an HSS answers with success and shows another subscriber. The order waits for a person, who is told
// what it said; with the HSS in its right mind it is retried, and completed. One that did what was asked and never answered
// is found to have done it.
func TestAnElementThatLies(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *operator) {
		o.publish()
		o.stock()
		at, err := url.Parse(o.hss.url())
		if err != nil {
			t.Fatal(err)
		}
		var lies atomic.Bool
		proxy := &httputil.ReverseProxy{
			ErrorLog: log.New(io.Discard, "", 0), // what the office gives up is of no interest
			Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(at) },
			ModifyResponse: func(r *http.Response) error {
				body, err := io.ReadAll(r.Body)
				if lies.Load() {
					body = bytes.ReplaceAll(body, []byte(`"imsi":"26201900`), []byte(`"imsi":"26201999`))
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				r.Header.Set("Content-Length", strconv.Itoa(len(body)))
				return err
			},
		}
		server := httptest.NewServer(proxy)
		t.Cleanup(server.Close)
		o.p.stop()
		settings, err := os.ReadFile(o.site.config)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(o.site.config, []byte(strings.ReplaceAll(string(settings), o.hss.url(), server.URL)), 0o600); err != nil {
			t.Fatal(err)
		}
		o.start()

		account, c := o.customer("Ada", "Lang"), clerkAtHand{o}
		lies.Store(true)
		order := o.order(account, "lied-to", map[string]any{"action": "add", "productOffering": reference{ID: "mobile-s"}})
		task := c.fallen("hss.create")
		if said := c.run("fallout", "list"); !strings.Contains(said, "CONTRADICTION") || !strings.Contains(said, "shows imsi 26201999") {
			t.Errorf("it does not say what the element said:\n%s", said)
		}
		lies.Store(false)
		c.run("fallout", "retry", task, "--note", "the HSS mixed its answers up")
		o.completed(order)
		o.shown(o.lineOf(account), "active", "SERVICE_GRANTED", "ACTIVE")

		other := o.customer("Ben", "Kurz")
		o.hss.fails(`{"hang_after":1000,"limit":1}`)
		o.completed(o.order(other, "silent", map[string]any{"action": "add", "productOffering": reference{ID: "mobile-s"}}))
		o.shown(o.lineOf(other), "active", "SERVICE_GRANTED", "ACTIVE")
		o.p.stop()
	})
}
