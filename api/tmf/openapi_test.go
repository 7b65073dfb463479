package tmf_test

import (
	"regexp"
	"strings"
	"testing"

	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestTheDescriptionIsValidAndComplete: an independent reader of OpenAPI takes it, and it has every route of the table.
func TestTheDescriptionIsValidAndComplete(t *testing.T) {
	db := dbtest.Open(t, database.SQLite)
	var table []rest.Endpoint
	c := tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
		all := everything(t, db)
		all.Server = o
		server, err := tmf.New(all)
		if err == nil {
			table = server.Table()
		}
		return server, err
	})
	x := c.Do(t, "GET", "/api/openapi.json", "", "Authorization", "").Want(t, 200)
	loader := openapi3.NewLoader()
	document, err := loader.LoadFromData(x.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(loader.Context); err != nil {
		t.Error(err)
	}
	page := c.Do(t, "GET", "/api/docs", "", "Authorization", "").Want(t, 200)
	if got := page.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type %s", got)
	}
	for n := range table {
		e := &table[n]
		if item := document.Paths.Value(e.Path); item == nil || item.GetOperation(e.Method) == nil {
			t.Errorf("%s %s is not described", e.Method, e.Path)
		}
		if !strings.Contains(string(page.Body), "<code>"+e.Path+"</code>") {
			t.Errorf("%s is not on the page", e.Path)
		}
	}
	if outside := regexp.MustCompile(`(?:src|href)="(?:https?:)?//|<script|@import|url\(`).Find(page.Body); outside != nil {
		t.Errorf("the page needs something from outside: %s", outside)
	}
	if csp := page.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy %q", csp)
	}
}
