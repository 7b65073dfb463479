// Package instant gives pure packages a notion of time that they cannot read
// for themselves: an Instant arrives in a command, a Zone in a catalogue.
package instant

import "time"

// Instant is a moment in milliseconds since 1970-01-01T00:00:00Z. Zero means
// "not set" wherever an Instant is optional.
type Instant int64

// Span is a length of time in milliseconds.
type Span int64

// Spans in common use.
const (
	Millisecond Span = 1
	Second      Span = 1000
	Minute           = 60 * Second
	Hour             = 60 * Minute
	Day              = 24 * Hour
)

// Of converts a time.Time; edges use it to stamp a batch.
func Of(t time.Time) Instant { return Instant(t.UnixMilli()) }

// Time converts to a time.Time in UTC, for display.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

// String is RFC 3339 with milliseconds, or "-" when not set.
func (i Instant) String() string {
	if i == 0 {
		return "-"
	}
	return i.Time().Format("2006-01-02T15:04:05.000Z")
}

// Add returns the instant d later.
func (i Instant) Add(d Span) Instant { return i + Instant(d) }

// Sub returns the span from o to i.
func (i Instant) Sub(o Instant) Span { return Span(i - o) }
