package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"testing"

	"gyro/bench"
)

// office is a client of the charging API: it publishes, opens accounts and tops them up.
type office struct {
	t      testing.TB
	base   string
	client *http.Client
}

func newOffice(t testing.TB, address string) *office {
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	t.Cleanup(transport.CloseIdleConnections)
	return &office{t: t, base: "http://" + address, client: &http.Client{Transport: transport, Timeout: patience}}
}

// reply is an answer of the API.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// do makes one attempt at a request.
func (o *office) do(ctx context.Context, method, path, contentType string, body []byte, header ...string) (*reply, error) {
	request, err := http.NewRequestWithContext(ctx, method, o.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for n := 0; n+1 < len(header); n += 2 {
		request.Header.Set(header[n], header[n+1])
	}
	response, err := o.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return &reply{response.StatusCode, response.Header, text}, err
}

// must makes a request that has to succeed and reads the answer into v, unless that is nil.
func (o *office) must(method, path, contentType string, body []byte, v any, header ...string) *reply {
	o.t.Helper()
	r, err := o.do(o.t.Context(), method, path, contentType, body, header...)
	if err != nil {
		o.t.Fatal(err)
	}
	if r.status/100 != 2 {
		o.t.Fatalf("%s %s: status %d: %s", method, path, r.status, r.body)
	}
	if v != nil {
		if err := json.Unmarshal(r.body, v); err != nil {
			o.t.Fatalf("%s %s: %v in %s", method, path, err, r.body)
		}
	}
	return r
}

// The subscribers of the tests' operator are numbered from these.
const (
	firstIMSI   = 262010000000001
	firstMSISDN = 491710000001
)

// hastyCatalog is the benchmark's catalogue with quotas that are valid for seconds: supervision, which lasts twice as
// long at least, can then be watched.
func hastyCatalog(t testing.TB) []byte {
	t.Helper()
	text := quotaValidity.ReplaceAll(bench.Catalog, []byte("validity: 4s, "))
	if bytes.Equal(text, bench.Catalog) {
		t.Fatal("no quota of the catalogue expires any more; adapt this test")
	}
	// Messages name no validity, and are reserved for the hour that is the default.
	message := []byte("quota: {grant: 1}")
	if !bytes.Contains(text, message) {
		t.Fatal("messages have another quota; adapt this test")
	}
	return bytes.ReplaceAll(text, message, []byte("quota: {validity: 4s, grant: 1}"))
}

// quotaValidity finds the validity of quotas; that of allowances, a matter of days, ends its line.
var quotaValidity = regexp.MustCompile(`validity: \w+, `)

// open publishes the catalogue and opens accounts sub-0 to sub-<n-1>: most with money, some postpaid, some nearly empty.
func (o *office) open(n int) {
	o.t.Helper()
	o.must(http.MethodPut, "/charging/v1/catalogs/demo", "application/yaml", hastyCatalog(o.t), nil)
	for i := range n {
		kind, limit, offers, topUp := "prepaid", "0.00", `["payg"]`, "500.00"
		switch i % 8 {
		case 1, 2:
			offers = `["data-5gb","payg"]`
		case 3:
			kind, limit, offers, topUp = "postpaid", "200.00", `["talk-200","payg"]`, ""
		case 4:
			topUp = "0.40"
		}
		o.account(fmt.Sprintf("sub-%d", i), kind, limit, offers, i)
		if topUp != "" {
			o.topUp(fmt.Sprintf("sub-%d", i), topUp, "opening")
		}
	}
}

// account opens an account with one subscriber.
func (o *office) account(id, kind, limit, offers string, number int) {
	o.t.Helper()
	body := fmt.Sprintf(`{"currency":"EUR","kind":%q,"credit_limit":%q,"offers":%s,"subscribers":[{"imsi":"%015d","msisdn":"%d"}]}`,
		kind, limit, offers, firstIMSI+number, firstMSISDN+number)
	o.must(http.MethodPut, "/charging/v1/accounts/"+id, "application/json", []byte(body), nil)
}

func topUpBody(amount string) []byte {
	return fmt.Appendf(nil, `{"amount":%q,"currency":"EUR","reason":"voucher"}`, amount)
}

func topUpPath(id string) string { return "/charging/v1/accounts/" + id + "/top-ups" }

func (o *office) topUp(id, amount, key string) *reply {
	o.t.Helper()
	return o.must(http.MethodPost, topUpPath(id), "application/json", topUpBody(amount), nil, "Idempotency-Key", key)
}

// accountState is what the tests look at of an account.
type accountState struct {
	Remaining    string   `json:"remaining"`
	Reserved     string   `json:"reserved"`
	Excess       string   `json:"excess"`
	OpenSessions []string `json:"open_sessions"`
	Records      uint64   `json:"records"`
}

func (o *office) state(id string) (s accountState) {
	o.t.Helper()
	o.must(http.MethodGet, "/charging/v1/accounts/"+id, "", nil, &s)
	return s
}

// bookState is what the tests look at of the books.
type bookState struct {
	Balanced         bool     `json:"balanced"`
	Problems         []string `json:"problems"`
	OpenSessions     int      `json:"open_sessions"`
	OpenReservations int      `json:"open_reservations"`
}

func (o *office) books() (b bookState) {
	o.t.Helper()
	o.must(http.MethodGet, "/charging/v1/books", "", nil, &b)
	return b
}
