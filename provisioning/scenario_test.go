package provisioning

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/uptrace/bun"

	"gyro/api/client"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
	"gyro/provisioning/workflow"
)

// TestScenarios plays the scripts of testdata/order on both databases: what comes of them is the same.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "../testdata/order", func(t *testing.T, path string) {
		if !strings.HasSuffix(path, ".txt") {
			return // the catalogue
		}
		for _, dialect := range dbtest.Dialects {
			t.Run(string(dialect), func(t *testing.T) {
				s := &script{newWorld(t, dialect)}
				datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
					s.t = t
					out, err := s.step(d)
					return out + said(err)
				})
			})
		}
	})
}

type script struct{ *world }

// said is an error as people read it.
func said(err error) string {
	if err == nil {
		return ""
	}
	if r := refusal.Of(err); r != nil {
		return "refused: " + r.Code + ": " + r.Error() + "\n"
	}
	return "error: " + err.Error() + "\n"
}

func (s *script) step(d *datadriven.TestData) (string, error) {
	steps := map[string]func(*datadriven.TestData) (string, error){
		"customer": s.customerStep, "status": s.statusStep, "top-up": s.topUpStep, "owes": s.owesStep, "debt": s.debtStep, "order": s.orderStep, "hss": s.elementStep, "pcrf": s.elementStep,
		"core": s.coreStep, "work": s.workStep, "wait": s.waitStep, "at": s.atStep, "show": s.showStep, "fallout": s.falloutStep, "retry": s.resolveStep,
		"skip": s.resolveStep, "complete": s.resolveStep, "cancel-item": s.resolveStep, "cancel": s.cancelStep, "amend": s.amendStep,
		"inventory": s.inventoryStep, "elements": s.elementsStep, "charging": s.chargingStep, "pools": s.poolsStep, "audit": s.auditStep,
		"events": s.eventsStep, "sweep": s.sweepStep, "revive": s.reviveStep, "messages": s.messagesStep, "crash": s.crashStep,
	}
	run, known := steps[d.Cmd]
	if !known {
		d.Fatalf(s.t, "there is no command %s", d.Cmd)
	}
	return run(d)
}

func (s *script) number(d *datadriven.TestData, name string, otherwise int64) int64 {
	if !d.HasArg(name) {
		return otherwise
	}
	var n int64
	d.ScanArgs(s.t.(*testing.T), name, &n)
	return n
}

func text(d *datadriven.TestData, name, otherwise string) string {
	for _, a := range d.CmdArgs {
		if a.Key == name && len(a.Vals) > 0 {
			return strings.Join(a.Vals, " ")
		}
	}
	return otherwise
}

func (s *script) span(word string) instant.Span {
	span, err := time.ParseDuration(word)
	must(s.t, err)
	return instant.Span(span.Milliseconds())
}

func (s *script) customerStep(d *datadriven.TestData) (string, error) {
	id := s.customer(text(d, "name", "Ada"), customer.AccountKind(text(d, "kind", "postpaid")), customer.Segment(text(d, "segment", "residential")))
	return fmt.Sprintf("account %d\n", id), nil
}

func (s *script) statusStep(d *datadriven.TestData) (string, error) {
	return "", s.db.Write(s.t.Context(), sales, func(ctx context.Context, tx *database.Tx) error {
		return s.o.Customers.SetAccountStatus(ctx, tx, s.number(d, "account", 1), customer.AccountStatus(text(d, "status", "active")), "script")
	})
}

func (s *script) topUpStep(d *datadriven.TestData) (string, error) {
	amount, err := money.Parse(text(d, "amount", "10.00"), 2)
	must(s.t, err)
	_, err = s.core.Charging.TopUp(s.t.Context(), text(d, "account", "ba-1"), "top-up-"+d.Pos, client.TopUp{Amount: amount, Currency: money.EUR, Reason: "cash"})
	return "", err
}

func (s *script) owesStep(d *datadriven.TestData) (string, error) {
	amount, err := money.Parse(text(d, "amount", "0"), 2)
	s.overdue[s.number(d, "account", 1)] = amount
	return "", err
}

// debtStep: the lines of the account are suspended for a debt from now on, or, lifted, are not. Of one that is forgiven the
// orders do not hear.
func (s *script) debtStep(d *datadriven.TestData) (string, error) {
	account := s.number(d, "account", 1)
	s.inDebt[account] = !d.HasArg("lifted") && !d.HasArg("forgiven")
	if !d.HasArg("lifted") {
		return "", nil
	}
	return "", s.db.Write(s.t.Context(), sales, func(ctx context.Context, tx *database.Tx) error { return s.DebtLifted(ctx, tx, account) })
}

