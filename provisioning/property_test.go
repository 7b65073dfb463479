package provisioning

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/uptrace/bun"

	"gyro/customer"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/refusal"
	"gyro/provisioning/workflow"
)

// TestWhateverFailsOrdersEndWhole lets elements and the core refuse, fall silent before and after they did what was asked,
// and the process die at every boundary between two transactions; people decide at random about what falls out. When all
// is quiet every order is finished or undone, the elements and the core know exactly what the inventory says, and no number
// is lost or used twice. GYRO_SEED=n repeats a run.
func TestWhateverFailsOrdersEndWhole(t *testing.T) {
	seed := rand.Uint64()
	if text := os.Getenv("GYRO_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		must(t, err)
		seed = n
	}
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Logf("GYRO_SEED=%d", seed)
			c := &chaos{world: newWorld(t, dialect), r: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // it is to be repeated
			for range 3 {
				c.customer("Ada", customer.Postpaid, customer.Residential)
			}
			c.rage()
			for range 40 {
				c.order()
				c.some()
			}
			c.calm()
			c.verify()
		})
	}
}

type chaos struct {
	*world
	r *rand.Rand
}

// rage makes a third of all calls fail in one way or another.
func (c *chaos) rage() {
	for _, e := range c.elements {
		e.decide = func(Operation) behaviour {
			switch c.r.IntN(9) {
			case 0:
				return behaviour{err: &ElementError{Code: "409", Message: "refused"}}
			case 1:
				return behaviour{err: &ElementError{Temporary: true, Code: "no_answer", Message: "lost before"}}
			case 2:
				return behaviour{err: &ElementError{Temporary: true, Code: "no_answer", Message: "lost behind"}, does: true}
			}
			return behaviour{}
		}
	}
	c.way.decide = func(string) (before, after bool) { return c.r.IntN(8) == 0, c.r.IntN(8) == 0 }
}

// order places an order that makes sense, or cancels one.
func (c *chaos) order() {
	account := int64(1 + c.r.IntN(3))
	r := OrderRequest{AccountID: account}
	var products []Product
	must(c.t, c.db.Read(c.t.Context(), func(ctx context.Context, q bun.IDB) error {
		return q.NewSelect().Model(&products).Where("p.billing_account_id = ? AND p.status IN ('active', 'suspended')", account).Order("p.id").Scan(ctx)
	}))
	add := ItemRequest{Action: Add, Offering: []string{"mobile-s", "mobile-m"}[c.r.IntN(2)]}
	if len(products) == 0 || c.r.IntN(3) == 0 {
		r.Items = []ItemRequest{add}
		if add.Offering == "mobile-s" && c.r.IntN(2) == 0 {
			r.Items = append(r.Items, ItemRequest{Action: Add, Offering: "turbo"})
		}
	} else {
		p := products[c.r.IntN(len(products))].ID
		r.Items = []ItemRequest{[]ItemRequest{
			{Action: Add, Offering: "turbo", ProductID: p},
			{Action: Modify, Offering: "mobile-s", ProductID: p},
			{Action: Modify, Offering: "mobile-m", ProductID: p},
			{Action: Modify, Status: "suspended", ProductID: p},
			{Action: Modify, Status: "active", ProductID: p},
			{Action: Delete, ProductID: p, Characteristics: map[string]string{waiveCommitment: "true"}},
		}[c.r.IntN(6)]}
	}
	if c.r.IntN(4) == 0 {
		r.StartAt = c.db.Now().Add(instant.Span(c.r.IntN(60)) * instant.Second)
	}
	o, err := c.Place(c.t.Context(), sales, r)
	if err != nil && refusal.Of(err) == nil {
		c.t.Fatal(err)
	}
	if err == nil && c.r.IntN(5) == 0 {
		c.cancelLater(o.ID)
	}
}

func (c *chaos) cancelLater(order int64) {
	c.some()
	if _, err := c.Cancel(c.t.Context(), sales, order, "chaos"); err != nil && refusal.Of(err) == nil {
		c.t.Fatal(err)
	}
}

// some carries orders on by single transactions; now and then the process dies behind one.
func (c *chaos) some() {
	for range c.r.IntN(12) {
		c.core.Advance(3_000_000_000 * 1)
		ids, _ := c.due()
		for _, id := range ids {
			c.one(id)
		}
	}
	c.people(false)
}

// one is Drive, with a process that may die between its transactions.
func (c *chaos) one(id int64) {
	o, err := c.read(c.t.Context(), id)
	must(c.t, err)
	var ended []outcome
	for {
		after, started, err := c.step(c.t.Context(), o, ended)
		must(c.t, err)
		if len(started) == 0 || c.r.IntN(6) == 0 {
			break
		}
		ended = c.performAll(c.t.Context(), after, started)
		if o = after; c.r.IntN(6) == 0 {
			break
		}
	}
	c.open()
}

// people decide about what waits for them. calm ones complete nothing by hand that was not done.
func (c *chaos) people(calm bool) {
	var queue []Fallen
	must(c.t, c.db.Read(c.t.Context(), func(ctx context.Context, q bun.IDB) (err error) {
		queue, err = c.FalloutQueue(ctx, q, 0, 1000)
		return err
	}))
	for k := range queue {
		r := Retry
		if c.r.IntN(2) == 0 && (!calm || queue[k].Element == officeElement) {
			r = CancelIt
		}
		if _, err := c.Resolve(c.t.Context(), network, queue[k].ID, r, ""); err != nil && refusal.Of(err) == nil {
			c.t.Fatal(err)
		}
	}
}

