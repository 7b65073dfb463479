package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// inspection is what was found before anything is written.
type inspection struct {
	fresh  bool // the log has never held an entry
	mark   markValue
	marked bool // there is a mark
}

// inspect proves, without changing a byte, that the log is whole, reaches its
// high-water mark and continues the checkpoint.
func (j *Journal) inspect(start *startMeta) (seen inspection, err error) {
	s := j.log
	exists, err := s.openReadOnly(j.opts.FS, j.opts.Logger)
	if err != nil {
		return seen, err
	}
	if exists {
		defer func() {
			cerr := s.db.Close()
			s.db = nil
			if err == nil && cerr != nil {
				err = s.openError(cerr)
			}
		}()
	}
	if seen.fresh, err = s.load(); err != nil {
		return seen, err
	}
	if seen.mark, seen.marked, err = readMark(j.opts.FS, j.opts.Dir, seen.fresh); err != nil {
		return seen, err
	}
	if err = s.checkMark(seen.mark); err != nil {
		return seen, err
	}
	return seen, s.checkStart(start)
}

// openReadOnly opens the database if there is one.
func (s *logStore) openReadOnly(fs vfs.FS, logger *slog.Logger) (exists bool, err error) {
	desc, err := pebble.Peek(s.dir, fs)
	switch {
	case oserror.IsNotExist(err):
		return false, nil
	case err != nil:
		return false, s.openError(err)
	case !desc.Exists:
		// Either the first start was interrupted, or the pointer to the manifest
		// is gone: then mark and checkpoint tell that entries are missing.
		return false, nil
	}
	options := pebbleOptions(fs, logger, func(error) {})
	options.ReadOnly = true
	if s.db, err = pebble.Open(s.dir, options); err != nil {
		return false, s.openError(err)
	}
	return true, nil
}

// load reads and verifies the whole database, if it is open.
func (s *logStore) load() (fresh bool, err error) {
	s.stable = make(map[string][]byte)
	if s.db == nil {
		return true, nil
	}
	if fresh, err = s.loadMeta(); err != nil || fresh {
		return fresh, err
	}
	return false, s.verify()
}

// openError describes why Pebble does not open the database.
func (s *logStore) openError(err error) error {
	if pebble.IsCorruptionError(err) || errors.Is(err, record.ErrUnexpectedEOF) {
		return corruptf("open %s: %w", s.dir, err)
	}
	return fmt.Errorf("journal: open %s: %w", s.dir, err)
}

// loadMeta reads everything but the entries. fresh means that the database has
// never been written.
func (s *logStore) loadMeta() (fresh bool, err error) {
	format, err := s.getSealed(keyFormat)
	if errors.Is(err, pebble.ErrNotFound) {
		return s.checkEmpty()
	}
	if err != nil {
		return false, err
	}
	if len(format) != 4 {
		return false, corruptf("the format record of %s has %d bytes", s.dir, len(format))
	}
	if v := binary.LittleEndian.Uint32(format); v != formatVersion {
		return false, fmt.Errorf("%w: %s has format %d, this binary knows up to %d; upgrade gyro",
			ErrNewerFormat, s.dir, v, formatVersion)
	}
	stored, err := s.getSealed(keyCut)
	switch {
	case err == nil:
		if s.cut, err = decodeCut(stored); err != nil {
			return false, err
		}
	case !errors.Is(err, pebble.ErrNotFound):
		return false, err
	}
	s.chain = s.cut.chain
	return false, s.loadStable()
}

// checkEmpty refuses a database that has records but no format record.
func (s *logStore) checkEmpty() (bool, error) {
	iter, err := s.db.NewIter(nil)
	if err != nil {
		return false, s.readError("the first record", err)
	}
	found := iter.First()
	if err := iter.Close(); err != nil {
		return false, s.readError("the first record", err)
	}
	if found {
		return false, corruptf("%s has records but no format record", s.dir)
	}
	return true, nil
}

func (s *logStore) getSealed(key []byte) ([]byte, error) {
	stored, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, err
	}
	if err != nil {
		return nil, s.readError(fmt.Sprintf("record %q", key), err)
	}
	defer func() { _ = closer.Close() }()
	return unsealed(key, stored)
}

// verify reads every entry and proves that they follow each other without a
// gap, from the cut to the end, each with the chain value of the one before.
func (s *logStore) verify() error {
	iter, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{entryPrefix},
		UpperBound: []byte{entryPrefix + 1},
	})
	if err != nil {
		return s.readError("the entries", err)
	}
	err = s.verifyEntries(iter)
	if cerr := iter.Close(); err == nil && cerr != nil {
		return s.readError("the entries", cerr)
	}
	return err
}

func (s *logStore) verifyEntries(iter *pebble.Iterator) error {
	next, chain := s.cut.index+1, s.cut.chain
	for valid := iter.First(); valid; valid = iter.Next() {
		key := iter.Key()
		if len(key) != entryKeyLen {
			return corruptf("%s has an entry key of %d bytes", s.dir, len(key))
		}
		index := binary.BigEndian.Uint64(key[1:])
		if index != next {
			return truncatedf("%s has entry %d where %d should be", s.dir, index, next)
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return s.readError(fmt.Sprintf("entry %d", index), err)
		}
		e, err := decodeEntry(index, value)
		if err != nil {
			return fmt.Errorf("%s: %w", s.dir, err)
		}
		if e.prev != chain {
			return corruptf("%s: entry %d follows chain value %08x, the entry before it has %08x", s.dir, index, e.prev, chain)
		}
		if s.first == 0 {
			s.first = index
		}
		s.last, chain = index, e.chain
		s.bytes.Add(int64(len(value)))
		next++
	}
	s.chain = chain
	return nil
}

// checkMark proves that the log reaches its high-water mark.
func (s *logStore) checkMark(m markValue) error {
	end := s.end()
	if m.index > end {
		return truncatedf("the log in %s ends at entry %d, but entry %d (term %d) was durable: entries %d to %d are lost",
			s.dir, end, m.index, m.term, end+1, m.index)
	}
	if m.index < s.cut.index || m.index == 0 {
		return nil // the entry the mark names was cut since
	}
	c, err := s.cutAt(m.index)
	if err != nil {
		return err
	}
	if c.chain != m.chain || c.term != m.term {
		return corruptf("entry %d of %s (term %d, chain value %08x) is not the one the high-water mark names (term %d, %08x)",
			m.index, s.dir, c.term, c.chain, m.term, m.chain)
	}
	return nil
}

// checkStart proves that the log continues the checkpoint in the state store.
func (s *logStore) checkStart(start *startMeta) error {
	if start == nil {
		if s.cut.index != 0 {
			return mismatchf("the log in %s begins behind entry %d, but the state store has no checkpoint", s.dir, s.cut.index)
		}
		return nil
	}
	switch end := s.end(); {
	case start.index < s.cut.index:
		return mismatchf("the log in %s begins behind entry %d, but the state store is only at %d", s.dir, s.cut.index, start.index)
	case start.index > end:
		return mismatchf("the log in %s ends at entry %d, but the state store is at %d", s.dir, end, start.index)
	}
	c, err := s.cutAt(start.index)
	if err != nil {
		return err
	}
	if c.chain != start.chain || c.term != start.term {
		return mismatchf("entry %d of %s has term %d and chain value %08x, the state store remembers term %d and %08x",
			start.index, s.dir, c.term, c.chain, start.term, start.chain)
	}
	return nil
}
