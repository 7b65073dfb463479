package main

import (
	"strings"

	"gyro/internal/money"
)

// phrase says in words what an object inside a table's cell is, where it is one of those that are read often: a movement
// between two ledger accounts, or how far a counter is.
func phrase(members []member) (text string, ok bool) {
	value := map[string]string{}
	for _, m := range members {
		value[m.name] = cell(m.value)
	}
	switch {
	case len(members) == 2 && value["value"] != "" && value["unit"] != "":
		return paid(value["value"], value["unit"]), true
	case len(members) == 2 && value["name"] != "" && value["value"] != "":
		return value["name"] + "=" + value["value"], true
	case len(members) == 2 && value["id"] != "" && value["name"] != "":
		return value["name"] + " (" + value["id"] + ")", true
	case value["from"] != "" && value["to"] != "" && value["amount"] != "":
		text = value["from"] + " -> " + value["to"] + " " + value["amount"] + " " + value["denomination"]
		if value["bucket"] != "" {
			text += " (bucket " + value["bucket"] + ")"
		}
		return text, true
	case value["counter"] != "" && value["used"] != "":
		words := []string{value["counter"], value["used"]}
		for _, bound := range [...]string{"limit", "most"} {
			if value[bound] != "" {
				words = append(words, "of", value[bound])
			}
		}
		words = append(words, value["denomination"])
		if value["until"] != "" {
			words = append(words, "until", value["until"])
		}
		return strings.Join(words, " "), true
	}
	return "", false
}

// paid is an amount of TM Forum as people write it: with the decimals of its currency at least.
func paid(value, unit string) string {
	currency, err := money.ParseCurrency(unit)
	if err != nil {
		return value + " " + unit
	}
	amount, err := money.Parse(value, money.Decimals)
	if err != nil {
		return value + " " + unit
	}
	return amount.Format(currency.Exponent()) + " " + unit
}
