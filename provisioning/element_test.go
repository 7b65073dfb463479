package provisioning

import (
	"errors"
	"fmt"
	"testing"
)

func TestOnlyARefusalForGoodIsPermanent(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("connection reset"), false},
		{&ElementError{Temporary: true, Code: "503", Message: "overloaded"}, false},
		{fmt.Errorf("hss: %w", &ElementError{Code: "409", Message: "the IMSI belongs to another number"}), true},
	} {
		if Permanent(c.err) != c.want {
			t.Errorf("%v: permanent %v, want %v", c.err, !c.want, c.want)
		}
	}
}
