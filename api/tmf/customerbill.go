package tmf

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/billing"
	"gyro/billing/charge"
	"gyro/billing/invoice"
	"gyro/billing/run"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// billDocument is TMF678's CustomerBill.
type billDocument struct {
	rest.Entity
	BillNo            string           `json:"billNo,omitempty"`
	BillDate          rest.Time        `json:"billDate,omitzero"`
	PaymentDueDate    rest.Time        `json:"paymentDueDate,omitzero"`
	LastUpdate        rest.Time        `json:"lastUpdate,omitzero"`
	Category          string           `json:"category,omitempty"` // invoice, creditNote or statement
	RunType           string           `json:"runType,omitempty"`
	State             string           `json:"state,omitempty"`
	BillingAccount    *rest.Ref        `json:"billingAccount,omitempty"`
	BillingPeriod     *rest.TimePeriod `json:"billingPeriod,omitempty"`
	AmountDue         *rest.Money      `json:"amountDue,omitempty"`       // what the bill asks for, by paymentDueDate: its total less the credit that was used as it was finalised
	RemainingAmount   *rest.Money      `json:"remainingAmount,omitempty"` // what is still to be paid of it, now
	TaxExcludedAmount *rest.Money      `json:"taxExcludedAmount,omitempty"`
	TaxIncludedAmount *rest.Money      `json:"taxIncludedAmount,omitempty"` // its total
	TaxItem           []billTax        `json:"taxItem,omitempty"`
	BillDocument      []billFile       `json:"billDocument,omitempty"`
}

type billTax struct {
	TaxCategory string       `json:"taxCategory"`
	TaxRate     rest.Decimal `json:"taxRate"` // a fraction: 0.19
	TaxAmount   *rest.Money  `json:"taxAmount"`
}

type billFile struct {
	AttachmentType string `json:"attachmentType"`
	MimeType       string `json:"mimeType"`
	Name           string `json:"name"`
	URL            string `json:"url"`
}

// billRow is a bill with what is open of it.
type billRow struct {
	invoice.Invoice `bun:",extend"`

	Open   *int64 `bun:"open,scanonly"`
	SetOff *int64 `bun:"set_off,scanonly"`
}

const openOfBill = "(SELECT r.open FROM receivable r WHERE r.invoice_id = i.id) AS open, (SELECT r.set_off FROM receivable r WHERE r.invoice_id = i.id) AS set_off"

// bills is TMF678's CustomerBill: finalised documents.
func bills() rest.Set {
	const finalised = "i.state IN ('finalised', 'cancelled')"
	return rest.Resource[billDocument]{
		API: rest.TMF678, Path: "customerBill", Type: "CustomerBill",
		About: "A finalised invoice, credit note or statement of a prepaid account. It never changes; another one corrects it.",
		Roles: rest.Roles{Read: access.Finance | access.Care}, Key: "i.id",
		Filters: []rest.Filter{
			{Attribute: "billNo", Column: "i.number"},
			{Attribute: "category", Column: "i.type", Values: []string{"invoice", "creditNote", "statement"}},
			{Attribute: "billingAccount.id", Column: "i.billing_account_id", Kind: rest.Number},
			{Attribute: "billDate", Column: "i.finalised_at", Kind: rest.Instant, Sort: true},
		},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]billDocument, int, error) {
			var rows []billRow
			total, err := q.Page(ctx, db.NewSelect().Model(&rows).ColumnExpr("i.*").ColumnExpr(openOfBill).Where(finalised))
			if err != nil {
				return nil, 0, err
			}
			documents, err := viewBills(ctx, db, rows)
			return documents, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (billDocument, error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return billDocument{}, err
			}
			var rows []billRow
			if err := db.NewSelect().Model(&rows).ColumnExpr("i.*").ColumnExpr(openOfBill).Where(finalised).Where("i.id = ?", n).Scan(ctx); err != nil {
				return billDocument{}, err
			}
			documents, err := viewBills(ctx, db, rows)
			if err == nil && len(documents) == 0 {
				err = refusal.New(refusal.NotFound, "bill_unknown", "id", "there is no bill %s; drafts are at /office/v1/invoices", id)
			}
			if err != nil {
				return billDocument{}, err
			}
			return documents[0], nil
		},
	}
}

