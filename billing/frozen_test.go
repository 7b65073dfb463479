package billing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"gyro/billing"
	"gyro/billing/invoice"
	"gyro/billing/ledger"
	"gyro/billing/run"
	"gyro/billing/tax"
	"gyro/internal/database"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// printed is a document on paper and as programs read it.
func (o *office) printed(id int64) (paper, text []byte) {
	o.Helper()
	d := o.get(id)
	paper, err := invoice.PDF(d)
	o.must(err)
	text, err = json.Marshal(d.JSON())
	o.must(err)
	return paper, text
}

// moved is what happens in a year: the customer marries, moves, speaks another language and hands the number on, the
// account and the offers get other names, and the operator is another company.
var moved = []string{
	"UPDATE party SET family_name = 'Kurz', language = 'en', tax_id = 'DE1' WHERE id = 3",
	"UPDATE customer SET name = 'Ada Kurz' WHERE id = 3",
	"UPDATE contact_medium SET street = 'Neue Straße 1', city = 'Bonn', postcode = '53111' WHERE party_id = 3",
	"UPDATE billing_account SET name = 'Office', terms_days = 30, time_zone = 'UTC' WHERE id = 3",
	"UPDATE subscription SET msisdn = '4917099999' WHERE id = 3",
	"UPDATE product SET name = 'Flat XL' WHERE billing_account_id = 3",
	"UPDATE product_offering SET title = 'Flat XL', charging_offer = 'Flat M' WHERE id = 1",
}

// TestABillStaysWhatItWas prints bills and a credit note, lets a year go by, and prints them again: the same octets.
func TestABillStaysWhatItWas(t *testing.T) {
	each(t, 5, false, func(o *office) {
		// Of several addresses the preferred one counts, else the first.
		o.sql("INSERT INTO contact_medium (party_id, kind, street, preferred) VALUES (3, 'postal', 'Other', FALSE), (2, 'postal', 'Preferred', TRUE), (2, 'postal', 'Late', TRUE)",
			"UPDATE contact_medium SET preferred = FALSE WHERE party_id = 3", "DELETE FROM contact_medium WHERE party_id = 4")
		o.bill()
		for account, street := range map[int64]string{2: "Preferred", 3: "Lange Straße 2", 4: ""} {
			if d := o.get(o.number("SELECT id FROM invoice WHERE billing_account_id = ?", account)); d.Recipient.Street != street {
				o.Errorf("the bill of account %d goes to %q, not %q", account, d.Recipient.Street, street)
			}
		}
		id := o.number("SELECT id FROM invoice WHERE billing_account_id = 3")
		note, err := o.s.Credit(o.Context(), clerk, id, billing.CreditRequest{Lines: []billing.CreditLine{{Position: 1, Amount: 10_000}}, Reason: "outage", Key: "k"})
		o.must(err)
		before := o.get(id)
		if before.Recipient.Name != "Ada Lang 2" || before.Recipient.Street != "Lange Straße 2" || before.Language != "de" || before.From.LegalName != "Gyro Mobile GmbH" || before.Lines[0].MSISDN != "4915000000002" {
			o.Fatalf("the bill is for %+v in %s, from %+v, its first line for %q", before.Recipient, before.Language, before.From, before.Lines[0].MSISDN)
		}
		paper, text := o.printed(id)
		notePaper, noteText := o.printed(note)
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			for _, statement := range moved {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		}))
		other, err := tax.Parse([]byte(`{entities: [{name: gyro, legal_name: Other AG, prefix: GY, rounding: line, prices: exclusive}], regions: [{region: DE, rates: [{category: standard, code: S, rate: 19, from: 2007-01-01}]}]}`))
		o.must(err)
		o.s = billing.New(o.db, o.core, billing.Options{Run: run.Options{Tax: other}})
		for _, document := range []struct {
			id          int64
			paper, text []byte
		}{{id, paper, text}, {note, notePaper, noteText}} {
			if paper, text := o.printed(document.id); !bytes.Equal(paper, document.paper) || !bytes.Equal(text, document.text) {
				o.Errorf("document %d was\n%s\nand a year later is\n%s", document.id, document.text, text)
			}
		}
		// What is written from now on is to where they are now.
		second, err := o.s.Credit(o.Context(), clerk, id, billing.CreditRequest{Reason: "goodwill", Key: "k2"})
		o.must(err)
		if d := o.get(second); d.Recipient.City != "Bonn" || d.From.LegalName != "Other AG" || d.Language != "en" || d.Lines[0].MSISDN != "4915000000002" {
			o.Errorf("a credit note of now is for %+v in %s, from %+v", d.Recipient, d.Language, d.From)
		}
		without, err := tax.Parse([]byte(`{entities: [{name: new, legal_name: New AG, prefix: NW, rounding: line, prices: exclusive}], regions: [{region: DE, rates: [{category: standard, code: S, rate: 19, from: 2007-01-01}]}]}`))
		o.must(err)
		o.s = billing.New(o.db, o.core, billing.Options{Run: run.Options{Tax: without}})
		other4 := o.number("SELECT id FROM invoice WHERE billing_account_id = 4")
		if _, err := o.s.Credit(o.Context(), clerk, other4, billing.CreditRequest{Reason: "goodwill", Key: "k3"}); !refusal.Is(err, "entity_unknown") {
			o.Errorf("a credit note of a legal entity that is configured no more: %v", err)
		}
		o.whole()
	})
}

