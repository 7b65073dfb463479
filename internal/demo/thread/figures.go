package thread

import "fmt"

// Figures is what a run came to. Amounts are decimals of Currency.
type Figures struct {
	Customers   int `json:"customers"`
	Orders      int `json:"orders_placed"`
	Completed   int `json:"orders_completed"`
	Fallout     int `json:"fallout"` // orders that an element refused and that waited for people
	Retried     int `json:"fallout_retried"`
	Activations int `json:"activations"`
	PlanChanges int `json:"plan_changes"`
	Suspended   int `json:"suspended"` // by the customer's wish
	Resumed     int `json:"resumed"`

	Invoices  int    `json:"invoices"`
	Parked    int    `json:"accounts_parked"` // which the invoice run left for people
	Payments  int    `json:"payments"`
	Dunned    int    `json:"dunning_steps"`
	Debtors   int    `json:"suspended_debtors"`
	Returned  int    `json:"resumed_debtors"`
	Currency  string `json:"currency"`
	Billed    string `json:"billed"`
	Paid      string `json:"paid"`
	Open      string `json:"open"`
	InvoiceID string `json:"invoice,omitempty"` // one to look at

	UsageRecords uint64 `json:"usage_records"` // that the core had written when the network was quiet
	UsageTaken   uint64 `json:"usage_taken"`   // of those, that the office has
	UsageParked  uint64 `json:"usage_parked"`  // of those, of accounts that are not the office's

	Checks   int      `json:"checks"`   // of the books, by gyro books verify
	Problems []string `json:"problems"` // what gyro books verify finds
	LeftOut  []string `json:"left_out"` // what there was no time for
}

// Line is the part of the live view about the office.
func (f *Figures) Line() string {
	return fmt.Sprintf("orders %d (%d done, %d fell out)  active %d  invoices %d  billed %s  paid %s  open %s",
		f.Orders, f.Completed, f.Fallout, f.Activations, f.Invoices, or0(f.Billed), or0(f.Paid), or0(f.Open))
}

func or0(amount string) string {
	if amount == "" {
		return "0.00"
	}
	return amount
}

// Block is the part of the view in a terminal: words and what is told of them.
func (f *Figures) Block() [][2]string {
	return [][2]string{
		{"orders", fmt.Sprintf("%d placed, %d completed, %d fell out, %d of them retried", f.Orders, f.Completed, f.Fallout, f.Retried)},
		{"lines", fmt.Sprintf("%d activated; %d changed plan, %d suspended, %d resumed", f.Activations, f.PlanChanges, f.Suspended, f.Resumed)},
		{"bills", fmt.Sprintf("%d invoices, %s %s billed, %s paid by %d payments, %s open", f.Invoices, or0(f.Billed), f.Currency, or0(f.Paid), f.Payments, or0(f.Open))},
		{"dunning", fmt.Sprintf("%d steps, %d suspended, %d back", f.Dunned, f.Debtors, f.Returned)},
	}
}

// Tell is what a run came to, for people.
func (f *Figures) Tell() (lines []string) {
	for _, line := range f.Block() {
		lines = append(lines, line[0]+": "+line[1])
	}
	lines = append(lines, fmt.Sprintf("usage: %d records of the core, %d taken in by the office, of which %d belong to accounts that it does not bill", f.UsageRecords, f.UsageTaken, f.UsageParked))
	lines = append(lines, fmt.Sprintf("books of the office: %d checks, %d differences", f.Checks, len(f.Problems)))
	for _, what := range f.LeftOut {
		lines = append(lines, "there was no time for "+what)
	}
	for _, problem := range f.Problems {
		lines = append(lines, "WRONG: "+problem)
	}
	return lines
}

// Whole reports whether nothing is wrong.
func (f *Figures) Whole() bool { return len(f.Problems) == 0 && f.UsageRecords == f.UsageTaken }
