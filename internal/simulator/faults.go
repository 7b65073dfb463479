package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Faults says how a simulated process is to fail. Shares are permille of the
// requests and exclude one another: together they are at most 1000.
type Faults struct {
	// Latency passes before a request is looked at, and up to Jitter more.
	Latency Duration `json:"latency,omitempty"`
	Jitter  Duration `json:"jitter,omitempty"`
	// Refuse is the share of the requests that get RefuseStatus (503 if 0), a
	// status from 400 to 599, and are not carried out.
	Refuse       int `json:"refuse,omitempty"`
	RefuseStatus int `json:"refuse_status,omitempty"`
	// DropBefore closes the connection instead of carrying the request out,
	// DropAfter instead of answering what was carried out.
	DropBefore int `json:"drop_before,omitempty"`
	DropAfter  int `json:"drop_after,omitempty"`
	// HangBefore and HangAfter leave the connection open and never answer.
	HangBefore int `json:"hang_before,omitempty"`
	HangAfter  int `json:"hang_after,omitempty"`
	// ExitBefore and ExitAfter end the process, as kill -9 does.
	ExitBefore int `json:"exit_before,omitempty"`
	ExitAfter  int `json:"exit_after,omitempty"`
	// Only limits everything to requests about these subjects: IMSIs, or the
	// payment provider's tokens. Empty means all.
	Only []string `json:"only,omitempty"`
	// Limit ends the failures after so many; 0 means no end.
	Limit int `json:"limit,omitempty"`
	// Seed decides which requests the shares fall on: the same seed, subject and
	// number of the subject's request decide the same.
	Seed uint64 `json:"seed,omitempty"`
}

// Duration is a time.Duration that documents write as 50ms.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// maxLatency is longer than any client's patience.
const maxLatency = Duration(10 * time.Minute)

// Validate says what is wrong with the settings.
func (f *Faults) Validate() error {
	sum := 0
	for _, s := range f.shares() {
		if s.permille < 0 || s.permille > 1000 {
			return fmt.Errorf("%s is %d: a share is from 0 to 1000 permille", s.failure, s.permille)
		}
		sum += s.permille
	}
	switch {
	case sum > 1000:
		return fmt.Errorf("the shares come to %d permille: they exclude one another, so 1000 is all", sum)
	case f.RefuseStatus != 0 && (f.RefuseStatus < 400 || f.RefuseStatus > 599):
		return fmt.Errorf("refuse_status is %d: a refusal has a status from 400 to 599", f.RefuseStatus)
	case f.Latency < 0 || f.Latency > maxLatency || f.Jitter < 0 || f.Jitter > maxLatency:
		return fmt.Errorf("latency %s, jitter %s: each is from 0 to %s", time.Duration(f.Latency), time.Duration(f.Jitter), time.Duration(maxLatency))
	case f.Limit < 0:
		return fmt.Errorf("limit is %d: it is a number of failures, 0 for no end", f.Limit)
	}
	return nil
}

// failure is what happens to one request.
type failure string

const (
	served     failure = ""
	refuse     failure = "refuse"
	dropBefore failure = "drop_before"
	dropAfter  failure = "drop_after"
	hangBefore failure = "hang_before"
	hangAfter  failure = "hang_after"
	exitBefore failure = "exit_before"
	exitAfter  failure = "exit_after"
)

// before reports whether the request is not carried out.
func (f failure) before() bool { return f == dropBefore || f == hangBefore || f == exitBefore }

type share struct {
	failure  failure
	permille int
}

func (f *Faults) shares() []share {
	return []share{
		{refuse, f.Refuse},
		{dropBefore, f.DropBefore},
		{dropAfter, f.DropAfter},
		{hangBefore, f.HangBefore},
		{hangAfter, f.HangAfter},
		{exitBefore, f.ExitBefore},
		{exitAfter, f.ExitAfter},
	}
}

// plan is what was decided about one request.
type plan struct {
	wait    time.Duration
	failure failure
	status  int // of a refusal
}

// injector decides the requests' fates.
type injector struct {
	mu       sync.Mutex
	faults   Faults
	requests map[string]uint64  // by subject: how many came
	suffered map[failure]uint64 // how many failures there were
	left     int                // of Limit
}

func newInjector(f *Faults) *injector {
	i := &injector{suffered: map[failure]uint64{}}
	i.set(f)
	return i
}

// set replaces the settings; counting begins anew, so that what follows does not depend on what was before.
func (i *injector) set(f *Faults) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults, i.left, i.requests = *f, f.Limit, map[string]uint64{}
}

func (i *injector) get() Faults {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.faults
}

// plan decides about a request about a subject.
func (i *injector) plan(subject string) plan {
	i.mu.Lock()
	defer i.mu.Unlock()
	f := &i.faults
	if len(f.Only) > 0 && !slices.Contains(f.Only, subject) {
		return plan{}
	}
	n := i.requests[subject]
	i.requests[subject] = n + 1
	draw := xxhash.Sum64String(fmt.Sprintf("%d/%s/%d", f.Seed, subject, n))
	p := plan{wait: time.Duration(f.Latency)}
	if f.Jitter > 0 {
		p.wait += time.Duration((draw >> 20) % uint64(f.Jitter+1))
	}
	if f.Limit > 0 && i.left == 0 {
		return p
	}
	p.failure = f.pick(int(draw % 1000))
	if p.failure != served {
		i.suffered[p.failure]++
		i.left = max(i.left-1, 0)
	}
	if p.status = f.RefuseStatus; p.status == 0 {
		p.status = http.StatusServiceUnavailable
	}
	return p
}

// pick lays the shares side by side on a ruler of 1000 and reads where at lies.
func (f *Faults) pick(at int) failure {
	for _, s := range f.shares() {
		if at < s.permille {
			return s.failure
		}
		at -= s.permille
	}
	return served
}

func (i *injector) statistics() map[failure]uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.suffered)
}

// String is the settings as JSON, for the log.
func (f Faults) String() string {
	text, err := json.Marshal(f)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
