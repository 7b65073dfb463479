package catalog

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/api/apitest"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/testdata/demo"
)

// TestPublicationByJobs: the jobs bring a document into force, in both halves,
// at once and at a moment.
func TestPublicationByJobs(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			core := apitest.Start(t)
			db := dbtest.Open(t, dialect, dbtest.Clock(core.Clock))
			s := New(db, core.Charging)
			jobs := database.NewJobs()
			s.RegisterJobs(jobs)
			core.API.SetReady(false) // the core is not there yet: the job has to come again
			first := published(t, s, demo.Office, 0)
			if err := db.StartJobs(t.Context(), jobs); err != nil {
				t.Fatal(err)
			}
			core.API.SetReady(true)
			wait(t, core, s, first, DocumentPublished)

			dearer := append([]byte("# dearer\n"), demo.Office...)
			later := db.Now().Add(30 * instant.Day)
			second := published(t, s, dearer, later)
			wait(t, core, s, second, DocumentScheduled)
			core.Set(later)
			wait(t, core, s, second, DocumentPublished)
		})
	}
}

func published(t *testing.T, s *Service, source []byte, at instant.Instant) int64 {
	t.Helper()
	d, err := s.Submit(t.Context(), product, source, false)
	if err != nil {
		t.Fatal(err)
	}
	if d, err = s.Publish(t.Context(), product, d.ID, at); err != nil || d.State != DocumentScheduled {
		t.Fatal(d, err)
	}
	return d.ID
}

// wait has time pass, a second at a time, until a document has a state and the
// core has accepted it.
func wait(t *testing.T, core *apitest.Server, s *Service, id int64, want State) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		var d Document
		err := s.db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
			return q.NewSelect().Model(&d).Where("d.id = ?", id).Scan(ctx)
		})
		if err != nil {
			t.Fatal(err)
		}
		if d.State == want && d.AppliedAt != 0 {
			return
		}
		core.Advance(time.Second)
	}
	t.Fatalf("document %d is not %s after half a minute", id, want)
}
