package refusal

import (
	"errors"
	"fmt"
	"testing"
)

func TestARefusalIsFoundBehindWhatWrapsIt(t *testing.T) {
	err := fmt.Errorf("placing the order: %w", New(Conflict, "number_taken", "orderItem[0].msisdn", "%s is assigned; choose another", "491720000001"))
	if !Is(err, "number_taken") || Is(err, "number_unknown") || Of(err).Kind != Conflict {
		t.Errorf("not found in %v", err)
	}
	const want = "placing the order: orderItem[0].msisdn: 491720000001 is assigned; choose another"
	if err.Error() != want {
		t.Errorf("says %q, want %q", err, want)
	}
	if Of(errors.New("disk")) != nil || Is(nil, "") {
		t.Error("a refusal was found where there is none")
	}
}
