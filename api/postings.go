package api

import (
	"errors"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/charging/usage"

	"github.com/valyala/fasthttp"
)

// postingsView is a page of an account's movements, newest first.
type postingsView struct {
	Account string `json:"account"`
	// Open is what open sessions moved that no record has yet; only the first
	// page, which is "now", has it.
	Open     []openView     `json:"open"`
	Postings []movementLegs `json:"postings"`
	// Next is the value of before for the following page; null after the last.
	Next *uint64 `json:"next"`
}

type openView struct {
	SessionID string `json:"session_id"`
	Legs      []leg  `json:"legs"`
}

// movementLegs is one record as bookkeeping sees it.
type movementLegs struct {
	Record         uint64 `json:"record"`
	Kind           string `json:"kind"`
	Cause          string `json:"cause"`
	At             string `json:"at"`
	Reason         string `json:"reason,omitempty"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
	SessionID      string `json:"session_id,omitempty"`
	Legs           []leg  `json:"legs"`
}

func (s *Server) postings(r *request) error {
	page, err := r.page("before")
	if err != nil {
		return err
	}
	account, err := r.param("account")
	if err != nil {
		return err
	}
	view := &postingsView{Account: account, Open: []openView{}, Postings: []movementLegs{}}
	known, newest := false, uint64(0)
	s.o.Engine.View(func(state *charging.State) {
		var v charging.AccountView
		if v, known = state.Account(account); !known || page.given {
			return
		}
		newest = v.LastRecord
		for _, open := range state.OpenPostings(account) {
			view.Open = append(view.Open, openView{open.SessionID, legs(open.Postings, account, state.Label)})
		}
	})
	if !known {
		return accountUnknown(account)
	}
	if page.given {
		if newest, err = s.previous(account, page.at); err != nil {
			return err
		}
	}
	records, next, err := s.history(newest, page.limit)
	if err != nil {
		return err
	}
	s.o.Engine.View(func(state *charging.State) {
		for n := range records {
			view.Postings = append(view.Postings, records[n].movement(state))
		}
	})
	if next != 0 {
		view.Next = &records[len(records)-1].Sequence
	}
	return r.answer(fasthttp.StatusOK, view)
}

// previous is the account's record before the one that a page ended with.
func (s *Server) previous(account string, before uint64) (previous uint64, err error) {
	mine := false
	err = s.o.Engine.History(before, func(record *usage.Record) bool {
		mine, previous = string(record.Account) == account, record.Previous
		return false
	})
	if errors.Is(err, engine.ErrNoRecord) || (err == nil && !mine) {
		return 0, badParameter("before=%d is no record of account %s; use the value of next in the previous answer", before, quoted(account))
	}
	return previous, err
}

// history copies up to limit records of an account, newest first; next is the
// one that would follow, or zero.
func (s *Server) history(newest uint64, limit int) (records []recordCopy, next uint64, err error) {
	if newest == 0 {
		return nil, 0, nil
	}
	err = s.o.Engine.History(newest, func(record *usage.Record) bool {
		records = append(records, copyOf(record))
		next = record.Previous
		return len(records) < limit
	})
	return records, next, err
}

// recordCopy is a record that outlives the call that showed it.
type recordCopy struct{ usage.Record }

func copyOf(record *usage.Record) recordCopy {
	c := recordCopy{*record}
	for _, octets := range [...]*[]byte{&c.SessionID, &c.Account, &c.Subscriber, &c.Called, &c.Reason} {
		*octets = append([]byte(nil), *octets...)
	}
	c.Postings = append(c.Postings[:0:0], c.Postings...)
	return c
}

func (c *recordCopy) movement(state *charging.State) movementLegs {
	m := movementLegs{
		Record: c.Sequence, Kind: c.Kind.String(), Cause: c.Cause.String(), At: moment(c.Closed), Reason: string(c.Reason),
		Legs: legs(c.Postings, string(c.Account), c.labels(state)),
	}
	if c.Kind.IsUsage() {
		m.SessionID = string(c.SessionID)
	} else {
		m.IdempotencyKey = string(c.SessionID)
	}
	return m
}

// labels finds words for the names in a record: those of the publication that
// rated it first, for a word may have gone from the newer ones.
func (c *recordCopy) labels(state *charging.State) labels {
	reasons := reasonLabels(state, string(c.Reason))
	p, ok := state.PublicationAt(c.Plan)
	if !ok {
		return reasons
	}
	return catalogLabels(p, reasons)
}
