package provisioning

import (
	"context"
	"strings"
	"sync"
	"testing"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestAStepThatPanicsIsItsOwnError: those that share its transaction are written, and the process goes on.
func TestAStepThatPanicsIsItsOwnError(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		g := newGroup(db)
		var all sync.WaitGroup
		for k := range 20 {
			all.Go(func() {
				err := g.write(t.Context(), func(ctx context.Context, tx *database.Tx) error {
					if k%5 == 0 {
						panic("no such item")
					}
					return tx.Audit(ctx, "step", "1", "take", nil, nil)
				})
				if k%5 == 0 && (err == nil || !strings.Contains(err.Error(), "panic: no such item")) || k%5 != 0 && err != nil {
					t.Errorf("step %d: %v", k, err)
				}
			})
		}
		all.Wait()
		trail, err := db.AuditTrail(t.Context(), "step", "1", 0, 100)
		must(t, err)
		if len(trail) != 16 {
			t.Errorf("%d steps were written, not 16", len(trail))
		}
	})
}
