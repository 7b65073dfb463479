package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/uptrace/bun"

	"gyro/api/apitest"
	"gyro/api/client"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
	"gyro/rating"
)

const scripts = "../testdata/catalog"

// TestScenarios plays the scripts on both databases, each with a charging core
// of its own behind the charging API.
func TestScenarios(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			datadriven.Walk(t, scripts, func(t *testing.T, path string) {
				if strings.HasSuffix(path, ".txt") {
					o := newOffice(t, dialect)
					datadriven.RunTest(t, path, o.step)
				}
			})
		})
	}
}

// office is the catalogue's service between a database and a core.
type office struct {
	*Service
	core *apitest.Server
	cut  *cut
}

// cut is a way to the core that can be cut: before the request arrives, or
// before its answer does.
type cut struct {
	*client.Charging
	before, after bool
	barred        bool   // the office's key is not taken
	during        func() // what happens while a request is on its way, once
}

var errCut = errors.New("the process was killed")

func (c *cut) Publish(ctx context.Context, name string, p client.Publication) (client.Catalog, error) {
	if c.before {
		return client.Catalog{}, errCut
	}
	if c.barred {
		return client.Catalog{}, &client.Problem{Status: 401, Code: "unauthorized", Message: "the key is not taken"}
	}
	if during := c.during; during != nil {
		c.during = nil
		during()
	}
	published, err := c.Charging.Publish(ctx, name, p)
	if c.after {
		return client.Catalog{}, errCut
	}
	return published, err
}

func newOffice(t *testing.T, dialect database.Dialect) *office {
	t.Helper()
	core := apitest.Start(t)
	db := dbtest.Open(t, dialect, dbtest.Clock(core.Clock))
	way := &cut{Charging: core.Charging}
	return &office{Service: New(db, way), core: core, cut: way}
}

var product = database.Actor{Name: "paula", Role: "marketing", Via: "test"}

func (o *office) step(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	commands := map[string]func(*testing.T, *datadriven.TestData) (string, error){
		"check": o.checkStep, "submit": o.submitStep, "publish": o.publishStep, "work": o.workStep, "documents": o.documentsStep,
		"offers": o.offersStep, "offer": o.offerStep, "specifications": o.specificationsStep, "at": o.atStep, "core": o.coreStep, "account": o.accountStep,
		"kill": o.killStep, "events": o.eventsStep, "charging": o.chargingStep,
	}
	run, known := commands[d.Cmd]
	if !known {
		d.Fatalf(t, "there is no command %s", d.Cmd)
	}
	out, err := run(t, d)
	if err != nil {
		return out + said(err)
	}
	return out
}

// said is an error as people read it.
func said(err error) string {
	if wrong, is := errors.AsType[rating.SourceErrors](err); is {
		return wrong.Error() + "\n"
	}
	if r := refusal.Of(err); r != nil {
		return r.Code + ": " + r.Error() + "\n"
	}
	return "error: " + err.Error() + "\n"
}

