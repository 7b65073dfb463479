package payment

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/cockroachdb/datadriven"
	"github.com/uptrace/bun"

	"gyro/billing/ledger"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// posted shows the entries since the last step: one line each, debits with a plus.
func (o *office) posted(b *strings.Builder) {
	type row struct {
		ID        int64        `bun:"id"`
		Kind      string       `bun:"kind"`
		Reference string       `bun:"reference"`
		Code      string       `bun:"gl_code"`
		Amount    money.Amount `bun:"amount"`
	}
	var rows []row
	o.read(func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw(`SELECT e.id, e.kind, e.reference, p.gl_code, p.amount FROM journal_entry e JOIN journal_posting p ON p.entry_id = e.id
			WHERE e.id > ? ORDER BY e.id, p.line`, o.entry).Scan(ctx, &rows)
	})
	for _, r := range rows {
		if r.ID != o.entry {
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
				b.WriteByte('\n')
			}
			o.entry = r.ID
			fmt.Fprintf(b, "%s %s:", r.Kind, r.Reference)
		}
		sign := ""
		if r.Amount > 0 {
			sign = "+"
		}
		fmt.Fprintf(b, " %s %s%s", r.Code, sign, r.Amount)
	}
	if len(rows) > 0 {
		b.WriteByte('\n')
	}
}

// table writes rows in columns.
func table(b *strings.Builder, head string, rows func(line func(cells ...any))) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(strings.Fields(head), "\t"))
	rows(func(cells ...any) {
		text := make([]string, len(cells))
		for k, c := range cells {
			if text[k] = fmt.Sprint(c); text[k] == "" {
				text[k] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(text, "\t"))
	})
	_ = w.Flush() // to memory
}

func (o *office) openItems(b *strings.Builder) {
	var receivables []ledger.Receivable
	var credits []ledger.Credit
	o.read(func(ctx context.Context, q bun.IDB) error {
		if err := q.NewRaw("SELECT invoice_id, number, total, open, disputed, due_on FROM receivable ORDER BY invoice_id").Scan(ctx, &receivables); err != nil {
			return err
		}
		return q.NewRaw("SELECT source, source_id, amount, withdrawn, open FROM credit ORDER BY id").Scan(ctx, &credits)
	})
	table(b, "invoice due total open disputed", func(line func(cells ...any)) {
		for _, r := range receivables {
			line(r.Number, r.DueOn, r.Total, r.Open, r.Disputed)
		}
	})
	table(b, "credit amount withdrawn open", func(line func(cells ...any)) {
		for _, c := range credits {
			line(fmt.Sprintf("%s-%d", c.Source, c.SourceID), c.Amount, c.Withdrawn, c.Open)
		}
	})
	for name, id := range o.accounts {
		if balance := o.core.balance[fmt.Sprintf("ba-%d", id)]; balance != 0 {
			fmt.Fprintf(b, "core: %s has %s\n", name, balance)
		}
	}
	var rows []Payment
	o.read(func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw("SELECT "+paymentColumns+" FROM payment ORDER BY id").Scan(ctx, &rows)
	})
	for k := range rows {
		p := &rows[k]
		fmt.Fprintf(b, "%s %s %s", p.Name(), p.Amount, p.State)
		for _, more := range []struct {
			what string
			is   money.Amount
		}{{"refunded", p.Refunded}, {"charged back", p.ChargedBack}} {
			if more.is != 0 {
				fmt.Fprintf(b, ", %s %s", more.what, more.is)
			}
		}
		if p.Core != NoTopUp {
			fmt.Fprintf(b, ", core %s", p.Core)
		}
		if p.Failure != "" {
			fmt.Fprintf(b, " (%s)", p.Failure)
		}
		b.WriteByte('\n')
	}
}

func (o *office) trialBalance(b *strings.Builder) {
	var rows []ledger.Total
	o.read(func(ctx context.Context, q bun.IDB) (err error) {
		rows, err = ledger.TrialBalance(ctx, q, "9999-12-31")
		return err
	})
	table(b, "account debit credit balance", func(line func(cells ...any)) {
		for k := range rows {
			line(rows[k].GLCode, rows[k].Debit, rows[k].Credit, rows[k].Balance())
		}
		for _, s := range ledger.Sums(rows) {
			line("sum", s.Debit, s.Credit, s.Balance())
		}
	})
}

func (o *office) cases(b *strings.Builder) {
	var rows []struct {
		ID        int64        `bun:"id"`
		State     string       `bun:"state"`
		Since     string       `bun:"overdue_since"`
		Overdue   money.Amount `bun:"overdue"`
		Step      int          `bun:"step"`
		Suspended bool         `bun:"suspended"`
		Hold      string       `bun:"hold_until"`
	}
	var taken []struct {
		CaseID  int64        `bun:"case_id"`
		Step    int          `bun:"step"`
		Kind    string       `bun:"kind"`
		Overdue money.Amount `bun:"overdue"`
		On      string       `bun:"done_on"`
	}
	o.read(func(ctx context.Context, q bun.IDB) error {
		if err := q.NewRaw("SELECT id, state, overdue_since, overdue, step, suspended, hold_until FROM dunning_case ORDER BY id").Scan(ctx, &rows); err != nil {
			return err
		}
		return q.NewRaw("SELECT case_id, step, kind, overdue, done_on FROM dunning_action ORDER BY id").Scan(ctx, &taken)
	})
	table(b, "case state since overdue step suspended hold", func(line func(cells ...any)) {
		for _, c := range rows {
			line(c.ID, c.State, c.Since, c.Overdue, c.Step, c.Suspended, c.Hold)
		}
	})
	for _, s := range taken {
		fmt.Fprintf(b, "case %d step %d: %s on %s of %s\n", s.CaseID, s.Step, s.Kind, s.On, s.Overdue)
	}
}

func (o *office) letters(b *strings.Builder) {
	var subjects []string
	o.read(func(ctx context.Context, q bun.IDB) error {
		return q.NewRaw("SELECT subject FROM notification WHERE template <> 'welcome' ORDER BY id").Scan(ctx, &subjects)
	})
	b.WriteString(strings.Join(append(subjects, ""), "\n"))
}

func (o *office) reconcile(t *testing.T, d *datadriven.TestData, b *strings.Builder) {
	r, err := o.payments.Reconcile(t.Context(), 0, d.HasArg("repair"))
	if err != nil {
		fmt.Fprintf(b, "refused %s\n", refusal.Of(err).Code)
		return
	}
	fmt.Fprintf(b, "%d charges, %d payments\n", r.Charges, r.Payments)
	for _, f := range r.Differences {
		fmt.Fprintf(b, "%s %s: theirs %s, ours %s, repaired %v\n", f.Charge, f.What, f.Theirs, f.Ours, f.Repaired)
	}
}
