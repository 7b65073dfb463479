package api

import (
	"gyro/charging"
	"gyro/charging/usage"

	"github.com/valyala/fasthttp"
)

// noticesView is a page of what customers or operators may want to be told.
// Next is a cursor, as that of usage.
type noticesView struct {
	Notices []noticeView `json:"notices"`
	Next    uint64       `json:"next"`
	Last    uint64       `json:"last"`
}

// noticeView is a threshold that was reached, or a subscriber's move to another
// state of its life.
type noticeView struct {
	Record     uint64 `json:"record"`
	Kind       string `json:"kind"`
	Cause      string `json:"cause"`
	At         string `json:"at"`
	Account    string `json:"account"`
	Subscriber string `json:"subscriber,omitempty"`
	// Reason is what happened, such as "data-cycle 80%" or "grace".
	Reason string `json:"reason"`
}

// notices answers the feed that messages to customers are made from: each
// notice is in it once.
func (s *Server) notices(r *request) error {
	page, err := r.page("after")
	if err != nil {
		return err
	}
	view := noticesView{Notices: []noticeView{}}
	view.Next, view.Last, err = s.feed(page, func(record *usage.Record) bool {
		if record.Kind != usage.Notice && record.Kind != usage.LifeCycle {
			return false
		}
		view.Notices = append(view.Notices, noticeView{
			Record: record.Sequence, Kind: record.Kind.String(), Cause: record.Cause.String(), At: moment(record.Closed),
			Account: string(record.Account), Subscriber: string(record.Subscriber), Reason: string(record.Reason),
		})
		return true
	})
	if err != nil {
		return err
	}
	return r.answer(fasthttp.StatusOK, view)
}

// feed goes over the records behind a position until take has taken a page of
// them. Next is the last one looked at, last the newest there is.
func (s *Server) feed(page page, take func(*usage.Record) bool) (next, last uint64, err error) {
	s.o.Engine.View(func(state *charging.State) { last = state.LastRecord() })
	if page.at > last {
		return 0, 0, refuse(fasthttp.StatusConflict, "cursor_ahead",
			"after=%d lies beyond the newest record, %d; the cursor is of other data, or the data was restored from a backup", page.at, last)
	}
	next = page.at
	taken, scanned := 0, 0
	err = s.o.Engine.Records(page.at, func(record *usage.Record) bool {
		scanned++
		next = record.Sequence
		if take(record) {
			taken++
		}
		return taken < page.limit && scanned < maxScan
	})
	return next, max(last, next), err
}
