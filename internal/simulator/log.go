package simulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// logVersion is the version of the file's format: docs/formats/simulator.md.
const logVersion = 1

// maxLine bounds a line when a log is read; the largest body that the server
// takes fits several times.
const maxLine = 8 << 20

// header is the first line of a log.
type header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Process string `json:"process"`
}

// logFormat is the word that a log begins with.
const logFormat = "gyro-simulator"

// Log is a file of JSON records, one a line, each behind its checksum. What
// Append has returned is on disk. The records that wait at one time are written
// and synced together.
type Log struct {
	path, process string
	lock          *os.File

	mu      sync.Mutex
	file    *os.File
	waiting []byte // lines that are not written yet
	batch   *batch // of the waiting lines
	writing *batch // what is being written, nil if nothing is
	err     error  // the first failure; nothing is acknowledged after it
	records int
}

// batch is what is written with one sync.
type batch struct{ done chan struct{} }

// OpenLog opens or makes the log of a process at path and hands every record to
// replay, in order. A last line that was not written whole was never
// acknowledged: it is cut off. Anything else that does not fit its checksum is
// an error, as is a file of another process, of a newer version, or in use.
func OpenLog(path, process string, replay func(record []byte) error) (_ *Log, err error) {
	l := &Log{path: path, process: process, batch: newBatch()}
	defer func() {
		if err != nil {
			_ = l.Close()
		}
	}()
	if l.lock, err = os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(l.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%s is in use by another process; stop it, or name another file", path)
	}
	if l.file, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	end, err := l.read(replay)
	if err != nil {
		return nil, err
	}
	if err = l.file.Truncate(end); err != nil {
		return nil, err
	}
	if _, err = l.file.Seek(end, io.SeekStart); err != nil {
		return nil, err
	}
	if end == 0 {
		err = l.begin(l.file)
	}
	return l, errors.Join(err, syncFolder(path))
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// read replays the file and returns where its last whole line ends.
func (l *Log) read(replay func([]byte) error) (end int64, err error) {
	lines := bufio.NewReaderSize(l.file, 1<<16)
	for n := 1; ; n++ {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			return end, nil // whatever is left has no end of line
		}
		if err != nil {
			return 0, fmt.Errorf("%s:%d: %w", l.path, n, err)
		}
		record, err := checked(line)
		if err != nil {
			if _, more := lines.Peek(1); errors.Is(more, io.EOF) {
				return end, nil // blocks of the last line reached the disk in another order
			}
			return 0, fmt.Errorf("%s:%d: %w; the file was damaged: take it from a copy, or begin anew without it", l.path, n, err)
		}
		if n == 1 {
			err = l.checkHeader(record)
		} else {
			l.records++
			err = replay(record)
		}
		if err != nil {
			return 0, fmt.Errorf("%s:%d: %w", l.path, n, err)
		}
		end += int64(len(line))
	}
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(line) <= maxLine:
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, errors.New("a line that is longer than any record")
		default:
			return line, err
		}
	}
}

func (l *Log) checkHeader(line []byte) error {
	var h header
	if err := json.Unmarshal(line, &h); err != nil || h.Format != logFormat {
		return errors.New("is no file of a simulated process")
	}
	if h.Process != l.process {
		return fmt.Errorf("is the file of a simulated %s, not of a %s", h.Process, l.process)
	}
	if h.Version != logVersion {
		return fmt.Errorf("has version %d of the format; this program reads %d", h.Version, logVersion)
	}
	return nil
}

func (l *Log) begin(file *os.File) error {
	line, err := json.Marshal(header{Format: logFormat, Version: logVersion, Process: l.process})
	if err != nil {
		return err
	}
	if _, err := file.Write(appendLine(nil, line)); err != nil {
		return err
	}
	return file.Sync()
}

// checksums are CRC-32C in eight hexadecimal digits.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendLine(dst, record []byte) []byte {
	dst = fmt.Appendf(dst, "%08x ", crc32.Checksum(record, castagnoli))
	dst = append(dst, record...)
	return append(dst, '\n')
}

var errChecksum = errors.New("a record that does not fit its checksum")

func checked(line []byte) ([]byte, error) {
	sum, record, found := bytes.Cut(bytes.TrimSuffix(line, []byte{'\n'}), []byte{' '})
	if !found || string(sum) != fmt.Sprintf("%08x", crc32.Checksum(record, castagnoli)) {
		return nil, errChecksum
	}
	return record, nil
}

// Write puts records behind those before and returns a function that waits
// until they are on disk. The order of Write calls is the order in the file, so
// it may be called under the lock that orders the changes, and the waiting done
// outside of it.
func (l *Log) Write(records ...any) (durable func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, record := range records {
		line, err := json.Marshal(record)
		if err != nil {
			l.err = errors.Join(l.err, err)
			break
		}
		l.waiting = appendLine(l.waiting, line)
		l.records++
	}
	b := l.batch
	return func() error { return l.await(b) }
}

// Barrier waits until everything that was written before is on disk: what is
// read from memory and answered must be as durable as what was changed.
func (l *Log) Barrier() error {
	l.mu.Lock()
	b := l.batch
	if len(l.waiting) == 0 {
		b = l.writing
	}
	err := l.err
	l.mu.Unlock()
	if b == nil || err != nil {
		return err
	}
	return l.await(b)
}

// await writes what waits, unless somebody does already, until b is done.
func (l *Log) await(b *batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		select {
		case <-b.done:
			return l.err
		default:
		}
		if w := l.writing; w != nil {
			l.mu.Unlock()
			<-w.done
			l.mu.Lock()
			continue
		}
		l.flush()
	}
}

// flush writes one batch. l.mu is held, and released while the disk works.
func (l *Log) flush() {
	b, data := l.batch, l.waiting
	l.writing, l.batch, l.waiting = b, newBatch(), nil
	err := l.err
	if err == nil {
		l.mu.Unlock()
		if _, err = l.file.Write(data); err == nil {
			err = l.file.Sync()
		}
		l.mu.Lock()
	}
	l.err = err
	l.writing = nil
	close(b.done)
}

// Records is how many records the file has.
func (l *Log) Records() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records
}

// Rewrite replaces the file by one that has the given records alone. Nothing
// may be written at the same time.
func (l *Log) Rewrite(records iter.Seq[any]) (err error) {
	next, err := os.OpenFile(l.path+".new", os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = next.Close()
		}
	}()
	if err := l.begin(next); err != nil {
		return err
	}
	n := 0
	out := bufio.NewWriter(next)
	for record := range records {
		line, err := json.Marshal(record)
		if err != nil {
			return err
		}
		if _, err := out.Write(appendLine(nil, line)); err != nil {
			return err
		}
		n++
	}
	if err := errors.Join(out.Flush(), next.Sync()); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), l.path); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.file.Close() // nobody reads it any more
	l.file, l.records = next, n
	return syncFolder(l.path)
}

// Close releases the file; what waits is not written, as nobody was told of it.
func (l *Log) Close() error {
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	if l.lock != nil {
		err = errors.Join(err, l.lock.Close())
	}
	return err
}

func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
