package catalog

import (
	"context"
	"sync"

	"github.com/uptrace/bun"

	"gyro/internal/instant"
)

// maxKept bounds the versions of offers that are kept in memory.
const maxKept = 1000

// details keeps what belongs to versions of offers: it never changes once a document has been published, and whoever places
// orders asks for it every time. The rows of the offers themselves are read anew, as their end and status do change.
type details struct {
	mu   sync.Mutex
	kept map[detailsKey]Offering
}

// detailsKey is more than the number: that of a publication which was rolled back is given to another one.
type detailsKey struct {
	id, version, document, specification int64
	digest                               string
	created                              instant.Instant
}

// Sold is Offering for those who ask for the same ones again and again, and look at what is sold, not at the state of the
// specification, which may be that of an earlier moment. What it returns must not be changed.
func (s *Service) Sold(ctx context.Context, q bun.IDB, ref string, at instant.Instant) (Offering, error) {
	o, err := s.row(ctx, q, ref, at)
	if err != nil {
		return o, err
	}
	key := detailsKey{o.ID, o.Version, o.DocumentID, o.SpecificationID, o.Digest, o.CreatedAt}
	if known, found := s.details.get(key); found {
		o.Prices, o.Discounts, o.Requires, o.Excludes, o.Specification = known.Prices, known.Discounts, known.Requires, known.Excludes, known.Specification
		return o, nil
	}
	if o, err = completed(ctx, q, o, ref); err == nil && o.Version > 0 {
		s.details.put(key, o)
	}
	return o, err
}

func (d *details) get(key detailsKey) (o Offering, found bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o, found = d.kept[key]
	return o, found
}

func (d *details) put(key detailsKey, o Offering) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil || len(d.kept) >= maxKept {
		d.kept = map[detailsKey]Offering{}
	}
	d.kept[key] = o
}
