package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// stateIDFile holds the number of the last start, in decimal and a line.
const stateIDFile = "STATE-ID"

// NextStateID returns the number of this start: now, or one more than the last
// where the clock has not moved on by a second or was set back. It is durable
// when it is returned, and so each start has a greater one than all before it.
func (d *Dir) NextStateID(now uint32) (uint32, error) {
	name := filepath.Join(d.path, stateIDFile)
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return 0, fmt.Errorf("data directory %s: %w", d.path, err)
	default:
		last, err := strconv.ParseUint(strings.TrimSuffix(string(text), "\n"), 10, 32)
		if err != nil || last == math.MaxUint32 {
			return 0, fmt.Errorf("data directory %s: %s reads %.40q, expected the number of the last start; remove it to begin again at the seconds of the clock",
				d.path, stateIDFile, text)
		}
		now = max(now, uint32(last)+1)
	}
	if err := d.replace(stateIDFile, strconv.FormatUint(uint64(now), 10)+"\n"); err != nil {
		return 0, fmt.Errorf("data directory %s: %w", d.path, err)
	}
	return now, nil
}
