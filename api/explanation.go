package api

import (
	"errors"
	"strconv"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/charging/usage"
	"gyro/internal/money"
	"gyro/rating"

	"github.com/valyala/fasthttp"
)

// explanationView says why a record of usage charged what it did.
type explanationView struct {
	Record uint64            `json:"record"`
	Facts  map[string]string `json:"request"`
	// Services, Offers and Rules are what was tried, in order, the last of each
	// being the one that applied.
	Services []triedView   `json:"services"`
	Offers   []triedView   `json:"offers"`
	Rules    []triedView   `json:"rules"`
	Decided  *decisionView `json:"decided,omitempty"` // nothing where no tariff applied
	Price    string        `json:"price,omitempty"`   // in the words of the tariff
	Units    *unitsView    `json:"units,omitempty"`
	Tiers    []tierView    `json:"tiers"`
	Setup    string        `json:"setup"`
	Carried  string        `json:"carried"`
	Cost     string        `json:"cost"`
	Excess   string        `json:"excess"`
	Currency string        `json:"currency"`
	Buckets  []shareView   `json:"buckets"`
	// Words are the same in sentences.
	Words []string `json:"words"`
}

type triedView struct {
	Name       string          `json:"name"`
	Applies    bool            `json:"applies"`
	Conditions []conditionView `json:"conditions,omitempty"`
}

type conditionView struct {
	Key   string `json:"key"`
	Asked string `json:"asked"`
	Found string `json:"found"`
	Holds bool   `json:"holds"`
}

type decisionView struct {
	Catalog        string `json:"catalog"`
	CatalogVersion uint32 `json:"catalog_version"`
	Service        string `json:"service"`
	Offer          string `json:"offer"`
	Rule           string `json:"rule"`
	Zone           string `json:"zone,omitempty"`
	// Agrees is false where the request changed while the record was open, so
	// that what it knew at its end leads to another rule.
	Agrees bool `json:"agrees"`
}

// unitsView are positions in the segment, each from where the record began to
// where it ended.
type unitsView struct {
	Unit       string      `json:"unit"`
	Used       stretchView `json:"used"`
	Billed     stretchView `json:"billed"`
	Rated      stretchView `json:"rated"`
	Allowances uint64      `json:"paid_by_allowances"`
	Counter    string      `json:"counter,omitempty"`
}

type stretchView struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

type tierView struct {
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Amount string `json:"amount"`
	Per    uint64 `json:"per"`
	Units  uint64 `json:"units"`
	Cost   string `json:"cost"`
}

type shareView struct {
	Name         string `json:"name"`
	Bucket       uint64 `json:"bucket,omitempty"`
	Denomination string `json:"denomination"`
	Before       string `json:"before"`
	Amount       string `json:"amount"`
	After        string `json:"after"`
}

// explain answers why a record charged what it did.
func (s *Server) explain(r *request) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	text, err := r.param("record")
	if err != nil {
		return err
	}
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil || number == 0 {
		return badParameter("record %s is not a number from 1; it is the record of GET /charging/v1/usage", quoted(text))
	}
	record, err := s.record(number)
	if err != nil {
		return err
	}
	if !record.Kind.IsUsage() {
		return refuse(fasthttp.StatusConflict, "not_usage",
			"record %d is a %s, which no price decides; its reason and postings say all", number, record.Kind)
	}
	var p *charging.Publication
	s.o.Engine.View(func(state *charging.State) { p, _ = state.PublicationAt(record.Plan) })
	e, err := charging.Explain(&record.Record, p)
	if err != nil {
		return err
	}
	return r.answer(fasthttp.StatusOK, explanationOf(&record.Record, &e))
}

// record copies one record.
func (s *Server) record(number uint64) (record recordCopy, err error) {
	err = s.o.Engine.History(number, func(r *usage.Record) bool {
		record = copyOf(r)
		return false
	})
	if errors.Is(err, engine.ErrNoRecord) {
		return record, refuse(fasthttp.StatusNotFound, "record_unknown", "there is no record %d", number)
	}
	return record, err
}

func explanationOf(record *usage.Record, e *charging.Explanation) explanationView {
	amount := func(a money.Amount) string { return decimal(a, record.Currency) }
	v := explanationView{
		Record: record.Sequence, Facts: map[string]string{}, Services: []triedView{}, Offers: []triedView{}, Rules: []triedView{},
		Tiers: []tierView{}, Setup: amount(e.Setup), Carried: amount(e.Carried), Cost: amount(e.Cost), Excess: amount(e.Excess),
		Currency: record.Currency.String(), Buckets: []shareView{}, Words: e.Lines(),
	}
	for _, f := range e.Request {
		v.Facts[f.Name] = f.Value
	}
	if e.Trace != nil {
		v.Services, v.Offers, v.Rules = triedViews(e.Trace.Services), triedViews(e.Trace.Offers), triedViews(e.Trace.Rules)
		v.Decided = &decisionView{e.Catalog, e.Version, e.Service, e.Offer, e.Rule, e.Zone, e.Agrees}
		v.Price = e.Price
		v.Units = &unitsView{
			Unit: e.Unit.String(), Used: stretchView(e.Used), Billed: stretchView(e.Billed), Rated: stretchView(e.Rated),
			Allowances: e.Allowances, Counter: e.Counter,
		}
	}
	for _, t := range e.Tiers {
		v.Tiers = append(v.Tiers, tierView{t.From, t.To, amount(t.Amount), e.Terms.Per, t.Units, amount(t.Cost)})
	}
	for _, b := range e.Buckets {
		v.Buckets = append(v.Buckets, shareView{
			Name: shareName(&b), Bucket: b.Bucket, Denomination: b.Denomination.String(),
			Before: denominated(b.Before, b.Denomination), Amount: denominated(b.Amount, b.Denomination), After: denominated(b.After, b.Denomination),
		})
	}
	return v
}

// shareName is a bucket's name, or that of the debt for what no bucket paid.
func shareName(b *charging.BucketShare) string {
	switch {
	case b.Bucket == 0:
		return "excess"
	case b.Name == "":
		return mainBucket
	}
	return b.Name
}

func triedViews(list []rating.Tried) []triedView {
	views := make([]triedView, 0, len(list))
	for n := range list {
		view := triedView{Name: list[n].Name, Applies: list[n].Applies}
		for _, c := range list[n].Conditions {
			view.Conditions = append(view.Conditions, conditionView(c))
		}
		views = append(views, view)
	}
	return views
}
