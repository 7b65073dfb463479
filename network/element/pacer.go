package element

import "time"

// tokenCost is one token: credit is kept in nanoseconds times tokens per second, so that the pace has no rounding error.
const tokenCost = int64(time.Second)

// pacerMaxIdle bounds the time for which credit is computed at once: rate x 1 s fits an int64 for every allowed rate, and a
// bucket never holds more than its burst anyway.
const pacerMaxIdle = time.Second

// A pacer is the token bucket of an element. In any interval of d at most rate x d + burst tokens are taken.
type pacer struct {
	perSecond int64
	burst     int64 // in credit
	credit    int64
	last      time.Time
}

// newPacer allows rate tokens a second in bursts of 50 ms, which a timer of an idle machine keeps to easily, and not less
// than one token.
func newPacer(rate int, now time.Time) *pacer {
	p := &pacer{last: now}
	p.setRate(rate)
	p.credit = tokenCost
	return p
}

func (p *pacer) setRate(rate int) {
	p.perSecond = int64(rate)
	p.burst = max(p.perSecond/20, 1) * tokenCost
}

func (p *pacer) advance(now time.Time) {
	elapsed := min(now.Sub(p.last), pacerMaxIdle)
	if elapsed <= 0 {
		return
	}
	p.last = now
	p.credit = min(p.credit+int64(elapsed)*p.perSecond, p.burst)
}

func (p *pacer) ready() bool { return p.credit >= tokenCost }

func (p *pacer) take() { p.credit -= tokenCost }

// wait returns how long it takes until a token is there, at least a millisecond: at higher rates several tokens are taken at
// once instead of waking for each.
func (p *pacer) wait() time.Duration {
	missing := tokenCost - p.credit
	return max(time.Duration((missing+p.perSecond-1)/p.perSecond), time.Millisecond)
}
