package dunning

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gyro/internal/money"
	"gyro/internal/refusal"
)

// Action is what a step does.
type Action string

// The actions. Resume is no step: it is what lifting a suspension leaves.
const (
	Remind    Action = "reminder"
	Fee       Action = "fee"       // a fee for the next bill, with a letter
	Suspend   Action = "suspend"   // of all services that the account pays for, by order
	Terminate Action = "terminate" // of the same, by order
	WriteOff  Action = "write_off" // of all that is overdue; the case ends
	Resume    Action = "resume"
)

// Amounts are amounts by currency, written as decimals: {"EUR": "5.00"}. A
// currency that is not there means zero; but see Policy.Minimum.
type Amounts map[string]string

// Of is the amount in a currency.
func (a Amounts) Of(currency string) money.Amount {
	amount, err := money.Parse(a[currency], money.Decimals)
	if err != nil {
		return 0 // Check refused what cannot be read; what is not there is zero
	}
	return amount
}

// Step is one step of a policy.
type Step struct {
	// Days is how many days after the oldest due date the step may be taken.
	Days   int    `json:"days"`
	Action Action `json:"action"`
	// Minimum is what must be overdue for the step; below it the case waits.
	Minimum Amounts `json:"minimum,omitempty"`
	// Amount is the fee.
	Amount Amounts `json:"amount,omitempty"`
	// Template is the letter, one of Letters; "" is that of the action.
	Template string `json:"template,omitempty"`
}

// Policy says what is done when.
type Policy struct {
	Name string `json:"name"`
	// Minimum is what must be overdue for a case; with less it is closed. In a currency that it does not name nothing is
	// dunned: how much a hundred yen are is the operator's to know, and nobody is to be suspended for one. "0" is from the
	// smallest coin on.
	Minimum Amounts `json:"minimum"`
	Steps   []Step  `json:"steps"`
}

// maxSteps bounds a policy: nobody is reminded more often.
const maxSteps = 20

// Default is the policy of an office that has stored none. It is for currencies of which an operator would take
// the same figures; who bills in another one stores a policy that names it.
func Default() Policy {
	return Policy{
		Name:    "standard",
		Minimum: Amounts{"EUR": "1.00", "CHF": "1.00", "USD": "1.00", "GBP": "1.00"},
		Steps: []Step{
			{Days: 3, Action: Remind},
			{Days: 10, Action: Fee, Amount: Amounts{"EUR": "2.50", "CHF": "2.50", "USD": "2.50", "GBP": "2.50"}},
			{Days: 14, Action: Remind, Template: "last_reminder"},
			{Days: 21, Action: Suspend, Minimum: Amounts{"EUR": "10.00", "CHF": "10.00", "USD": "10.00", "GBP": "10.00"}},
			{Days: 60, Action: Terminate, Minimum: Amounts{"EUR": "10.00", "CHF": "10.00", "USD": "10.00", "GBP": "10.00"}},
			{Days: 180, Action: WriteOff},
		},
	}
}

// ParsePolicy reads and checks a policy.
func ParsePolicy(text []byte) (Policy, error) {
	var p Policy
	if err := json.Unmarshal(text, &p); err != nil {
		return p, refusal.New(refusal.Invalid, "policy_invalid", "", "the policy is no JSON of the kind that is wanted: %v", err)
	}
	err := p.Check()
	return p, err
}

// noMinimum is the code of an account's refusal in whose currency nothing is dunned.
const noMinimum = "minimum_missing"

