package run

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/uptrace/bun"

	"gyro/billing/charge"
	"gyro/internal/instant"
)

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// job is what all batches of a run have in common.
type job struct {
	run     int64
	mode    Mode
	asOf    charge.Day
	through int64 // records behind it are for a later run
	drafts  int64 // the run whose drafts are finalised, 0 if it bills what is due

	mu     sync.Mutex
	limits map[instant.Instant]int64 // last record before a moment
}

// bounds are the records of the cycles that are due, for every member.
func (j *job) bounds(ctx context.Context, q bun.IDB, due []*group) ([]bound, error) {
	var bounds []bound
	for _, g := range due {
		through, err := j.limit(ctx, q, g.payer.next().Until.Start(g.payer.zone))
		if err != nil {
			return nil, err
		}
		for _, a := range g.members {
			a.usage = a.usage[:0]
			if through > a.usageAfter {
				bounds = append(bounds, bound{a.id, a.usageAfter, through})
			}
		}
	}
	return bounds, nil
}

func (j *job) limit(ctx context.Context, q bun.IDB, before instant.Instant) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if found, ok := j.limits[before]; ok {
		return found, nil
	}
	found, err := limit(ctx, q, before, j.through)
	if err == nil {
		j.limits[before] = found
	}
	return found, err
}
