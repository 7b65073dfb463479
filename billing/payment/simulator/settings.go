package simulator

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	shared "gyro/internal/simulator"
)

// Settings say how the provider behaves. Shares are permille.
type Settings struct {
	// Webhook is where events go; while it is empty they wait.
	Webhook string `json:"webhook"`
	// Secrets sign every webhook, each with a signature of its own.
	Secrets []string `json:"secrets,omitempty"`
	// APIKey is what requests must carry as bearer token; empty asks for none.
	APIKey string `json:"api_key,omitempty"`
	// Pending is the share of the charges that are answered as pending and
	// decided after Late; mandates and tokens called late always are.
	Pending int             `json:"pending"`
	Late    shared.Duration `json:"late"`
	// Delay passes before an event is first sent.
	Delay shared.Duration `json:"delay"`
	// Duplicate is the share of the events that are delivered twice, Shuffle
	// that of the events held back for ShuffleBy, so that later ones overtake them.
	Duplicate int             `json:"duplicate"`
	Shuffle   int             `json:"shuffle"`
	ShuffleBy shared.Duration `json:"shuffle_by"`
	// RetryFirst is the wait after the first delivery that failed; it doubles up
	// to RetryMost. Nothing is given up.
	RetryFirst shared.Duration `json:"retry_first"`
	RetryMost  shared.Duration `json:"retry_most"`
	// Seed decides what the shares fall on.
	Seed uint64 `json:"seed"`
}

// Defaults are settings that behave well.
func Defaults() Settings {
	return Settings{
		Late: shared.Duration(2 * time.Second), ShuffleBy: shared.Duration(500 * time.Millisecond),
		RetryFirst: shared.Duration(500 * time.Millisecond), RetryMost: shared.Duration(time.Minute), Seed: 1,
	}
}

// longest is longer than anybody waits for a simulation.
const longest = shared.Duration(24 * time.Hour)

// Validate says what is wrong with the settings.
func (s *Settings) Validate() error {
	if s.Webhook != "" {
		u, err := url.Parse(s.Webhook)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("webhook %q: write it as http://127.0.0.1:8090/office/v1/payment-webhook", s.Webhook)
		}
		if len(s.Secrets) == 0 {
			return fmt.Errorf("webhook %s without a secret: nobody could tell who sent it", s.Webhook)
		}
	}
	for _, secret := range s.Secrets {
		if len(secret) < 16 || strings.ContainsAny(secret, " \t\r\n") {
			return fmt.Errorf("a secret has at least 16 characters and no blanks")
		}
	}
	for name, share := range map[string]int{"pending": s.Pending, "duplicate": s.Duplicate, "shuffle": s.Shuffle} {
		if share < 0 || share > 1000 {
			return fmt.Errorf("%s is %d: a share is from 0 to 1000 permille", name, share)
		}
	}
	for name, d := range map[string]shared.Duration{
		"late": s.Late, "delay": s.Delay, "shuffle_by": s.ShuffleBy, "retry_first": s.RetryFirst, "retry_most": s.RetryMost,
	} {
		if d < 0 || d > longest {
			return fmt.Errorf("%s is %s: from 0 to %s", name, time.Duration(d), time.Duration(longest))
		}
	}
	if s.RetryFirst == 0 || s.RetryMost < s.RetryFirst {
		return fmt.Errorf("retry_first %s, retry_most %s: the first is above 0 and not above the most", time.Duration(s.RetryFirst), time.Duration(s.RetryMost))
	}
	return nil
}

// falls reports whether a share falls on what is named.
func (s *Settings) falls(permille int, what, name string) bool {
	return int(xxhash.Sum64String(fmt.Sprintf("%d/%s/%s", s.Seed, what, name))%1000) < permille
}

// backoff is the wait after so many deliveries that failed.
func (s *Settings) backoff(failed int) time.Duration {
	wait := time.Duration(s.RetryFirst)
	for range failed - 1 {
		if wait *= 2; wait >= time.Duration(s.RetryMost) {
			return time.Duration(s.RetryMost)
		}
	}
	return wait
}
