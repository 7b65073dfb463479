package tmf

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/billing/ledger"
	"gyro/internal/database"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

const ledgerPath = "/office/v1/ledger"

type totalView struct {
	Account  string       `json:"account"`
	Name     string       `json:"name,omitempty"`
	Type     string       `json:"type,omitempty"`
	Currency string       `json:"currency"`
	Debit    rest.Decimal `json:"debit"`
	Credit   rest.Decimal `json:"credit"`
	Balance  rest.Decimal `json:"balance"`
}

func viewTotal(t *ledger.Total) totalView {
	return totalView{t.GLCode, t.Name, string(t.Type), t.Currency, rest.Decimal(t.Debit), rest.Decimal(t.Credit), rest.Decimal(t.Balance())}
}

type trialBalanceView struct {
	On       string      `json:"on,omitempty"` // absent where everything is meant
	Balanced bool        `json:"balanced"`
	Accounts []totalView `json:"accounts"`
	Sums     []totalView `json:"sums"`
}

type postingView struct {
	Account        string       `json:"account"`
	BillingAccount string       `json:"billingAccount,omitempty"`
	Amount         rest.Decimal `json:"amount"` // a debit is positive
	Currency       string       `json:"currency"`
}

type entryView struct {
	ID        string        `json:"id,omitempty"`
	PostedOn  string        `json:"postedOn"`
	Kind      string        `json:"kind,omitempty"`
	Reference string        `json:"reference"`
	Key       string        `json:"key"`
	Reverses  string        `json:"reverses,omitempty"`
	EnteredAt rest.Time     `json:"enteredAt,omitzero"`
	Postings  []postingView `json:"postings"`
}

func viewEntry(e *ledger.Recorded) entryView {
	v := entryView{ID: rest.ID(e.ID), PostedOn: e.PostedOn, Kind: string(e.Kind), Reference: e.Reference, Key: e.Key, EnteredAt: rest.Time(e.EnteredAt)}
	if e.Reverses != 0 {
		v.Reverses = rest.ID(e.Reverses)
	}
	for _, p := range e.Postings {
		posting := postingView{Account: p.GLCode, Amount: rest.Decimal(p.Amount), Currency: p.Currency}
		if p.Account != 0 {
			posting.BillingAccount = rest.ID(p.Account)
		}
		v.Postings = append(v.Postings, posting)
	}
	return v
}

type statementView struct {
	Account  string         `json:"account"`
	Currency string         `json:"currency"`
	From     string         `json:"from,omitempty"`  // absent where it is open
	Until    string         `json:"until,omitempty"` // so, too
	Opening  rest.Decimal   `json:"opening"`
	Moved    []movementView `json:"moved"`
	Closing  rest.Decimal   `json:"closing"`
}

type movementView struct {
	Entry     string       `json:"entry"`
	On        string       `json:"on"`
	Kind      string       `json:"kind"`
	Reference string       `json:"reference"`
	Amount    rest.Decimal `json:"amount"`
	Balance   rest.Decimal `json:"balance"`
}

type periodView struct {
	Period   string    `json:"period"`
	State    string    `json:"state"`
	ClosedAt rest.Time `json:"closedAt,omitzero"`
	ClosedBy string    `json:"closedBy,omitempty"`
}

// ledgers are the endpoints of the receivables journal.
type ledgers struct{}

var span = []rest.Parameter{
	{Name: "from", About: "the first day", Kind: rest.Day}, {Name: "until", About: "the last day", Kind: rest.Day},
}

// lastDay is behind every entry.
const lastDay = "9999-12-31"

// days reads a span of days; what is not given is everything.
func days(c *rest.Call) (from, until string, err error) {
	from, until = "0001-01-01", lastDay
	if text := c.Query().Get("from"); text != "" {
		from = text
	}
	if text := c.Query().Get("until"); text != "" {
		until = text
	}
	if from > until {
		err = refusal.New(refusal.Invalid, "invalid_parameter", "from", "%s is after %s: give a span that ends on the day on which it begins, or later", from, until)
	}
	return from, until, err
}