// Check refuses a policy that cannot be carried out.
func (p *Policy) Check() error {
	bad := func(field, format string, args ...any) error {
		return refusal.New(refusal.Invalid, "policy_invalid", field, format, args...)
	}
	if p.Name == "" || len(p.Steps) == 0 || len(p.Steps) > maxSteps {
		return bad("steps", "a policy has a name and 1 to %d steps; this one is %q with %d", maxSteps, p.Name, len(p.Steps))
	}
	if len(p.Minimum) == 0 {
		return bad("minimum", "say from what amount on is dunned, for each currency that you bill in: {\"EUR\": \"5.00\"}")
	}
	if err := p.Minimum.check("minimum"); err != nil {
		return err
	}
	for k := range p.Steps {
		s, field := &p.Steps[k], fmt.Sprintf("steps[%d]", k)
		switch {
		case s.Days < 1 || s.Days > 3650:
			return bad(field+".days", "%d: a step comes 1 to 3650 days after the due date", s.Days)
		case k > 0 && s.Days <= p.Steps[k-1].Days:
			return bad(field+".days", "%d days: steps come one after the other, each later than the one before (%d)", s.Days, p.Steps[k-1].Days)
		case !slices.Contains([]Action{Remind, Fee, Suspend, Terminate, WriteOff}, s.Action):
			return bad(field+".action", "%q: use reminder, fee, suspend, terminate or write_off", s.Action)
		case s.Action == WriteOff && k != len(p.Steps)-1:
			return bad(field+".action", "nothing can follow a write-off: make it the last step")
		case (s.Action == Fee) != (len(s.Amount) > 0):
			return bad(field+".amount", "a fee needs an amount, and only a fee has one")
		case s.Action == Fee && p.lacksFee(s) != "":
			return bad(field+".amount", "there is no fee in %s, for which the policy has a minimum: name one, or \"0\" for none", p.lacksFee(s))
		case s.Template != "" && !slices.Contains(Letters, s.Template):
			return bad(field+".template", "%q: use one of %s, or leave it out", s.Template, strings.Join(Letters, ", "))
		}
		if err := s.Amount.check(field + ".amount"); err != nil {
			return err
		}
		if err := s.Minimum.check(field + ".minimum"); err != nil {
			return err
		}
	}
	return nil
}

// lacksFee is a currency in which the policy duns and that a fee does not name, "" if there is none.
func (p *Policy) lacksFee(s *Step) string {
	for _, currency := range slices.Sorted(maps.Keys(p.Minimum)) {
		if _, named := s.Amount[currency]; !named {
			return currency
		}
	}
	return ""
}

// covers refuses a currency that nobody has said a minimum for.
func (p *Policy) covers(currency string) error {
	if _, named := p.Minimum[currency]; named {
		return nil
	}
	return refusal.New(refusal.Unprocessable, noMinimum, "minimum",
		"the policy %q has no minimum for %s, and nobody is dunned for an amount that nobody has decided on: put \"%s\" into its minimum (gyro dunning policy --set FILE; \"0\" is from the smallest coin on)", p.Name, currency, currency)
}

func (a Amounts) check(field string) error {
	for code, text := range a {
		c, err := money.ParseCurrency(code)
		if err != nil {
			return refusal.New(refusal.Invalid, "policy_invalid", field, "%v", err)
		}
		if amount, err := money.Parse(text, c.Exponent()); err != nil || amount < 0 {
			return refusal.New(refusal.Invalid, "policy_invalid", field, "%s %q: write an amount of at least 0 as 5.00", code, text)
		}
	}
	return nil
}

// Letters are the templates that a step may send. What they are filled in with
// is in (*Service).take.
var Letters = []string{"reminder", "last_reminder", "dunning_fee", "suspension", "termination"}

// letterOf is what a step sends that names no letter. A write-off sends none:
// the customer owes it still.
var letterOf = map[Action]string{Remind: "reminder", Fee: "dunning_fee", Suspend: "suspension", Terminate: "termination"}

// letter is the template of a step's letter, "" if there is none.
func (s *Step) letter() string {
	if s.Template != "" {
		return s.Template
	}
	return letterOf[s.Action]
}

// state is what decides about the next step of a case.
type state struct {
	asOf, since string // days, YYYY-MM-DD; since is the oldest due date
	overdue     money.Amount
	currency    string
	step        int    // the last that was taken, from 1 on
	lastOn      string // when, "" if none was
	holdUntil   string
}

// next is the number of the step that is due, from 1 on, 0 if none is. A step is
// due when the debt is old enough, the customer was given the time between this
// step and the one before, and enough is overdue; a hold puts everything off.
func (p *Policy) next(s *state) int {
	if s.holdUntil >= s.asOf || s.step >= len(p.Steps) {
		return 0
	}
	step := &p.Steps[s.step]
	if days(s.since, s.asOf) < step.Days || s.overdue < step.Minimum.Of(s.currency) {
		return 0
	}
	if s.step > 0 && s.lastOn != "" && days(s.lastOn, s.asOf) < step.Days-p.Steps[s.step-1].Days {
		return 0
	}
	return s.step + 1
}

// days is how many days lie between two days. Both are calendar dates: no zone
// and no daylight saving comes in.
func days(from, until string) int {
	a, errA := time.Parse(time.DateOnly, from)
	b, errB := time.Parse(time.DateOnly, until)
	if errA != nil || errB != nil {
		return 0 // dates of the database were checked when they came in
	}
	return int(b.Sub(a) / (24 * time.Hour))
}
