package engine

import (
	"errors"
	"fmt"

	"gyro/charging"
	"gyro/charging/usage"
)

// ErrNoRecord is returned for a sequence number that no record has.
var ErrNoRecord = errors.New("no such record")

// Records calls fn for the records after a sequence number, in order, until fn
// returns false or none is left. A record is valid during the call only.
func (e *Engine) Records(after uint64, fn func(*usage.Record) bool) error {
	var record usage.Record
	for next := after + 1; ; {
		block, err := e.block(next)
		if errors.Is(err, ErrNoRecord) {
			return nil
		}
		if err != nil {
			return err
		}
		stopped, wanted := false, next
		err = charging.EachRecord(block, next, &record, func() bool {
			next = record.Sequence + 1
			stopped = !fn(&record)
			return !stopped
		})
		if err != nil {
			return fmt.Errorf("records from %d: %w", next, err)
		}
		if stopped {
			return nil
		}
		if next == wanted { // the store's newest block at or below it ends before it
			return fmt.Errorf("record %d: %w", wanted, ErrNoRecord)
		}
	}
}

// History calls fn for an account's records, the newest first, beginning with
// the given one, until fn returns false or the account's first is reached.
func (e *Engine) History(newest uint64, fn func(*usage.Record) bool) error {
	var record usage.Record
	for sequence := newest; sequence != 0; {
		block, err := e.block(sequence)
		if err != nil {
			return err
		}
		found := false
		err = charging.EachRecord(block, sequence, &record, func() bool {
			found = true
			return false
		})
		if err != nil {
			return fmt.Errorf("record %d: %w", sequence, err)
		}
		if !found {
			return fmt.Errorf("record %d: %w", sequence, ErrNoRecord)
		}
		sequence = record.Previous
		if !fn(&record) {
			return nil
		}
	}
	return nil
}

// block returns the octets of the block that holds a record, from memory or,
// once a checkpoint has put it there, from the store.
func (e *Engine) block(sequence uint64) (block []byte, err error) {
	var last uint64
	ok := false
	e.View(func(s *charging.State) {
		last = s.LastRecord()
		block, ok = s.CopyBlock(sequence)
	})
	if ok {
		return block, nil
	}
	if sequence == 0 || sequence > last {
		return nil, fmt.Errorf("record %d: %w", sequence, ErrNoRecord)
	}
	_, block, ok, err = e.o.Store.SeekLE(charging.UsageKey(sequence), charging.UsageKey(0))
	if err != nil {
		return nil, fmt.Errorf("record %d: %w", sequence, err)
	}
	if !ok {
		return nil, fmt.Errorf("record %d: %w", sequence, ErrNoRecord)
	}
	return block, nil
}
