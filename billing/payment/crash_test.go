package payment

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"gyro/billing"
	"gyro/billing/dunning"
	"gyro/billing/ledger"
	"gyro/billing/payment/provider"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
)

// crashURL is set for the process that is killed: this very program, as TestMain runs it then.
const crashURL = "GYRO_TEST_PAYMENT_CRASH_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(crashURL); url != "" {
		if err := untilKilled(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

// running is a clock that goes on from the scenarios' moment: retries come due, and the day does not end.
func running() func() time.Time {
	began := time.Now()
	return func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC).Add(time.Since(began)) }
}

// crashOffice is the services over a database, with the customers' letters and the fees of bills as they are.
func crashOffice(db *database.DB) (*Service, *dunning.Service) {
	customers := customer.New(db)
	letter := func(ctx context.Context, tx *database.Tx, account int64, template string, data map[string]string, key string) error {
		return customers.Notify(ctx, tx, customer.Notification{AccountID: account, Template: template, Data: data, Key: key})
	}
	duns := dunning.New(dunning.Options{DB: db, Letter: letter, Charge: func(ctx context.Context, tx *database.Tx, account int64, amount money.Amount, currency, gl, what, key string) error {
		return billing.AddCharge(ctx, tx, billing.Charge{Account: account, Kind: billing.Debit, Amount: amount, Currency: currency, Description: what, TaxCategory: "zero", GLCode: gl, Key: key})
	}})
	return New(Options{
		DB: db, Provider: &scriptedProvider{charges: map[string]provider.Charge{}}, Verifier: provider.Verifier{Secrets: []string{secret}},
		Moved: duns.Lift, Letter: letter,
	}), duns
}

// dunnedOn are the days of the runs that the process carries out, over and over.
var dunnedOn = []string{"2026-11-23", "2026-12-01", "2026-12-08", "2026-12-16", "2026-12-17"}

// untilKilled works on the jobs of payments and runs dunning until somebody kills it.
func untilKilled(url string) error {
	ctx := context.Background()
	db, err := database.Open(ctx, database.Options{URL: url, Workers: 4, Clock: running()})
	if err != nil {
		return err
	}
	payments, duns := crashOffice(db)
	jobs := database.NewJobs()
	payments.Register(jobs)
	if err := db.StartJobs(ctx, jobs); err != nil {
		return err
	}
	for {
		for _, day := range dunnedOn {
			if _, err := duns.Run(ctx, finance, day); err != nil {
				return err
			}
			fmt.Println("dunned as of", day)
		}
	}
}

const (
	payers, debtors = 25, 25
	kills           = 6
)

// TestKillWhileWebhooksAndDunningAreAtWork: a process is killed again and again while it processes webhooks, which come
// twice and in any order, and duns; in the end nothing is doubled and nothing is missing.
func TestKillWhileWebhooksAndDunningAreAtWork(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			url := dbtest.URL(t, dialect)
			db := dbtest.Reopen(t, url, dbtest.Clock(running()))
			o := &office{t: t, db: db, accounts: map[string]int64{}}
			payments, _ := crashOffice(db)
			o.prepare(payments)
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test's
			events := o.reports(random)
			for k := range kills {
				part := events[k*len(events)/kills : (k+1)*len(events)/kills]
				o.killed(url, time.Duration(20+random.IntN(250))*time.Millisecond, func() {
					for n := range part {
						if err := payments.Receive(t.Context(), provider.Sign([]string{secret}, part[n], db.Now()), part[n]); err != nil {
							t.Error(err)
						}
					}
				})
			}
			o.finished(url)
			o.compare()
		})
	}
}