// source is the document of a step: its input, or a file with replacements.
func source(t *testing.T, d *datadriven.TestData) []byte {
	t.Helper()
	if !d.HasArg("file") {
		return []byte(d.Input)
	}
	var file string
	d.ScanArgs(t, "file", &file)
	text, err := os.ReadFile(filepath.Join(scripts, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(d.Input) {
		old, replacement, found := strings.Cut(strings.TrimSuffix(line, "\n"), " => ")
		if !found || !strings.Contains(string(text), old) {
			d.Fatalf(t, "%q is not in %s; write OLD => NEW", old, file)
		}
		text = []byte(strings.Replace(string(text), old, replacement, 1))
	}
	return text
}

func (o *office) checkStep(t *testing.T, d *datadriven.TestData) (string, error) {
	compiled, changes, err := o.Check(t.Context(), source(t, d))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %d offers, %d specifications\n", compiled.Name, len(compiled.Offerings), len(compiled.Specifications)) + describeChanges(changes), nil
}

func describeChanges(c Changes) string {
	var b strings.Builder
	for _, change := range c.Offers {
		fmt.Fprintf(&b, "office: %s\n", change)
	}
	for _, change := range c.Charging {
		fmt.Fprintf(&b, "charging: %s\n", change)
	}
	if c.None() {
		b.WriteString("nothing changes\n")
	}
	return b.String()
}

func (o *office) submitStep(t *testing.T, d *datadriven.TestData) (string, error) {
	document, err := o.Submit(t.Context(), product, source(t, d), d.HasArg("draft"))
	return describeDocument(document), err
}

func describeDocument(d Document) string {
	if d.ID == 0 {
		return ""
	}
	out := fmt.Sprintf("%s version %d: %s", d.Name, d.Version, d.State)
	if d.EffectiveAt != 0 {
		out += ", asked for " + d.EffectiveAt.String()
	}
	if d.AppliedAt != 0 {
		out += ", from " + d.AppliedAt.String()
	}
	if d.ChargingVersion != 0 {
		out += fmt.Sprintf(", version %d in the core", d.ChargingVersion)
	}
	out += "\n"
	if d.Reason != "" {
		out += "  " + strings.ReplaceAll(d.Reason, "\n", "\n  ") + "\n"
	}
	return out
}

func (o *office) publishStep(t *testing.T, d *datadriven.TestData) (string, error) {
	name, version, at := "office", int64(0), ""
	d.MaybeScanArgs(t, "catalog", &name)
	d.MaybeScanArgs(t, "version", &version)
	d.MaybeScanArgs(t, "at", &at)
	var document Document
	err := o.db.Read(t.Context(), func(ctx context.Context, q bun.IDB) (err error) {
		document, err = o.Document(ctx, q, name, version)
		return err
	})
	if err != nil {
		return "", err
	}
	document, err = o.Publish(t.Context(), product, document.ID, o.moment(t, d, at))
	return describeDocument(document), err
}

func (o *office) moment(t *testing.T, d *datadriven.TestData, text string) instant.Instant {
	t.Helper()
	if text == "" {
		return 0
	}
	if span, err := time.ParseDuration(text); err == nil {
		return o.db.Now().Add(instant.Span(span.Milliseconds()))
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return instant.Of(at)
}

// workStep does what the jobs that are due would do.
func (o *office) workStep(t *testing.T, _ *datadriven.TestData) (string, error) {
	var documents []Document
	err := o.db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
		return q.NewSelect().Model(&documents).Where("d.state = ?", DocumentScheduled).Order("d.id").Scan(ctx)
	})
	for n := range documents {
		if d := &documents[n]; d.AppliedAt == 0 {
			err = errors.Join(err, o.publish(t.Context(), d.ID))
		} else if d.AppliedAt <= o.db.Now() {
			err = errors.Join(err, o.takeEffect(t.Context(), d.ID))
		}
	}
	if err != nil {
		return "", err
	}
	return o.documentsStep(t, nil)
}

func (o *office) documentsStep(t *testing.T, _ *datadriven.TestData) (out string, err error) {
	err = o.db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
		list, total, err := o.Documents(ctx, q, "", 0, 100)
		for n := range list {
			out += describeDocument(list[n])
		}
		if total != len(list) {
			t.Errorf("%d of %d documents", len(list), total)
		}
		return err
	})
	return out, err
}

// offersStep lists versions of offers, those in force with at=.
func (o *office) offersStep(t *testing.T, d *datadriven.TestData) (out string, err error) {
	filter := Filter{}
	if d.HasArg("in-force") {
		filter.At = o.db.Now()
	}
	var at, kind string
	d.MaybeScanArgs(t, "at", &at)
	d.MaybeScanArgs(t, "kind", &kind)
	filter.Kind = Kind(kind)
	if at != "" {
		filter.At = o.moment(t, d, at)
	}
	err = o.db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
		list, _, err := o.Offerings(ctx, q, filter)
		for n := range list {
			v := &list[n]
			out += fmt.Sprintf("%s/%d %s", v.Name, v.Version, v.Status)
			if v.ValidFrom != 0 {
				out += " from " + v.ValidFrom.String()
			}
			if v.ValidUntil != 0 {
				out += " until " + v.ValidUntil.String()
			}
			out += ": " + v.words() + "\n"
		}
		return err
	})
	return out, err
}

