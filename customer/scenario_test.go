package customer

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// begin is the moment at which scenarios begin; each command comes a minute
// after the one before.
var begin = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// TestScenarios carries out the scripts of testdata/customer on both databases:
// what comes of them is the same.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "../testdata/customer", func(t *testing.T, path string) {
		for _, dialect := range dbtest.Dialects {
			t.Run(string(dialect), func(t *testing.T) {
				now := begin
				db := dbtest.Open(t, dialect, dbtest.Clock(func() time.Time { return now }))
				s := &script{Service: New(db, Brand("Gyro Mobile"), TaxRegions("AT", "CH", "DE", "DE-reverse"))}
				datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
					now = now.Add(time.Minute)
					return s.run(t.Context(), d)
				})
			})
		}
	})
}

// script carries out the commands of a scenario.
type script struct{ *Service }

var careDesk = database.Actor{Name: "maria", Role: "care", Via: "api", Request: "r1"}

// run carries a command out and says what came of it: the names of what is not
// empty in the row, or the refusal.
func (s *script) run(ctx context.Context, d *datadriven.TestData) string {
	result, err := s.command(ctx, d)
	if refused := refusal.Of(err); refused != nil {
		return fmt.Sprintf("refused %s at %q: %s\n", refused.Code, refused.Field, refused.Error())
	}
	if err != nil {
		return fmt.Sprintf("error: %v\n", err)
	}
	return shown(result)
}

func (s *script) command(ctx context.Context, d *datadriven.TestData) (any, error) {
	switch d.Cmd {
	case "party":
		var p Party
		fill(d, &p)
		return s.CreateParty(ctx, careDesk, p, contactsOf(d.Input)...)
	case "contact":
		var m ContactMedium
		fill(d, &m)
		added, err := s.AddContact(ctx, careDesk, m)
		return added, err
	case "consent":
		var c Consent
		fill(d, &c)
		return s.Decide(ctx, careDesk, c)
	case "customer":
		var c Customer
		fill(d, &c)
		return s.CreateCustomer(ctx, careDesk, c)
	case "change-customer":
		return s.ChangeCustomer(ctx, careDesk, number(d, "id"), func(c *Customer) error { fill(d, c); return nil })
	case "account":
		var a BillingAccount
		fill(d, &a)
		return s.CreateAccount(ctx, careDesk, a)
	case "change-party":
		return s.ChangeParty(ctx, careDesk, number(d, "id"), func(p *Party) error { fill(d, p); return nil })
	case "change-account":
		return s.ChangeAccount(ctx, careDesk, number(d, "id"), func(a *BillingAccount) error { fill(d, a); return nil })
	case "status":
		status, _ := argument(d, "status")
		why, _ := argument(d, "why")
		return s.in(ctx, func(ctx context.Context, tx *database.Tx) (any, error) {
			return nil, s.SetAccountStatus(ctx, tx, number(d, "id"), AccountStatus(status), why)
		})
	case "line":
		var l Subscription
		return s.in(ctx, func(ctx context.Context, tx *database.Tx) (_ any, err error) {
			if id := number(d, "id"); id != 0 {
				if l, err = s.Subscription(ctx, tx, id); err != nil {
					return nil, err
				}
			}
			fill(d, &l)
			return s.PutSubscription(ctx, tx, l)
		})
	case "ticket":
		var ticket Ticket
		fill(d, &ticket)
		return s.OpenTicket(ctx, careDesk, ticket)
	case "change-ticket":
		var c TicketChange
		fill(d, &c)
		return s.ChangeTicket(ctx, careDesk, number(d, "id"), c)
	case "interaction":
		var i Interaction
		fill(d, &i)
		return s.RecordInteraction(ctx, careDesk, i)
	case "notify":
		n := Notification{CustomerID: number(d, "customer"), AccountID: number(d, "account"), Data: map[string]string{}}
		n.Template, _ = argument(d, "template")
		n.Key, _ = argument(d, "key")
		for line := range strings.Lines(d.Input) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			n.Data[key] = value
		}
		return s.in(ctx, func(ctx context.Context, tx *database.Tx) (any, error) { return nil, s.Notify(ctx, tx, n) })
	}
	return s.question(ctx, d)
}

