package tax_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gyro/billing/charge"
	"gyro/billing/tax"
	"gyro/internal/money"
)

// TestWhatBillsAddUpTo holds every policy, currency and mixture of rates against the sums that EN 16931 wants.
func TestWhatBillsAddUpTo(t *testing.T) {
	config := tax.Default()
	rapid.Check(t, func(t *rapid.T) {
		e := &tax.Entity{
			Rounding: rapid.SampledFrom([]string{tax.PerLine, tax.PerInvoice}).Draw(t, "rounding"),
			Prices:   rapid.SampledFrom([]string{tax.Exclusive, tax.Inclusive}).Draw(t, "prices"),
		}
		currency, err := money.ParseCurrency(rapid.SampledFrom([]string{"EUR", "JPY", "KWD"}).Draw(t, "currency"))
		if err != nil {
			t.Fatal(err)
		}
		party := tax.Party{Region: rapid.SampledFrom([]string{"DE", "AT", "FR", "CH", "DE-reverse"}).Draw(t, "region"), Exempt: rapid.Bool().Draw(t, "exempt"), Currency: currency}
		var lines []charge.Line
		var exact money.Amount
		for range rapid.IntRange(0, 12).Draw(t, "lines") {
			l := charge.Line{
				Exact:    money.Amount(rapid.Int64Range(-90_000_000, 90_000_000).Draw(t, "exact")),
				Category: rapid.SampledFrom([]string{"standard", "reduced", "zero"}).Draw(t, "category"), Period: charge.Span{From: charge.Date(2026, 5, 1), Until: charge.Date(2026, 6, 1)},
			}
			exact += l.Exact
			lines = append(lines, l)
		}
		totals, err := tax.Settle(lines, config, e, party)
		if err != nil {
			t.Fatal(err)
		}
		var net, base, sum money.Amount
		for k := range lines {
			net += lines[k].Amount
			if tax.Round(lines[k].Amount, currency) != lines[k].Amount {
				t.Fatalf("line %d is %s, finer than %s is paid in", k, lines[k].Amount.Format(6), currency)
			}
		}
		for _, s := range totals.Subtotals {
			base, sum = base+s.Base, sum+s.Tax
			exact, ok := money.MulDiv(s.Base, uint64(s.Rate), uint64(money.Unit), money.HalfEven)
			if step := step(currency); !ok || e.Prices == tax.Exclusive && (s.Tax-exact > step/2 || exact-s.Tax > step/2) {
				t.Fatalf("%s at %d of %s", s.Tax, s.Rate, s.Base)
			}
		}
		if net != totals.Net || base != totals.Net || sum != totals.Tax || totals.Total != net+sum {
			t.Fatalf("lines %s, bases %s, taxes %s: %+v", net, base, sum, totals)
		}
		paid := totals.Net
		if e.Prices == tax.Inclusive {
			paid = totals.Total
		}
		most := step(currency) * money.Amount(max(len(lines), 1))
		if e.Rounding == tax.PerInvoice {
			most = step(currency) * money.Amount(max(len(totals.Subtotals), 1))
		}
		if difference := paid - exact; difference > most/2 || difference < -most/2 {
			t.Fatalf("exact %s became %s: more than the rounding of each", exact.Format(6), paid)
		}
	})
}

func step(c money.Currency) money.Amount {
	s := money.Unit
	for range c.Exponent() {
		s /= 10
	}
	return s
}

// TestConfigurationsThatAreWrong are refused with the place.
func TestConfigurationsThatAreWrong(t *testing.T) {
	entity := "entities: [{name: a, prefix: A, rounding: line, prices: exclusive}]\n"
	for text, want := range map[string]string{
		"": "tax configuration",
		"entities: [{name: a, prefix: A, rounding: up, prices: exclusive}]":                                                                                                                  `entity a: rounding "up"`,
		"entities: [{name: a, prefix: A, rounding: line, prices: gross}]":                                                                                                                    `entity a: prices "gross"`,
		entity + "regions: [{region: DE, rates: [{category: normal, code: S, rate: 19, from: 2007-01-01}]}]":                                                                                 `tax region DE: rates[0]: category "normal"`,
		entity + "regions: [{region: DE, rates: [{category: standard, code: S, rate: 119, from: 2007-01-01}]}]":                                                                              `rate "119"`,
		entity + "regions: [{region: DE, rates: [{category: standard, code: Z, rate: 19, from: 2007-01-01}]}]":                                                                               `code "Z"`,
		entity + "regions: [{region: DE, rates: [{category: standard, code: S, rate: 19, from: 2007-13-01}]}]":                                                                               "from:",
		entity + "regions: [{region: DE, colour: red}]":                                                                                                                                      "colour",
		entity + "regions: [{region: DE}, {region: DE}]":                                                                                                                                     "there are two of it",
		"entities: [{name: a, prefix: A, rounding: line, prices: exclusive}, {name: b, prefix: A, rounding: line, prices: exclusive}]":                                                       "collide",
		entity + `regions: [{region: DE, rates: [{category: standard, code: S, rate: 19, from: 2007-01-01}, {category: standard, code: S, rate: 16, from: 2020-07-01, until: 2021-01-01}]}]`: "two rates hold on one day",
	} {
		if _, err := tax.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nis refused with %v, want %s", text, err, want)
		}
	}
}