// offerStep shows all of one offer.
func (o *office) offerStep(t *testing.T, d *datadriven.TestData) (out string, err error) {
	var name, at string
	d.ScanArgs(t, "name", &name)
	d.MaybeScanArgs(t, "at", &at)
	when := o.db.Now()
	if at != "" {
		when = o.moment(t, d, at)
	}
	err = o.db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
		v, err := o.Offering(ctx, q, name, when)
		if err != nil {
			return err
		}
		if same, err := o.OfferingByID(ctx, q, v.ID); err != nil || same.Version != v.Version || len(same.Prices) != len(v.Prices) {
			t.Errorf("by its id: %+v, %v", same, err)
		}
		out = fmt.Sprintf("%s version %d, %s: %s\n", v.Name, v.Version, v.Status, v.words())
		if v.ChargingOffer != "" {
			out += "in the core: " + v.ChargingOffer + "\n"
		}
		for k := range v.Prices {
			p := &v.Prices[k]
			words := p.words()
			if p.Type == Usage {
				words = fmt.Sprintf("%s, %s tax, account %s", p.Description, p.TaxCategory, p.GLCode)
			}
			out += fmt.Sprintf("%s %s: %s\n", p.Type, p.Name, words)
		}
		for k := range v.Discounts {
			out += fmt.Sprintf("discount %s: %s\n", v.Discounts[k].Name, v.Discounts[k].words(v.Currency))
		}
		if len(v.Requires)+len(v.Excludes) > 0 {
			out += fmt.Sprintf("requires %v, excludes %v\n", v.Requires, v.Excludes)
		}
		if v.Specification != nil {
			out += fmt.Sprintf("specification %s/%d: %s\n", v.Specification.Name, v.Specification.Version, v.Specification.words())
		}
		return nil
	})
	return out, err
}

func (o *office) specificationsStep(t *testing.T, _ *datadriven.TestData) (out string, err error) {
	err = o.db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
		list, _, err := o.Specifications(ctx, q, "", 0, 0)
		for n := range list {
			out += fmt.Sprintf("%s/%d %s: %s\n", list[n].Name, list[n].Version, list[n].Status, list[n].words())
		}
		return err
	})
	return out, err
}

func (o *office) atStep(t *testing.T, d *datadriven.TestData) (string, error) {
	o.core.Set(o.moment(t, d, d.CmdArgs[0].Key))
	return o.db.Now().String() + "\n", nil
}

// coreStep shows what the core has.
func (o *office) coreStep(t *testing.T, _ *datadriven.TestData) (out string, err error) {
	list, err := o.core.Charging.Catalogs(t.Context())
	for _, c := range list {
		out += fmt.Sprintf("%s version %d from %s", c.Name, c.Version, c.Published)
		if c.Next != nil {
			out += fmt.Sprintf(", version %d from %s", c.Next.Version, c.Next.TakesEffect)
		}
		out += "\n"
	}
	if out == "" {
		out = "no catalogue\n"
	}
	return out, err
}

// chargingStep shows the source that a document makes for the core.
func (o *office) chargingStep(t *testing.T, d *datadriven.TestData) (string, error) {
	compiled, err := Compile(source(t, d))
	if err != nil {
		return "", err
	}
	return string(compiled.Charging), nil
}

// accountStep has somebody have an offer in the core.
func (o *office) accountStep(t *testing.T, d *datadriven.TestData) (string, error) {
	var offer, kind string
	d.ScanArgs(t, "offer", &offer)
	d.ScanArgs(t, "kind", &kind)
	v, err := o.core.Charging.PutAccount(t.Context(), "ba-1", client.AccountSpec{
		Currency: money.EUR, Kind: kind, Offers: []string{offer}, Subscribers: []client.SubscriberSpec{{IMSI: "001010000000001"}},
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s has %v of %s\n", v.Account, v.Offers, v.Catalog), nil
}

// killStep has the way to the core cut from now on, or mended.
func (o *office) killStep(t *testing.T, d *datadriven.TestData) (string, error) {
	o.cut.before, o.cut.after = d.HasArg("before"), d.HasArg("after")
	o.cut.barred = d.HasArg("key")
	return "ok\n", nil
}

func (o *office) eventsStep(t *testing.T, _ *datadriven.TestData) (out string, err error) {
	list, err := o.db.Events(t.Context(), 0, 100)
	for _, e := range list {
		out += fmt.Sprintf("%d %s %s: %s\n", e.Seq, e.Type, e.ID, stateIn(e.Payload))
	}
	return out, err
}

func stateIn(payload []byte) string {
	var o Offering
	if err := json.Unmarshal(payload, &o); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s/%d is %s", o.Name, o.Version, o.Status)
}
