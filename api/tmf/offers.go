package tmf

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/catalog"
	"gyro/internal/instant"
	"gyro/internal/refusal"

	"github.com/valyala/fasthttp"
)

// offers are the endpoints by which product managers publish catalogue documents
// and look at what is sold.
type offers struct{ s *catalog.Service }

const (
	officeCatalogs = "/office/v1/catalogs"
	officeOffers   = "/office/v1/offers"
)

var yamlTypes = []string{"application/yaml", "application/x-yaml", "text/yaml", "application/json"}

// Endpoints implements rest.Set.
func (o offers) Endpoints() []rest.Endpoint {
	const version = officeCatalogs + "/{name}/versions/{version}"
	at := rest.Parameter{Name: "at", About: "the moment, now where it is not given", Kind: rest.Instant}
	return []rest.Endpoint{
		{
			Method: fasthttp.MethodPost, Path: officeCatalogs, Roles: access.Marketing, Body: "", Answer: submissionView{}, Status: fasthttp.StatusAccepted, Media: yamlTypes, Do: performed(o.submit),
			Summary: "Checks a catalogue document, in YAML, keeps it as the next version and schedules it; a dry run does nothing but check.",
			Parameters: []rest.Parameter{
				{Name: "at", About: "when it takes effect, as soon as possible where it is not given", Kind: rest.Instant},
				{Name: "dryRun", About: "true only checks it and compares it with what is in force", Kind: rest.Flag},
				{Name: "publish", About: "false keeps it and does not schedule it", Kind: rest.Flag},
				{Name: "draft", About: "true keeps it although it has errors, and does not schedule it", Kind: rest.Flag},
			},
		},
		{
			Method: fasthttp.MethodGet, Path: officeCatalogs, Roles: access.Anyone, Answer: []documentView{}, Do: o.documents,
			Summary: "Lists the versions of catalogue documents, the newest first.", Parameters: []rest.Parameter{{Name: "name", About: "of one catalogue"}},
		},
		{Method: fasthttp.MethodGet, Path: version, Roles: access.Anyone, Answer: documentView{}, Do: o.document, Summary: "Shows where a version of a catalogue is on its way into force; 0 is the newest."},
		{Method: fasthttp.MethodGet, Path: version + "/source", Roles: access.Anyone, Do: o.source, Summary: "Shows a version as it was written, in YAML."},
		{
			Method: fasthttp.MethodPost, Path: version + "/publish", Roles: access.Marketing, Answer: documentView{}, Status: fasthttp.StatusAccepted, Parameters: []rest.Parameter{at}, Do: performed(o.publish),
			Summary: "Schedules a version that was kept.",
		},
		{
			Method: fasthttp.MethodGet, Path: officeOffers, Roles: access.Anyone, Answer: []offerView{}, Do: o.list, Summary: "Lists offers in force with all that belongs to them.",
			Parameters: []rest.Parameter{at, {Name: "name", About: "all versions of one offer"}, {Name: "kind", About: "prepaid or postpaid"}, {Name: "category", About: "of one category"}},
		},
		{Method: fasthttp.MethodGet, Path: officeOffers + "/{offer}", Roles: access.Anyone, Answer: offerView{}, Parameters: []rest.Parameter{at}, Do: o.offer, Summary: "Shows the version of an offer that is in force, or any by its id."},
	}
}

// moment reads the parameter at, 0 where it is not given.
func moment(c *rest.Call) (instant.Instant, error) {
	text := c.Query().Get("at")
	if text == "" {
		return 0, nil
	}
	at, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(text, " ", "+"))
	if err != nil {
		return 0, refusal.New(refusal.Invalid, "invalid_parameter", "at", "%q is no moment; write RFC 3339, such as 2026-01-31T09:30:00Z", text)
	}
	return instant.Of(at), nil
}

// documentErrors makes a refusal of what is wrong in a document.
func documentErrors(err error) error {
	if wrong, is := errors.AsType[catalog.Errors](err); is {
		return refusal.New(refusal.Unprocessable, "catalog_invalid", "", "the document has errors; nothing was kept\n%v", wrong)
	}
	return err
}

func (o offers) submit(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	at, err := moment(c)
	if err != nil {
		return nil, err
	}
	query, source := c.Query(), c.Body()
	draft := query.Get("draft") == "true"
	answer := submissionView{Offers: []catalog.Change{}, Charging: []catalog.Change{}}
	if !draft {
		_, changes, err := o.s.Check(ctx, source)
		if err != nil {
			return nil, documentErrors(err)
		}
		answer.Offers, answer.Charging = changes.Offers, changes.Charging
	}
	if query.Get("dryRun") == "true" {
		return rest.OK(answer), nil
	}
	d, err := o.s.Submit(ctx, c.Actor(), source, draft)
	if err == nil && query.Get("publish") != "false" && !draft {
		d, err = o.s.Publish(ctx, c.Actor(), d.ID, at)
	}
	view := viewDocument(&d)
	answer.Document = &view
	return rest.Accepted(officeCatalogs+"/"+d.Name+"/versions/"+rest.ID(d.Version), answer), documentErrors(err)
}

func (o offers) documents(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	var list []catalog.Document
	err := c.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		list, _, err = o.s.Documents(ctx, q, c.Query().Get("name"), 0, rest.MaxLimit)
		return err
	})
	return rest.OK(views(list, viewDocument)), err
}

// find reads the document that the path names.
func (o offers) find(ctx context.Context, c *rest.Call) (d catalog.Document, err error) {
	version, err := strconv.ParseInt(c.Param("version"), 10, 64)
	if err != nil || version < 0 {
		return d, refusal.New(refusal.NotFound, "not_found", "", "%q is no version of a catalogue; write a number, 0 for the newest", c.Param("version"))
	}
	err = c.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		d, err = o.s.Document(ctx, q, c.Param("name"), version)
		return err
	})
	return d, err
}

func (o offers) document(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	d, err := o.find(ctx, c)
	return rest.OK(viewDocument(&d)), err
}

func (o offers) source(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	d, err := o.find(ctx, c)
	return &rest.Answer{Raw: []byte(d.Source), ContentType: yamlTypes[0]}, err
}

func (o offers) publish(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	at, err := moment(c)
	if err != nil {
		return nil, err
	}
	d, err := o.find(ctx, c)
	if err == nil {
		d, err = o.s.Publish(ctx, c.Actor(), d.ID, at)
	}
	return rest.Accepted(officeCatalogs+"/"+d.Name+"/versions/"+rest.ID(d.Version), viewDocument(&d)), err
}

func (o offers) list(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	at, err := moment(c)
	if err != nil {
		return nil, err
	}
	query := c.Query()
	f := catalog.Filter{At: at, Name: query.Get("name"), Kind: catalog.Kind(query.Get("kind")), Category: query.Get("category")}
	if at == 0 && f.Name == "" {
		f.At = c.DB().Now()
	}
	var list []catalog.Offering
	err = c.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		list, _, err = o.s.Offerings(ctx, q, f)
		return err
	})
	return rest.OK(views(list, viewOffer)), err
}

func (o offers) offer(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	at, err := moment(c)
	if err != nil {
		return nil, err
	}
	if at == 0 {
		at = c.DB().Now()
	}
	var found catalog.Offering
	err = c.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		found, err = o.s.Offering(ctx, q, c.Param("offer"), at)
		return err
	})
	return rest.OK(viewOffer(&found)), err
}

// views are what is shown of rows.
func views[R, V any](rows []R, view func(*R) V) []V {
	list := make([]V, len(rows))
	for n := range rows {
		list[n] = view(&rows[n])
	}
	return list
}
