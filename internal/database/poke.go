package database

import (
	"context"
	"fmt"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// River's drivers, with a shorter way to hear of new jobs. On SQLite River's own polls a table every 50 ms; on PostgreSQL it
// leaves a NOTIFY out when there was another one just before, whether that was committed or not. All jobs that this
// process inserts go through Write, which knows their queues when they are there to be found.
type (
	pokedSQLite struct {
		*riversqlite.Driver
		db *DB
	}
	pokedPostgres struct {
		*riverpgxv5.Driver
		db *DB
	}
)

// GetListener is asked once by each client. Other processes' jobs are found by polling: there are few such processes on
// SQLite.
func (p *pokedSQLite) GetListener(params *riverdriver.GetListenenerParams) riverdriver.Listener {
	return &pokes{Listener: deaf{params.Schema}, heard: p.db.heard}
}

// GetListener is asked once by each client. Other processes' jobs are still told by NOTIFY.
func (p *pokedPostgres) GetListener(params *riverdriver.GetListenenerParams) riverdriver.Listener {
	return &pokes{Listener: p.Driver.GetListener(params), heard: p.db.heard}
}

// deaf is a listener that hears nothing.
type deaf struct{ schema string }

func (deaf) Close(context.Context) error            { return nil }
func (deaf) Connect(context.Context) error          { return nil }
func (deaf) Listen(context.Context, string) error   { return nil }
func (deaf) Unlisten(context.Context, string) error { return nil }
func (deaf) Ping(context.Context) error             { return nil }
func (deaf) SetAfterConnectExec(string)             {}
func (d deaf) Schema() string                       { return d.schema }

func (deaf) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// pokes is a listener that hears what this process inserted, and what the one inside it hears.
type pokes struct {
	riverdriver.Listener
	heard chan string // names of queues
}

// topicInsert is what River calls its notifications of new jobs.
const topicInsert = "river_insert"

// WaitForNotification waits for whichever comes first.
func (p *pokes) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	poked := make(chan string, 1)
	go func() {
		defer close(poked)
		select {
		case queue := <-p.heard:
			poked <- queue
			cancel()
		case <-ctx.Done():
		}
	}()
	notification, err := p.Listener.WaitForNotification(ctx)
	cancel()
	queue, ok := <-poked
	switch {
	case ok && err != nil:
		return &riverdriver.Notification{Topic: topicInsert, Payload: fmt.Sprintf(`{"queue": %q}`, queue)}, nil
	case ok:
		p.again(queue) // both at once: this one is next
	}
	return notification, err
}

func (p *pokes) again(queue string) {
	select {
	case p.heard <- queue:
	default: // many are on their way already
	}
}

// poke tells the jobs of this process of new ones. When nobody listens or many are on their way already, it may be lost:
// polling finds the job.
func (db *DB) poke(queues []string) {
	for _, queue := range queues {
		select {
		case db.heard <- queue:
		default:
		}
	}
}
