package demo

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"gyro/charging/usage"
	"gyro/network/element"
)

// pair names the usage of one rating group of one session: the unit in which
// gateways and the core are compared. The messages of one session count
// together.
type pair struct {
	session     string
	ratingGroup uint32
	present     bool
}

// reported is what the gateways say of a pair.
type reported struct {
	most, least uint64 // units that may, and that must have been charged
}

// Comparison holds the gateways' own account of usage against the core's
// records.
type Comparison struct {
	Compared     int      `json:"compared"`
	DoubleDebits int      `json:"double_debits"` // charged more than was used
	Lost         int      `json:"lost"`          // charged less than was used
	Examples     []string `json:"examples,omitempty"`
}

// maxExamples are enough to begin looking.
const maxExamples = 10

// ledgerOfGateways reads the usage logs that the elements wrote.
func ledgerOfGateways(paths []string) (map[pair]reported, error) {
	seen := map[pair]reported{}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var line element.UsageLine
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
			}
			key := pair{session: line.SessionID}
			if line.RatingGroup != nil {
				key.ratingGroup, key.present = *line.RatingGroup, true
			}
			r := seen[key]
			r.most += line.UnitsReported - line.UnitsRejected
			r.least += line.UnitsReported - line.UnitsRejected - line.UnitsUnanswered
			seen[key] = r
		}
		if err := errors.Join(lines.Err(), f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return seen, nil
}

// Compare adds up the core's records after a sequence number and holds them
// against what the gateways used, as their usage logs (files of
// element.UsageLine) say. Logs that cannot be read are an error.
func Compare(core Records, after uint64, logs []string) (*Comparison, error) {
	gateways, err := ledgerOfGateways(logs)
	if err != nil {
		return nil, err
	}
	charged := map[pair]uint64{}
	err = core.Records(after, func(r *usage.Record) bool {
		if r.Kind == usage.Session || r.Kind == usage.Event {
			key := pair{session: string(r.SessionID), ratingGroup: r.RatingGroup, present: r.Flags&usage.HasRatingGroup != 0}
			charged[key] += r.Used
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	c := &Comparison{}
	for key, r := range gateways {
		c.Compared++
		switch got := charged[key]; {
		case got > r.most:
			c.DoubleDebits++
			c.example("%s rating group %d: %d units used, %d recorded", key.session, key.ratingGroup, r.most, got)
		case got < r.least:
			c.Lost++
			c.example("%s rating group %d: %d units used, only %d recorded", key.session, key.ratingGroup, r.least, got)
		}
		delete(charged, key)
	}
	for key, units := range charged {
		c.DoubleDebits++
		c.example("%s rating group %d: %d units recorded that no gateway reported", key.session, key.ratingGroup, units)
	}
	return c, nil
}

func (c *Comparison) example(format string, args ...any) {
	if len(c.Examples) < maxExamples {
		c.Examples = append(c.Examples, fmt.Sprintf(format, args...))
	}
}

// Records gives the core's records.
type Records interface {
	Records(after uint64, fn func(*usage.Record) bool) error
}