// orderStep: account=, external=, start=+2h, by=+3h; a line of input is an item.
func (s *script) orderStep(d *datadriven.TestData) (string, error) {
	r := OrderRequest{AccountID: s.number(d, "account", 1), ExternalID: text(d, "external", "")}
	if d.HasArg("start") {
		r.StartAt = s.db.Now().Add(s.span(text(d, "start", "")))
	}
	if d.HasArg("by") {
		r.CompleteBy = s.db.Now().Add(s.span(text(d, "by", "")))
	}
	for line := range strings.Lines(d.Input) {
		r.Items = append(r.Items, s.item(strings.Fields(line)))
	}
	o, err := s.Place(s.t.Context(), sales, r)
	if err != nil {
		return "", err
	}
	return s.describe(&o), nil
}

// item reads add OFFERING, change-plan OFFERING, suspend, resume, delete, no-change; product=, when=, at=+2h and
// characteristics.
func (s *script) item(words []string) ItemRequest {
	asked := ItemRequest{Action: Modify, Characteristics: map[string]string{}}
	rest := words[1:]
	switch words[0] {
	case "add":
		asked.Action, asked.Offering, rest = Add, words[1], words[2:]
	case "change-plan":
		asked.Offering, rest = words[1], words[2:]
	case "suspend":
		asked.Status = string(ProductSuspended)
	case "resume":
		asked.Status = string(ProductActive)
	case "modify":
	case "delete":
		asked.Action = Delete
	case "no-change":
		asked.Action = NoChange
	default:
		asked.Action = Action(words[0])
	}
	for _, word := range rest {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "product":
			asked.ProductID, _ = strconv.ParseInt(value, 10, 64)
		case "when":
			asked.When = When(value)
		case "at":
			asked.When, asked.At = OnDate, s.db.Now().Add(s.span(value))
		default:
			asked.Characteristics[name] = value
		}
	}
	return asked
}

// describe shows an order with its items and tasks.
func (s *script) describe(o *Order) string {
	var b strings.Builder
	fmt.Fprintf(&b, "order %d %s", o.ID, o.State)
	if o.Jeopardy {
		b.WriteString(" in jeopardy")
	}
	if o.Reason != "" {
		fmt.Fprintf(&b, ": %s", o.Reason)
	}
	if !o.State.Final() && o.WakeAt > s.db.Now() {
		fmt.Fprintf(&b, ", wakes at %s", clock(o.WakeAt))
	}
	b.WriteByte('\n')
	for k := range o.Items {
		item := &o.Items[k]
		fmt.Fprintf(&b, "  %d %s %s", item.Position, item.Change, item.State)
		for _, word := range []string{item.Plan.Offering, item.Line.MSISDN} {
			if word != "" {
				b.WriteString(" " + word)
			}
		}
		if item.DueAt != 0 {
			fmt.Fprintf(&b, " due %s", item.DueAt)
		}
		b.WriteByte('\n')
		for n := range o.Tasks {
			if t := &o.Tasks[n]; t.item == item.Position {
				b.WriteString("    " + describeTask(t) + "\n")
			}
		}
	}
	return b.String()
}

func clock(at instant.Instant) string { return at.Time().Format("15:04:05") }

func describeTask(t *Task) string {
	words := []string{strconv.Itoa(t.Position), t.Name, string(t.State)}
	if t.Direction == workflow.Back {
		words[2] = "undo " + words[2]
	}
	if len(t.Needs) > 0 {
		words = append(words, "after "+strings.Trim(fmt.Sprint(t.Needs), "[]"))
	}
	if t.Attempts > 1 || t.State == workflow.Fallout {
		words = append(words, fmt.Sprintf("attempts %d", t.Attempts))
	}
	if t.Cause != "" {
		words = append(words, fmt.Sprintf("(%s: %s)", t.CauseCode, t.Cause))
	}
	if t.ResolvedBy != "" {
		words = append(words, "by "+t.ResolvedBy)
	}
	return strings.Join(words, " ")
}

// elementStep: hss refuse|down|lose|well, only=, times=. refuse is for good, down for now, lose carries out and does not
// answer.
func (s *script) elementStep(d *datadriven.TestData) (string, error) {
	e := s.elements[d.Cmd]
	b := behaviour{only: OperationKind(text(d, "only", "")), times: int(s.number(d, "times", 0))}
	switch d.CmdArgs[0].Key {
	case "refuse":
		b.err = &ElementError{Code: "409", Message: d.Cmd + ": the profile is not known here"}
	case "down":
		b.err = &ElementError{Temporary: true, Code: "503", Message: d.Cmd + ": out of service"}
	case "lose":
		b.err, b.does = &ElementError{Temporary: true, Code: "no_answer", Message: d.Cmd + ": no answer"}, true
	case "well":
		e.script = nil
		return "", nil
	case "forget":
		clear(e.known)
		return "", nil
	}
	e.script = append(e.script, b)
	return "", nil
}

