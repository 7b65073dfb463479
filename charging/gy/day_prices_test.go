package gy

import (
	"time"

	"gyro/internal/instant"
)

// dayPrices are the prices of the catalogue's rules in millionths a unit: each divides without rest, so that what is
// charged is the product, however it is cut into reports.
var dayPrices = map[string]int64{
	"internet-peak": 3, "internet-night": 1, "internet-day": 2,
	"video-peak": 4, "video-day": 7, "music": 5,
	"voice-peak": 2000, "voice-day": 1500, "sms": 90_000,
	// Those of the second version, which is published in the course of the day.
	"internet-peak 2": 3, "internet-night 2": 1, "internet-day 2": 2,
	"video-peak 2": 4, "video-day 2": 7, "music 2": 6,
	"voice-peak 2": 2000, "voice-day 2": 2500, "sms 2": 80_000,
}

// messageGroup is the rating group of messages that are reserved; calls have another, data those of the catalogue.
const messageGroup = 274

// ruleAt is the rule that applies, by the clock on the wall.
func ruleAt(group uint32, wall time.Time) string {
	minute := wall.Hour()*60 + wall.Minute()
	peak := 8*60 <= minute && minute < 20*60
	night := 2*60+15 <= minute && minute < 6*60
	switch group {
	case 0, 101:
		switch {
		case peak:
			return "internet-peak"
		case night:
			return "internet-night"
		}
		return "internet-day"
	case 102:
		if peak {
			return "video-peak"
		}
		return "video-day"
	case 103:
		return "music"
	case messageGroup:
		return "sms"
	}
	if peak {
		return "voice-peak"
	}
	return "voice-day"
}

// ends makes sure that a quota does not outlive its price unless the gateway is told when that changes: it could not tell
// what it used before from what it used after.
func (k *dayBooks) ends(r *dayRequest, key uint32, grant *dayGrant) {
	now := k.w.clock.now
	if !grant.grants {
		return
	}
	known := now
	if grant.change != 0 {
		known = grant.change
		if k.switches(key, now) != grant.change || !k.w.profiles[r.g.host].TariffChange {
			k.w.t.Fatalf("%v: %s group %d is told of a tariff change at %v", k.w.wall(now), r.id, key, k.w.wall(grant.change))
		}
	}
	ends := now.Add(instant.Span(grant.validity) * instant.Second)
	if at := k.switches(key, known); grant.validity == 0 || ends >= at.Add(instant.Second) {
		k.w.t.Fatalf("%v: %s group %d has quota for %d seconds, its price changes at %v", k.w.wall(now), r.id, key, grant.validity, k.w.wall(at))
	}
}

// switches is when another rule applies, or a long time ahead.
func (k *dayBooks) switches(key uint32, from instant.Instant) instant.Instant {
	at := from
	for rule := ruleAt(key, k.w.wall(from)); at < from.Add(2*instant.Hour); {
		at = (at/60_000 + 1) * 60_000
		if ruleAt(key, k.w.wall(at)) != rule {
			break
		}
	}
	return at
}