// TestCreditThatABillUsedStaysOnIt: 20 that the customer had are set off as the bill is finalised. The bank takes them back, other
// money comes, and the bill says what it said.
func TestCreditThatABillUsedStaysOnIt(t *testing.T) {
	each(t, 5, false, func(o *office) {
		o.sql("INSERT INTO payment (id, billing_account_id, purpose, method, amount, currency, state, key, created_at) VALUES (1, 3, 'bills', 'bank_transfer', 20000000, 'EUR', 'settled', 'k', 1)")
		pay := func(payment int64, amount money.Amount) (c ledger.Credit) {
			o.must(o.write(func(ctx context.Context, tx *database.Tx) (err error) {
				c, err = ledger.TakeIn(ctx, tx, ledger.Bank, payment, 3, amount, "EUR", ledger.Day(tx.Now()))
				return err
			}))
			return c
		}
		pay(1, 20*money.Unit)
		o.bill()
		id := o.number("SELECT id FROM invoice WHERE billing_account_id = 3")
		d := o.get(id)
		if v := d.JSON(); d.SetOff != 20*money.Unit || d.ToPay() != d.Total-20*money.Unit || d.ToPay() != d.Open || v.SetOff.Value != "20.00" || v.ToPay.Value != v.Open.Value {
			o.Fatalf("of %s were %s set off, %s is to be paid, %s open: %+v", d.Total, d.SetOff, d.ToPay(), d.Open, v)
		}
		if other := o.get(o.number("SELECT id FROM invoice WHERE billing_account_id = 2")); other.SetOff != 0 || other.ToPay() != other.Total {
			o.Errorf("nobody paid, and %s of %s is to be paid", other.ToPay(), other.Total)
		}
		paper, _ := o.printed(id)
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			credit, err := ledger.CreditOf(ctx, tx, ledger.SourcePayment, 1)
			if err != nil {
				return err
			}
			return ledger.UnallocateAmount(ctx, tx, credit, credit.Amount, ledger.Day(tx.Now()))
		}))
		o.sql("INSERT INTO payment (id, billing_account_id, purpose, method, amount, currency, state, key, created_at) VALUES (2, 3, 'bills', 'bank_transfer', 5000000, 'EUR', 'settled', 'l', 1)")
		second := pay(2, 5*money.Unit)
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			_, err := ledger.Allocate(ctx, tx, second, id, second.Amount, ledger.Day(tx.Now()))
			return err
		}))
		if d := o.get(id); d.Open != d.Total-5*money.Unit || d.SetOff != 20*money.Unit {
			o.Errorf("then %s of %s is open, and %s was set off", d.Open, d.Total, d.SetOff)
		}
		if again, _ := o.printed(id); !bytes.Equal(again, paper) {
			o.Error("the bill is printed otherwise after money moved")
		}
		o.whole()
	})
}

