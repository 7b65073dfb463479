package tmftest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gyro/api/rest"
)

// TestTheDefinitionsAreHeld: what a definition forbids is found, with its place.
func TestTheDefinitionsAreHeld(t *testing.T) {
	if _, err := os.Stat(filepath.Join(Root(), definitions)); err != nil {
		t.Logf("%v: answers are held against the golden bodies only", err)
		return
	}
	for _, test := range []struct {
		api              rest.API
		definition, body string
		want             string
	}{
		{rest.TMF629, "Customer", `{"id":"1","engagedParty":{"id":"7","@referredType":"Individual"}}`, ""},
		{rest.TMF629, "Customer", `{"id":"1"}`, "/: missing property 'engagedParty'"},
		{rest.TMF629, "Customer", `{"id":1,"engagedParty":{"id":"7","@referredType":"Individual"}}`, "/id: got number, want string"},
		{rest.TMF637, "Product", `{"status":"sleeping"}`, "/status: value must be one of"},
		{rest.TMF622, "ProductOrder", `{"productOrderItem":[],"orderDate":"yesterday"}`, "/orderDate: 'yesterday' is not valid date-time"},
		{rest.TMF620, "RelatedParty", `{"id":"1","@referredType":"X","href":"no uri"}`, "/href: 'no uri' is not valid uri"},
		{rest.TMF678, "CustomerBill", `{"amountDue":{"unit":"EUR","value":"12"}}`, "/amountDue/value: got string, want number"},
	} {
		err := check(test.api, test.definition, []byte(test.body))
		if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v, want %q", test.definition, test.body, err, test.want)
		}
	}
	for _, api := range rest.APIs {
		if schema, err := schemaOf(api, "Error"); schema == nil || err != nil {
			t.Errorf("TMF%d: %v", api.Number, err)
		}
	}
}
