package tmftest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"gyro/api/rest"
	"gyro/internal/database"
)

// Trail watches what requests leave in the audit trail: each that succeeds and may change something must leave a row of its
// own, found by its X-Correlation-ID. The zero value watches nothing.
type Trail struct {
	mu   sync.Mutex
	on   bool
	left map[string]bool // routes of which a request left a row
	free map[string]string
}

// Audit is the trail of all clients of the process.
var Audit Trail

// Watch begins to hold all requests against the rule, but for those of some routes, each for a reason.
func (a *Trail) Watch(free map[string]string) { a.on, a.left, a.free = true, map[string]bool{}, free }

// Missing are the routes of a table that change something and of which no request has left a row.
func (a *Trail) Missing(table []rest.Endpoint) (routes []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for n := range table {
		if route := table[n].Method + " " + table[n].Path; changes(table[n].Method) && !a.left[route] && a.free[route] == "" {
			routes = append(routes, route)
		}
	}
	slices.Sort(routes)
	return routes
}

func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// check holds an exchange against the rule. before are those of the client that left a row: one that is sent again, under
// its key or because it asks for what is so already, has its row from the first time.
func (a *Trail) check(t testing.TB, db *database.DB, before map[string]bool, e *rest.Endpoint, x *Exchange) {
	t.Helper()
	if !a.on || e == nil || !changes(x.Method) || x.Header.Get("Idempotency-Replayed") != "" {
		return
	}
	open := x.Status == http.StatusServiceUnavailable // what became of it: it may be noted that it was asked for
	route := e.Method + " " + e.Path
	if x.Status >= http.StatusMultipleChoices && !open || a.free[route] != "" {
		return
	}
	same := x.Method + " " + x.Path + " " + x.Request
	trail, err := db.AuditTrail(t.Context(), "", "", 0, 1_000_000)
	if database.IsDown(err) {
		return // nor was it there for the request
	} else if err != nil {
		t.Fatal(err)
	}
	of := x.Header.Get("X-Correlation-ID")
	for n := range trail {
		if trail[n].Actor.Request == of && trail[n].Actor.Name != "" {
			a.mu.Lock()
			a.left[route] = a.left[route] || !open
			a.mu.Unlock()
			before[same] = true
			return
		}
	}
	if open || before[same] || strings.Contains(x.Path, "dryRun=true") {
		return // once more changes nothing
	}
	t.Errorf("%s %s: %d, and no row in the audit trail (%s)\n%s", x.Method, x.Path, x.Status, route, x.Request)
}

// routeOf is the endpoint of a table that a path is of, nil if there is none.
func routeOf(table []rest.Endpoint, method, path string) *rest.Endpoint {
	path, _, _ = strings.Cut(strings.TrimPrefix(path, PublicURL), "?")
	parts := strings.Split(path, "/")
	var found *rest.Endpoint
	for n := range table {
		pattern := strings.Split(table[n].Path, "/")
		if table[n].Method != method || len(pattern) != len(parts) {
			continue
		}
		fits, variables := true, 0
		for k := range pattern {
			variable := strings.HasPrefix(pattern[k], "{")
			fits = fits && (variable || pattern[k] == parts[k])
			if variable {
				variables++
			}
		}
		if fits && (found == nil || variables < strings.Count(found.Path, "{")) {
			found = &table[n]
		}
	}
	return found
}
