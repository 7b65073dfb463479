package api

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"gyro/charging/engine"
)

// TestMembersComeByManyWays: two servers over one core, as in a process with both halves, add subscribers to one account at the
// same moment and take every fourth away again. Nobody is lost and nobody stays.
func TestMembersComeByManyWays(t *testing.T) {
	core := newCore(t, engine.Options{})
	one, _ := newServer(t, Options{Engine: core})
	other, _ := newServer(t, Options{Engine: core})
	const each = 40
	var group sync.WaitGroup
	for way, client := range []*client{one, other} {
		group.Go(func() {
			for n := range each {
				imsi := fmt.Sprintf("0010100000%d%04d", way, n)
				a, err := client.try("POST", "/charging/v1/accounts/family/subscribers",
					`{"subscriber":{"imsi":"`+imsi+`"},"account":{"currency":"EUR","kind":"postpaid","credit_limit":"50"}}`)
				if err != nil || a.status != http.StatusCreated {
					t.Errorf("%s: %v, %d %s", imsi, err, a.status, a.body)
				}
				if n%4 != 0 {
					continue
				}
				if a, err = client.try("POST", "/charging/v1/accounts/family/subscribers/remove", `{"subscriber":"imsi:`+imsi+`"}`); err != nil || a.status != http.StatusOK {
					t.Errorf("%s: %v, %d %s", imsi, err, a.status, a.body)
				}
			}
		})
	}
	group.Wait()
	if found := strings.Count(one.send("GET", "/charging/v1/accounts/family", "").body, `"imsi"`); found != 2*each*3/4 {
		t.Errorf("%d subscribers, want %d", found, 2*each*3/4)
	}
}
