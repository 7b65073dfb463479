package ledger

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"gyro/internal/instant"
)

// Recorded is an entry as it stands in the journal.
type Recorded struct {
	ID        int64
	PostedOn  string
	Kind      Kind
	Reference string
	Key       string
	Reverses  int64
	EnteredAt instant.Instant
	Postings  []Posting
}

// Journal is the entries behind a cursor (an entry's id, 0 at the beginning) that
// count for the days from from until until, both inclusive; at most limit.
func Journal(ctx context.Context, q bun.IDB, after int64, from, until string, limit int) ([]Recorded, error) {
	rows, err := q.QueryContext(ctx, `SELECT e.id, e.posted_on, e.kind, e.reference, e.key, COALESCE(e.reverses_id, 0), e.entered_at,
			p.gl_code, COALESCE(p.billing_account_id, 0), p.amount, p.currency
		FROM (SELECT * FROM journal_entry WHERE id > ? AND posted_on >= ? AND posted_on <= ? ORDER BY id LIMIT ?) e
		JOIN journal_posting p ON p.entry_id = e.id ORDER BY e.id, p.line`, after, from, until, limit)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []Recorded
	for rows.Next() {
		var e Recorded
		var p Posting
		if err := rows.Scan(&e.ID, &e.PostedOn, &e.Kind, &e.Reference, &e.Key, &e.Reverses, &e.EnteredAt, &p.GLCode, &p.Account, &p.Amount, &p.Currency); err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		if len(all) == 0 || all[len(all)-1].ID != e.ID {
			all = append(all, e)
		}
		last := &all[len(all)-1]
		last.Postings = append(last.Postings, p)
	}
	return all, rows.Err()
}

// CSV writes entries, a line a posting, for a spreadsheet or another ledger.
type CSV struct{ w *csv.Writer }

// NewCSV writes the line of headings.
func NewCSV(out io.Writer) (*CSV, error) {
	c := &CSV{csv.NewWriter(out)}
	return c, c.w.Write([]string{"entry", "posted_on", "kind", "reference", "key", "account", "billing_account", "debit", "credit", "currency"})
}

// Write writes one entry.
func (c *CSV) Write(e *Recorded) error {
	for k := range e.Postings {
		p := &e.Postings[k]
		debit, credit, account := "", "", ""
		if p.Amount > 0 {
			debit = p.Amount.String()
		} else {
			credit = (-p.Amount).String()
		}
		if p.Account != 0 {
			account = strconv.FormatInt(p.Account, 10)
		}
		if err := c.w.Write([]string{
			strconv.FormatInt(e.ID, 10), e.PostedOn, string(e.Kind), Cell(e.Reference), Cell(e.Key), Cell(p.GLCode), account, debit, credit, p.Currency,
		}); err != nil {
			return err
		}
	}
	return nil
}

// Flush brings what was written to the writer below.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// Cell is text as a cell that no spreadsheet takes for a formula: what begins as
// one gets an apostrophe, which spreadsheets show as text (CWE-1236).
func Cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
