package charging

import (
	"encoding/binary"
	"fmt"

	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/money"
	"gyro/rating"
)

// Explanation is why a record of usage charged what it did, found by
// classifying and pricing it once more from the record and its version of the
// catalogue alone.
type Explanation struct {
	Request []Fact // what was known of the usage
	Catalog string
	Version uint32
	// Trace is what was tried to find a price, and why it applied or not; nil for
	// records that no tariff applied to.
	Trace *rating.Trace
	// Agrees is whether the classification comes to the recorded rule and price
	// again. Where it does not, the record was not made by this version's rules.
	Agrees  bool
	Service string
	Offer   string
	Rule    string
	Zone    string
	Unit    rating.Unit
	Terms   rating.Terms // of the price; without tiers where none applied
	Price   string       // the price in the words of the tariff, "" where none applied

	Used       Stretch // as reported, in the segment
	Billed     Stretch // rounded up to the increments
	Rated      Stretch // the part that money paid for: where the tiers stand
	Allowances uint64  // the part of Billed that allowances paid for
	Counter    string  // that positions Rated, "" where the session does
	Tiers      []TierShare
	// Shares say in words what Rated costs where the price's model has no cost
	// of its own for each unit: packages, volume tiers, stairsteps. AtBegin and
	// AtEnd are what all units up to the ends of Rated cost.
	Shares         []string
	AtBegin, AtEnd money.Amount
	Setup          money.Amount
	// Carried is the part of the charge that is for units of the next record,
	// less what an earlier one has for units of this.
	Carried money.Amount
	// Cost is what the usage costs by all this. It equals the record's Charged.
	Cost    money.Amount
	Excess  money.Amount
	Buckets []BucketShare
}

// Fact is something that the request said or that was known of it.
type Fact struct{ Name, Value string }

// Stretch is a range of units: those after From, up to To.
type Stretch struct{ From, To uint64 }

// Units is how many they are.
func (s Stretch) Units() uint64 { return s.To - s.From }

// TierShare is the part of a record's rated units in one tier of the price.
type TierShare struct {
	rating.Tier
	Units uint64
	Cost  money.Amount // the difference of two positions, each rounded once
}

// BucketShare is what a record moved between a bucket and the operator.
type BucketShare struct {
	Name         string // "" is the account's own money; a debt has no Bucket
	Bucket       uint64
	Denomination balance.Denomination
	Amount       int64 // negative where the customer got it back
	// Before and After are what the bucket held; others may have drawn on it
	// while the record was open, so Before is After and Amount.
	Before, After int64
}

// Explain says why a record of usage charged what it did. It decides from its
// arguments alone: the record and the publication that it names, nil for a
// record without one.
func Explain(record *usage.Record, p *Publication) (Explanation, error) {
	var e Explanation
	var why usage.Why
	if !record.Kind.IsUsage() {
		return e, fmt.Errorf("record %d is a %s, which no price decides: its reason and postings say all", record.Sequence, record.Kind)
	}
	if err := why.Parse(record.Why, len(record.Postings)); err != nil {
		return e, fmt.Errorf("record %d: what it was decided from cannot be read: %w", record.Sequence, err)
	}
	if p != nil && p.Number != record.Plan || p == nil && record.Plan != 0 {
		return e, fmt.Errorf("record %d was priced by publication %d, which is needed to explain it", record.Sequence, record.Plan)
	}
	e.facts(record, &why)
	if p == nil {
		e.Agrees = true
		return e, nil
	}
	e.Catalog, e.Version, e.Service, e.Offer = p.Name, p.Version, p.plan.Label(record.Service), p.plan.Label(record.Offer)
	e.buckets(record, &why, p.plan)
	if record.Flags&usage.Unrated != 0 {
		e.Agrees = true
		return e, nil
	}
	if int(why.Rule) >= p.plan.Rules() || int(why.Zone) >= p.plan.Zones() || int(record.Rate) >= p.plan.Prices() {
		return e, fmt.Errorf("record %d refers to a rule, zone or price that catalogue %q version %d does not have", record.Sequence, p.Name, p.Version)
	}
	e.classify(record, &why, p.plan)
	e.price(record, &why, p.plan)
	return e, nil
}

// seenCounters are counters as they were when a record was classified.
type seenCounters []uint64

// Used implements rating.Counters.
func (s seenCounters) Used(counter uint32) uint64 {
	if int(counter) >= len(s) {
		return 0
	}
	return s[counter]
}

func countersSeen(encoded []byte) (seen seenCounters) {
	for len(encoded) > 0 {
		v, n := binary.Uvarint(encoded)
		if n <= 0 {
			return seen
		}
		seen, encoded = append(seen, v), encoded[n:]
	}
	return seen
}

