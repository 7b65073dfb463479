package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// orderSite is an operator's programs at work: the charging engine with the
// office, the HSS and the PCRF.
type orderSite struct {
	database        string
	gyro, hss, pcrf *process
	office, key     string
	accounts        []string
	client          *http.Client
}

// Paths that the benchmark uses.
const (
	orderPath     = "/tmf-api/productOrderingManagement/v4/productOrder"
	orderPageSize = 100
)

// startSite starts the processes and waits until the office serves.
func (c *Orders) startSite(ctx context.Context, url, dir string) (_ *orderSite, err error) {
	s := &orderSite{database: "postgres"}
	if strings.HasPrefix(url, "sqlite:") {
		s.database = "sqlite"
	}
	s.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: c.Clients + 1}}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if err = os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	element := func(kind string) (*process, error) {
		return start(ctx, "simulate", kind, "--listen", "127.0.0.1:0", "--state", filepath.Join(dir, kind+".state"), "--log-format", "json", "--log-level", "info")
	}
	if s.hss, err = element("hss"); err != nil {
		return nil, err
	}
	if s.pcrf, err = element("pcrf"); err != nil {
		return nil, err
	}
	office, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s.office = "http://" + office
	settings := filepath.Join(dir, "gyro.yaml")
	text := fmt.Sprintf("office:\n  elements: {hss: %q, pcrf: %q}\n", "http://"+s.hss.ready.HTTP, "http://"+s.pcrf.ready.HTTP)
	if err = os.WriteFile(settings, []byte(text), 0o600); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	args := []string{
		"up", "--config", settings, "--data", data, "--diameter-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--log-format", "json",
		"--office", "--office-listen", office, "--database", url,
	}
	if c.Profile != "" {
		args = append(args, "--cpu-profile", c.Profile+"."+s.database)
	}
	if s.gyro, err = start(ctx, args...); err != nil {
		return nil, err
	}
	err = s.awaitOffice(ctx, filepath.Join(data, "office", "admin.key"))
	return s, err
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// awaitOffice waits until the office serves its administrator.
func (s *orderSite) awaitOffice(ctx context.Context, keyFile string) error {
	for {
		text, err := os.ReadFile(keyFile)
		if err == nil {
			s.key = strings.TrimSpace(string(text))
			if err = s.ask(ctx, http.MethodGet, "/office/v1/me", "application/json", nil, nil); err == nil {
				return nil
			}
		}
		if !wait(ctx) {
			return fmt.Errorf("the office does not come up: %w", errors.Join(ctx.Err(), err))
		}
	}
}

func (s *orderSite) stop() {
	for _, p := range []*process{s.gyro, s.hss, s.pcrf} {
		if p != nil {
			p.stop()
		}
	}
	s.client.CloseIdleConnections()
}

// ask sends a request to the office as its administrator, which has to succeed, and reads the answer into v, unless that is
// nil.
func (s *orderSite) ask(ctx context.Context, method, path, contentType string, body []byte, v any, header ...string) error {
	_, err := s.total(ctx, method, path, contentType, body, v, header...)
	return err
}

