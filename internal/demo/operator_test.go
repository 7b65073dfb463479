package demo

import (
	"strings"
	"testing"
	"time"

	demodata "gyro/testdata/demo"
)

// TestOperator numbers all subscribers once, and spreads the kinds of account over them.
func TestOperator(t *testing.T) {
	t.Parallel()
	o, err := ReadOperator(demodata.Operator)
	if err != nil {
		t.Fatal(err)
	}
	next, kinds, ids := 0, map[*AccountKind]int{}, map[string]bool{}
	for n := range o.accounts {
		a := &o.accounts[n]
		if a.first != next || a.members < 1 || a.members > a.spec.Members || ids[a.id] {
			t.Fatalf("account %+v, want it to begin at subscriber %d", a, next)
		}
		next, ids[a.id] = next+a.members, true
		kinds[a.spec]++
	}
	if next != o.Subscribers() || next != 10_000 || o.Accounts() != len(ids) {
		t.Errorf("%d subscribers in %d accounts, want %d", next, len(ids), o.Subscribers())
	}
	for g := range o.Groups {
		rounds := kinds[&o.Groups[g].Accounts[0]] / o.Groups[g].Accounts[0].Share
		for n := range o.Groups[g].Accounts {
			spec := &o.Groups[g].Accounts[n]
			if got := kinds[spec]; got < (rounds-1)*spec.Share || got > (rounds+1)*spec.Share {
				t.Errorf("%d accounts with %v and %q, want some %d", got, spec.Offers, spec.TopUp, rounds*spec.Share)
			}
		}
	}
	if got := o.imsi(9999); got != "001010000010000" || o.msisdn(0) != o.MSISDNBase || imei(got) != "35010000010000" {
		t.Errorf("subscriber 9999 is %s, its device %s", got, imei(got))
	}
}

// TestOperatorRejects says what is wrong with an operator.
func TestOperatorRejects(t *testing.T) {
	t.Parallel()
	const head = "{currency: EUR, groups: [{name: all, subscribers: 5, accounts: [{share: 1, kind: prepaid, top_up: \"1.00\"}]}]}"
	for want, change := range map[string][2]string{
		"currency":                 {"EUR", "EURO"},
		"kind \"free\" is unknown": {"prepaid", "free"},
		"must be positive":         {"share: 1", "share: 0"},
		"group all: subscribers":   {"subscribers: 5", "subscribers: 0"},
		"no accounts":              {"groups: [", "gruppen: ["},
		"more decimal places":      {"1.00", "1.0000001"},
		"demo operator: yaml: ":    {"{currency", "}{currency"},
	} {
		if _, err := ReadOperator([]byte(strings.Replace(head, change[0], change[1], 1))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", change, err, want)
		}
	}
}

// TestClock goes forward only, and ends at the present.
func TestClock(t *testing.T) {
	t.Parallel()
	c := NewClock()
	if behind := time.Since(c.Now()); behind < sinceJoined {
		t.Errorf("it begins %s behind", behind)
	}
	day := 24 * time.Hour
	for _, step := range []struct{ to, behind time.Duration }{{7 * day, 7 * day}, {20 * day, 7 * day}, {day, day}, {-day, 0}} {
		c.Set(time.Now().Add(-step.to))
		if behind := time.Since(c.Now()) - step.behind; behind < -time.Minute || behind > time.Minute {
			t.Errorf("set to %s ago it is %s behind, want %s", step.to, time.Since(c.Now()), step.behind)
		}
	}
	c = NewClock()
	c.Catch()
	if behind := time.Since(c.Now()); behind > time.Minute {
		t.Errorf("the present is %s behind", behind)
	}
}
