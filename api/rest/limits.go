package rest

import (
	"sync"

	"golang.org/x/time/rate"
)

// limits bounds how many requests each principal sends, and how often an address may fail to prove who it is.
type limits struct {
	principals buckets
	strangers  buckets
}

func newLimits(perSecond, strangers int) *limits {
	return &limits{
		principals: buckets{rate: rate.Limit(perSecond), burst: 2 * perSecond},
		strangers:  buckets{rate: rate.Limit(strangers), burst: 5 * strangers},
	}
}

func (l *limits) principal(name string) bool   { return l.principals.of(name).Allow() }
func (l *limits) stranger(address string) bool { return l.strangers.of(address).Allow() }

// barred reports whether an address has failed so often that it is not looked at.
func (l *limits) barred(address string) bool {
	b, found := l.strangers.find(address)
	return found && b.Tokens() < 1
}

// maxBuckets bounds how many names are remembered. When there are more, those
// that have not been seen since the last time are forgotten, which gives them
// their full burst again.
const maxBuckets = 10_000

// buckets are token buckets by name.
type buckets struct {
	rate  rate.Limit
	burst int

	mu       sync.Mutex
	now, old map[string]*rate.Limiter
}

func (b *buckets) of(name string) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if found, ok := b.now[name]; ok {
		return found
	}
	if b.now == nil || len(b.now) >= maxBuckets {
		b.old, b.now = b.now, map[string]*rate.Limiter{}
	}
	limiter, ok := b.old[name]
	if !ok {
		limiter = rate.NewLimiter(b.rate, b.burst)
	}
	b.now[name] = limiter
	return limiter
}

func (b *buckets) find(name string) (*rate.Limiter, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, ok := b.now[name]
	return found, ok
}
