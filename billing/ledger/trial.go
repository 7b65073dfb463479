package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"gyro/internal/money"
	"gyro/internal/refusal"
)

// Total is what an account was debited and credited, both at least 0.
type Total struct {
	GLCode   string       `bun:"gl_code" json:"glCode"`
	Name     string       `bun:"name" json:"name"`
	Type     Type         `bun:"type" json:"type"`
	Currency string       `bun:"currency" json:"currency"`
	Debit    money.Amount `bun:"debit" json:"debit"`
	Credit   money.Amount `bun:"credit" json:"credit"`
}

// Balance is debits less credits.
func (t *Total) Balance() money.Amount { return t.Debit - t.Credit }

// TrialBalance is the totals of all accounts with postings up to and on a day
// (YYYY-MM-DD), by code and currency. Whether they balance is Balanced.
func TrialBalance(ctx context.Context, q bun.IDB, on string) ([]Total, error) {
	return totals(ctx, q, "0000-00-00", on)
}

// totals sums from day to day, both inclusive.
func totals(ctx context.Context, q bun.IDB, from, until string) ([]Total, error) {
	var rows []Total
	err := q.NewRaw(`SELECT p.gl_code, COALESCE(a.name, '') AS name, COALESCE(a.type, '') AS type, p.currency,
			CAST(SUM(CASE WHEN p.amount > 0 THEN p.amount ELSE 0 END) AS BIGINT) AS debit,
			CAST(SUM(CASE WHEN p.amount < 0 THEN -p.amount ELSE 0 END) AS BIGINT) AS credit
		FROM journal_posting p JOIN journal_entry e ON e.id = p.entry_id LEFT JOIN gl_account a ON a.code = p.gl_code
		WHERE e.posted_on >= ? AND e.posted_on <= ?
		GROUP BY p.gl_code, a.name, a.type, p.currency ORDER BY p.gl_code, p.currency`, from, until).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("trial balance: %w", err)
	}
	return rows, nil
}

// Sums are the debits and credits of each currency, in the order of first
// appearance.
func Sums(rows []Total) []Total {
	var sums []Total
	for _, r := range rows {
		at := slices.IndexFunc(sums, func(s Total) bool { return s.Currency == r.Currency })
		if at < 0 {
			at, sums = len(sums), append(sums, Total{Currency: r.Currency})
		}
		sums[at].Debit += r.Debit
		sums[at].Credit += r.Credit
	}
	return sums
}

func balanced(rows []Total) error {
	for _, s := range Sums(rows) {
		if s.Debit != s.Credit {
			return refusal.New(refusal.Unprocessable, "books_unbalanced", "", "debits of %s and credits of %s %s differ by %s: look for the cause with gyro books verify",
				s.Debit, s.Credit, s.Currency, s.Balance())
		}
	}
	return nil
}

// Balanced refuses totals whose debits and credits differ in a currency.
func Balanced(rows []Total) error { return balanced(rows) }

// Movement is one posting of a billing account's statement, with the balance
// behind it: what the customer owes (positive) or has in credit (negative).
type Movement struct {
	Entry     int64        `bun:"entry_id" json:"entry"`
	PostedOn  string       `bun:"posted_on" json:"postedOn"`
	Kind      Kind         `bun:"kind" json:"kind"`
	Reference string       `bun:"reference" json:"reference"`
	Currency  string       `bun:"currency" json:"currency"`
	Amount    money.Amount `bun:"amount" json:"amount"`
	Balance   money.Amount `bun:"-" json:"balance"`
}

// Statement is what moved on a billing account from day to day, both inclusive:
// entries summed over Receivables and CustomerCredit, so that an allocation,
// which moves nothing, does not appear. opening is the balance before.
func Statement(ctx context.Context, q bun.IDB, account int64, currency, from, until string) (opening money.Amount, moved []Movement, err error) {
	const ours = "p.billing_account_id = ? AND p.gl_code IN ('1200', '2100') AND p.currency = ?"
	err = q.NewRaw("SELECT CAST(COALESCE(SUM(p.amount), 0) AS BIGINT) FROM journal_posting p JOIN journal_entry e ON e.id = p.entry_id WHERE "+ours+" AND e.posted_on < ?",
		account, currency, from).Scan(ctx, &opening)
	if err != nil {
		return 0, nil, fmt.Errorf("statement of account %d: %w", account, err)
	}
	err = q.NewRaw(`SELECT p.entry_id, e.posted_on, e.kind, e.reference, p.currency, CAST(SUM(p.amount) AS BIGINT) AS amount
		FROM journal_posting p JOIN journal_entry e ON e.id = p.entry_id WHERE `+ours+` AND e.posted_on >= ? AND e.posted_on <= ?
		GROUP BY p.entry_id, e.posted_on, e.kind, e.reference, p.currency HAVING SUM(p.amount) <> 0 ORDER BY e.posted_on, p.entry_id`,
		account, currency, from, until).Scan(ctx, &moved)
	if err != nil {
		return 0, nil, fmt.Errorf("statement of account %d: %w", account, err)
	}
	balance := opening
	for k := range moved {
		balance += moved[k].Amount
		moved[k].Balance = balance
	}
	return opening, moved, nil
}
