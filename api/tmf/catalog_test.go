package tmf_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gyro/api/access"
	"gyro/api/apitest"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/catalog"
	"gyro/internal/database"
	"gyro/testdata/demo"
)

// shop is an office that sells what the demo operator does.
func shop(t *testing.T, db *database.DB) (*tmftest.Client, *catalog.Service) {
	t.Helper()
	core := apitest.Start(t)
	s := catalog.New(db, core.Charging)
	return tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
		return tmf.New(tmf.Options{Server: o, Catalog: s})
	}), s
}

var product = database.Actor{Name: "paula", Role: "marketing", Via: "test"}

// open publishes a document in both halves.
func open(t *testing.T, s *catalog.Service, source []byte) {
	t.Helper()
	d, err := s.Submit(t.Context(), product, source, false)
	if err == nil {
		_, err = s.Publish(t.Context(), product, d.ID, 0)
	}
	if err == nil {
		d, err = s.Carry(t.Context(), d.ID)
	}
	if err != nil || d.State != catalog.DocumentPublished {
		t.Fatal(d, err)
	}
}

const base620 = "/tmf-api/productCatalogManagement/v4/"

// TestProductCatalog holds TMF620's resources against the conventions.
func TestProductCatalog(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, s := shop(t, db)
		open(t, s, demo.Office)
		open(t, s, []byte(strings.Replace(string(demo.Office), "amount: 24.99", "amount: 22.99", 1)))
		c.Resource(t, tmftest.Case{Path: base620 + "catalog", Golden: "catalog"})
		c.Resource(t, tmftest.Case{Path: base620 + "category", Golden: "category", Fixed: true})
		c.Resource(t, tmftest.Case{Path: base620 + "productOfferingPrice", Golden: "product_offering_price"})
		c.Resource(t, tmftest.Case{Path: base620 + "productSpecification", Golden: "product_specification"})
		tmftest.Golden(t, "offers_in_force", c.Do(t, "GET", base620+"productOffering?lifecycleStatus=Active&limit=3&sort=name", "").Want(t, 206))
	})
}

// TestProductOffering: what can be made of TMF620 by POST are proposals.
func TestProductOffering(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, _ := shop(t, db)
		c.Resource(t, tmftest.Case{
			Path: base620 + "productOffering", Golden: "product_offering",
			Create: []string{
				`{"name":"mobile-xl","description":"All there is","category":[{"id":"tariffs"}]}`, `{"name":"mobile-xs"}`, `{"name":"tablet"}`,
			},
			Patch: `{"description":"All there is, and more","category":[{"id":"options"}]}`,
		})
	})
}

// TestProposals: what is in a document is changed there; a proposal is gone when
// a document takes its name up.
func TestProposals(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, s := shop(t, db)
		proposed := c.Do(t, "POST", base620+"productOffering", `{"name":"mobile-m"}`).Want(t, 201)
		open(t, s, demo.Office)
		c.Do(t, "GET", proposed.Header.Get("Location"), "").Want(t, 404)
		one := c.Do(t, "GET", base620+"productOffering?name=mobile-m", "").Want(t, 200).List(t)
		if len(one) != 1 || one[0]["lifecycleStatus"] != "Active" || one[0]["version"] != "1" {
			t.Fatal(one)
		}
		href := one[0]["href"].(string)
		tmftest.Golden(t, "proposals",
			c.Do(t, "PATCH", href, `{"description":"dearer"}`).Want(t, 409),
			c.Do(t, "DELETE", href, "").Want(t, 409),
			c.Do(t, "POST", base620+"productOffering", `{"name":"mobile-m"}`).Want(t, 409),
			c.Do(t, "POST", base620+"productOffering", `{"name":"5g"}`).Want(t, 422),
			c.Do(t, "POST", base620+"productOffering", `{"name":"x","category":[{"id":"a"},{"id":"b"}]}`).Want(t, 422),
		)
	})
}

