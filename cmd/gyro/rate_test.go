package main

import (
	"strings"
	"testing"
)

func runRate(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return runCommand(t, newRateCommand(), "", append([]string{"--catalog", tariffs}, args...)...)
}

const rateOfACall = `service internet does not apply: context is 32260, not 32251
service video does not apply: context is 32260, not 32251; rating_group is none, not 20
service portal does not apply: context is 32260, not 32251; rating_group is none, not 30
service blocked does not apply: context is 32260, not 32251; rating_group is none, not 40
service voice applies: context is 32260; role is originating
offer talk-200 applies: rate is voice
rule talk-emergency does not apply: zone is national (4930123456), not emergency
rule talk-freephone does not apply: zone is national (4930123456), not freephone
rule talk-premium does not apply: zone is national (4930123456), not premium
rule talk-national applies: zone is national (4930123456)
used 200m at the price of talk-national: 0.07 per 1m, in increments of 1m, then 1s
  billed     200m of 200m used so far
  allowance  talk-200 pays 200m
  debit      0.00
used 90s at the price of talk-national: 0.07 per 1m, in increments of 1m, then 1s
  billed     90s of 12090s used so far
  rated      90s, from 0s to 90s
  tier       90s at 0.07 per 1m
  cost       0.105
  debit      0.105
charge 0.105 EUR
`

func TestRateShowsWhy(t *testing.T) {
	got, err := runRate(t, "--offer", "talk-200", "--offer", "payg", "--service", "voice", "--called", "+4930123456", "--at", "2026-11-23 10:00", "200m", "90s")
	if err != nil || got != rateOfACall {
		t.Errorf("%v, got\n%s\nwant\n%s", err, got, rateOfACall)
	}
}

// TestRateAsksAsOnTheWire goes without the name of a service, and at the present.
func TestRateAsksAsOnTheWire(t *testing.T) {
	got, err := runRate(t, "--offer", "payg", "--context", "32251", "--rating-group", "20", "4MB", "2GB")
	if err != nil || !strings.Contains(got, "service video applies: context is 32251; rating_group is 20") || !strings.HasSuffix(got, ", the cap\n"+
		"             less 0.02 for what was rated before: 4.98\n  debit      4.98\ncharge 5.00 EUR\n") {
		t.Errorf("%v, got\n%s", err, got)
	}
}

func TestRateFailsWithoutAPrice(t *testing.T) {
	got, err := runRate(t, "--offer", "payg", "--service", "voice", "1m")
	if err == nil || err.Error() != "the usage has no price: no-tariff" || !strings.Contains(got, "refused: no rule applies") {
		t.Errorf("%v, got\n%s", err, got)
	}
}

func TestRateSaysWhatIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"which catalogue and which offer":                           {"1m"},
		`offer: there is no offer "pay"; did you mean payg?`:        {"--offer", "pay", "--service", "voice", "1m"},
		`service: there is no service "vocie"`:                      {"--offer", "payg", "--service", "vocie", "1m"},
		`used: "1MB" has the unknown unit "MB"`:                     {"--offer", "payg", "--service", "voice", "1MB"},
		`at: "noon" is no moment; write`:                            {"--offer", "payg", "--service", "voice", "--at", "noon", "1m"},
		"neither service nor context is named; for example service": {"--offer", "payg", "1m"},
	} {
		if _, err := runRate(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", args, err)
		}
	}
	broken := tariffsWith(t, "currency: EUR", "currency: EURO")
	out, err := runRate(t, "--offer", "payg", "--service", "voice", "--catalog", broken, "1m")
	if err == nil || !strings.HasSuffix(err.Error(), "has 1 error") || !strings.HasPrefix(out, broken+":") {
		t.Errorf("%v, %s", err, out)
	}
}
