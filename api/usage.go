package api

import (
	"gyro/charging"
	"gyro/charging/usage"
	"gyro/internal/ident"

	"github.com/valyala/fasthttp"
)

// maxScan bounds the records that one request looks at: a consumer that meets
// a long run of top-ups gets an empty page and a cursor behind them.
const maxScan = 10_000

// usageView is a page of rated usage. Next is always there: whoever stores it
// with what was made of the records takes each exactly once.
type usageView struct {
	Records []usageRecord `json:"records"`
	Next    uint64        `json:"next"`
	// Last is the newest record of the shard, usage or not: when Next has
	// reached it, there is nothing more for now.
	Last uint64 `json:"last"`
}

type usageRecord struct {
	Record         uint64  `json:"record"`
	Kind           string  `json:"kind"`
	Cause          string  `json:"cause"`
	Account        string  `json:"account"`
	Subscriber     string  `json:"subscriber"`
	SessionID      string  `json:"session_id"`
	SubSession     uint64  `json:"sub_session,omitempty"`
	Called         string  `json:"called,omitempty"`
	Context        uint32  `json:"context"`
	RatingGroup    *uint32 `json:"rating_group,omitempty"`
	ServiceID      *uint32 `json:"service_id,omitempty"`
	Service        string  `json:"service,omitempty"`
	Offer          string  `json:"offer,omitempty"`
	Catalog        string  `json:"catalog,omitempty"`
	CatalogVersion uint32  `json:"catalog_version,omitempty"`
	Opened         string  `json:"opened"`
	Closed         string  `json:"closed"`
	Requests       uint32  `json:"requests"`
	Unit           string  `json:"unit"`
	Used           uint64  `json:"used"`
	Billed         uint64  `json:"billed"`
	Rated          uint64  `json:"rated"`
	Currency       string  `json:"currency"`
	Charged        string  `json:"charged"`
	Excess         string  `json:"excess"`
	Free           bool    `json:"free,omitempty"`
	Unrated        bool    `json:"unrated,omitempty"`
	Postings       []leg   `json:"postings"`
}

func (s *Server) usage(r *request) error {
	page, err := r.page("after")
	if err != nil {
		return err
	}
	view := usageView{Records: []usageRecord{}}
	var found []recordCopy
	view.Next, view.Last, err = s.feed(page, func(record *usage.Record) bool {
		if record.Kind.IsUsage() {
			found = append(found, copyOf(record))
		}
		return record.Kind.IsUsage()
	})
	if err != nil {
		return err
	}
	s.o.Engine.View(func(state *charging.State) {
		for n := range found {
			view.Records = append(view.Records, found[n].usage(state))
		}
	})
	return r.answer(fasthttp.StatusOK, view)
}

func (c *recordCopy) usage(state *charging.State) usageRecord {
	label := c.labels(state)
	v := usageRecord{
		Record: c.Sequence, Kind: c.Kind.String(), Cause: c.Cause.String(), Account: string(c.Account),
		Subscriber: string(c.Subscriber), SessionID: string(c.SessionID), SubSession: c.SubSession,
		Called: string(c.Called), Context: c.Context, Service: label(c.Service), Offer: label(c.Offer),
		Opened: moment(c.Opened), Closed: moment(c.Closed), Requests: c.Requests,
		Unit: c.Unit.String(), Used: c.Used, Billed: c.Billed, Rated: c.Rated,
		Currency: c.Currency.String(), Charged: decimal(c.Charged, c.Currency), Excess: decimal(c.Excess, c.Currency),
		Free: c.Flags&usage.Free != 0, Unrated: c.Flags&usage.Unrated != 0,
		Postings: legs(c.Postings, string(c.Account), label),
	}
	if c.Flags&usage.HasRatingGroup != 0 {
		v.RatingGroup = &c.RatingGroup
	}
	if c.Flags&usage.HasServiceID != 0 {
		v.ServiceID = &c.ServiceID
	}
	if p, ok := state.PublicationAt(c.Plan); ok {
		v.Catalog, v.CatalogVersion = p.Name, p.Version
	}
	return v
}

// catalogLabels finds words in one publication before anywhere else.
func catalogLabels(p *charging.Publication, others labels) labels {
	return func(name ident.Name) string {
		if word := p.Plan().Label(name); word != "" {
			return word
		}
		return others(name)
	}
}
