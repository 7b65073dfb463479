package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/refusal"
)

// Post writes one entry. The same entry with the same key again changes
// nothing; another one with that key is refused.
func Post(ctx context.Context, tx *database.Tx, e Entry) error {
	return PostMany(ctx, tx, []Entry{e})
}

// PostMany writes entries in bulk (COPY on PostgreSQL): all of them, or none.
func PostMany(ctx context.Context, tx *database.Tx, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	for k := range entries {
		if err := entries[k].Check(); err != nil {
			return err
		}
	}
	entries, err := withoutKnown(ctx, tx, entries)
	if err != nil || len(entries) == 0 {
		return err
	}
	if err := mustBeOpen(ctx, tx, entries); err != nil {
		return err
	}
	if err := mustBeInChart(ctx, tx, entries); err != nil {
		return err
	}
	return write(ctx, tx, entries)
}

// withoutKnown leaves out entries that are in the journal already.
func withoutKnown(ctx context.Context, tx *database.Tx, entries []Entry) ([]Entry, error) {
	keys := make([]string, len(entries))
	for k := range entries {
		keys[k] = entries[k].Key
	}
	var known []string
	if err := tx.NewRaw("SELECT key FROM journal_entry WHERE key IN (?)", bun.List(keys)).Scan(ctx, &known); err != nil {
		return nil, fmt.Errorf("look for entries: %w", err)
	}
	if len(known) == 0 {
		return entries, nil
	}
	for k := range entries {
		if slices.Contains(known, entries[k].Key) {
			if err := mustBeTheSame(ctx, tx, &entries[k]); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return slices.Contains(known, e.Key) }), nil
}

func mustBeTheSame(ctx context.Context, tx *database.Tx, e *Entry) error {
	var id int64
	if err := tx.NewRaw("SELECT id FROM journal_entry WHERE key = ?", e.Key).Scan(ctx, &id); err != nil {
		return fmt.Errorf("entry %s: %w", e.Key, err)
	}
	is, err := postingsOf(ctx, tx.IDB, id)
	if err != nil {
		return err
	}
	if !slices.Equal(is, e.Postings) {
		return refusal.New(refusal.Conflict, "key_reused", "key", "entry %s is in the journal with other postings; entries are never edited: reverse it, or use another key", e.Key)
	}
	return nil
}

