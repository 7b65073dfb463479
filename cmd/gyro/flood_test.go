package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
)

// TestFloods has two permitted gateways send as fast as they can, without waiting for answers, more than the server can take,
// while a third asks one thing after another: the floods are told to come later (3004), and the third never is.
func TestFloods(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	p := s.start()
	o := newOffice(t, p.http)
	o.open(1)
	honest := dialGateway(t, p.diameter)
	honest.host = "honest.test.example"
	honest.send(honest.cer())
	if code := resultOf(t, honest.receive()); code != diam.Success {
		t.Fatalf("CEA %d", code)
	}
	var wg sync.WaitGroup
	var refused atomic.Uint64 // requests of the floods
	var stopped atomic.Bool
	for n := range 2 {
		g := dialGateway(t, p.diameter)
		g.host = fmt.Sprintf("flood%d.test.example", n)
		g.send(g.cer())
		if code := resultOf(t, g.receive()); code != diam.Success {
			t.Fatalf("CEA %d", code)
		}
		var burst []byte
		for i := range 2000 {
			burst = append(burst, g.ccr(ccr{session: fmt.Sprintf("%s;%d", g.host, i), kind: initial, asks: true})...)
		}
		if err := g.conn.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for !stopped.Load() {
				if _, err := g.conn.Write(burst); err != nil {
					return // the test is over, or the server has had enough
				}
			}
		})
		wg.Go(func() { countBusy(g.conn, &refused) })
	}
	asked, deadline := 0, time.Now().Add(patience)
	for ; asked < 60 || refused.Load() == 0; asked++ {
		if time.Now().After(deadline) {
			t.Fatalf("%d requests of the floods were refused in the time for %d of the honest gateway", refused.Load(), asked)
		}
		answer := honest.ask(honest.ccr(ccr{session: fmt.Sprintf("honest;%d", asked), kind: oneTime}))
		if code := resultOf(t, answer); code != diam.Success {
			t.Errorf("request %d of the honest gateway: %d", asked, code)
		}
	}
	stopped.Store(true)
	metrics := string(o.must(http.MethodGet, "/metrics", "", nil, nil).body)
	if strings.Contains(metrics, "\ngyro_ccr_busy_total 0\n") {
		t.Error("the metrics know nothing of the floods")
	}
	t.Logf("%d requests of the floods were refused, none of %d of the honest gateway", refused.Load(), asked)
	p.kill()
	wg.Wait()
}

// countBusy counts answers with DIAMETER_TOO_BUSY until the connection ends.
func countBusy(r io.Reader, busy *atomic.Uint64) {
	head := make([]byte, 4)
	for {
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		rest := make([]byte, int(binary.BigEndian.Uint32(head)&0xffffff)-len(head))
		if _, err := io.ReadFull(r, rest); err != nil {
			return
		}
		const errorBit = 0x20 // RFC 6733 section 3
		if rest[0]&errorBit != 0 {
			busy.Add(1)
		}
	}
}
