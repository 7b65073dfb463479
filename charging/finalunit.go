package charging

import (
	"encoding/binary"

	"gyro/charging/session"
	"gyro/rating"
)

// Layout of the octet that packs what is small in a ServiceOutcome.
const (
	packedFinalAt    = 2 // below it the unit
	packedTriggersAt = 4
	packedChanges    = 0x80 // a tariff change follows
	packedTwoBits    = 3
)

func (o *ServiceOutcome) packed() byte {
	b := byte(o.Unit)&packedTwoBits | byte(o.FinalUnit)&packedTwoBits<<packedFinalAt | byte(o.Triggers&allTriggers)<<packedTriggersAt
	if o.TariffChange != 0 {
		b |= packedChanges
	}
	return b
}

func (o *ServiceOutcome) unpack(b byte) (changes bool) {
	o.Unit, o.FinalUnit = GrantUnit(b&packedTwoBits), FinalUnitAction(b>>packedFinalAt&packedTwoBits)
	o.Triggers = Triggers(b>>packedTriggersAt) & allTriggers
	return b&packedChanges != 0
}

func (f *FinalRef) append(dst []byte) []byte {
	at := uint64(f.At) << 1
	if f.Allowance {
		at |= 1
	}
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(f.Publication)), at)
}

func (r *reader) finalRef() FinalRef {
	publication, at := uint32(r.Uvarint()), r.Uvarint()
	return FinalRef{Publication: publication, At: uint32(at >> 1), Allowance: at&1 != 0}
}

// finals finds the final units that a decoded outcome refers to. Publications
// are never removed, so what was answered once can be answered again.
func (s *State) finals(o *Outcome) {
	for k := range o.Services {
		if so := &o.Services[k]; so.FinalUnit > Terminate {
			so.Final = s.finalAt(so.FinalAt)
		}
	}
}

func (s *State) finalAt(f FinalRef) *rating.FinalUnit {
	if f.Publication == 0 {
		return nil
	}
	plan := s.catalogs.plan(f.Publication)
	if f.Allowance {
		return &plan.AllowanceAt(f.At).Exhausted
	}
	return &plan.ServiceAt(f.At).Quota.Final
}

// finish says in the answer what the gateway is to do when the last quota is
// used up, or at once where there is none.
func (s *State) finish(o *ServiceOutcome, at FinalRef) {
	final := s.finalAt(at)
	if o.FinalUnit = FinalUnitAction(final.Action); o.FinalUnit > Terminate {
		o.Final, o.FinalAt = final, at
	}
}

// finalOf is what follows a group's last quota: what an allowance says that ran
// out and pays for the group, or else what the service does. Money then pays no
// more: the group's filter leaves it out. Of several such allowances the one
// that is used last decides, because the others ran out before it.
func (x *exchange) finalOf(group *session.Group) FinalRef {
	f := &x.scratch.filter
	at := FinalRef{Publication: group.Plan, At: group.Service}
	for i := x.account.Buckets; i != 0; {
		b := x.book.Buckets.At(i)
		if b.Allowance != 0 && b.Valid(x.now) && f.Pays(b) {
			if k, ok := f.plan.AllowanceIndex(b.Allowance); ok && f.plan.AllowanceAt(k).Exhausted.Action != rating.None {
				at.At, at.Allowance = k, true
			}
		}
		i = b.Next
	}
	f.allowancesOnly = at.Allowance
	return at
}
