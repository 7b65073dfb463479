// Package coretest runs a real charging core for the tests of what stands
// around it: engine, state, and store on a file system in memory, with a clock
// that a test moves. Only the journal is a simpler one: it keeps nothing.
package coretest

import (
	"bytes"
	"errors"
	"sync"

	"gyro/balance/store"
	"gyro/charging/engine"
)

// Journal makes batches "durable" in memory, in order, and applies them from a
// goroutine of its own, as a real one does.
type Journal struct {
	engine  *engine.Engine
	store   *store.Store
	work    chan func()
	stopped chan struct{}
	index   uint64
	close   sync.Once
}

func newJournal(e *engine.Engine, s *store.Store) *Journal {
	j := &Journal{engine: e, store: s, work: make(chan func(), 16), stopped: make(chan struct{})}
	go func() {
		defer close(j.stopped)
		for step := range j.work {
			step()
		}
	}()
	return j
}

// Append implements engine.Journal.
func (j *Journal) Append(entry []byte) error {
	logged := bytes.Clone(entry)
	j.work <- func() {
		j.index++
		j.engine.Apply(j.index, logged)
	}
	return nil
}

// Checkpoint writes what is in memory to the store.
func (j *Journal) Checkpoint() error {
	done := make(chan error)
	j.work <- func() {
		batch := j.store.NewBatch()
		checkpoint := j.engine.Capture(batch)
		checkpoint.Fill()
		err := j.store.Commit(batch, store.Meta{AppliedIndex: checkpoint.Index()})
		if err == nil {
			checkpoint.Stored()
		}
		done <- errors.Join(err, batch.Close())
	}
	return <-done
}

// Stopped implements engine.Journal.
func (j *Journal) Stopped() <-chan struct{} { return j.stopped }

// Close implements engine.Journal.
func (j *Journal) Close() error {
	j.close.Do(func() { close(j.work) })
	<-j.stopped
	return nil
}

// Hold lets nothing become durable until release is called.
func (j *Journal) Hold() (release func()) {
	gate := make(chan struct{})
	j.work <- func() { <-gate }
	return func() { close(gate) }
}
