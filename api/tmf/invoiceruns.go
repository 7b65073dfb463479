package tmf

import (
	"context"
	"fmt"
	"slices"

	"github.com/valyala/fasthttp"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/run"
	"gyro/internal/refusal"
)

// invoiceRuns are the endpoints of invoice runs and of the intake of usage.
type invoiceRuns struct{ s *billing.Service }

const (
	runsPath = "/office/v1/invoice-runs"
	runPath  = runsPath + "/{id}"
)

type invoiceRunBody struct {
	AsOf  rest.Date `json:"asOf,omitempty"`
	Cycle string    `json:"cycle,omitempty"` // 2026-11, or a day
	Mode  string    `json:"mode"`            // dry, draft or final
	// Behind bills though usage is still on its way.
	Behind bool `json:"behind,omitempty"`
}

type invoiceRunView struct {
	ID         string             `json:"id"`
	AsOf       string             `json:"asOf"`
	Mode       string             `json:"mode"`
	State      string             `json:"state"`
	DraftRun   string             `json:"draftRunId,omitempty"`
	ReplacedBy string             `json:"replacedByRunId,omitempty"` // whose documents took the place of its drafts, or of some; the state says of all: superseded, committed
	Accounts   int64              `json:"accounts"`
	Invoices   int64              `json:"invoices"`
	Statements int64              `json:"statements"`
	Empty      int64              `json:"empty"`
	Parked     int64              `json:"parked"`
	Lines      int64              `json:"lines"`
	Totals     map[string]sumView `json:"totals"`
	Digest     string             `json:"digest"`
	StartedAt  rest.Time          `json:"startedAt,omitzero"`
	UpdatedAt  rest.Time          `json:"updatedAt,omitzero"`
	FinishedAt rest.Time          `json:"finishedAt,omitzero"`
	StartedBy  string             `json:"startedBy"`
}

type sumView struct {
	Net   rest.Decimal `json:"net"`
	Tax   rest.Decimal `json:"tax"`
	Total rest.Decimal `json:"total"`
}

func viewInvoiceRun(r *run.Run) invoiceRunView {
	v := invoiceRunView{
		ID: rest.ID(r.ID), AsOf: r.AsOf, Mode: string(r.Mode), State: string(r.State), Accounts: r.Accounts, Invoices: r.Invoices, Statements: r.Statements, Empty: r.Empty,
		Parked: r.Parked, Lines: r.Lines, Totals: map[string]sumView{}, Digest: r.Digest, StartedAt: rest.Time(r.StartedAt), UpdatedAt: rest.Time(r.UpdatedAt),
		FinishedAt: rest.Time(r.FinishedAt), StartedBy: r.StartedBy,
	}
	if r.DraftRun > 0 {
		v.DraftRun = rest.ID(r.DraftRun)
	}
	if r.ReplacedBy > 0 {
		v.ReplacedBy = rest.ID(r.ReplacedBy)
	}
	for currency, s := range r.Totals {
		v.Totals[currency] = sumView{rest.Decimal(s.Net), rest.Decimal(s.Tax), rest.Decimal(s.Total)}
	}
	return v
}

type parkedView struct {
	Run     string    `json:"run"`
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Reason  string    `json:"reason"`
	At      rest.Time `json:"at"`
}

type comparisonView struct {
	Run       invoiceRunView  `json:"run"`
	Last      *invoiceRunView `json:"last,omitempty"`
	Compared  int64           `json:"compared"`
	Fresh     int64           `json:"fresh"`
	Outliers  []outlierView   `json:"outliers"`
	Histogram []bucketView    `json:"histogram"`
}

type outlierView struct {
	Invoice  string       `json:"invoice,omitempty"` // a dry run has none
	Account  string       `json:"account"`
	Name     string       `json:"name"`
	Currency string       `json:"currency"`
	Before   rest.Decimal `json:"before"`
	Now      rest.Decimal `json:"now"`
}

