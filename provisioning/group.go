package provisioning

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"gyro/internal/database"
)

// maxGroup is how many writes share one transaction: its lock time stays some ten milliseconds.
const maxGroup = 32

// maxGroups is how many such transactions run at once. SQLite has one writer; on PostgreSQL a second and third one work
// while the first waits for the disk.
const maxGroups = 3

// group puts writes of many orders into one transaction: what syncs a disk then is the group, not each step of each order.
// Writes of different orders touch different rows. Nobody waits for a group to fill.
type group struct {
	db *database.DB

	mu      sync.Mutex
	waiting []*entry
	running int
	most    int
}

type entry struct {
	fn   func(ctx context.Context, tx *database.Tx) error
	done chan error
}

func newGroup(db *database.DB) *group {
	g := &group{db: db, most: maxGroups}
	if db.Dialect() == database.SQLite {
		g.most = 1
	}
	return g
}

// run is fn, of which a panic is its own error: it is not the job's goroutine that runs it, and the process would end with it,
// again and again, for one order.
func (e *entry) run(ctx context.Context, tx *database.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return e.fn(ctx, tx)
}

// write runs fn in a transaction that it may share with others, and returns when that is durable. fn may run several times
// and must have no effects but through its Tx and on variables that it sets anew each time. When one fn of a group fails,
// each runs in a transaction of its own, so that nobody pays for another's error.
func (g *group) write(ctx context.Context, fn func(ctx context.Context, tx *database.Tx) error) error {
	e := &entry{fn: fn, done: make(chan error, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, e)
	lead := g.running < g.most
	if lead {
		g.running++
	}
	g.mu.Unlock()
	if lead {
		go g.lead(context.WithoutCancel(ctx))
	}
	return <-e.done
}

// lead carries groups out until nobody waits.
func (g *group) lead(ctx context.Context) {
	for {
		g.mu.Lock()
		n := min(len(g.waiting), maxGroup)
		if n == 0 {
			g.running--
			g.mu.Unlock()
			return
		}
		taken := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		g.mu.Unlock()
		g.commit(ctx, taken)
	}
}

func (g *group) commit(ctx context.Context, taken []*entry) {
	err := g.db.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		for _, e := range taken {
			if err := e.run(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, e := range taken {
		if err != nil && len(taken) > 1 {
			e.done <- g.db.Write(ctx, worker, e.run)
			continue
		}
		e.done <- err
	}
}
