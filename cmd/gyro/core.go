package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"gyro/balance/store"
	"gyro/charging"
	"gyro/charging/engine"
	"gyro/charging/journal"
	"gyro/internal/datadir"
)

// core is the charging engine with its journal and store on one data
// directory.
type core struct {
	engine  *engine.Engine
	journal *journal.Journal
	store   *store.Store
	dir     *datadir.Dir
}

// coreOptions are what openCore needs beside the directory.
type coreOptions struct {
	Dir                string
	MustExist          bool // do not create the directory
	Idle               bool // look at it, and leave what time would bring about
	Logger             *slog.Logger
	Now                func() time.Time // the wall clock; nil is the system's
	Monotonic          func() int64
	CheckpointInterval time.Duration
	OnSync             func(journal.SyncInfo)
	Notify             func(*charging.Notice) // nil where there are no gateways
}

// fatal ends the process at once: after a failed write nothing may be
// answered, and nothing in this process can be trusted to write more.
func fatal(logger *slog.Logger) func(error) {
	return func(err error) {
		logger.Error("charging stops: this process can no longer promise durability", "error", err)
		os.Exit(3)
	}
}

// openCore opens the data directory, loads the last checkpoint and replays the
// journal behind it.
func openCore(o coreOptions) (_ *core, err error) {
	c := &core{}
	defer func() {
		if err != nil {
			c.abandon()
		}
	}()
	if c.dir, err = datadir.Open(o.Dir, datadir.Options{Create: !o.MustExist}); err != nil {
		return nil, err
	}
	if c.store, err = store.Open(store.Options{Dir: c.dir.State(), Logger: o.Logger, Fatal: fatal(o.Logger)}); err != nil {
		return nil, err
	}
	meta, err := c.store.Meta()
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	state, err := charging.Load(c.store)
	if err != nil {
		return nil, err
	}
	c.engine = engine.New(engine.Options{
		State: state, Store: c.store, Logger: o.Logger, Now: o.Now, Monotonic: o.Monotonic, Idle: o.Idle,
		Origin: uint64(time.Now().UnixNano()), Fatal: fatal(o.Logger), Notify: o.Notify,
	})
	c.journal, err = journal.Open(journal.Options{
		Dir: c.dir.Journal(), Logger: o.Logger, Start: meta.JournalMeta, Machine: machine{c.engine, c.store},
		Fatal: fatal(o.Logger), OnSync: o.OnSync, CheckpointInterval: o.CheckpointInterval,
	})
	if err != nil {
		return nil, err
	}
	stats := state.Stats() // walks all open sessions
	o.Logger.Info("state restored", "checkpoint", meta.AppliedIndex, "index", state.Index(),
		"accounts", stats.OpenAccounts, "sessions", stats.OpenSessions, "took", time.Since(begun).Round(time.Millisecond).String())
	c.engine.Start(appender{c.journal})
	return c, nil
}

func (c *core) abandon() {
	if c.store != nil {
		_ = c.store.Close()
	}
	if c.dir != nil {
		_ = c.dir.Close()
	}
}

// stop answers what was taken, writes a checkpoint and closes everything.
func (c *core) stop() error {
	return errors.Join(c.engine.Stop(), c.store.Close(), c.dir.Close())
}

// appender is the journal as the engine sees it.
type appender struct{ *journal.Journal }

// Append implements engine.Journal. What becomes of an entry that is taken is
// told by its application, or by the journal's end.
func (a appender) Append(entry []byte) error { return a.Propose(entry).Refused() }

// machine is the engine as the journal sees it.
type machine struct {
	engine *engine.Engine
	store  *store.Store
}

// Apply implements journal.Machine.
func (m machine) Apply(entries []journal.Entry) {
	for _, entry := range entries {
		m.engine.Apply(entry.Index, entry.Data)
	}
}

// Capture implements journal.Machine.
func (m machine) Capture() (journal.Checkpoint, error) {
	batch := m.store.NewBatch()
	return &checkpoint{Checkpoint: m.engine.Capture(batch), store: m.store, batch: batch}, nil
}

// checkpoint is the engine's checkpoint on its way to the store.
type checkpoint struct {
	*engine.Checkpoint
	store *store.Store
	batch *store.Batch
}

// Write implements journal.Checkpoint.
func (c *checkpoint) Write(journalMeta []byte) error {
	c.Fill()
	if err := c.store.Commit(c.batch, store.Meta{AppliedIndex: c.Index(), JournalMeta: journalMeta}); err != nil {
		return fmt.Errorf("checkpoint at %d: %w", c.Index(), err)
	}
	c.Stored()
	return nil
}

// Release implements journal.Checkpoint.
func (c *checkpoint) Release() {
	_ = c.batch.Close()
}
