package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gyro/internal/database/cluster"
)

// Orders is the benchmark of orders, end to end: each adds a line, which is a
// number and a card, an account, a subscriber and an offer in the charging core,
// a subscriber in the HSS and one in the PCRF, and a product in the inventory.
// Everything is a process of its own, as an operator runs it.
type Orders struct {
	Orders   int // how many to place
	Clients  int // how many place them at once
	InFlight int // how many may be taken and not done
	Accounts int // billing accounts that the orders are spread over
	Catalog  []byte
	Offer    string
	Database string // URL of an empty database; without it a PostgreSQL server that is thrown away, and SQLite beside it
	Postgres bool   // measure PostgreSQL, where no Database is given
	SQLite   bool   // measure SQLite as well
	Profile  string // file for a CPU profile of the program, the dialect appended; empty is none
	Limit    time.Duration
}

// EnsureDefaults fills in what was left zero.
func (c *Orders) EnsureDefaults() {
	for _, d := range []struct {
		field *int
		value int
	}{{&c.Orders, 2000}, {&c.Clients, 8}, {&c.InFlight, 128}, {&c.Accounts, 200}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Limit == 0 {
		c.Limit = time.Minute
	}
}

// gateOrders is the target: orders a second, end to end, on two cores with everything that takes part.
const gateOrders = 200

// warmOrders is how many orders go before the measurement, so that what is made once is there.
const warmOrders = 20

// OrdersResult is what one run came to.
type OrdersResult struct {
	Database string
	Orders   int
	Elapsed  time.Duration
	Placed   Latency // of the request that places an order
	Done     Latency // from the order's date to its completion, as the office tells them
	CPU      []ProcessCPU
}

// ProcessCPU is the CPU time that a process used over a run.
type ProcessCPU struct {
	Name string
	CPU  time.Duration
}

// PerSecond is orders a second.
func (r *OrdersResult) PerSecond() float64 { return float64(r.Orders) / max(r.Elapsed.Seconds(), 1e-9) }

// Run measures on each database.
func (c *Orders) Run(ctx context.Context, log io.Writer) (results []OrdersResult, err error) {
	c.EnsureDefaults()
	if c.Orders < 1 || c.Orders > 100_000 || c.Clients < 1 || c.Clients > 256 || c.InFlight < c.Clients || c.Accounts < 1 || c.Accounts > c.Orders {
		return nil, fmt.Errorf("%d orders of %d accounts by %d clients, %d in flight: give 1 to 100,000 orders, at most as many accounts, 1 to 256 clients, and no fewer in flight",
			c.Orders, c.Accounts, c.Clients, c.InFlight)
	}
	dir, err := os.MkdirTemp("", "gyro-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var urls []string
	switch {
	case c.Database != "":
		urls = []string{c.Database}
	case c.Postgres:
		server, err := cluster.Start(ctx, cluster.Options{Durable: true})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		urls = []string{server.URL("postgres")}
	}
	if c.SQLite {
		urls = append(urls, "sqlite:"+filepath.Join(dir, "office.db"))
	}
	for k, url := range urls {
		one, err := c.on(ctx, url, filepath.Join(dir, fmt.Sprint(k)), log)
		if err != nil {
			return results, err
		}
		results = append(results, *one)
	}
	return results, nil
}

// on measures one database.
func (c *Orders) on(ctx context.Context, url, dir string, log io.Writer) (*OrdersResult, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Limit+startTimeout)
	defer cancel()
	s, err := c.startSite(ctx, url, dir)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	fmt.Fprintf(log, "%s: %d accounts ...\n", s.database, c.Accounts)
	if err := s.prepare(ctx, c); err != nil {
		return nil, err
	}
	if _, err := c.place(ctx, s, 0, warmOrders); err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "%s: %d orders ...\n", s.database, c.Orders)
	before, err := s.cpu()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	placed, err := c.place(ctx, s, warmOrders, c.Orders)
	if err != nil {
		return nil, err
	}
	r := &OrdersResult{Database: s.database, Orders: c.Orders, Elapsed: time.Since(began), Placed: latencyOf(placed)}
	after, err := s.cpu()
	if err != nil {
		return nil, err
	}
	for k := range after {
		r.CPU = append(r.CPU, ProcessCPU{after[k].Name, after[k].CPU - before[k].CPU})
	}
	done, err := s.durations(ctx, warmOrders, c.Orders)
	r.Done = latencyOf(done)
	return r, err
}

// place places orders with the numbers from on and waits until they are completed, and all before them. It returns how long
// each request took.
func (c *Orders) place(ctx context.Context, s *orderSite, from, count int) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	took := make([]time.Duration, count)
	var next, completed atomic.Int64
	completed.Store(int64(from))
	failed := make(chan error, c.Clients+1)
	var clients sync.WaitGroup
	for range c.Clients {
		clients.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= count {
					return
				}
				for from+n-int(completed.Load()) >= c.InFlight {
					if !wait(ctx) {
						return
					}
				}
				began := time.Now()
				if err := s.order(ctx, c, from+n); err != nil {
					failed <- err
					cancel()
					return
				}
				took[n] = time.Since(began)
			}
		})
	}
	err := s.awaitCompleted(ctx, from+count, &completed)
	cancel()
	clients.Wait()
	select {
	case first := <-failed:
		return nil, first
	default:
		return took, err
	}
}

// pollEvery is how often it is looked how many orders are done.
const pollEvery = 50 * time.Millisecond

// wait lets pollEvery pass; it is false when the context ended before.
func wait(ctx context.Context) bool {
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func latencyOf(samples []time.Duration) Latency {
	if len(samples) == 0 {
		return Latency{}
	}
	slices.Sort(samples)
	return Latency{samples[len(samples)/2], samples[len(samples)*99/100]}
}

// PrintOrders shows the results side by side.
func PrintOrders(w io.Writer, results []OrdersResult) {
	for k := range results {
		r := &results[k]
		verdict := "reached"
		if r.PerSecond() < gateOrders {
			verdict = "missed"
		}
		fmt.Fprintf(w, "%-9s %6.1f orders/s (%d in %.1f s; target %d: %s)\n", r.Database, r.PerSecond(), r.Orders, r.Elapsed.Seconds(), gateOrders, verdict)
		fmt.Fprintf(w, "          placed within p50 %s, p99 %s; completed within p50 %s, p99 %s\n",
			r.Placed.P50.Round(100*time.Microsecond), r.Placed.P99.Round(100*time.Microsecond), r.Done.P50, r.Done.P99)
		var sum time.Duration
		fmt.Fprintf(w, "          CPU an order:")
		for _, p := range r.CPU {
			sum += p.CPU
			fmt.Fprintf(w, " %s %s,", p.Name, (p.CPU / time.Duration(r.Orders)).Round(10*time.Microsecond))
		}
		fmt.Fprintf(w, " together %s\n", (sum / time.Duration(r.Orders)).Round(10*time.Microsecond))
	}
}