func (s *script) coreStep(d *datadriven.TestData) (string, error) {
	word, only := d.CmdArgs[0].Key, text(d, "only", "")
	s.way.decide = func(call string) (before, after bool) {
		if only != "" && call != only {
			return false, false
		}
		return word == "down", word == "lose"
	}
	return "", nil
}

// workStep drives what is due, and shows the order.
func (s *script) workStep(d *datadriven.TestData) (string, error) {
	s.work()
	return s.showStep(d)
}

func (s *script) waitStep(d *datadriven.TestData) (string, error) {
	s.wait(s.span(text(d, "for", "1m")))
	return s.showStep(d)
}

// atStep lets time pass without anything being driven: the process is down.
func (s *script) atStep(d *datadriven.TestData) (string, error) {
	s.core.Set(s.db.Now().Add(s.span(text(d, "after", "1m"))))
	return clock(s.db.Now()) + "\n", nil
}

func (s *script) showStep(d *datadriven.TestData) (string, error) {
	id := s.number(d, "order", 0)
	if id == 0 {
		return "", nil
	}
	o, err := s.read(s.t.Context(), id)
	if err != nil {
		return "", err
	}
	return s.describe(o), nil
}

func (s *script) falloutStep(*datadriven.TestData) (out string, err error) {
	err = s.db.Read(s.t.Context(), func(ctx context.Context, q bun.IDB) error {
		list, err := s.FalloutQueue(ctx, q, 0, 100)
		for k := range list {
			f := &list[k]
			out += fmt.Sprintf("task %d of order %d, %s %s: %s: %s\n  %s\n", f.ID, f.OrderID, f.Change, f.MSISDN, f.Name, f.Cause, f.Suggestion)
		}
		return err
	})
	return out, err
}

func (s *script) resolveStep(d *datadriven.TestData) (string, error) {
	r := Resolution(strings.TrimSuffix(d.Cmd, "-item"))
	o, err := s.Resolve(s.t.Context(), network, s.number(d, "task", 0), r, text(d, "note", ""))
	if err != nil {
		return "", err
	}
	return s.describe(&o), nil
}

func (s *script) cancelStep(d *datadriven.TestData) (string, error) {
	c, err := s.Cancel(s.t.Context(), sales, s.number(d, "order", 1), text(d, "reason", ""))
	if err != nil {
		return "", err
	}
	if d.HasArg("work") {
		s.work()
	}
	return s.cancellation(c.ID)
}

func (s *script) cancellation(id int64) (out string, err error) {
	err = s.db.Read(s.t.Context(), func(ctx context.Context, q bun.IDB) error {
		c, err := s.CancellationByID(ctx, q, id)
		if err != nil {
			return err
		}
		o, err := s.Order(ctx, q, c.OrderID)
		out = strings.TrimSpace(fmt.Sprintf("cancellation %d %s %s", c.ID, c.State, c.Outcome)) + "\n" + s.describe(&o)
		return err
	})
	return out, err
}

func (s *script) amendStep(d *datadriven.TestData) (string, error) {
	var a Amendment
	if d.HasArg("start") {
		at := s.db.Now().Add(s.span(text(d, "start", "")))
		a.StartAt = &at
	}
	if d.HasArg("by") {
		at := s.db.Now().Add(s.span(text(d, "by", "")))
		a.CompleteBy = &at
	}
	if d.HasArg("offering") {
		a.Offerings = map[int]string{int(s.number(d, "item", 1)): text(d, "offering", "")}
	}
	o, err := s.Amend(s.t.Context(), sales, s.number(d, "order", 1), a)
	if err != nil {
		return "", err
	}
	return s.describe(&o), nil
}

func (s *script) sweepStep(d *datadriven.TestData) (string, error) {
	if err := s.Sweep(s.t.Context()); err != nil {
		return "", err
	}
	return s.showStep(d)
}

func (s *script) reviveStep(d *datadriven.TestData) (string, error) {
	if err := s.Revive(s.t.Context()); err != nil {
		return "", err
	}
	return s.poolsStep(d)
}

func (s *script) messagesStep(*datadriven.TestData) (out string, err error) {
	err = s.db.Read(s.t.Context(), func(ctx context.Context, q bun.IDB) error {
		list, _, err := s.o.Customers.Messages(ctx, q, customer.MessageFilter{Template: customer.OrderCompleted}, customer.Page{})
		for k := range list {
			out += list[k].Key + ": " + list[k].Subject + "\n"
		}
		return err
	})
	return out, err
}

// crashStep begins what can begin and dies before it hears how it ended.
func (s *script) crashStep(d *datadriven.TestData) (string, error) {
	o, err := s.read(s.t.Context(), s.number(d, "order", 1))
	if err != nil {
		return "", err
	}
	after, started, err := s.Service.step(s.t.Context(), o, nil)
	if err != nil {
		return "", err
	}
	s.performAll(s.t.Context(), after, started)
	s.open()
	return s.showStep(d)
}
