package charge_test

import (
	"fmt"
	"strconv"

	"github.com/cockroachdb/datadriven"

	"gyro/billing/charge"
	"gyro/internal/money"
)

// arguments reads those of a step. What cannot be read ends the test with a panic that names it.
type arguments struct{ *datadriven.TestData }

func (a arguments) has(key string) bool { return a.HasArg(key) }

func (a arguments) text(key, otherwise string) string {
	if !a.HasArg(key) {
		return otherwise
	}
	for _, arg := range a.CmdArgs {
		if arg.Key == key && len(arg.Vals) == 1 {
			return arg.Vals[0]
		}
	}
	panic(fmt.Sprintf("%s: %s: give one value", a.Pos, key))
}

func (a arguments) number(key string, otherwise int64) int64 {
	return number(a.text(key, strconv.FormatInt(otherwise, 10)))
}
func (a arguments) amount(key string) money.Amount { return amount(a.text(key, "0")) }
func (a arguments) day(key string) charge.Day      { return day(a.text(key, "")) }

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func amount(text string) money.Amount {
	n, err := money.Parse(text, money.Decimals)
	if err != nil {
		panic(err)
	}
	return n
}

func day(text string) charge.Day {
	d, err := charge.ParseDay(text)
	if err != nil {
		panic(err)
	}
	return d
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
