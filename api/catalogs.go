package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"gyro/charging"
	"gyro/internal/instant"
	"gyro/internal/zone"
	"gyro/rating"

	"github.com/valyala/fasthttp"
)

const catalogVersion = "X-Catalog-Version"

// catalogView is a version of a catalogue without its source.
type catalogView struct {
	Name        string `json:"name"`
	Version     uint32 `json:"version"`
	Publication uint32 `json:"publication"`
	Published   string `json:"published"`
	Currency    string `json:"currency"`
	TimeZone    string `json:"time_zone"`
	Services    int    `json:"services"`
	Offers      int    `json:"offers"`
	Allowances  int    `json:"allowances"`
	// Next is the version that takes effect later, if one waits.
	Next *nextView `json:"next,omitempty"`
	// Changes are what the version makes different from the one in force; only
	// the answer to a publication has them.
	Changes []rating.Change `json:"changes,omitempty"`
}

// nextView is a version of a catalogue that is not in force yet.
type nextView struct {
	Version     uint32 `json:"version"`
	TakesEffect string `json:"takes_effect"`
}

func catalogOf(p *charging.Publication) catalogView {
	plan := p.Plan()
	return catalogView{
		Name: p.Name, Version: p.Version, Publication: p.Number, Published: moment(p.At), Currency: plan.Currency().String(),
		TimeZone: plan.TimeZone(), Services: len(plan.Services()), Offers: len(plan.Offers()), Allowances: len(plan.Allowances()),
	}
}

// publication finds a version of a catalogue; 0 is the current one. It never
// changes, so it may be used when the state goes on.
func (s *Server) publication(name string, version uint32) (p *charging.Publication, ok bool) {
	s.o.Engine.View(func(state *charging.State) { p, ok = state.Publication(name, version) })
	return p, ok
}

func (s *Server) catalogs(r *request) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	var current []*charging.Publication
	next := map[string]*nextView{}
	s.o.Engine.View(func(state *charging.State) {
		current = state.Currents()
		for _, p := range current {
			if version, at, waits := state.Waiting(p.Name); waits {
				next[p.Name] = &nextView{version, moment(at)}
			}
		}
	})
	view := struct {
		Catalogs []catalogView `json:"catalogs"`
	}{[]catalogView{}}
	for _, p := range current {
		shown := catalogOf(p)
		shown.Next = next[p.Name]
		view.Catalogs = append(view.Catalogs, shown)
	}
	return r.answer(fasthttp.StatusOK, view)
}

// catalog shows the source of a version, octet by octet as it was published.
func (s *Server) catalog(r *request) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	name, err := r.param("name")
	if err != nil {
		return err
	}
	version := uint64(0)
	if text, given := r.UserValue("version").(string); given {
		if version, err = strconv.ParseUint(text, 10, 64); err != nil || version == 0 || version > math.MaxUint32 {
			return badParameter("version %s is not a number from 1", quoted(text))
		}
	}
	p, ok := s.publication(name, uint32(version))
	switch {
	case !ok && version != 0:
		return refuse(fasthttp.StatusNotFound, "catalog_unknown", "catalogue %s has no version %d; GET /charging/v1/catalogs lists the current ones", quoted(name), version)
	case !ok:
		return refuse(fasthttp.StatusNotFound, "catalog_unknown", "catalogue %s does not exist; publish it with PUT /charging/v1/catalogs/{name}", quoted(name))
	}
	tag := etag(p)
	r.Response.Header.Set(fasthttp.HeaderETag, tag)
	r.Response.Header.Set(catalogVersion, strconv.FormatUint(uint64(p.Version), 10))
	if matches(string(r.Request.Header.Peek(fasthttp.HeaderIfNoneMatch)), tag) {
		r.SetStatusCode(fasthttp.StatusNotModified)
		return nil
	}
	contentType := "application/yaml"
	if bytes.HasPrefix(bytes.TrimSpace(p.Source), []byte("{")) {
		contentType = "application/json"
	}
	writeBody(r.RequestCtx, fasthttp.StatusOK, contentType, p.Source)
	r.Response.Header.Set(fasthttp.HeaderCacheControl, "no-cache") // may be kept, must be asked for
	return nil
}

// etag identifies a version of a catalogue and its source.
func etag(p *charging.Publication) string {
	sum := sha256.Sum256(p.Source)
	return fmt.Sprintf(`"%d-%x"`, p.Version, sum[:8])
}

// matches reports whether If-None-Match names the tag (RFC 9110 section 13.1.2).
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}

