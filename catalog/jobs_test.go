package catalog

import (
	"bytes"
	"context"
	"strings"
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
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
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
	t.Fatalf("document %d is not %s after a minute", id, want)
}

// TestLatePublicationIsRepaired: a version that was withdrawn while the core was
// being given it comes last there; a job gives the core once more what should be
// in force.
func TestLatePublicationIsRepaired(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			o := newOffice(t, dialect)
			price := func(amount string) []byte {
				return bytes.Replace(demo.Office, []byte("cap: 5.00"), []byte("cap: "+amount), 1)
			}
			carry := func(source []byte) {
				id := published(t, o.Service, source, 0)
				if _, err := o.Carry(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
			carry(demo.Office)
			o.cut.during = func() { carry(price("7.00")) }
			carry(price("6.00"))
			if core := o.inCore(t); !strings.Contains(core, "cap: 6.00") {
				t.Fatal("the late one did not come last")
			}
			jobs := database.NewJobs()
			o.RegisterJobs(jobs)
			if err := o.db.StartJobs(t.Context(), jobs); err != nil {
				t.Fatal(err)
			}
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for deadline := time.Now().Add(time.Minute); !strings.Contains(o.inCore(t), "cap: 7.00"); <-tick.C {
				if time.Now().After(deadline) {
					t.Fatal("the core was not repaired")
				}
				o.core.Advance(time.Second)
			}
		})
	}
}

// inCore is the source that is in force in the core.
func (o *office) inCore(t *testing.T) string {
	t.Helper()
	source, err := o.core.Charging.Catalog(t.Context(), "office", 0)
	if err != nil {
		t.Fatal(err)
	}
	return string(source.Source)
}