type bucketView struct {
	At    int   `json:"percent"`
	Count int64 `json:"count"`
}

type intakeView struct {
	After     int64     `json:"after"`
	Latest    int64     `json:"latest"`
	Lag       int64     `json:"lag"`
	Parked    int64     `json:"parked"`
	ClosedAt  rest.Time `json:"lastClosedAt,omitzero"`
	UpdatedAt rest.Time `json:"updatedAt,omitzero"`
}

// pages are the parameters of a list that is read by pages.
var pages = []rest.Parameter{{Name: "offset", Kind: rest.Number, About: "how many to leave out at the beginning"}, {Name: "limit", Kind: rest.Number, About: "how many to show at most"}}

// performed has what takes several transactions, or asks another system, done once for a request's key.
func performed(do func(ctx context.Context, c *rest.Call) (*rest.Answer, error)) func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	return func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
		return c.Perform(ctx, func(ctx context.Context) (*rest.Answer, error) { return do(ctx, c) })
	}
}

// Endpoints implements rest.Set.
func (i invoiceRuns) Endpoints() []rest.Endpoint {
	const finance = access.Finance
	of := append(slices.Clone(pages), rest.Parameter{Name: "run", Kind: rest.Number, About: "of one run"})
	act := func(method, path, summary string, status int, do func(ctx context.Context, c *rest.Call, id int64) (run.Run, error)) rest.Endpoint {
		e := rest.Endpoint{
			Method: method, Path: path, Roles: finance, Summary: summary, Answer: invoiceRunView{}, Status: status,
			Do: func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
				id, err := c.ID("id")
				if err != nil {
					return nil, err
				}
				made, err := do(ctx, c, id)
				if err != nil {
					return nil, err
				}
				return &rest.Answer{Status: status, Body: viewInvoiceRun(&made), Header: map[string]string{"Location": runsPath + "/" + rest.ID(made.ID)}}, nil
			},
		}
		if method != fasthttp.MethodGet { // who looks wants to see it as it is, whatever key is sent along
			e.Do = performed(e.Do)
		}
		return e
	}
	return []rest.Endpoint{
		{Method: "GET", Path: runsPath, Roles: finance, Summary: "Lists invoice runs, the newest first.", Answer: []invoiceRunView{}, Parameters: pages, Do: i.list},
		{
			Method: "POST", Path: runsPath, Roles: finance, Status: 202, Body: invoiceRunBody{}, Answer: invoiceRunView{}, Do: performed(i.start),
			Summary: "Starts an invoice run, or goes on with the unfinished one of the same day and mode: dry, draft or final.",
		},
		act("GET", runPath, "Shows a run and how far it is.", 200, func(ctx context.Context, _ *rest.Call, id int64) (run.Run, error) { return i.s.Runs.Get(ctx, id) }),
		act("POST", runPath+"/resume", "Goes on with a run that was interrupted.", 202, func(ctx context.Context, c *rest.Call, id int64) (run.Run, error) {
			return i.s.ResumeRun(ctx, c.Actor(), id)
		}),
		act("POST", runPath+"/review", "Marks the drafts of a run as looked at.", 200, func(ctx context.Context, c *rest.Call, id int64) (run.Run, error) {
			return i.s.Runs.Review(ctx, c.Actor(), id)
		}),
		act("POST", runPath+"/commit", "Finalises the drafts of a run, those that are still what they say.", 202, func(ctx context.Context, c *rest.Call, id int64) (run.Run, error) {
			return i.s.CommitRun(ctx, c.Actor(), id)
		}),
		act("DELETE", runPath+"/drafts", "Withdraws the drafts of a run.", 200, func(ctx context.Context, c *rest.Call, id int64) (run.Run, error) {
			return i.s.Runs.Withdraw(ctx, c.Actor(), id)
		}),
		{Method: "GET", Path: runPath + "/comparison", Roles: finance, Summary: "Compares a run with the one before it: totals, changes, outliers.", Answer: comparisonView{}, Do: i.compare},
		{Method: "GET", Path: "/office/v1/parked-accounts", Roles: finance, Summary: "Lists accounts that could not be billed, with the reason. The next run tries them again.", Answer: []parkedView{}, Parameters: of, Do: i.parked},
		{Method: "GET", Path: "/office/v1/usage-intake", Roles: finance, Summary: "Shows how far the intake of usage is.", Answer: intakeView{}, Do: i.intake},
	}
}

