package dunning

import (
	"testing"

	"gyro/internal/money"
	"gyro/internal/refusal"
)

func TestTheDefaultPolicyCanBeCarriedOut(t *testing.T) {
	p := Default()
	if err := p.Check(); err != nil {
		t.Error(err)
	}
}

func TestAPolicyThatCannotBeCarriedOutIsRefused(t *testing.T) {
	for _, text := range []string{
		`{`, `{"name":"x","steps":[]}`,
		`{"name":"x","minimum":{"EUR":"1"},"steps":[{"days":0,"action":"reminder"}]}`,
		`{"name":"x","minimum":{"EUR":"1"},"steps":[{"days":3,"action":"reminder"},{"days":3,"action":"suspend"}]}`,
		`{"name":"x","minimum":{"EUR":"1"},"steps":[{"days":3,"action":"shout"}]}`,
		`{"name":"x","minimum":{"EUR":"1"},"steps":[{"days":3,"action":"resume"}]}`,
		`{"name":"x","minimum":{"EUR":"1"},"steps":[{"days":3,"action":"write_off"},{"days":4,"action":"reminder"}]}`,
		`{"name":"x","steps":[{"days":3,"action":"reminder"}]}`, `{"name":"x","minimum":{},"steps":[{"days":3,"action":"reminder"}]}`,
		`{"name":"x","minimum":{"EUR":"1"},"steps":[{"days":3,"action":"fee"}]}`,
		`{"name":"x","minimum":{"EUR":"1"},"steps":[{"days":3,"action":"fee","amount":{"EUR":"1.005"}}]}`,
		`{"name":"x","minimum":{"EUR":"1","JPY":"500"},"steps":[{"days":3,"action":"fee","amount":{"EUR":"2.50"}}]}`,
		`{"name":"x","minimum":{"EURO":"1"},"steps":[{"days":3,"action":"reminder"}]}`,
		`{"name":"x","minimum":{"EUR":"1"},"steps":[{"days":3,"action":"reminder","template":"love_letter"}]}`,
	} {
		if _, err := ParsePolicy([]byte(text)); !refusal.Is(err, "policy_invalid") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestWhichStepIsNext(t *testing.T) {
	p := Policy{Name: "x", Minimum: Amounts{"EUR": "1.00"}, Steps: []Step{
		{Days: 3, Action: Remind},
		{Days: 10, Action: Fee, Amount: Amounts{"EUR": "2.50"}},
		{Days: 20, Action: Suspend, Minimum: Amounts{"EUR": "10.00"}},
	}}
	for what, c := range map[string]struct {
		s    state
		want int
	}{
		"two days late":                           {state{asOf: "2026-11-03", since: "2026-11-01", overdue: 50 * money.Unit}, 0},
		"three days late":                         {state{asOf: "2026-11-04", since: "2026-11-01", overdue: 50 * money.Unit}, 1},
		"a year late, and never reminded":         {state{asOf: "2027-11-04", since: "2026-11-01", overdue: 50 * money.Unit}, 1},
		"reminded yesterday":                      {state{asOf: "2027-11-05", since: "2026-11-01", overdue: 50 * money.Unit, step: 1, lastOn: "2027-11-04"}, 0},
		"reminded a week ago":                     {state{asOf: "2027-11-11", since: "2026-11-01", overdue: 50 * money.Unit, step: 1, lastOn: "2027-11-04"}, 2},
		"too little for a suspension":             {state{asOf: "2026-12-01", since: "2026-11-01", overdue: 9 * money.Unit, step: 2, lastOn: "2026-11-11"}, 0},
		"enough for it":                           {state{asOf: "2026-12-01", since: "2026-11-01", overdue: 10 * money.Unit, step: 2, lastOn: "2026-11-11"}, 3},
		"promised to pay by today":                {state{asOf: "2026-12-01", since: "2026-11-01", overdue: 10 * money.Unit, step: 2, lastOn: "2026-11-11", holdUntil: "2026-12-01"}, 0},
		"the promise was not kept":                {state{asOf: "2026-12-02", since: "2026-11-01", overdue: 10 * money.Unit, step: 2, lastOn: "2026-11-11", holdUntil: "2026-12-01"}, 3},
		"nothing is left to do":                   {state{asOf: "2027-12-02", since: "2026-11-01", overdue: 10 * money.Unit, step: 3, lastOn: "2026-12-02"}, 0},
		"a day of 23 hours is a day: 2026-03-29":  {state{asOf: "2026-03-31", since: "2026-03-28", overdue: 10 * money.Unit}, 1},
		"a step taken on the day it was due, too": {state{asOf: "2026-11-11", since: "2026-11-01", overdue: 10 * money.Unit, step: 1, lastOn: "2026-11-04"}, 2},
	} {
		c.s.currency = "EUR"
		if got := p.next(&c.s); got != c.want {
			t.Errorf("%s: step %d, want %d", what, got, c.want)
		}
	}
}