func postingsOf(ctx context.Context, q bun.IDB, entry int64) ([]Posting, error) {
	rows, err := q.QueryContext(ctx, "SELECT gl_code, COALESCE(billing_account_id, 0), amount, currency FROM journal_posting WHERE entry_id = ? ORDER BY line", entry)
	if err != nil {
		return nil, fmt.Errorf("postings of entry %d: %w", entry, err)
	}
	defer func() { _ = rows.Close() }()
	var all []Posting
	for rows.Next() {
		var p Posting
		if err := rows.Scan(&p.GLCode, &p.Account, &p.Amount, &p.Currency); err != nil {
			return nil, fmt.Errorf("postings of entry %d: %w", entry, err)
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// mustBeInChart refuses codes that nobody knows. The account of a tax region is
// made when its first tax is posted.
func mustBeInChart(ctx context.Context, tx *database.Tx, entries []Entry) error {
	var codes []string
	for k := range entries {
		for j := range entries[k].Postings {
			if code := entries[k].Postings[j].GLCode; !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	var known []string
	if err := tx.NewRaw("SELECT code FROM gl_account WHERE code IN (?)", bun.List(codes)).Scan(ctx, &known); err != nil {
		return fmt.Errorf("read the chart of accounts: %w", err)
	}
	for _, code := range codes {
		if slices.Contains(known, code) {
			continue
		}
		region, isTax := taxRegion(code)
		if !isTax {
			return refusal.New(refusal.Unprocessable, "gl_code_unknown", "glCode", "the chart of accounts has no %q: add the account, or correct the price that names it", code)
		}
		if err := PutAccount(ctx, tx, Account{Code: code, Name: "Tax payable, " + region, Type: Liability}); err != nil {
			return err
		}
	}
	return nil
}

// PutAccount adds an account to the chart; the name of one that is there may
// change, its type may not.
func PutAccount(ctx context.Context, tx *database.Tx, a Account) error {
	if a.Code == "" || len(a.Code) > 40 || strings.ContainsAny(a.Code, " \t\r\n,;\"") || a.Name == "" {
		return refusal.New(refusal.Invalid, "gl_account_invalid", "code", "account %q %q: give a code of at most 40 characters without blanks, and a name", a.Code, a.Name)
	}
	if !slices.Contains([]Type{Asset, Liability, Equity, Revenue, Expense}, a.Type) {
		return refusal.New(refusal.Invalid, "gl_type_unknown", "type", "type %q of account %s: use asset, liability, equity, revenue or expense", a.Type, a.Code)
	}
	var now []Account
	if err := tx.NewRaw("SELECT code, name, type FROM gl_account WHERE code = ?", a.Code).Scan(ctx, &now); err != nil {
		return fmt.Errorf("account %s: %w", a.Code, err)
	}
	if len(now) > 0 {
		if now[0].Type != a.Type {
			return refusal.New(refusal.Conflict, "gl_type_fixed", "type", "account %s is of type %s, and its postings with it; add another account", a.Code, now[0].Type)
		}
		if now[0] == a {
			return nil
		}
		if _, err := tx.ExecContext(ctx, "UPDATE gl_account SET name = ? WHERE code = ?", a.Name, a.Code); err != nil {
			return fmt.Errorf("account %s: %w", a.Code, err)
		}
		return tx.Audit(ctx, "gl_account", a.Code, "rename", now[0], a)
	}
	// Two runs may meet at the first tax of a region: the second finds the row and has nothing to say of it.
	done, err := tx.ExecContext(ctx, "INSERT INTO gl_account (code, name, type, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (code) DO NOTHING", a.Code, a.Name, a.Type, tx.Now())
	if err != nil {
		return fmt.Errorf("account %s: %w", a.Code, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return tx.Audit(ctx, "gl_account", a.Code, "create", nil, a)
}

// Accounts is the chart, by code.
func Accounts(ctx context.Context, q bun.IDB) ([]Account, error) {
	var all []Account
	if err := q.NewRaw("SELECT code, name, type FROM gl_account ORDER BY code").Scan(ctx, &all); err != nil {
		return nil, fmt.Errorf("read the chart of accounts: %w", err)
	}
	return all, nil
}

// write stores entries that were checked.
func write(ctx context.Context, tx *database.Tx, entries []Entry) error {
	ids, err := newIDs(ctx, tx, len(entries))
	if err != nil {
		return err
	}
	at := 0
	_, err = tx.Copy(ctx, "journal_entry", []string{"id", "posted_on", "kind", "reference", "key", "reverses_id", "entered_at"}, func() ([]any, bool) {
		if at == len(entries) {
			return nil, false
		}
		e := &entries[at]
		row := []any{ids[at], e.PostedOn, string(e.Kind), e.Reference, e.Key, optional(e.Reverses), int64(tx.Now())}
		at++
		return row, true
	})
	if err != nil {
		return err
	}
	at, line := 0, 0
	_, err = tx.Copy(ctx, "journal_posting", []string{"entry_id", "line", "gl_code", "billing_account_id", "amount", "currency"}, func() ([]any, bool) {
		for at < len(entries) && line == len(entries[at].Postings) {
			at, line = at+1, 0
		}
		if at == len(entries) {
			return nil, false
		}
		p := &entries[at].Postings[line]
		line++
		return []any{ids[at], line, p.GLCode, optional(p.Account), int64(p.Amount), p.Currency}, true
	})
	return err
}

// optional is an id as a column that may be empty.
func optional(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// newIDs draws ids for rows that COPY brings, which returns none. SQLite has one
// writer, and the journal loses no row: what follows the last is free.
func newIDs(ctx context.Context, tx *database.Tx, n int) ([]int64, error) {
	ids := make([]int64, 0, n)
	if tx.On() == database.PostgreSQL {
		err := tx.NewRaw("SELECT nextval(pg_get_serial_sequence('journal_entry', 'id')) FROM generate_series(1, ?)", n).Scan(ctx, &ids)
		if err != nil {
			return nil, fmt.Errorf("draw ids of entries: %w", err)
		}
		return ids, nil
	}
	var last int64
	if err := tx.NewRaw("SELECT COALESCE(MAX(id), 0) FROM journal_entry").Scan(ctx, &last); err != nil {
		return nil, fmt.Errorf("draw ids of entries: %w", err)
	}
	for k := range n {
		ids = append(ids, last+int64(k)+1)
	}
	return ids, nil
}

// Reverse posts the opposite of an entry by hand on the given day, once, and returns it.
func Reverse(ctx context.Context, tx *database.Tx, entry int64, on, why string) (e Entry, err error) {
	var found []struct{ Reference, Kind string }
	if err := tx.NewRaw("SELECT reference, kind FROM journal_entry WHERE id = ?", entry).Scan(ctx, &found); err != nil {
		return e, fmt.Errorf("entry %d: %w", entry, err)
	}
	if len(found) == 0 {
		return e, refusal.New(refusal.NotFound, "entry_unknown", "entry", "the journal has no entry %d", entry)
	}
	if Kind(found[0].Kind) != KindManual {
		return e, refusal.New(refusal.Unprocessable, "entry_not_manual", "entry",
			"entry %d is of kind %s and has an open item behind it: reverse the payment, the allocation or the invoice itself", entry, found[0].Kind)
	}
	postings, err := postingsOf(ctx, tx.IDB, entry)
	if err != nil {
		return e, err
	}
	for k := range postings {
		postings[k].Amount = -postings[k].Amount
	}
	e = Entry{Kind: KindReversal, Reference: found[0].Reference, Key: fmt.Sprintf("reversal-%d", entry), PostedOn: on, Reverses: entry, Postings: postings}
	if err := Post(ctx, tx, e); err != nil {
		return e, err
	}
	return e, tx.Audit(ctx, "journal_entry", fmt.Sprint(entry), "reverse", nil, map[string]string{"on": on, "reason": why})
}
