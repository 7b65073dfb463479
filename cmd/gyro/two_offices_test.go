package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"gyro/internal/database"
)

// Of the test with two processes of the office.
const (
	twoOfficesOrders = 15 // of each seller
	twoOfficesPayers = 600
	twoOfficesWithin = 150 * time.Millisecond
)

// secondOffice is a process of the office alone, on the database and the core of an operator whose own office runs beside.
type secondOffice struct {
	o       *operator
	address string
	data    string
	core    string // where the core is, "" for the operator's
	p       *program
}

func (s *secondOffice) start() {
	s.o.t.Helper()
	args := s.o.site.args
	database := args[slices.Index(args, "--database")+1]
	core := cmp.Or(s.core, "http://"+s.o.p.http)
	s.p = launch(s.o.t, command(s.o.t, "office", "--config", s.o.site.config, "--data", s.data, "--log-format", "json",
		"--office-listen", s.address, "--database", database, "--core", core))
	if _, ok := s.p.awaitLine(officeReadyMessage); !ok {
		s.o.t.Fatalf("it ended before it was up: %v\n%s", s.p.exit(), s.p.output())
	}
}

// TestTwoOfficesOnOneDatabase: customers order at both, and both are asked for the same invoice run at the same moment, while
// one of them is killed. Every order is carried out once, and there is one bill for each account, with numbers without gaps.
func TestTwoOfficesOnOneDatabase(t *testing.T) {
	t.Parallel()
	o := newOperator(t, database.PostgreSQL)
	o.publish()
	o.stock()
	s := &secondOffice{o: o, address: freeAddress(t), data: filepath.Join(t.TempDir(), "second")}
	s.start()
	o.hss.fails(`{"refuse":50,"drop_after":100,"seed":9}`)
	sellers, sold := o.sell(twoOfficesOrders, o.officeAddress, s.address)
	const orders = twoOfficesOrders * crashSellers
	eventually(t, "a third of the orders is taken", func() bool { return o.count("") >= orders/3 })
	s.p.kill()
	s.start()
	sold()
	o.hss.fails("")
	eventually(t, "every order has ended", func() bool { return o.count("completed")+o.count("cancelled") >= orders })
	o.checkOrders(sellers)

	o.payers(twoOfficesPayers)
	next := nextBillDay(o.t)
	var runs [2]billedRun
	var asking sync.WaitGroup
	for n, office := range []*office{o.office, newOffice(t, s.address)} {
		asking.Go(func() {
			body := fmt.Appendf(nil, `{"asOf":%q,"mode":"final","behind":true}`, next)
			office.must(http.MethodPost, "/office/v1/invoice-runs", "application/json", body, &runs[n],
				"Idempotency-Key", fmt.Sprint("run-of-", n), "Authorization", "Bearer "+o.key())
		})
	}
	asking.Wait()
	<-time.After(time.Duration(rand.Int64N(int64(twoOfficesWithin))))
	s.p.kill()
	for _, run := range runs {
		t.Logf("%+v", o.ended(run))
	}
	var page struct{ Total int }
	if o.ask(http.MethodGet, "/office/v1/invoices?limit=1", nil, &page); page.Total != twoOfficesPayers+crashSellers {
		t.Errorf("%d accounts have %d bills", twoOfficesPayers+crashSellers, page.Total)
	}
	s.start()
	o.prove()
	s.p.stop()
	o.p.stop()
}