// resumeAll has every suspended line used again: what comes due on one waits for that.
func (c *chaos) resumeAll() {
	var suspended []Product
	must(c.t, c.db.Read(c.t.Context(), func(ctx context.Context, q bun.IDB) error {
		return q.NewSelect().Model(&suspended).Where("p.status = 'suspended'").Order("p.id").Scan(ctx)
	}))
	for k := range suspended {
		p := &suspended[k]
		r := OrderRequest{AccountID: p.BillingAccountID, Items: []ItemRequest{{Action: Modify, Status: "active", ProductID: p.ID, When: WhenFree}}}
		if _, err := c.Place(c.t.Context(), sales, r); err != nil && refusal.Of(err) == nil {
			c.t.Fatal(err)
		}
	}
}

// calm heals everything and lets what is under way come to its end.
func (c *chaos) calm() {
	for _, e := range c.elements {
		e.decide = nil
	}
	c.way.decide = nil
	for n := range 60 {
		if n%20 == 10 {
			c.resumeAll()
		}
		c.wait(5 * instant.Minute)
		c.people(true)
	}
}

func (c *chaos) verify() {
	c.t.Helper()
	must(c.t, c.db.Read(c.t.Context(), func(ctx context.Context, q bun.IDB) error {
		var orders []Order
		if err := q.NewSelect().Model(&orders).Order("id").Scan(ctx); err != nil {
			return err
		}
		ends := map[workflow.State]int{}
		for k := range orders {
			if ends[orders[k].State]++; !orders[k].State.Final() {
				c.t.Errorf("%s waits: %s", orders[k].String(), orders[k].Reason)
				var tasks []Task
				must(c.t, q.NewSelect().Model(&tasks).Where("order_id = ?", orders[k].ID).Order("id").Scan(ctx))
				for n := range tasks {
					c.t.Logf("task %+v", tasks[n])
				}
			}
		}
		c.t.Log(ends)
		return c.whole(ctx, q)
	}))
}

// whole holds the network, the core and the pools against the inventory.
func (c *chaos) whole(ctx context.Context, q bun.IDB) error {
	lines, _, err := c.o.Customers.Subscriptions(ctx, q, customer.LineFilter{}, customer.Page{Limit: 1000})
	if err != nil {
		return err
	}
	known, inCore := map[string]int{}, 0
	for k := range lines {
		l := &lines[k]
		if l.Status != customer.LineActive && l.Status != customer.LineSuspended {
			if l.Status != customer.LineTerminated {
				c.t.Errorf("line %d is %s", l.ID, l.Status)
			}
			continue
		}
		inCore++
		list, err := c.holdings(ctx, q, &Order{}, &Item{SubscriptionID: l.ID})
		if err != nil {
			return err
		}
		for _, name := range elements(plans(list, 0)...) {
			known[name]++
			want, _ := effective(plans(list, 0), name)
			got, there := c.elements[name].known[l.IMSI]
			suspended := l.Status == customer.LineSuspended
			if !there || got.Profile != want.Profile || got.MSISDN != l.MSISDN || got.Suspended != suspended || fmt.Sprint(got.Attributes) != fmt.Sprint(want.Attributes) && len(want.Attributes) > 0 {
				c.t.Errorf("line %d (%s): %s has %+v (%v), the inventory %+v", l.ID, l.Status, name, got, there, want)
			}
		}
		var states []string
		if err := q.NewRaw(`SELECT n.state || ' ' || s.state FROM msisdn n, sim s WHERE n.number = ? AND s.iccid = ? AND n.subscription_id = ? AND s.subscription_id = ?`,
			l.MSISDN, l.ICCID, l.ID, l.ID).Scan(ctx, &states); err != nil {
			return err
		}
		if len(states) != 1 || states[0] != "assigned assigned" {
			c.t.Errorf("line %d: its number and card are %v", l.ID, states)
		}
	}
	for name, e := range c.elements {
		if len(e.known) != known[name] {
			c.t.Errorf("%s knows %d subscribers, the inventory %d", name, len(e.known), known[name])
		}
	}
	return c.counted(ctx, q, inCore)
}

// counted compares what is in use all over.
func (c *chaos) counted(ctx context.Context, q bun.IDB, lines int) error {
	var reserved, locks, assigned int
	if err := q.NewRaw(`SELECT (SELECT count(*) FROM msisdn WHERE state = 'reserved') + (SELECT count(*) FROM sim WHERE state = 'reserved'),
		(SELECT count(*) FROM line_lock), (SELECT count(*) FROM msisdn WHERE state = 'assigned')`).Scan(ctx, &reserved, &locks, &assigned); err != nil {
		return err
	}
	if reserved != 0 || locks != 0 || assigned != lines {
		c.t.Errorf("%d numbers and cards are reserved by nobody, %d lines locked, %d numbers assigned to %d lines", reserved, locks, assigned, lines)
	}
	inCore := 0
	for account := range 3 {
		a, err := c.core.Charging.Account(c.t.Context(), fmt.Sprintf("ba-%d", account+1))
		if err != nil {
			continue // nothing was ever ordered for it
		}
		inCore += len(a.Subscribers)
	}
	if inCore != lines {
		c.t.Errorf("the core has %d subscribers, the inventory %d lines", inCore, lines)
	}
	return nil
}