func (i invoiceRuns) list(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	offset, limit, err := page(c)
	if err != nil {
		return nil, err
	}
	found, err := i.s.Runs.List(ctx, int64(limit), int64(offset))
	all := []invoiceRunView{}
	for k := range found {
		all = append(all, viewInvoiceRun(&found[k]))
	}
	return rest.OK(all), err
}

func (i invoiceRuns) start(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	var in invoiceRunBody
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	request := run.Request{Mode: run.Mode(in.Mode), Behind: in.Behind}
	var err error
	switch {
	case (in.AsOf == "") == (in.Cycle == ""):
		return nil, refusal.New(refusal.Invalid, "invalid_value", "asOf", "give either asOf, a day, or cycle, a month such as 2026-11")
	case in.Cycle != "":
		request.AsOf, err = run.AsOfCycle(in.Cycle)
	default:
		request.AsOf, err = charge.ParseDay(string(in.AsOf))
	}
	if err != nil {
		return nil, err
	}
	made, err := i.s.StartRun(ctx, c.Actor(), request)
	if err != nil {
		return nil, err
	}
	return rest.Accepted(runsPath+"/"+rest.ID(made.ID), viewInvoiceRun(&made)), nil
}

func (i invoiceRuns) compare(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	id, err := c.ID("id")
	if err != nil {
		return nil, err
	}
	found, err := i.s.Runs.Compare(ctx, id)
	if err != nil {
		return nil, err
	}
	v := comparisonView{Run: viewInvoiceRun(&found.Run), Compared: found.Compared, Fresh: found.Fresh, Outliers: []outlierView{}, Histogram: []bucketView{}}
	if found.Last != nil {
		last := viewInvoiceRun(found.Last)
		v.Last = &last
	}
	for _, o := range found.Outliers {
		shown := outlierView{"", rest.ID(o.Account), o.Name, o.Currency, rest.Decimal(o.Before), rest.Decimal(o.Now)}
		if o.Invoice > 0 {
			shown.Invoice = rest.ID(o.Invoice)
		}
		v.Outliers = append(v.Outliers, shown)
	}
	for _, b := range found.Histogram {
		v.Histogram = append(v.Histogram, bucketView(b))
	}
	return rest.OK(v), nil
}

func (i invoiceRuns) parked(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	offset, limit, err := page(c)
	if err != nil {
		return nil, err
	}
	of := int64(0)
	if text := c.Query().Get("run"); text != "" {
		if _, err := fmt.Sscan(text, &of); err != nil {
			return nil, refusal.New(refusal.Invalid, "invalid_parameter", "run", "%q is no run", text)
		}
	}
	found, err := i.s.Runs.Parked(ctx, of, limit, offset)
	all := []parkedView{}
	for _, p := range found {
		all = append(all, parkedView{rest.ID(p.Run), rest.ID(p.Account), p.Name, p.Reason, rest.Time(p.At)})
	}
	return rest.OK(all), err
}

func (i invoiceRuns) intake(ctx context.Context, _ *rest.Call) (*rest.Answer, error) {
	s, err := i.s.Intake.Status(ctx)
	return rest.OK(intakeView{s.After, s.Latest, s.Lag(), s.Parked, rest.Time(s.LatestAt), rest.Time(s.UpdatedAt)}), err
}