// TestPublishOverHTTP is the way of a document by the office's own endpoints.
func TestPublishOverHTTP(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, s := shop(t, db)
		yaml := []string{"Content-Type", "application/yaml"}
		send := func(query, body string) *tmftest.Exchange {
			return c.Do(t, http.MethodPost, "/office/v1/catalogs"+query, body, yaml...)
		}
		dry := send("?dryRun=true", string(demo.Office)).Want(t, 200)
		if !strings.Contains(string(dry.Body), `"subject":"offer","name":"mobile-m"`) || strings.Contains(string(dry.Body), `"document"`) {
			t.Errorf("%s", dry.Body)
		}
		c.Do(t, "GET", "/office/v1/catalogs/office/versions/0", "").Want(t, 404)
		wrong := send("", strings.Replace(string(demo.Office), "amount: 24.99", "amount: 24.999", 1)).Want(t, 422)
		kept := send("?draft=true", strings.Replace(string(demo.Office), "amount: 24.99", "amount: 24.999", 1)).Want(t, 202)
		sent := send("", string(demo.Office)).Want(t, 202)
		again := send("", string(demo.Office)).Want(t, 202)
		if sent.Header.Get("Location") != "/office/v1/catalogs/office/versions/2" || again.Header.Get("Location") != sent.Header.Get("Location") {
			t.Error(sent.Header, again.Header)
		}
		if _, err := s.Carry(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		source := c.Do(t, "GET", "/office/v1/catalogs/office/versions/2/source", "").Want(t, 200)
		if string(source.Body) != string(demo.Office) {
			t.Error("the source is another one")
		}
		later := url.QueryEscape("2026-12-01T00:00:00+01:00")
		next := send("?publish=false", strings.Replace(string(demo.Office), "amount: 24.99", "amount: 22.99", 1)).Want(t, 202)
		scheduled := c.Do(t, "POST", "/office/v1/catalogs/office/versions/0/publish?at="+later, "").Want(t, 202)
		if _, err := s.Carry(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		now := c.Do(t, "GET", "/office/v1/offers/mobile-m", "").Want(t, 200)
		then := c.Do(t, "GET", "/office/v1/offers/mobile-m?at="+later, "").Want(t, 200)
		if now.JSON(t)["version"] == then.JSON(t)["version"] {
			t.Errorf("%s\n%s", now.Body, then.Body)
		}
		if list := c.Do(t, "GET", "/office/v1/offers?kind=prepaid", "").Want(t, 200).List(t); len(list) != 2 {
			t.Error(list)
		}
		tmftest.Golden(t, "catalogs", strip(wrong), strip(kept), strip(next), scheduled, then,
			c.Do(t, "GET", "/office/v1/catalogs?name=office", "").Want(t, 200),
			c.Do(t, "GET", "/office/v1/offers/mobile-xl", "").Want(t, 404),
			c.Do(t, "GET", "/office/v1/offers?at=tomorrow", "").Want(t, 400),
		)
		c.Roles = access.Care
		send("", string(demo.Office)).Want(t, 403)
	})
}

// strip leaves a request out whose body is a whole document.
func strip(x *tmftest.Exchange) *tmftest.Exchange {
	shown := *x
	shown.Request = `{"a": "catalogue document"}`
	return &shown
}

// TestACatalogueIsSubmittedOnceForItsKey: what was answered is answered again, whatever became of the version meanwhile, and
// the same key with other parameters is another request.
func TestACatalogueIsSubmittedOnceForItsKey(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, s := shop(t, db)
		send := func(status int, path, key string) *tmftest.Exchange {
			t.Helper()
			body := ""
			if !strings.Contains(path, "/publish") {
				body = string(demo.Office)
			}
			return c.Do(t, http.MethodPost, "/office/v1/catalogs"+path, body, "Content-Type", "application/yaml", "Idempotency-Key", key).Want(t, status)
		}
		first := map[string]*tmftest.Exchange{}
		for _, path := range []string{"?publish=false", "/office/versions/1/publish"} {
			first[path] = send(202, path, "k")
		}
		if d, err := s.Carry(t.Context(), 1); err != nil || d.State != catalog.DocumentPublished {
			t.Fatal(d, err)
		}
		for path, was := range first {
			again := send(202, path, "k")
			if string(again.Body) != string(was.Body) || was.Header.Get("Idempotency-Replayed") != "" || again.Header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("%s: %s\nagain: %s, Idempotency-Replayed %q", path, was.Body, again.Body, again.Header.Get("Idempotency-Replayed"))
			}
		}
		for _, path := range []string{"?dryRun=true", "", "/office/versions/1/publish?at=2030-01-01T00:00:00Z"} {
			if x := send(409, path, "k"); x.JSON(t)["code"] != "idempotency_key_reused" {
				t.Errorf("%s: %s", path, x.Body)
			}
		}
	})
}