// publish makes the body the current version of a catalogue. It is compiled,
// and its own tests are run, before anything is journalled: what the core is
// given it can carry out.
func (s *Server) publish(r *request) error {
	terms, err := r.publicationTerms()
	if err != nil {
		return err
	}
	if err := s.checkMoment(terms.at); err != nil {
		return err
	}
	name, err := r.param("name")
	if err != nil {
		return err
	}
	if err := r.checkContentType("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "application/json"); err != nil {
		return err
	}
	if err := s.publishing.take(r.ctx); err != nil {
		return err
	}
	defer s.publishing.give()
	command, err := compile(name, r.PostBody())
	if err != nil {
		return err
	}
	command.At, command.Reauthorise = terms.at, terms.reauthorise
	before := s.newest(name)
	inForce, published := s.publication(name, 0)
	reply, err := s.carryOut(r, charging.KindPublish, command)
	if err != nil {
		return err
	}
	p, ok := s.publication(name, uint32(reply.Record))
	if !ok {
		return fmt.Errorf("catalogue %q version %d is gone after its publication", name, reply.Record)
	}
	r.Response.Header.Set(fasthttp.HeaderETag, etag(p))
	r.Response.Header.Set(catalogVersion, strconv.FormatUint(uint64(p.Version), 10))
	if p.Version <= before {
		return r.answer(fasthttp.StatusOK, catalogOf(p))
	}
	view := catalogOf(p)
	if published { // a version that waited, and never will be in force, is nothing to compare with
		view.Changes = rating.Diff(inForce.Plan(), p.Plan())
	}
	return r.answer(fasthttp.StatusCreated, view)
}

// latePublication is how far back the moment of a publication may lie: one
// that is sent again may be late, one of last year is a mistyped year, which
// must not change prices at once.
const latePublication = instant.Day

// checkMoment refuses a moment that is long past.
func (s *Server) checkMoment(at instant.Instant) error {
	var now instant.Instant
	s.o.Engine.View(func(state *charging.State) { now = state.Now() })
	if at != 0 && at.Add(latePublication) < now {
		return badParameter("at=%s lies more than a day in the past; leave it out to publish now", at)
	}
	return nil
}

// newest is the newest version of a catalogue, in force or not; 0 is none.
func (s *Server) newest(name string) (version uint32) {
	s.o.Engine.View(func(state *charging.State) {
		if p, ok := state.Publication(name, 0); ok {
			version = p.Version
		}
		if waiting, _, ok := state.Waiting(name); ok {
			version = waiting
		}
	})
	return version
}

// publicationTerms are the parameters of a publication.
type publicationTerms struct {
	at          instant.Instant
	reauthorise bool
}

func (r *request) publicationTerms() (t publicationTerms, err error) {
	values, err := url.ParseQuery(string(r.URI().QueryString()))
	if err != nil {
		return t, badParameter("the query cannot be read: %v", err)
	}
	for name, list := range values { // any one error will do, so order does not matter
		switch {
		case len(list) != 1 || (name != "at" && name != "reauthorise"):
			return t, badParameter("unknown parameter %q; use at, a moment, and reauthorise, true or false, once each", name)
		case name == "reauthorise" && list[0] != "true" && list[0] != "false":
			return t, badParameter("reauthorise=%q is neither true nor false", list[0])
		}
	}
	t.reauthorise = values.Get("reauthorise") == "true"
	if t.at, err = parseMoment("at", values.Get("at")); err != nil {
		return t, badParameter("at=%q is not a moment; write it as 2026-12-24T18:00:00Z", values.Get("at"))
	}
	return t, nil
}

// changes shows what a version made different from the one before it.
func (s *Server) changes(r *request) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	name, err := r.param("name")
	if err != nil {
		return err
	}
	text, _ := r.UserValue("version").(string)
	version, err := strconv.ParseUint(text, 10, 32)
	if err != nil || version < 2 {
		return badParameter("version %s is not a number from 2; the first version has none before it", quoted(text))
	}
	is, ok := s.publication(name, uint32(version))
	was, had := s.publication(name, uint32(version)-1)
	if !ok || !had {
		return refuse(fasthttp.StatusNotFound, "catalog_unknown", "catalogue %s has no version %d; GET /charging/v1/catalogs lists the current ones", quoted(name), version)
	}
	return r.answer(fasthttp.StatusOK, struct {
		Changes []rating.Change `json:"changes"`
	}{append([]rating.Change{}, rating.Diff(was.Plan(), is.Plan())...)})
}

// compile checks a source and tabulates the time zone that it names. The
// source is copied: the server uses the memory of a body again.
func compile(name string, body []byte) (*charging.Publish, error) {
	command := &charging.Publish{Name: name, Source: bytes.Clone(body)}
	plan, err := rating.Compile(command.Source, func(named string) (instant.Zone, bool) {
		table, ok := zone.Load(named)
		command.Zones = table.Append(nil)
		return table, ok
	})
	if wrong, found := errors.AsType[rating.SourceErrors](err); found {
		return nil, sourceProblem(wrong)
	}
	if err != nil {
		return nil, err
	}
	return command, runTests(plan)
}

// maxFailures bounds the failed tests that an answer lists.
const maxFailures = rating.MaxErrors

// runTests refuses a catalogue that does not do what its own tests say.
func runTests(plan *rating.Plan) error {
	var details []detail
	failed := 0
	results := plan.RunTests()
	for _, result := range results {
		if result.Passed {
			continue
		}
		if failed++; failed <= maxFailures {
			details = append(details, detail{
				Line: result.Line, Key: result.Name, Reason: result.Failure, Remedy: "correct the tariff or the test",
			})
		}
	}
	if failed == 0 {
		return nil
	}
	p := refuse(fasthttp.StatusUnprocessableEntity, "catalog_tests_failed",
		"%d of the %s in the catalogue failed; nothing was published", failed, counted(len(results), "test"))
	p.Details = details
	return p
}
