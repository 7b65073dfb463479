package provisioning

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"gyro/customer"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// locked is a source of random numbers that many ask.
type locked struct {
	mu sync.Mutex
	r  rand.Source
}

func (l *locked) Uint64() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Uint64()
}

// TestAllAtOneOrderAtOnce: several drive the same orders, while others cancel, amend and decide about them, and elements
// fail. Every order ends whole, and what was written of it was written once.
func TestAllAtOneOrderAtOnce(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			seed := rand.Uint64()
			t.Log("seed", seed)
			c := &chaos{world: newWorld(t, dialect), r: rand.New(&locked{r: rand.NewPCG(seed, 1)})} //nolint:gosec // no secret
			for range 3 {
				c.customer("Ada", customer.Postpaid, customer.Residential)
			}
			c.rage()
			c.storm()
			c.calm()
			c.verify()
			c.once()
		})
	}
}

// storm is what happens at once.
func (c *chaos) storm() {
	var all sync.WaitGroup
	fine := func(err error) {
		if err != nil && refusal.Of(err) == nil {
			c.t.Error(err)
		}
	}
	some := func() int64 {
		var last int64
		fine(c.db.Read(c.t.Context(), func(ctx context.Context, q bun.IDB) error {
			return q.QueryRowContext(ctx, "SELECT COALESCE(max(id), 0) FROM product_order WHERE id > ?", 0).Scan(&last)
		}))
		return max(last-int64(c.r.IntN(3)), 1)
	}
	run := func(n, times int, do func()) {
		for range n {
			all.Go(func() {
				for range times {
					do()
				}
			})
		}
	}
	run(2, 25, func() { c.orderOrChange() })
	run(5, 120, func() {
		_, err := c.Drive(c.t.Context(), some())
		fine(err)
		c.core.Advance(500_000_000)
	})
	run(2, 40, func() { _, err := c.Cancel(c.t.Context(), sales, some(), "storm"); fine(err) })
	run(2, 60, func() {
		text := fmt.Sprint("storm ", c.r.IntN(1000))
		_, err := c.Amend(c.t.Context(), sales, some(), Amendment{Description: &text})
		fine(err)
	})
	run(1, 30, func() { c.people(false); fine(c.Sweep(c.t.Context())) })
	all.Wait()
}

// orderOrChange places an order for a line, or for what there is.
func (c *chaos) orderOrChange() {
	r := OrderRequest{AccountID: int64(1 + c.r.IntN(3)), Items: []ItemRequest{{Action: Add, Offering: "mobile-s"}, {Action: Add, Offering: "turbo"}}}
	if c.r.IntN(2) == 0 {
		var products []Product
		if err := c.db.Read(c.t.Context(), func(ctx context.Context, q bun.IDB) error {
			return q.NewSelect().Model(&products).Where("p.billing_account_id = ? AND p.status IN ('active', 'suspended')", r.AccountID).Order("p.id").Scan(ctx)
		}); err != nil {
			c.t.Error(err)
		}
		if len(products) > 0 {
			p := products[c.r.IntN(len(products))].ID
			r.Items = []ItemRequest{[]ItemRequest{
				{Action: Add, Offering: "turbo", ProductID: p},
				{Action: Modify, Offering: "mobile-m", ProductID: p},
				{Action: Modify, Status: "suspended", ProductID: p, When: WhenFree},
				{Action: Modify, Status: "active", ProductID: p, When: WhenFree},
				{Action: Delete, ProductID: p, Characteristics: map[string]string{waiveCommitment: "true"}},
			}[c.r.IntN(5)]}
		}
	}
	if c.r.IntN(4) == 0 {
		r.StartAt = c.db.Now().Add(instant.Span(c.r.IntN(20)) * instant.Second)
	}
	if _, err := c.Place(c.t.Context(), sales, r); err != nil && refusal.Of(err) == nil {
		c.t.Error(err)
	}
}

// once looks at what is written with each step: one version, one row of the audit trail; one event for each state; prices
// and services of the plan once.
func (c *chaos) once() {
	c.t.Helper()
	none := func(what, query string, args ...any) {
		c.t.Helper()
		var n int
		must(c.t, c.db.Read(c.t.Context(), func(ctx context.Context, q bun.IDB) error {
			return q.QueryRowContext(ctx, "SELECT count(*) FROM ("+query+") x WHERE 0 < ?", append(args, 1)...).Scan(&n)
		}))
		if n != 0 {
			c.t.Errorf("%d times %s", n, what)
		}
	}
	key := "CAST(o.id AS TEXT)"
	none("versions are not the steps", `SELECT o.id FROM product_order o WHERE o.state <> 'rejected' AND o.version <>
		(SELECT count(*) FROM audit a WHERE a.entity = 'product_order' AND a.entity_id = `+key+` AND a.action <> 'note')`)
	none("an order is told of more or less than once", `SELECT o.id FROM product_order o WHERE o.state <> 'rejected' AND 1 <>
		(SELECT count(*) FROM event e WHERE e.entity = 'product_order' AND e.type = 'productOrderCreateEvent' AND e.entity_id = `+key+`)`)
	none("a product has a price twice", `SELECT product_id FROM product_price WHERE valid_until = 0 GROUP BY product_id, name HAVING count(*) > 1`)
	none("a product has a service twice", `SELECT product_id FROM service WHERE state <> 'terminated' GROUP BY product_id, element HAVING count(*) > 1`)
	none("an active product without a price", `SELECT p.id FROM product p WHERE p.status = 'active' AND NOT EXISTS (SELECT 1 FROM product_price r WHERE r.product_id = p.id)`)
	none("a suspension stays", `SELECT p.id FROM product p JOIN product_suspension s ON s.product_id = p.id AND s.until_at = 0 WHERE p.status <> 'suspended'`)
	none("a suspension is missing", `SELECT p.id FROM product p WHERE p.status = 'suspended' AND NOT EXISTS (SELECT 1 FROM product_suspension s WHERE s.product_id = p.id AND s.until_at = 0)`)
	none("a customer is told twice", `SELECT n.key FROM notification n GROUP BY n.key HAVING count(*) > 1`)
	none("a wish to cancel waits", `SELECT c.id FROM order_cancellation c WHERE c.state NOT IN ('done', 'terminatedWithError')`)
}