func viewBills(ctx context.Context, db bun.IDB, rows []billRow) ([]billDocument, error) {
	ids, documents := make([]int64, len(rows)), make([]billDocument, len(rows))
	for k := range rows {
		ids[k], documents[k] = rows[k].ID, viewBill(ctx, &rows[k])
	}
	if len(ids) == 0 {
		return documents, nil
	}
	var taxes []invoice.Tax
	if err := db.NewSelect().Model(&taxes).Where("invoice_id IN (?)", bun.List(ids)).Order("invoice_id", "position").Scan(ctx); err != nil {
		return nil, err
	}
	for k := range rows {
		for n := range taxes {
			if t := &taxes[n]; t.Invoice == rows[k].ID {
				documents[k].TaxItem = append(documents[k].TaxItem, billTax{t.Category, rest.Decimal(t.Rate), rest.MoneyOf(t.Tax, rows[k].Currency)})
			}
		}
	}
	return documents, nil
}

// dayTime is a day as a moment: TM Forum has moments where bills have days.
func dayTime(date string) rest.Time {
	day, err := charge.ParseDay(date)
	if err != nil {
		return 0
	}
	zone := instant.UTC()
	return rest.Time(day.Start(&zone))
}

func viewBill(ctx context.Context, r *billRow) billDocument {
	i := &r.Invoice
	account := debtorRef(ctx, i.Account)
	setOff := money.Amount(0)
	if r.SetOff != nil {
		setOff = money.Amount(*r.SetOff)
	}
	d := billDocument{
		Entity: rest.Entity{ID: rest.ID(i.ID)}, BillDate: rest.Time(i.FinalisedAt), PaymentDueDate: dayTime(i.DueOn), LastUpdate: rest.Time(i.FinalisedAt),
		Category: string(i.Type), RunType: "onCycle", State: "settled", BillingAccount: &account,
		BillingPeriod: &rest.TimePeriod{Start: dayTime(i.PeriodFrom), End: dayTime(i.PeriodUntil)},
		AmountDue:     rest.MoneyOf(i.ToPay(setOff), i.Currency), RemainingAmount: rest.MoneyOf(0, i.Currency),
		TaxExcludedAmount: rest.MoneyOf(i.Net, i.Currency), TaxIncludedAmount: rest.MoneyOf(i.Total, i.Currency),
		BillDocument: []billFile{{"invoice", "application/pdf", i.Reference() + ".pdf", rest.Href(ctx, rest.API{Base: "/office/v1"}, "invoices", rest.ID(i.ID)) + "/pdf"}},
	}
	if i.Number != nil {
		d.BillNo = *i.Number
	}
	if i.Run == 0 || i.Revision > 0 {
		d.RunType = "offCycle"
	}
	if r.Open != nil && *r.Open > 0 {
		d.RemainingAmount = rest.MoneyOf(money.Amount(*r.Open), i.Currency)
		if d.State = "sent"; *r.Open < int64(i.Total) {
			d.State = "partiallyPaid"
		}
	}
	return d
}

// onDemandDocument is TMF678's CustomerBillOnDemand.
type onDemandDocument struct {
	rest.Entity
	Name           string    `json:"name,omitempty"`
	Description    string    `json:"description,omitempty"`
	BillingAccount *rest.Ref `json:"billingAccount,omitempty"`
	LastUpdate     string    `json:"lastUpdate,omitempty"`
	State          string    `json:"state,omitempty"`
	CustomerBill   *rest.Ref `json:"customerBill,omitempty"`
}