// Endpoints implements rest.Set.
func (l ledgers) Endpoints() []rest.Endpoint {
	const finance = access.Finance
	return []rest.Endpoint{
		reading(finance, ledgerPath+"/accounts", "Shows the chart of accounts.", nil, func(ctx context.Context, q bun.IDB, _ *rest.Call) ([]ledger.Account, error) {
			return ledger.Accounts(ctx, q)
		}),
		writing("PUT", finance, ledgerPath+"/accounts/{code}", "Adds an account to the chart, or renames one.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, in ledger.Account) (ledger.Account, error) {
				if in.Code != "" && in.Code != c.Param("code") {
					return in, refusal.New(refusal.Invalid, "invalid_value", "code", "it is %q in the path and %q in the body", c.Param("code"), in.Code)
				}
				in.Code = c.Param("code")
				return in, ledger.PutAccount(ctx, tx, in)
			}),
		reading(finance, ledgerPath+"/trial-balance", "Shows what every account was debited and credited up to a day.",
			[]rest.Parameter{{Name: "on", About: "the day; without it, everything", Kind: rest.Day}}, trialBalance),
		reading(finance, ledgerPath+"/journal", "Shows the entries of a span of days by a cursor.", append(append([]rest.Parameter{}, span...), cursor...),
			func(ctx context.Context, q bun.IDB, c *rest.Call) (feed[entryView], error) {
				after, limit, err := c.Limit()
				if err != nil {
					return feed[entryView]{}, err
				}
				from, until, err := days(c)
				if err != nil {
					return feed[entryView]{}, err
				}
				rows, err := ledger.Journal(ctx, q, after, from, until, limit+1)
				return feedOf(rows, limit, viewEntry, func(e *ledger.Recorded) int64 { return e.ID }), err
			}),
		writing("POST", finance, ledgerPath+"/journal", "Posts an entry by hand, which touches no open item.", postEntry),
		writing("POST", finance, ledgerPath+"/journal/{id}/reversal", "Posts the opposite of an entry that was posted by hand.",
			func(ctx context.Context, tx *database.Tx, c *rest.Call, in reasonBody) (nothing, error) {
				id, err := c.ID("id")
				if err != nil {
					return nothing{}, err
				}
				e, err := ledger.Reverse(ctx, tx, id, ledger.Day(tx.Now()), in.Reason)
				if err != nil {
					return nothing{}, err
				}
				return nothing{}, approvedEntry(ctx, e.Postings)
			}),
		reading(access.Finance|access.Care, "/office/v1/accounts/{id}/statement", "Shows what moved on a billing account in a span of days.",
			append([]rest.Parameter{{Name: "currency", About: "ISO 4217; without it the account's"}}, span...), statement),
		reading(finance, ledgerPath+"/periods", "Shows the months of the books.", nil, func(ctx context.Context, q bun.IDB, _ *rest.Call) ([]periodView, error) {
			all, err := ledger.Periods(ctx, q)
			views := []periodView{}
			for _, p := range all {
				views = append(views, periodView{p.Period, p.State, rest.Time(p.ClosedAt), p.ClosedBy})
			}
			return views, err
		}),
		l.closing(),
	}
}

func (ledgers) closing() rest.Endpoint {
	return rest.Endpoint{
		Method: "POST", Path: ledgerPath + "/periods/{period}/close", Roles: access.Finance, Status: 204,
		Summary: "Closes a month that is over, if its trial balance is balanced: it takes no postings any more.",
		Do: performed(func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
			return rest.NoContent(), ledger.Close(ctx, c.DB(), c.Actor(), c.Param("period"))
		}),
	}
}

func trialBalance(ctx context.Context, q bun.IDB, c *rest.Call) (trialBalanceView, error) {
	asked := c.Query().Get("on")
	on := cmp.Or(asked, lastDay) // everything
	rows, err := ledger.TrialBalance(ctx, q, on)
	v := trialBalanceView{On: asked, Balanced: ledger.Balanced(rows) == nil, Accounts: []totalView{}, Sums: []totalView{}}
	for k := range rows {
		v.Accounts = append(v.Accounts, viewTotal(&rows[k]))
	}
	sums := ledger.Sums(rows)
	for k := range sums {
		v.Sums = append(v.Sums, viewTotal(&sums[k]))
	}
	return v, err
}