// TestABillAsksForWhatIsLeftOfIt: credit of 20 and of more than a bill is used as the bills are finalised. Messages and events ask
// for the rest, or for nothing.
func TestABillAsksForWhatIsLeftOfIt(t *testing.T) {
	each(t, 5, false, func(o *office) {
		for account, amount := range map[int64]money.Amount{2: 1000 * money.Unit, 3: 20 * money.Unit} {
			o.sql(fmt.Sprintf("INSERT INTO payment (id, billing_account_id, purpose, method, amount, currency, state, key, created_at) VALUES (%d, %[1]d, 'bills', 'bank_transfer', %d, 'EUR', 'settled', 'k%[1]d', 1)", account, amount))
			o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
				_, err := ledger.TakeIn(ctx, tx, ledger.Bank, account, account, amount, "EUR", ledger.Day(tx.Now()))
				return err
			}))
		}
		o.bill()
		o.must(o.s.FollowUp(o.Context(), run.FollowUp{First: 1, Last: 1000}))
		for account, setOff := range map[int64]money.Amount{2: 0, 3: 20 * money.Unit, 4: 0} {
			id := o.number("SELECT id FROM invoice WHERE billing_account_id = ?", account)
			d := o.get(id)
			if account == 2 {
				setOff = d.Total
			}
			cents := func(a money.Amount) string { return a.Format(2) + " EUR" }
			want := map[string]string{"number": *d.Number, "total": cents(d.Total), "amount": cents(d.Total - setOff), "due": d.DueOn}
			if setOff > 0 {
				want["credit"] = cents(setOff)
			}
			if got := o.data[fmt.Sprintf("invoice-%d", id)]; !maps.Equal(got, want) {
				o.Errorf("the customer of account %d was told %v, want %v", account, got, want)
			}
			var event string
			o.must(o.db.Read(o.Context(), readInto(&event, "SELECT payload FROM event WHERE type = 'customerBillCreateEvent' AND entity_id = ?", fmt.Sprint(id))))
			if due := `"amountDue":"` + (d.Total - setOff).Format(2) + `"`; !strings.Contains(event, due) {
				o.Errorf("the event of account %d has not %s: %s", account, due, event)
			}
		}
	})
}

// TestUsageHasTheNamesThatPeopleKnow: a bill calls usage what the catalogue does, in the customer's language, taxes and books it as
// the offer says, and still leads to the records.
func TestUsageHasTheNamesThatPeopleKnow(t *testing.T) {
	each(t, 5, false, func(o *office) {
		o.must(o.write(func(ctx context.Context, tx *database.Tx) error {
			for _, statement := range []string{
				"INSERT INTO product_offering (name, version, catalog, charging_offer, title, kind, status, currency, created_at, updated_at) VALUES ('old', 1, 'population', 'Flat M', 'Old', 'postpaid', 'retired', 'EUR', 1, 1)",
				"INSERT INTO product_offering (id, name, version, catalog, charging_offer, title, kind, status, currency, created_at, updated_at) VALUES (90, 'flat', 2, 'population', 'Flat M', 'Flat Medium', 'postpaid', 'active', 'EUR', 1, 1)",
				`INSERT INTO product_offering_price (offering_id, position, name, titles, type, currency, tax_category, gl_code) VALUES (90, 1, 'voice', '{"en":"Calls","de":"Gespräche"}', 'usage', 'EUR', 'reduced', '4300')`,
				`INSERT INTO product_offering_price (offering_id, position, name, titles, type, currency, gl_code) VALUES (90, 2, 'data', '{"":"Internet"}', 'usage', 'EUR', '4100')`,
				"UPDATE product_offering SET minimum_commitment = 900000000 WHERE id = 1",
			} {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		}))
		o.bill()
		for _, c := range []struct {
			account, language string
			words             [4]string
		}{
			{"3", "de", [4]string{"Gespräche (Flat Medium)", "Internet (Flat Medium)", "sms (payg)", "Mindestumsatz Flat M"}},
			{"2", "en", [4]string{"Calls (Flat Medium)", "Internet (Flat Medium)", "sms (payg)", "Minimum commitment Flat M"}},
		} {
			d := o.get(o.number("SELECT MAX(id) FROM invoice WHERE billing_account_id = ?", c.account))
			found := map[string]invoice.Line{}
			for _, l := range d.Lines {
				found[l.Description] = l
			}
			calls := found[c.words[0]]
			for _, word := range c.words {
				if found[word].Position == 0 {
					o.Errorf("a bill in %s has no %q: %+v", d.Language, word, found)
				}
			}
			if d.Language != c.language || calls.TaxRate != 70_000 || calls.GL != "4300" || calls.Service != "voice" || calls.Offer != "Flat M" || calls.MSISDN == "" {
				o.Errorf("calls in %s: %+v", d.Language, calls)
			}
			records, _ := o.records(&calls)
			if records != calls.Records || records == 0 {
				o.Errorf("%d records are behind a line of %d", records, calls.Records)
			}
		}
		o.whole()
	})
}

func (o *office) records(l *invoice.Line) (n int64, all []invoice.Record) {
	o.Helper()
	o.must(o.db.Read(o.Context(), func(ctx context.Context, q bun.IDB) (err error) {
		var total int
		all, total, err = invoice.RecordsOf(ctx, q, l, 100, 0)
		n = int64(total)
		return err
	}))
	return n, all
}
