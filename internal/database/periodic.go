package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gyro/internal/instant"
)

// periodic is a job that is inserted again and again.
type periodic struct {
	name    string
	every   instant.Span
	job     func(slot instant.Instant) JobArgs
	options []JobOption
}

// Every inserts a job each time that so much has passed since 1970-01-01T00:00Z, for instance each full hour; job is told which
// slot it is for. Each slot has its job once, however many processes there are; of slots that passed while none ran only
// the last one gets its job. The name is what the database remembers it by. For local days let the job look what is due.
func (j *Jobs) Every(name string, every instant.Span, job func(slot instant.Instant) JobArgs, options ...JobOption) {
	if name == "" || every <= 0 {
		j.problems = append(j.problems, fmt.Errorf("periodic job %q every %d ms: give a name and a span", name, every))
		return
	}
	j.periodic = append(j.periodic, periodic{name, every, job, options})
}

// insertPeriodic inserts the jobs whose slot has come.
func (db *DB) insertPeriodic(ctx context.Context, jobs *Jobs) error {
	for k := range jobs.periodic {
		p := &jobs.periodic[k]
		slot := db.Now() - db.Now()%instant.Instant(p.every)
		if last, err := lastSlot(ctx, db.reader, p.name); err != nil || last >= slot {
			if err != nil {
				return fmt.Errorf("periodic job %s: %w", p.name, err)
			}
			continue
		}
		err := db.Write(ctx, upkeeper, func(ctx context.Context, tx *Tx) error {
			if last, err := lastSlot(ctx, tx, p.name); err != nil || last >= slot {
				return err
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO job_schedule (name, last) VALUES (?, ?)
				ON CONFLICT (name) DO UPDATE SET last = excluded.last`, p.name, slot)
			if err != nil {
				return err
			}
			return tx.Enqueue(ctx, p.job(slot), p.options...)
		})
		if err != nil {
			return fmt.Errorf("periodic job %s: %w", p.name, err)
		}
	}
	return nil
}

func lastSlot(ctx context.Context, q rowQuerier, name string) (last instant.Instant, err error) {
	err = q.QueryRowContext(ctx, "SELECT last FROM job_schedule WHERE name = ?", name).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return -1, nil
	}
	return last, err
}

// rowQuerier is what asks for one row, in a transaction or outside.
type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