// question answers what changes nothing.
func (s *script) question(ctx context.Context, d *datadriven.TestData) (answer any, err error) {
	if d.Cmd == "audit" {
		return s.audit(ctx, d)
	}
	err = s.db.Read(ctx, func(ctx context.Context, q bun.IDB) (err error) {
		switch d.Cmd {
		case "payer":
			var a BillingAccount
			a, err = s.Payer(ctx, q, number(d, "id"))
			answer = a.ID
		case "hierarchy":
			var n Node
			n, err = s.Hierarchy(ctx, q, number(d, "id"))
			answer = tree(&n, "")
		case "consents":
			answer, err = s.Consents(ctx, q, number(d, "party_id"))
		case "customers":
			var f Filter
			fill(d, &f)
			answer, _, err = s.Customers(ctx, q, f, Page{})
		case "outbox":
			var all []Message
			all, _, err = s.Messages(ctx, q, MessageFilter{CustomerID: number(d, "customer")}, Page{})
			answer = outbox(all)
		default:
			err = fmt.Errorf("no command %q", d.Cmd)
		}
		return err
	})
	return answer, err
}

func (s *script) audit(ctx context.Context, d *datadriven.TestData) (any, error) {
	entity, _ := argument(d, "entity")
	rows, err := s.db.AuditTrail(ctx, entity, text(number(d, "id")), 0, 100)
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s %s (%s, %s) %s: %s -> %s\n", r.At, r.Actor.Name, r.Actor.Role, r.Actor.Via, r.Action, r.Before, r.After)
	}
	return b.String(), err
}

func (s *script) in(ctx context.Context, fn func(context.Context, *database.Tx) (any, error)) (any, error) {
	return write(ctx, s.Service, careDesk, fn)
}

func outbox(all []Message) string {
	var b strings.Builder
	for k := range all {
		m := &all[k]
		fmt.Fprintf(&b, "%d %s %s %s to %q: %s %s\n  Subject: %s\n", m.ID, m.Key, m.Channel, m.Language, m.Address, m.State, m.Reason, m.Subject)
		for line := range strings.Lines(m.Body) {
			fmt.Fprintf(&b, "  | %s\n", strings.TrimSpace(line))
		}
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

func tree(n *Node, indent string) string {
	out := fmt.Sprintf("%s%d %s\n", indent, n.Account.ID, n.Account.Name)
	for k := range n.Below {
		out += tree(&n.Below[k], indent+"  ")
	}
	return out
}

// number is an argument that is a number, 0 where there is none.
func number(d *datadriven.TestData, key string) int64 {
	value, given := argument(d, key)
	if !given {
		return 0
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func argument(d *datadriven.TestData, key string) (value string, given bool) {
	for _, a := range d.CmdArgs {
		if a.Key == key {
			return strings.Join(a.Vals, ","), true
		}
	}
	return "", false
}

// contactsOf reads a contact medium from each line: its kind and value, or of a
// postal address street, postcode, city and country behind slashes.
func contactsOf(input string) (media []ContactMedium) {
	for line := range strings.Lines(input) {
		kind, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		m := ContactMedium{Kind: ContactKind(kind), Value: value}
		if m.Kind == Postal {
			parts := append(strings.Split(value, "/"), "", "", "")
			m.Value, m.Street, m.Postcode, m.City, m.Country = "", parts[0], parts[1], parts[2], parts[3]
		}
		media = append(media, m)
	}
	return media
}

// fill sets the members of a row by the names that it has in JSON, or by their
// names in small letters; _ in a value stands for a space.
func fill(d *datadriven.TestData, row any) {
	v := reflect.ValueOf(row).Elem()
	for k := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(k).Tag.Get("json"), ",")
		if name == "" {
			name = strings.ToLower(v.Type().Field(k).Name)
		}
		value, given := argument(d, name)
		if name == "-" || name == "id" || !given {
			continue
		}
		value = strings.ReplaceAll(value, "_", " ")
		switch f := v.Field(k); f.Interface().(type) {
		case bool:
			f.SetBool(value == "true")
		case money.Amount:
			amount, err := money.Parse(value, money.Decimals)
			if err != nil {
				panic(err)
			}
			f.SetInt(int64(amount))
		default:
			if f.Kind() == reflect.String {
				f.SetString(value)
				continue
			}
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				panic(err)
			}
			f.SetInt(n)
		}
	}
}

// shown are the members of a row in order, but for the moments of creation.
func shown(row any) string {
	switch v := row.(type) {
	case nil:
		return "ok\n"
	case string:
		return v
	}
	text, err := json.Marshal(row)
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}
