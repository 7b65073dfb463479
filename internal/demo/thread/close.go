package thread

import (
	"context"
	"slices"
)

// Close waits for the orders that were under way and for the last usage, and
// proves the books of the office. The network is quiet by then.
func (t *Thread) Close(ctx context.Context) error {
	for _, id := range t.left() {
		if err := t.completed(ctx, id); err != nil {
			return err
		}
	}
	if err := t.takenIn(ctx); err != nil {
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

// takenIn waits until the office has every usage record of the core.
func (t *Thread) takenIn(ctx context.Context) error {
	return until(ctx, func() (bool, error) {
		var s struct {
			After  int `json:"after"`
			Latest int `json:"latest"`
		}
		err := t.get(ctx, "/office/v1/usage/intake", &s)
		t.count(func(f *Figures) { f.UsageRecords, f.UsageTaken = s.Latest, s.After })
		return s.After == s.Latest, err
	})
}

// prove has the office check its books.
func (t *Thread) prove(ctx context.Context) error {
	var v struct {
		Problems []string `json:"problems"`
	}
	err := t.get(ctx, "/office/v1/books/verify", &v)
	t.count(func(f *Figures) { f.Problems = append(f.Problems, v.Problems...) })
	return err
}
