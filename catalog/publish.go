package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"gyro/api/client"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// Publication is the job that brings a document into force in both halves.
type Publication struct {
	Document int64 `json:"document"`
}

// Kind implements database.JobArgs.
func (Publication) Kind() string { return "catalog_publication" }

// TakeEffect is the job that notes, at the moment, that a document is in force:
// states of rows, and the events of them.
type TakeEffect struct {
	Document int64 `json:"document"`
}

// Kind implements database.JobArgs.
func (TakeEffect) Kind() string { return "catalog_effect" }

// queueName keeps publications in line: one worker, in the order of the jobs.
const queueName = "catalog"

// Bounds of the jobs.
const (
	// publicationTimeout is longer than the core takes to compile the largest
	// catalogue and to answer.
	publicationTimeout = 2 * time.Minute
	// firstRetry and mostRetry: a core that restarts is back within seconds, and
	// one that is down for the night must not take the job down with it.
	firstRetry, mostRetry = 2 * instant.Second, 10 * instant.Minute
	// attempts lasts for two weeks of mostRetry.
	attempts = 2000
	// latePublication is how far back the core takes a moment as now.
	latePublication = instant.Hour
)

// RegisterJobs names the workers of the catalogue's jobs.
func (s *Service) RegisterJobs(jobs *database.Jobs) {
	jobs.Queue(queueName, 1)
	database.RegisterJob(jobs, func(ctx context.Context, p Publication, _ database.JobInfo) error { return s.publish(ctx, p.Document) },
		database.Timeout(publicationTimeout), database.Backoff(firstRetry, mostRetry))
	database.RegisterJob(jobs, func(ctx context.Context, e TakeEffect, _ database.JobInfo) error {
		return s.takeEffect(ctx, e.Document)
	},
		database.Backoff(firstRetry, mostRetry))
	database.RegisterJob(jobs, func(ctx context.Context, r Repair, _ database.JobInfo) error { return s.repair(ctx, r.Document) },
		database.Backoff(firstRetry, mostRetry))
}

// Publish schedules a checked document: from a moment on, or as soon as
// possible where at is zero. Of one catalogue one version at a time can be on
// its way: those that are, are withdrawn.
func (s *Service) Publish(ctx context.Context, by database.Actor, id int64, at instant.Instant) (d Document, err error) {
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		d = Document{}
		if err := tx.NewSelect().Model(&d).Where("d.id = ?", id).Scan(ctx); err != nil {
			return fmt.Errorf("catalogue document %d: %w", id, err)
		}
		if d.State == DocumentScheduled && d.EffectiveAt == at || d.State == DocumentPublished {
			return nil // asked for again
		}
		if err := s.publishable(ctx, tx, &d, at); err != nil {
			return err
		}
		if err := withdraw(ctx, tx, &d, false); err != nil {
			return err
		}
		before := d
		d.State, d.EffectiveAt, d.Reason, d.UpdatedAt = DocumentScheduled, at, "", tx.Now()
		if err := update(ctx, tx, &before, &d, "publish"); err != nil {
			return err
		}
		return tx.Enqueue(ctx, Publication{d.ID}, database.Queue(queueName), database.MaxAttempts(attempts))
	})
	return d, err
}

// publishable refuses what cannot be published.
func (s *Service) publishable(ctx context.Context, tx *database.Tx, d *Document, at instant.Instant) error {
	current, found, err := s.inForce(ctx, tx, d.Name)
	if err != nil {
		return err
	}
	switch {
	case d.State == DocumentDraft:
		return refusal.New(refusal.Unprocessable, "catalog_invalid", "", "version %d of catalogue %s has errors:\n%s", d.Version, d.Name, d.Reason)
	case found && current.Version > d.Version:
		return refusal.New(refusal.Conflict, "catalog_superseded", "", "version %d of catalogue %s is in force, and %d is older; submit its source once more", current.Version, d.Name, d.Version)
	case at != 0 && at.Add(latePublication) < tx.Now():
		return refusal.New(refusal.Unprocessable, "invalid_value", "at", "%s has passed; leave it out to publish now", at)
	}
	return nil
}

