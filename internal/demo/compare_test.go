package demo

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gyro/charging/usage"
	"gyro/network/element"
)

// records are a core's records as they lie.
type records []usage.Record

func (all records) Records(after uint64, fn func(*usage.Record) bool) error {
	for n := range all {
		if all[n].Sequence > after && !fn(&all[n]) {
			return nil
		}
	}
	return nil
}

// usageLog writes lines where an element would.
func usageLog(t *testing.T, lines ...element.UsageLine) string {
	t.Helper()
	var text []byte
	for n := range lines {
		line, err := json.Marshal(&lines[n])
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
	}
	path := filepath.Join(t.TempDir(), "element.usage")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCompare plants what a core must never do in records that otherwise agree with the gateways.
func TestCompare(t *testing.T) {
	t.Parallel()
	lines := []element.UsageLine{
		{SessionID: "a", RatingGroup: new(uint32(10)), UnitsReported: 1000},
		{SessionID: "a", RatingGroup: new(uint32(20)), UnitsReported: 500, UnitsRejected: 200, UnitsUnanswered: 100},
		{SessionID: "b", UnitsReported: 60},
		{SessionID: "c", UnitsReported: 1},
		{SessionID: "d", RatingGroup: new(uint32(10))}, // used nothing
	}
	session := func(sequence uint64, id string, group uint32, flags usage.Flags, used uint64) usage.Record {
		return usage.Record{Sequence: sequence, Kind: usage.Session, SessionID: []byte(id), RatingGroup: group, Flags: flags, Used: used}
	}
	sound := func() records {
		return records{
			{Sequence: 1, Kind: usage.Session, SessionID: []byte("before"), Used: 7}, // of an earlier run
			session(2, "a", 10, usage.HasRatingGroup, 400),
			session(3, "a", 20, usage.HasRatingGroup, 250),
			{Sequence: 4, Kind: usage.TopUp, Used: 5},
			session(5, "b", 0, 0, 60),
			session(6, "a", 10, usage.HasRatingGroup, 600),
			{Sequence: 7, Kind: usage.Event, SessionID: []byte("c"), Used: 1},
		}
	}
	for name, tt := range map[string]struct {
		plant         func(records) records
		doubled, lost int
		example       string
	}{
		"nothing planted": {plant: func(r records) records { return r }},
		"a record lost": {
			plant: func(r records) records { return append(r[:5], r[6:]...) },
			lost:  1, example: "1000 units used, only 400 recorded",
		},
		"a record doubled": {
			plant:   func(r records) records { return append(r, r[4]) },
			doubled: 1, example: "60 units used, 120 recorded",
		},
		"an event doubled": {
			plant:   func(r records) records { return append(r, r[6]) },
			doubled: 1, example: "1 units used, 2 recorded",
		},
		"all that may be charged": {plant: func(r records) records { r[2].Used = 300; return r }},
		"what must be charged":    {plant: func(r records) records { r[2].Used = 200; return r }},
		"one unit too many": {
			plant:   func(r records) records { r[2].Used = 301; return r },
			doubled: 1, example: "300 units used, 301 recorded",
		},
		"one unit too few": {
			plant: func(r records) records { r[2].Used = 199; return r },
			lost:  1, example: "200 units used, only 199 recorded",
		},
		"usage of nobody": {
			plant:   func(r records) records { return append(r, session(8, "ghost", 10, usage.HasRatingGroup, 3)) },
			doubled: 1, example: "no gateway reported",
		},
		"another rating group": {
			plant:   func(r records) records { r[4].RatingGroup, r[4].Flags = 30, usage.HasRatingGroup; return r },
			doubled: 1, lost: 1, example: "only 0 recorded",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Compare(tt.plant(sound()), 1, []string{usageLog(t, lines[:2]...), usageLog(t, lines[2:]...)})
			if err != nil {
				t.Fatal(err)
			}
			if c.DoubleDebits != tt.doubled || c.Lost != tt.lost || c.Compared != len(lines) {
				t.Errorf("%+v, want %d doubled and %d lost", c, tt.doubled, tt.lost)
			}
			if !strings.Contains(strings.Join(c.Examples, "\n"), tt.example) {
				t.Errorf("examples %q, want %q among them", c.Examples, tt.example)
			}
		})
	}
}

// TestCompareUnreadable: a log that is cut short or missing must not count as nothing used.
func TestCompareUnreadable(t *testing.T) {
	t.Parallel()
	path := usageLog(t, element.UsageLine{SessionID: "a", UnitsReported: 1}, element.UsageLine{SessionID: "b", UnitsReported: 1})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text[:len(text)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Compare(records{}, 0, []string{path}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a log cut short: %v", err)
	}
	if _, err := Compare(records{}, 0, []string{path + ".missing"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing log: %v", err)
	}
}

// TestVerdict: each figure that must be zero makes a run fail when it is not.
func TestVerdict(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Summary){
		"difference 5":             func(s *Summary) { s.BooksDifference = 5 },
		"1 problems":               func(s *Summary) { s.Problems = []string{"bucket 1 has 5 reserved"} },
		"2 double debits":          func(s *Summary) { s.DoubleDebits = 2 },
		"usage of 3 rating groups": func(s *Summary) { s.Usage.Lost = 3 },
		"4 sessions,":              func(s *Summary) { s.SessionsOpen = 4 },
		"7 millionths reserved":    func(s *Summary) { s.ReservedAfterDrain = 7 },
		"answered differently":     func(s *Summary) { s.AnswerMismatches = 1 },
		"1 reservations":           func(s *Summary) { s.ReservationsOpen = 1 },
	} {
		s := &Summary{Usage: &Comparison{Compared: 1}, CCRTotal: 2, Answers2001: 2}
		if err := s.verdict(); err != nil {
			t.Fatalf("a sound run: %v", err)
		}
		spoil(s)
		if err := s.verdict(); !errors.Is(err, ErrBooks) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		var out strings.Builder
		s.print(&out)
		if strings.Contains(out.String(), "The books close") {
			t.Errorf("%s: printed %s", name, &out)
		}
	}
}

// TestVerdictOnNothing: a run without any success proves nothing and fails, unless it was ended before it began.
func TestVerdictOnNothing(t *testing.T) {
	t.Parallel()
	s := &Summary{Usage: &Comparison{}, CCRTotal: 9}
	if err := s.verdict(); !errors.Is(err, ErrNothingServed) {
		t.Errorf("9 CCRs, none successful: %v", err)
	}
	if err := (&Summary{Usage: &Comparison{}}).verdict(); err != nil {
		t.Errorf("ended before the first CCR: %v", err)
	}
}