func (e *Explanation) classify(record *usage.Record, why *usage.Why, plan *rating.Plan) {
	request := rating.Request{
		Context: record.Context, RatingGroup: record.RatingGroup, ServiceID: record.ServiceID,
		HasRatingGroup: record.Flags&usage.HasRatingGroup != 0, HasServiceID: record.Flags&usage.HasServiceID != 0,
		APN: why.APN, Called: record.Called, Calling: why.Calling, Serving: why.Serving, RAT: why.RAT, QCI: why.QCI,
		OnNet: why.Flags&usage.OnNet != 0, Role: why.Role, At: why.At, Offers: why.Offers, Counters: countersSeen(why.Seen),
	}
	e.Trace = plan.Trace(&request)
	agrees := func() bool {
		m := &e.Trace.Match
		return e.Trace.Refusal == rating.Matched && m.Rule == why.Rule && m.Offer == record.Offer &&
			(record.Flags&usage.Free != 0 || m.Rate == record.Rate)
	}
	if e.Agrees = agrees(); !e.Agrees { // the account's offers changed while the record was open
		request.Offers = []ident.Name{record.Offer}
		e.Trace = plan.Trace(&request)
		e.Agrees = agrees()
	}
	rule := plan.RuleAt(why.Rule)
	e.Rule, e.Zone = rule.Name, plan.ZoneAt(why.Zone).Name
	if e.Rule == "" {
		e.Rule = fmt.Sprintf("line %d", rule.Line)
	}
	if service, known := plan.Service(record.Service); known {
		e.Unit = service.Unit
	}
}

func (e *Explanation) price(record *usage.Record, why *usage.Why, plan *rating.Plan) {
	e.Used = Stretch{why.UsedBefore, why.UsedBefore + record.Used}
	if record.Kind == usage.Refund {
		e.Cost = record.Charged
		return
	}
	if record.Flags&usage.Free != 0 {
		return
	}
	price := plan.Price(record.Rate)
	e.Terms, e.Price = price.Terms(), plan.PriceWords(record.Rate)
	e.Billed = Stretch{why.BilledBefore, why.BilledBefore}
	if billed, ok := price.Billable(e.Used.To); ok {
		e.Billed.To = billed
	}
	e.Rated = Stretch{why.Position, why.Position + record.Rated}
	e.Allowances = e.Billed.Units() - min(e.Billed.Units(), record.Rated)
	if k, by := price.Counter(); by && why.Flags&usage.ByCounter != 0 {
		e.Counter = plan.CounterAt(k).Name
	}
	cost := func(rated uint64) money.Amount {
		c, _ := price.Cost(rated)
		return c
	}
	e.Shares, e.AtBegin, e.AtEnd = plan.WholeShares(record.Rate, e.Rated.From, e.Rated.To), cost(e.Rated.From), cost(e.Rated.To)
	for _, tier := range e.Terms.Tiers {
		from, to := max(tier.From, e.Rated.From), min(tier.To, e.Rated.To)
		if from < to {
			e.Tiers = append(e.Tiers, TierShare{Tier: tier, Units: to - from, Cost: cost(to) - cost(from)})
			e.Cost += cost(to) - cost(from)
		}
	}
	if why.Flags&usage.Setup != 0 {
		e.Setup = price.Setup()
	}
	e.Carried, e.Excess = why.Ahead, record.Excess
	e.Cost += e.Setup + e.Carried
}

func (e *Explanation) buckets(record *usage.Record, why *usage.Why, plan *rating.Plan) {
	for n := range record.Postings {
		p := &record.Postings[n]
		share := BucketShare{Denomination: p.Denomination, Amount: p.Amount, After: why.Left[n]}
		side := p.From
		if p.To.Class == balance.CustomerBucket {
			side, share.Amount = p.To, -p.Amount
		}
		share.Name, share.Bucket = plan.Label(side.Name), side.Bucket
		if share.Bucket != 0 {
			share.Before = share.After + share.Amount
		}
		e.Buckets = append(e.Buckets, share)
	}
}

func (e *Explanation) facts(record *usage.Record, why *usage.Why) {
	add := func(name, value string) {
		if value != "" && value != "0" {
			e.Request = append(e.Request, Fact{name, value})
		}
	}
	add("account", string(record.Account))
	add("subscriber", string(record.Subscriber))
	add("session", string(record.SessionID))
	add("at", why.At.String())
	add("service context", fmt.Sprint(record.Context))
	if record.Flags&usage.HasRatingGroup != 0 {
		e.Request = append(e.Request, Fact{"rating group", fmt.Sprint(record.RatingGroup)})
	}
	if record.Flags&usage.HasServiceID != 0 {
		e.Request = append(e.Request, Fact{"service identifier", fmt.Sprint(record.ServiceID)})
	}
	add("APN", string(why.APN))
	add("called", string(record.Called))
	if why.Flags&usage.OnNet != 0 {
		add("called party", "on-net")
	}
	add("calling", string(why.Calling))
	add("role of node", fmt.Sprint(why.Role))
	add("serving network", why.Serving.String())
	if why.RAT != 0 {
		e.Request = append(e.Request, Fact{"RAT type", rating.RATName(why.RAT)})
	}
	add("QoS class", fmt.Sprint(why.QCI))
}
