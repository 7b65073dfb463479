package thread

import (
	"context"
	"slices"
	"time"
)

// Close waits for the orders that were under way and for the last usage record
// of the core, and proves the books of the office. The network is quiet by then.
func (t *Thread) Close(ctx context.Context, last uint64) error {
	if err := t.retryFallout(ctx); err != nil {
		return err
	}
	for _, id := range t.left() {
		if err := t.completed(ctx, id); err != nil {
			return err
		}
	}
	if err := t.takenIn(ctx, last); err != nil {
		return err
	}
	return t.prove(ctx)
}

// left is the orders that are not carried out yet.
func (t *Thread) left() (ids []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.underWay {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// takenIn waits until the office has every usage record up to the core's last one
// of the traffic; fees that fall due meanwhile go on.
func (t *Thread) takenIn(ctx context.Context, last uint64) error {
	t.count(func(f *Figures) { f.UsageRecords = last })
	return until(ctx, func() (bool, error) {
		var s struct{ After, Parked uint64 }
		err := t.get(ctx, "/office/v1/usage-intake", &s)
		t.count(func(f *Figures) { f.UsageTaken, f.UsageParked = min(s.After, last), s.Parked })
		return s.After >= last, err
	})
}

// tries and wait between them of a proof: what is still being settled may show as
// a difference of the moment.
const (
	proofs    = 60
	proofWait = 500 * time.Millisecond
)

// prove has the books of the office proved.
func (t *Thread) prove(ctx context.Context) error {
	for try := 1; ; try++ {
		checks, problems, err := t.o.Prove()
		if err != nil {
			return err
		}
		t.count(func(f *Figures) { f.Checks, f.Problems = checks, append([]string{}, problems...) })
		if len(problems) == 0 || try == proofs {
			return nil
		}
		if err := pause(ctx, proofWait); err != nil {
			return err
		}
	}
}