// postEntry posts what somebody wrote. Receivables and customer credit have open items behind them, which an entry by
// hand would leave behind.
func postEntry(ctx context.Context, tx *database.Tx, _ *rest.Call, in entryView) (entryView, error) {
	e := ledger.Entry{Kind: ledger.KindManual, Reference: in.Reference, Key: "manual-" + in.Key, PostedOn: in.PostedOn}
	if in.Key == "" || in.Reference == "" {
		return in, refusal.New(refusal.Invalid, "invalid_value", "key", "an entry needs a key that makes it once, and a reference that says what it is about")
	}
	if e.PostedOn == "" {
		e.PostedOn = ledger.Day(tx.Now())
	}
	for _, p := range in.Postings {
		posting := ledger.Posting{GLCode: p.Account, Amount: money.Amount(p.Amount), Currency: p.Currency}
		if p.Account == ledger.Receivables || p.Account == ledger.CustomerCredit || p.Account == ledger.RefundsPayable {
			return in, refusal.New(refusal.Unprocessable, "account_has_items", "postings", "%s is the sum of open items: take a payment, write off or make a credit note instead", p.Account)
		}
		if p.BillingAccount != "" {
			id, err := rest.ParseRef("postings.billingAccount", p.BillingAccount)
			if err != nil {
				return in, err
			}
			posting.Account = id
		}
		e.Postings = append(e.Postings, posting)
	}
	if err := approvedEntry(ctx, e.Postings); err != nil {
		return in, err
	}
	if err := ledger.Post(ctx, tx, e); err != nil {
		return in, err
	}
	in.Kind, in.PostedOn, in.Key, in.EnteredAt = string(e.Kind), e.PostedOn, e.Key, rest.Time(tx.Now())
	return in, tx.Audit(ctx, "journal_entry", e.Key, "create", nil, in)
}

// approvedEntry holds what an entry moves in all against the limit: its debits, which its credits come to as well.
func approvedEntry(ctx context.Context, postings []ledger.Posting) error {
	debits := map[string]money.Amount{}
	for k := range postings {
		p := &postings[k]
		sum, fits := debits[p.Currency].Add(max(p.Amount, 0))
		if !fits {
			return refusal.New(refusal.Invalid, "invalid_value", "postings", "the postings come to more than there can be")
		}
		debits[p.Currency] = sum
	}
	for _, currency := range slices.Sorted(maps.Keys(debits)) {
		if err := access.FourEyes(ctx, debits[currency], currency); err != nil {
			return err
		}
	}
	return nil
}

// currencyOf is the currency that a billing account is kept in; an account that does not exist is refused, and not one that owes nothing.
func currencyOf(ctx context.Context, q bun.IDB, account int64) (string, error) {
	var currency string
	err := q.NewRaw("SELECT currency FROM billing_account WHERE id = ?", account).Scan(ctx, &currency)
	if errors.Is(err, sql.ErrNoRows) {
		err = refusal.New(refusal.NotFound, "account_unknown", "id", "there is no billing account %d", account)
	}
	return currency, err
}

func statement(ctx context.Context, q bun.IDB, c *rest.Call) (statementView, error) {
	id, err := c.ID("id")
	if err != nil {
		return statementView{}, err
	}
	kept, err := currencyOf(ctx, q, id)
	if err != nil {
		return statementView{}, err
	}
	currency := cmp.Or(c.Query().Get("currency"), kept)
	from, until, err := days(c)
	if err != nil {
		return statementView{}, err
	}
	opening, moved, err := ledger.Statement(ctx, q, id, currency, from, until)
	v := statementView{Account: rest.ID(id), Currency: currency, From: c.Query().Get("from"), Until: c.Query().Get("until"), Opening: rest.Decimal(opening), Moved: []movementView{}, Closing: rest.Decimal(opening)}
	for _, m := range moved {
		v.Moved = append(v.Moved, movementView{rest.ID(m.Entry), m.PostedOn, string(m.Kind), m.Reference, rest.Decimal(m.Amount), rest.Decimal(m.Balance)})
		v.Closing = rest.Decimal(m.Balance)
	}
	return v, err
}