// withdraw ends what is on its way in the same catalogue. What the core has
// already, and waits for its moment, stays until the core has taken d.
func withdraw(ctx context.Context, tx *database.Tx, d *Document, accepted bool) error {
	var others []Document
	err := tx.NewSelect().Model(&others).Where("d.name = ? AND d.state = ? AND d.id <> ?", d.Name, DocumentScheduled, d.ID).Scan(ctx)
	if err != nil {
		return err
	}
	for n := range others {
		if others[n].AppliedAt != 0 && !accepted {
			continue
		}
		before := others[n]
		others[n].State, others[n].UpdatedAt = DocumentWithdrawn, tx.Now()
		others[n].Reason = fmt.Sprintf("version %d was published before this one took effect", d.Version)
		if err := update(ctx, tx, &before, &others[n], "withdraw"); err != nil {
			return err
		}
	}
	return nil
}

// update writes what may change of a document.
func update(ctx context.Context, tx *database.Tx, before, d *Document, action string) error {
	_, err := tx.NewUpdate().Model(d).Column("state", "reason", "charging_version", "effective_at", "applied_at", "updated_at").WherePK().Exec(ctx)
	if err != nil {
		return fmt.Errorf("catalogue %s: %w", d.ref(), err)
	}
	return tx.Audit(ctx, "catalog", d.ref(), action, before, d)
}

var byJob = database.Actor{Name: "catalog", Via: "job"}

// publish is the job: first the core, which has the right to refuse, then the
// office's rows. It may be killed anywhere and begin again.
func (s *Service) publish(ctx context.Context, id int64) error {
	d, err := s.scheduled(ctx, id)
	if err != nil || d == nil {
		return err
	}
	version, err := s.toCore(ctx, d)
	if err != nil {
		return s.refused(ctx, d, err)
	}
	return s.db.Write(ctx, byJob, func(ctx context.Context, tx *database.Tx) error {
		return s.apply(ctx, tx, id, version)
	})
}

// Carry does at once what a document's job would do now, and returns what
// became of the document; the job then finds nothing left to do.
func (s *Service) Carry(ctx context.Context, id int64) (d Document, err error) {
	if err := s.publish(ctx, id); err != nil {
		return d, err
	}
	err = s.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		return q.NewSelect().Model(&d).Where("d.id = ?", id).Scan(ctx)
	})
	return d, err
}

// scheduled reads a document that is still to be published, nil where it is
// not.
func (s *Service) scheduled(ctx context.Context, id int64) (*Document, error) {
	var d Document
	err := s.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		return q.NewSelect().Model(&d).Where("d.id = ?", id).Scan(ctx)
	})
	if err != nil || d.State != DocumentScheduled || d.AppliedAt != 0 {
		return nil, err
	}
	return &d, nil
}

// toCore gives the core its half, now or for the moment. The core answers the
// source that it has already without making another version of it.
func (s *Service) toCore(ctx context.Context, d *Document) (version int64, err error) {
	if d.ChargingSource == "" {
		return 0, nil
	}
	p := client.Publication{Source: []byte(d.ChargingSource)}
	if d.EffectiveAt > s.db.Now() {
		p.At = d.EffectiveAt
	}
	published, err := s.core.Publish(ctx, d.Name, p)
	return int64(published.Version), err
}

// refused notes what the core will never take; anything else is tried again.
func (s *Service) refused(ctx context.Context, d *Document, cause error) error {
	if !client.Final(cause) {
		return cause
	}
	return s.db.Write(ctx, byJob, func(ctx context.Context, tx *database.Tx) error {
		var now Document
		if err := tx.NewSelect().Model(&now).Where("d.id = ?", d.ID).Scan(ctx); err != nil || now.State != DocumentScheduled {
			return err
		}
		before := now
		now.State, now.Reason, now.UpdatedAt = DocumentFailed, cause.Error(), tx.Now()
		return update(ctx, tx, &before, &now, "fail")
	})
}
