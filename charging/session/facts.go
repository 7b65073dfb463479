package session

import (
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// Facts are how the usage of a group's open record was classified and where
// its price stood before it: what its record needs to say why it cost so much.
type Facts struct {
	// At is the moment of classification: its tariff applied.
	At instant.Instant
	// Position is how many units the price had rated before the record: in the
	// segment, or by the counter that positions the price.
	Position uint64
	// Ahead is the part of what the record charged that is for units in the next
	// record, less the part for units of this one that the record before has. It
	// is zero unless a report drew on more buckets than one record can name.
	Ahead money.Amount
	// Seen are the values of the plan's counters at classification, each an
	// unsigned varint; none where the plan has no counters.
	Seen slab.Ref
	// Said is what the gateway had said of the parties and the service at
	// classification, where a later request said otherwise.
	Said    slab.Ref
	Rule    uint32 // index in the plan
	Visited uint32 // zone of the serving network: index in the plan
	Serving ident.PLMN
	RAT     uint8 // as in Session
	QCI     uint8
	OnNet   bool // the called party is a subscriber of this operator
	Setup   bool // the record charged the setup fee
}

// forget frees what facts keep in octets.
func (s *Set) forget(f *Facts) {
	s.Octets.Free(f.Seen)
	s.Octets.Free(f.Said)
}