// billsOnDemand is TMF678's CustomerBillOnDemand: a run of one account, for
// cycles that have ended, without waiting for the run of all.
func billsOnDemand(s *billing.Service) rest.Set {
	return rest.Resource[onDemandDocument]{
		API: rest.TMF678, Path: "customerBillOnDemand", Type: "CustomerBillOnDemand",
		About: "Bills one account now, for its cycles that have ended. The bill is the last one that this made; there is none where nothing was due.",
		Roles: rest.Roles{Read: access.Finance | access.Care, Create: access.Finance}, Key: "r.id",
		ReadOnly: []string{"state", "customerBill", "lastUpdate", "name", "description"},
		Filters:  []rest.Filter{{Attribute: "billingAccount.id", Column: "r.account_id", Kind: rest.Number}},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]onDemandDocument, int, error) {
			var rows []run.Run
			total, err := q.Page(ctx, db.NewSelect().Model(&rows).Where("r.account_id > 0"))
			if err != nil {
				return nil, 0, err
			}
			documents := make([]onDemandDocument, len(rows))
			for k := range rows {
				if documents[k], err = viewOnDemand(ctx, db, &rows[k]); err != nil {
					return nil, 0, err
				}
			}
			return documents, total, nil
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (onDemandDocument, error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return onDemandDocument{}, err
			}
			var rows []run.Run
			if err := db.NewSelect().Model(&rows).Where("r.account_id > 0 AND r.id = ?", n).Scan(ctx); err != nil {
				return onDemandDocument{}, err
			}
			if len(rows) == 0 {
				return onDemandDocument{}, refusal.New(refusal.NotFound, "bill_on_demand_unknown", "id", "there is no bill on demand %s", id)
			}
			return viewOnDemand(ctx, db, &rows[0])
		},
		Submit: func(ctx context.Context, c *rest.Call, key string, in onDemandDocument) (d onDemandDocument, err error) {
			if in.BillingAccount == nil {
				return d, refusal.New(refusal.Invalid, "invalid_value", "billingAccount", `say whose bill: {"id": "17"}`)
			}
			account, err := rest.ParseRef("billingAccount.id", in.BillingAccount.ID)
			if err != nil {
				return d, err
			}
			made, err := billNow(ctx, c, s, key, account)
			if err != nil {
				return d, err
			}
			err = c.DB().Read(ctx, func(ctx context.Context, q bun.IDB) error {
				d, err = viewOnDemand(ctx, q, &made)
				return err
			})
			return d, err
		},
	}
}

// billNow carries a run of one account out, once for a key. Whoever was killed in
// between finds the run that was begun, for there is one of a day and account at a time.
func billNow(ctx context.Context, c *rest.Call, s *billing.Service, key string, account int64) (run.Run, error) {
	scope := "customerBillOnDemand " + c.Principal().Name
	var before []byte
	err := c.DB().Write(ctx, c.Actor(), func(ctx context.Context, tx *database.Tx) (err error) {
		var known int
		if err := tx.NewRaw("SELECT COUNT(*) FROM billing_account WHERE id = ?", account).Scan(ctx, &known); err != nil || known == 0 {
			return refusal.New(refusal.Unprocessable, "account_unknown", "billingAccount.id", "there is no billing account %d", account)
		}
		before, _, err = tx.Once(ctx, scope, key, account)
		return err
	})
	if err != nil {
		return run.Run{}, err
	}
	if len(before) > 0 {
		id, err := strconv.ParseInt(string(before), 10, 64)
		if err != nil {
			return run.Run{}, fmt.Errorf("bill on demand %s: %w", before, err)
		}
		return s.Runs.Get(ctx, id)
	}
	made, err := s.Runs.Run(ctx, c.Actor(), run.Request{AsOf: s.Today(), Mode: run.Final, Account: account, Behind: true})
	if err != nil {
		return made, err
	}
	return made, c.DB().Write(ctx, c.Actor(), func(ctx context.Context, tx *database.Tx) error { return tx.Remember(ctx, scope, key, made.ID) })
}

func viewOnDemand(ctx context.Context, q bun.IDB, r *run.Run) (onDemandDocument, error) {
	account := debtorRef(ctx, r.Account)
	at, err := json.Marshal(rest.Time(r.UpdatedAt))
	if err != nil {
		return onDemandDocument{}, err
	}
	d := onDemandDocument{
		Entity: rest.Entity{ID: rest.ID(r.ID)}, BillingAccount: &account, State: "done", Name: "Bill as of " + r.AsOf,
		Description: "nothing was due", LastUpdate: string(at[1 : len(at)-1]),
	}
	switch {
	case r.State == run.Running:
		d.State = "inProgress"
	case r.Parked > 0:
		d.State = "rejected"
	}
	var ids []int64
	if err := q.NewRaw("SELECT id FROM invoice WHERE run_id = ? ORDER BY id DESC LIMIT 1", r.ID).Scan(ctx, &ids); err != nil || len(ids) == 0 {
		return d, err
	}
	d.Description = fmt.Sprintf("%d documents", r.Invoices+r.Statements)
	d.CustomerBill = &rest.Ref{ID: rest.ID(ids[0]), Href: rest.Href(ctx, rest.TMF678, "customerBill", rest.ID(ids[0])), ReferredType: "CustomerBill"}
	return d, nil
}
