package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gyro/internal/datadir/failstop"
)

// The high-water mark is a small file beside the log that says how far the log
// is known to be durable. It exists because a write-ahead log cannot tell a
// tail that was never synced from a tail that rotted: Pebble opens both without
// complaint, at the last record that reads well. With the mark, a log that ends
// below it has lost acknowledged entries and is refused.
//
// The mark is written after the log, by a goroutine of its own that coalesces,
// so that no commit waits for it. It therefore lags by the group whose mark is
// being written: of a single node, at most that last group is unprotected
// against rot.
//
// Two slots a block apart are written alternately, so a torn write leaves the
// other one:
//
//	offset  size  field
//	0       4     "GYHW"
//	4       4     layout version, markVersion
//	8       8     sequence number; the greater valid one counts, it is in slot number mod 2
//	16      8     index of the last durable entry
//	24      8     its term
//	32      4     its chain value
//	36      4     CRC-32C of bytes 0-35
const (
	markFile     = "high-water"
	markMagic    = "GYHW"
	markVersion  = 1
	markSlotSize = 40
	// markSlotGap keeps the slots in different blocks of any disk in use.
	markSlotGap  = 4096
	markFileSize = 2 * markSlotGap
)

type markValue struct {
	seq   uint64
	index uint64
	term  uint64
	chain uint32
}

type mark struct {
	path string
	file vfs.File
	fail func(error)

	mu      sync.Mutex
	next    markValue // what should be written; seq is the last written slot's
	dirty   bool
	writing sync.Mutex // held while a slot is written

	written atomic.Uint64 // index of the last durable slot
	wake    chan struct{}
	quit    chan struct{}
	done    chan struct{}
}

// readMark reads the mark without changing anything. found is false if there is
// none, or, while the log is fresh, if its creation was interrupted. fresh says
// that the log has never held an entry.
func readMark(fs vfs.FS, dir string, fresh bool) (v markValue, found bool, err error) {
	path := fs.PathJoin(dir, markFile)
	file, err := fs.Open(path)
	switch {
	case oserror.IsNotExist(err) && fresh:
		return markValue{}, false, nil
	case oserror.IsNotExist(err):
		return markValue{}, false, truncatedf("the high-water mark %s is gone, so nothing says whether the log is complete", path)
	case err != nil:
		return markValue{}, false, fmt.Errorf("journal: high-water mark: %w", err)
	}
	defer func() { _ = file.Close() }()
	buf := make([]byte, markFileSize)
	if _, err := file.ReadAt(buf, 0); err != nil && !errors.Is(err, io.EOF) {
		return markValue{}, false, fmt.Errorf("journal: read high-water mark %s: %w", path, err)
	}
	for slot := range 2 {
		s, ok, err := decodeMark(buf[slot*markSlotGap:])
		if err != nil {
			return markValue{}, false, fmt.Errorf("%s: %w", path, err)
		}
		if ok && (!found || s.seq > v.seq) {
			v, found = s, true
		}
	}
	if !found && !fresh {
		return markValue{}, false, corruptf("neither slot of the high-water mark %s is intact", path)
	}
	return v, found, nil
}

// openMark opens the mark for writing where readMark found v, or creates it.
func openMark(fs vfs.FS, dir string, v markValue, found bool, fail func(error)) (*mark, error) {
	path := fs.PathJoin(dir, markFile)
	file, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("journal: high-water mark: %w", err)
	}
	m := &mark{path: path, file: file, fail: fail, next: v, wake: make(chan struct{}, 1)}
	m.written.Store(v.index)
	if !found {
		if err := m.create(fs, dir); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return m, nil
}

// create writes the full size once, so that later writes need no metadata.
func (m *mark) create(fs vfs.FS, dir string) error {
	buf := make([]byte, markFileSize)
	markValue{}.encode(buf)
	if _, err := m.file.WriteAt(buf, 0); err != nil {
		return fmt.Errorf("journal: create high-water mark: %w", err)
	}
	if err := m.file.Sync(); err != nil {
		return fmt.Errorf("journal: create high-water mark: %w", err)
	}
	return failstop.SyncDir(fs, dir)
}

// start begins writing advances in the background.
func (m *mark) start() {
	m.quit = make(chan struct{})
	m.done = make(chan struct{})
	go m.run()
}

func (m *mark) run() {
	defer close(m.done)
	for {
		select {
		case <-m.wake:
			if err := m.flush(); err != nil {
				m.fail(err)
				return
			}
		case <-m.quit:
			return
		}
	}
}

// advance records that the log is durable up to index. It does not wait.
func (m *mark) advance(index, term uint64, chain uint32) {
	m.set(index, term, chain)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// lower takes the mark back, durably, before the log's tail is deleted.
func (m *mark) lower(index, term uint64, chain uint32) error {
	m.set(index, term, chain)
	err := m.flush()
	if err != nil {
		m.fail(err)
	}
	return err
}

func (m *mark) set(index, term uint64, chain uint32) {
	m.mu.Lock()
	m.next.index, m.next.term, m.next.chain = index, term, chain
	m.dirty = true
	m.mu.Unlock()
}

// flush writes the latest value if it is not written yet.
func (m *mark) flush() error {
	m.writing.Lock()
	defer m.writing.Unlock()
	m.mu.Lock()
	if !m.dirty {
		m.mu.Unlock()
		return nil
	}
	m.dirty = false
	m.next.seq++
	v := m.next
	m.mu.Unlock()

	var slot [markSlotSize]byte
	v.encode(slot[:])
	if _, err := m.file.WriteAt(slot[:], int64(v.seq%2)*markSlotGap); err != nil {
		return fmt.Errorf("journal: write high-water mark %s: %w", m.path, err)
	}
	if err := m.file.SyncData(); err != nil {
		return fmt.Errorf("journal: sync high-water mark %s: %w", m.path, err)
	}
	m.written.Store(v.index)
	return nil
}

func (m *mark) durable() uint64 { return m.written.Load() }

// close writes the last advance and closes the file.
func (m *mark) close() error {
	if m.done != nil {
		close(m.quit)
		<-m.done
	}
	return errors.Join(m.flush(), m.file.Close())
}

func (v markValue) encode(dst []byte) {
	copy(dst, markMagic)
	binary.LittleEndian.PutUint32(dst[4:], markVersion)
	binary.LittleEndian.PutUint64(dst[8:], v.seq)
	binary.LittleEndian.PutUint64(dst[16:], v.index)
	binary.LittleEndian.PutUint64(dst[24:], v.term)
	binary.LittleEndian.PutUint32(dst[32:], v.chain)
	binary.LittleEndian.PutUint32(dst[36:], crc32.Checksum(dst[:36], castagnoli))
}

// decodeMark reports ok = false for a slot that is torn or was never written.
func decodeMark(slot []byte) (v markValue, ok bool, err error) {
	if string(slot[:4]) != markMagic ||
		crc32.Checksum(slot[:36], castagnoli) != binary.LittleEndian.Uint32(slot[36:]) {
		return markValue{}, false, nil
	}
	if version := binary.LittleEndian.Uint32(slot[4:]); version != markVersion {
		return markValue{}, false, fmt.Errorf("%w: layout %d of the high-water mark, this binary knows %d; upgrade gyro",
			ErrNewerFormat, version, markVersion)
	}
	return markValue{
		seq:   binary.LittleEndian.Uint64(slot[8:]),
		index: binary.LittleEndian.Uint64(slot[16:]),
		term:  binary.LittleEndian.Uint64(slot[24:]),
		chain: binary.LittleEndian.Uint32(slot[32:]),
	}, true, nil
}
