package thread

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// What the demo's operator has: a pool of numbers and one of cards. They lie
// beside those of the subscribers that it began with.
const (
	inStock     = 20000
	firstNumber = "4915290000000"
	firstICCID  = "894926000000000000"
	firstIMSI   = "262019000000000"
)

const poolsPath = "/office/v1/pools"

// fillPools loads the pools, unless an earlier run has.
func (t *Thread) fillPools(ctx context.Context) error {
	for _, load := range []struct {
		path     string
		document map[string]any
	}{
		{poolsPath + "/default/msisdn", map[string]any{"first": firstNumber, "count": inStock}},
		{poolsPath + "/default/sim", map[string]any{"iccid": firstICCID, "imsi": firstIMSI, "count": inStock}},
	} {
		if err := t.post(ctx, load.path, "", load.document, nil); err != nil && !isRefusal(err, "range_taken") {
			return err
		}
	}
	return nil
}

const catalogsPath = "/office/v1/catalogs"

// publish brings the catalogue into force in both halves and waits until it is.
func (t *Thread) publish(ctx context.Context) error {
	var submitted struct {
		Document struct {
			Name    string
			Version int64
			State   string
		}
	}
	if err := t.do(ctx, http.MethodPost, catalogsPath, "", "application/yaml", t.o.Catalogue, &submitted); err != nil {
		return err
	}
	d := &submitted.Document
	return until(ctx, func() (bool, error) {
		var now struct{ State, Reason string }
		err := t.get(ctx, fmt.Sprintf("%s/%s/versions/%d", catalogsPath, d.Name, d.Version), &now)
		switch {
		case err != nil:
			return false, err
		case now.State == "failed" || now.State == "withdrawn":
			return false, fmt.Errorf("version %d of catalogue %s is %s: %s", d.Version, d.Name, now.State, now.Reason)
		}
		return now.State == "published", nil
	})
}

// Configure changes the settings of a simulated payment provider.
func Configure(ctx context.Context, provider string, settings map[string]any) error {
	return tell(ctx, http.MethodPatch, provider+"/admin/settings", marshal(settings))
}

// tell tells a simulated process how to behave.
func tell(ctx context.Context, method, url string, body []byte) error {
	q, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err == nil && (r.StatusCode < 200 || r.StatusCode > 299) {
		err = fmt.Errorf("%s %s: %s: %s", method, url, r.Status, strings.TrimSpace(string(text)))
	}
	return err
}

// marshal writes what can be written.
func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
