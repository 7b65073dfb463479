package api

import (
	"gyro/charging"

	"github.com/valyala/fasthttp"
)

type sessionsView struct {
	Sessions []sessionView `json:"sessions"`
	Next     *uint64       `json:"next"` // null when there are no more now
}

type sessionView struct {
	SessionID       string      `json:"session_id"`
	SubSession      uint64      `json:"sub_session,omitempty"`
	Number          uint64      `json:"number"`
	Account         string      `json:"account"`
	Currency        string      `json:"currency"`
	Subscriber      string      `json:"subscriber"`
	OriginHost      string      `json:"origin_host"`
	Context         uint32      `json:"context"`
	APN             string      `json:"apn,omitempty"`
	Called          string      `json:"called,omitempty"`
	Opened          string      `json:"opened"`
	SupervisedUntil string      `json:"supervised_until"`
	LastRequest     uint32      `json:"last_request"`
	RatingGroups    []groupView `json:"rating_groups"`
}

type groupView struct {
	RatingGroup   *uint32 `json:"rating_group,omitempty"`
	ServiceID     *uint32 `json:"service_id,omitempty"`
	Service       string  `json:"service,omitempty"`
	Offer         string  `json:"offer,omitempty"`
	Unit          string  `json:"unit"`
	Granted       uint64  `json:"granted"`
	Used          uint64  `json:"used"`
	Charged       string  `json:"charged"`
	ReservedMoney string  `json:"reserved_money"`
	ReservedUnits int64   `json:"reserved_units"`
}

func (s *Server) sessions(r *request) error {
	page, err := r.page("after")
	if err != nil {
		return err
	}
	var found []charging.SessionView
	s.o.Engine.View(func(state *charging.State) { found = state.Sessions(page.at, page.limit) })
	view := sessionsView{Sessions: []sessionView{}}
	for n := range found {
		view.Sessions = append(view.Sessions, sessionOf(&found[n]))
	}
	if len(view.Sessions) == page.limit {
		view.Next = &view.Sessions[page.limit-1].Number
	}
	return r.answer(fasthttp.StatusOK, view)
}

func (s *Server) session(r *request) error {
	sub, err := r.subSession()
	if err != nil {
		return err
	}
	id, err := r.param("session")
	if err != nil {
		return err
	}
	var found charging.SessionView
	known := false
	s.o.Engine.View(func(state *charging.State) { found, known = state.Session(id, sub) })
	if !known {
		return refuse(fasthttp.StatusNotFound, "session_unknown",
			"session %s is not open; its usage is under /charging/v1/usage and in the account's postings", quoted(id))
	}
	return r.answer(fasthttp.StatusOK, sessionOf(&found))
}

func sessionOf(v *charging.SessionView) sessionView {
	currency := v.Currency
	view := sessionView{
		SessionID: v.SessionID, SubSession: v.SubSession, Number: v.Number, Account: v.Account, Currency: currency.String(),
		Subscriber: v.Subscriber, OriginHost: v.OriginHost, Context: v.Context, APN: v.APN, Called: v.Called,
		Opened: moment(v.Opened), SupervisedUntil: moment(v.Deadline), LastRequest: v.LastRequest,
		RatingGroups: []groupView{},
	}
	for n := range v.Groups {
		g := &v.Groups[n]
		group := groupView{
			Service: g.Service, Offer: g.Offer, Unit: g.Unit.String(), Granted: g.Granted, Used: g.Used,
			Charged: decimal(g.Charged, currency), ReservedMoney: decimal(g.ReservedMoney, currency), ReservedUnits: g.ReservedUnits,
		}
		if g.HasRatingGroup {
			group.RatingGroup = &g.RatingGroup
		}
		if g.HasServiceID {
			group.ServiceID = &g.ServiceID
		}
		view.RatingGroups = append(view.RatingGroups, group)
	}
	return view
}