// prepare opens the accounts: payers with a bill and a payment through the provider, debtors with a bill that is overdue.
func (o *office) prepare(payments *Service) {
	must := func(err error) {
		o.t.Helper()
		if err != nil {
			o.t.Fatal(err)
		}
	}
	for n := 1; n <= payers+debtors; n++ {
		must(o.account(fmt.Sprintf("c%d", n), customer.Postpaid, 0))
	}
	must(o.write(func(ctx context.Context, tx *database.Tx) error {
		var documents []ledger.InvoicePosting
		for n := int64(1); n <= payers+debtors; n++ {
			due := "2026-12-31"
			if n > payers {
				due = "2026-11-10"
			}
			documents = append(documents, ledger.InvoicePosting{
				InvoiceID: n, Account: n, Type: ledger.DocumentInvoice, Number: fmt.Sprintf("R-%d", n), Currency: "EUR", IssuedOn: "2026-11-01", DueOn: due,
				TaxRegion: "DE", Lines: []ledger.LinePosting{{GLCode: ledger.RevenueUsage, Exact: 100 * money.Unit, Amount: 100 * money.Unit}}, Tax: 19 * money.Unit, Total: 119 * money.Unit,
			})
		}
		if err := ledger.Invoiced(ctx, tx, documents); err != nil {
			return err
		}
		for n := int64(1); n <= payers; n++ {
			if _, err := payments.Take(ctx, tx, Request{Account: n, Method: ByProvider, Amount: 119 * money.Unit, Token: "tok_visa", Key: fmt.Sprint("key-", n)}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// reports are the provider's: of each payment a success, a refund of 1.00 and a dispute that is opened and won, each twice,
// in any order.
func (o *office) reports(random *rand.Rand) (bodies [][]byte) {
	for n := int64(1); n <= payers; n++ {
		p := nameOf(n)
		for version, e := range map[int64]provider.EventDocument{
			2: {Type: provider.PaymentSucceeded},
			3: {Type: provider.RefundSucceeded, Refund: &provider.RefundDocument{ID: "re_" + p, Key: "shop-" + p, Charge: "ch_" + p, Amount: 100, State: provider.Succeeded}},
			4: {Type: provider.DisputeOpen, Charge: provider.ChargeDocument{Dispute: provider.DisputeOpened}},
			5: {Type: provider.DisputeIsWon, Charge: provider.ChargeDocument{Dispute: provider.DisputeWon}},
		} {
			e.ID = fmt.Sprintf("evt_%d_%d", n, version)
			e.Charge.ID, e.Charge.Key, e.Charge.Reference, e.Charge.Currency, e.Charge.Amount = "ch_"+p, p, p, "EUR", 11900
			e.Charge.State, e.Charge.Version = provider.Succeeded, version
			if version >= 3 {
				e.Charge.Refunded = 100
			}
			body := mustJSON(e)
			bodies = append(bodies, body, body)
		}
	}
	random.Shuffle(len(bodies), func(a, b int) { bodies[a], bodies[b] = bodies[b], bodies[a] })
	return bodies
}

// start runs the process; lines are what it says.
func (o *office) start(url string) (cmd *exec.Cmd, lines *bufio.Scanner) {
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashURL+"="+url)
	cmd.Stderr = o.t.Output()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// killed runs the process, does something beside it, and kills it a while after it began to work.
func (o *office) killed(url string, after time.Duration, beside func()) {
	cmd, lines := o.start(url)
	lines.Scan()
	kill := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	beside()
	for lines.Scan() {
		continue // until it is dead
	}
	kill.Stop()
	_ = cmd.Wait() // killed
}

// finished runs the process until nothing waits any more, and then for one more round of dunning.
func (o *office) finished(url string) {
	cmd, lines := o.start(url)
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	deadline := time.Now().Add(5 * time.Minute) // a guard against hanging
	for rounds := 0; rounds < 2*len(dunnedOn); {
		if !lines.Scan() || time.Now().After(deadline) {
			o.t.Fatal("the process does not come to an end of its work")
		}
		var left int
		o.read(func(ctx context.Context, q bun.IDB) error {
			return q.NewRaw("SELECT (SELECT COUNT(*) FROM provider_event WHERE outcome = '') + (SELECT COUNT(*) FROM payment WHERE state = 'initiated')").Scan(ctx, &left)
		})
		if left == 0 {
			rounds++
		}
	}
}

// compare holds the books against what must have come of it all.
func (o *office) compare() {
	for _, wrong := range o.identities() {
		o.t.Error(wrong)
	}
	count := func(want int64, query string) {
		o.t.Helper()
		var n int64
		o.read(func(ctx context.Context, q bun.IDB) error { return q.NewRaw(query).Scan(ctx, &n) })
		if n != want {
			o.t.Errorf("%d, want %d: %s", n, want, query)
		}
	}
	count(4*payers, "SELECT COUNT(*) FROM provider_event WHERE outcome IN ('applied', 'ignored')")
	count(payers, "SELECT COUNT(*) FROM payment WHERE state = 'settled' AND refunded = 1000000 AND charged_back = 0")
	count(payers, "SELECT COUNT(*) FROM journal_entry WHERE kind = 'payment'")
	count(payers, "SELECT COUNT(*) FROM refund WHERE state = 'settled'")
	count(2*payers, "SELECT COUNT(*) FROM journal_entry WHERE kind = 'refund'")
	count(payers*118*int64(money.Unit), "SELECT CAST(SUM(amount) AS BIGINT) FROM journal_posting WHERE gl_code = '1300'")
	count(payers, "SELECT COUNT(*) FROM receivable WHERE open = 1000000")
	count(payers, "SELECT COUNT(*) FROM notification WHERE template = 'payment_received'")
	count(debtors, "SELECT COUNT(*) FROM dunning_case")
	// The policy keeps its distances, so that four steps were taken by 2026-12-17, each with one letter.
	count(4*debtors, "SELECT COUNT(*) FROM dunning_action")
	count(debtors, "SELECT COUNT(*) FROM notification WHERE template = 'suspension'")
	count(debtors, "SELECT COUNT(*) FROM notification WHERE template = 'reminder'")
	count(debtors, "SELECT COUNT(*) FROM notification WHERE template = 'dunning_fee'")
	count(debtors, "SELECT COUNT(*) FROM notification WHERE template = 'last_reminder'")
	count(debtors, "SELECT COUNT(*) FROM billing_charge WHERE amount = 2500000")
}