// total is ask, and how many there are of what was asked for, on all pages.
func (s *orderSite) total(ctx context.Context, method, path, contentType string, body []byte, v any, header ...string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.office+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	for n := 0; n+1 < len(header); n += 2 {
		request.Header.Set(header[n], header[n+1])
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if response.StatusCode/100 != 2 {
		return 0, fmt.Errorf("%s %s: status %d: %s", method, path, response.StatusCode, text)
	}
	if v != nil {
		if err := json.Unmarshal(text, v); err != nil {
			return 0, fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	total, _ := strconv.Atoi(response.Header.Get("X-Total-Count")) // only lists have it
	return total, nil
}

type object = map[string]any

// post creates something and returns its id.
func (s *orderSite) post(ctx context.Context, path string, body any, header ...string) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	var made struct{ ID string }
	return made.ID, s.ask(ctx, http.MethodPost, path, "application/json", text, &made, header...)
}

// prepare publishes the offers, fills the pools and signs the customers up.
func (s *orderSite) prepare(ctx context.Context, c *Orders) error {
	if err := s.ask(ctx, http.MethodPost, "/office/v1/catalogs", "application/yaml", c.Catalog, nil); err != nil {
		return err
	}
	for s.ask(ctx, http.MethodGet, "/office/v1/offers/"+c.Offer, "application/json", nil, nil) != nil {
		if !wait(ctx) {
			return fmt.Errorf("the offer %s does not come into force: %w", c.Offer, ctx.Err())
		}
	}
	count := c.Orders + warmOrders
	for kind, body := range map[string]object{
		"msisdn": {"first": "4915290000000", "count": count},
		"sim":    {"iccid": "894926000000000000", "imsi": "262019000000000", "count": count},
	} {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		if err := s.ask(ctx, http.MethodPost, "/office/v1/pools/default/"+kind, "application/json", text, nil); err != nil {
			return err
		}
	}
	for n := range c.Accounts {
		account, err := s.account(ctx, fmt.Sprintf("Customer %d", n))
		if err != nil {
			return err
		}
		s.accounts = append(s.accounts, account)
	}
	return nil
}

// account signs up a person with a postpaid billing account.
func (s *orderSite) account(ctx context.Context, name string) (string, error) {
	person, err := s.post(ctx, "/tmf-api/party/v4/individual", object{"givenName": name, "familyName": "Bench"})
	if err != nil {
		return "", err
	}
	customer, err := s.post(ctx, "/tmf-api/customerManagement/v4/customer", object{
		"engagedParty": object{"id": person, "@referredType": "Individual"},
	})
	if err != nil {
		return "", err
	}
	return s.post(ctx, "/tmf-api/accountManagement/v4/billingAccount", object{
		"name": name, "currency": "EUR", "taxRegion": "DE", "timeZone": "Europe/Berlin",
		"relatedParty": []any{object{"id": customer, "role": "customer", "@referredType": "Customer", "name": name}},
		"creditLimit":  object{"unit": "EUR", "value": 2000},
	})
}

// order places the order of a number: a new line.
func (s *orderSite) order(ctx context.Context, c *Orders, n int) error {
	key := fmt.Sprintf("bench-%d", n)
	_, err := s.post(ctx, orderPath, object{
		"externalId": key, "billingAccount": object{"id": s.accounts[n%len(s.accounts)]},
		"productOrderItem": []any{object{"id": "1", "action": "add", "productOffering": object{"id": c.Offer}}},
	}, "Idempotency-Key", key)
	return err
}

// awaitCompleted waits until so many orders are completed; completed is how many are, meanwhile.
func (s *orderSite) awaitCompleted(ctx context.Context, want int, completed *atomic.Int64) error {
	for {
		done, err := s.total(ctx, http.MethodGet, orderPath+"?state=completed&limit=1&fields=id", "", nil, nil)
		if err != nil {
			return err
		}
		completed.Store(int64(done))
		if done >= want {
			return nil
		}
		if !wait(ctx) {
			return fmt.Errorf("%d of %d orders are completed: %w", done, want, ctx.Err())
		}
	}
}

// durations is how long each order took, from when it was taken to its completion.
func (s *orderSite) durations(ctx context.Context, from, count int) (took []time.Duration, err error) {
	for offset := from; offset < from+count; offset += orderPageSize {
		var page []struct{ OrderDate, CompletionDate time.Time }
		path := fmt.Sprintf("%s?offset=%d&limit=%d&fields=orderDate,completionDate", orderPath, offset, orderPageSize)
		if err := s.ask(ctx, http.MethodGet, path, "", nil, &page); err != nil {
			return nil, err
		}
		for k := range page {
			took = append(took, page[k].CompletionDate.Sub(page[k].OrderDate))
		}
	}
	return took, nil
}

// cpu is the CPU time that each process has used until now.
func (s *orderSite) cpu() (used []ProcessCPU, err error) {
	for _, p := range []struct {
		name string
		pid  int
	}{{"gyro", s.gyro.cmd.Process.Pid}, {"hss", s.hss.cmd.Process.Pid}, {"pcrf", s.pcrf.cmd.Process.Pid}, {"client", os.Getpid()}} {
		cpu, err := cpuTime(p.pid)
		if err != nil {
			return nil, err
		}
		used = append(used, ProcessCPU{p.name, cpu})
	}
	servers, err := descendants("postgres")
	if err != nil {
		return nil, err
	}
	var sum time.Duration
	for _, pid := range servers {
		if cpu, err := cpuTime(pid); err == nil { // one that has ended meanwhile did little
			sum += cpu
		}
	}
	return append(used, ProcessCPU{"postgres", sum}), nil
}

// descendants are the processes of a name that this one, or one of its children, has started.
func descendants(name string) (found []int, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	parents, names := map[int]int{}, map[int]string{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || err != nil && strings.Contains(err.Error(), "no such process") {
			continue // it has ended
		}
		if err != nil {
			return nil, err
		}
		// pid (name) state parent ...: proc_pid_stat(5). A name may have spaces and brackets.
		begin, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
		var pid, parent int
		var state string
		if _, err := fmt.Sscan(string(text[:begin]), &pid); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if _, err := fmt.Sscan(string(text[end+1:]), &state, &parent); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		parents[pid], names[pid] = parent, string(text[begin+1:end])
	}
	for pid := range parents {
		at := pid
		for at > 1 && at != os.Getpid() {
			at = parents[at]
		}
		if names[pid] == name && at == os.Getpid() {
			found = append(found, pid)
		}
	}
	return found, nil
}
