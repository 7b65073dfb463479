package database

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// quietFor is how long a complaint of River's that was logged keeps the same one out of the log: while a database is down
// each queue complains at every poll, which would fill a disk by the hour.
const quietFor = 10 * time.Second

// quiet lets River's warnings and errors through, each once in a while: what it says at info is about itself.
func quiet(l *slog.Logger) *slog.Logger {
	return slog.New(warnings{l.Handler(), &repeats{said: map[string]said{}}})
}

type warnings struct {
	slog.Handler
	repeats *repeats
}

func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

func (w warnings) WithAttrs(a []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(a), w.repeats}
}

func (w warnings) WithGroup(name string) slog.Handler {
	return warnings{w.Handler.WithGroup(name), w.repeats}
}

// Handle says how often the same was left out since it was logged.
func (w warnings) Handle(ctx context.Context, r slog.Record) error {
	left, first := w.repeats.count(r.Message, r.Time)
	if !first {
		return nil
	}
	if left > 0 {
		r.AddAttrs(slog.Int("left_out", left))
	}
	return w.Handler.Handle(ctx, r)
}

// repeats are the complaints that were logged lately, by their words, of which River has some dozens.
type repeats struct {
	mu   sync.Mutex
	said map[string]said
}

type said struct {
	at   time.Time
	left int // out since then
}

// count reports whether a complaint is to be logged, and how often it was not since the last time.
func (r *repeats) count(words string, at time.Time) (left int, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, found := r.said[words]
	if found && at.Sub(was.at) < quietFor && at.Sub(was.at) >= 0 {
		was.left++
		r.said[words] = was
		return 0, false
	}
	r.said[words] = said{at: at}
	return was.left, true
}
