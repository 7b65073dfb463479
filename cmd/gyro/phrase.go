package main

import "strings"

// phrase says in words what an object inside a table's cell is, where it is one of those that are read often: a movement
// between two ledger accounts, or how far a counter is.
func phrase(members []member) (text string, ok bool) {
	value := map[string]string{}
	for _, m := range members {
		value[m.name] = cell(m.value)
	}
	switch {
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
