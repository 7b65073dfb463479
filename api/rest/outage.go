package rest

import (
	"log/slog"
	"sync"
	"time"
)

// outageEvery is how often the log tells of a database that is down: when it begins, and once in a while as long as
// requests meet it. A line for each of them would fill the disk that may be full already.
const outageEvery = time.Minute

// outage is what the log was told of the database. The zero value is nothing.
type outage struct {
	mu   sync.Mutex
	told time.Time
	left int // requests that were not told of since
}

// tell logs that the database is down, unless that was said a while ago.
func (o *outage) tell(log *slog.Logger, now time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.told.IsZero() && now.Sub(o.told) < outageEvery {
		o.left++
		return
	}
	log.Error("the database does not answer: requests get 503 until it does", "error", err, "refused_since_last_told", o.left)
	o.told, o.left = now, 0
}
