package dunning

import "encoding/json"

// MarshalJSON writes a case as the audit trail has it: with what is overdue in the decimals of its currency.
func (c Case) MarshalJSON() ([]byte, error) {
	type row Case
	return json.Marshal(struct {
		row
		Overdue string `json:"overdue"`
	}{row(c), c.Overdue.In(c.Currency)})
}
