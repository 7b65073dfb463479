package rest

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"gyro/api/access"
	"gyro/internal/database"
	"gyro/internal/refusal"
	"gyro/internal/strictjson"

	"github.com/uptrace/bun"
	"github.com/valyala/fasthttp"
)

// Roles are who may do what with a resource. Read is for lists and single documents.
type Roles struct {
	Read, Create, Patch, Delete access.Roles
}

// Resource declares one resource of an Open API. V is its document: a struct that
// embeds Entity, with a field for each attribute that is supported. What a
// function is not given for is answered with 405. The package's documentation has
// an example.
type Resource[V any] struct {
	API  API
	Path string // behind the API's base: customer
	Type string // @type of the documents, and their name in the definition: Customer
	// About says in one sentence what it is, for the page of the API.
	About string
	Roles Roles
	// Filters are the attributes by which the collection can be narrowed.
	Filters []Filter
	// Key is the SQL expression of the id, which settles the order of what is otherwise equal: c.id. It is not needed where
	// lists are not made by SQL.
	Key string
	// ReadOnly are fields of the document that only the server sets; a POST that has one is refused.
	ReadOnly []string
	// Patchable are the fields that a PATCH may change.
	Patchable []string
	// NeedsKey refuses a POST without Idempotency-Key: whatever moves money.
	NeedsKey bool

	// List returns a page of what q wants, and how many there are in all: usually by q.Page.
	List func(ctx context.Context, db bun.IDB, q *Query) (page []V, total int, err error)
	// Get returns one; NotFound if there is none. It is also called inside the transaction of a PATCH.
	Get func(ctx context.Context, db bun.IDB, id string) (V, error)
	// Create makes one of what was sent, in a transaction that also keeps the Idempotency-Key. tx.By() is who asks.
	Create func(ctx context.Context, tx *database.Tx, in V) (V, error)
	// Submit is Create without a transaction, for what asks other systems, which no transaction may wait for. It must be
	// given the same key for the same request by whoever calls, and see to it that the effect comes once, by Tx.Once
	// and Tx.Remember, which have the answer to a repetition say that it is one: key is never empty.
	Submit func(ctx context.Context, c *Call, key string, in V) (V, error)
	// Patch makes of the present document, was, the wanted one, which has the merge patch (RFC 7396) applied.
	Patch func(ctx context.Context, tx *database.Tx, id string, was, wanted V) (V, error)
	// Delete removes one; NotFound if there is none.
	Delete func(ctx context.Context, tx *database.Tx, id string) error
}

// Description is what others may know of a resource: the description of the API, and the tests that hold every resource
// against the conventions.
type Description struct {
	API       API
	Path      string // the full path of the collection
	Type      string
	About     string
	Fields    []string // of the document
	Filters   []Filter
	ReadOnly  []string
	Patchable []string
	NeedsKey  bool
	Document  any // a zero document
	// Show returns one document as a client sees it; nil where single ones are not shown.
	Show func(ctx context.Context, db bun.IDB, id string) (any, error)

	path string // behind the API's base
}

func (d *Description) collection(e *Endpoint) bool {
	return e.Method == fasthttp.MethodGet && e.Path == d.Path
}

// Endpoints implements Set.
func (r Resource[V]) Endpoints() []Endpoint {
	d := r.describe()
	var zero V
	one, many := d.Path+"/{id}", d.Path
	var list []Endpoint
	add := func(given bool, e Endpoint) {
		if given {
			e.resource = d
			list = append(list, e)
		}
	}
	fields := Parameter{Name: "fields", About: "comma-separated attributes to be shown; id and href always are"}
	add(r.List != nil, Endpoint{
		Method: fasthttp.MethodGet, Path: many, Roles: r.Roles.Read, Do: r.list, Answer: []V{},
		Summary: "Lists or finds " + r.Type + ".",
		Parameters: []Parameter{
			fields,
			{Name: "offset", About: "how many to leave out at the beginning", Kind: Number},
			{Name: "limit", About: "how many to show at most", Kind: Number},
			{Name: "sort", About: "comma-separated attributes, a minus before those that fall"},
		},
	})
	add(r.Get != nil, Endpoint{
		Method: fasthttp.MethodGet, Path: one, Roles: r.Roles.Read, Do: r.get, Answer: zero, Parameters: []Parameter{fields},
		Summary: "Shows one " + r.Type + ".",
	})
	add(r.Create != nil || r.Submit != nil, Endpoint{
		Method: fasthttp.MethodPost, Path: many, Roles: r.Roles.Create, Do: r.create, Body: zero, Answer: zero,
		Status: fasthttp.StatusCreated, Summary: "Creates a " + r.Type + ".",
	})
	add(r.Patch != nil, Endpoint{
		Method: fasthttp.MethodPatch, Path: one, Roles: r.Roles.Patch, Do: r.patch, Body: zero, Answer: zero,
		Media: []string{mergePatchType, jsonType}, Summary: "Changes attributes of a " + r.Type + " (merge patch, RFC 7396).",
	})
	add(r.Delete != nil, Endpoint{
		Method: fasthttp.MethodDelete, Path: one, Roles: r.Roles.Delete, Do: r.remove, Status: fasthttp.StatusNoContent,
		Summary: "Deletes a " + r.Type + ".",
	})
	return list
}

// describe also refuses declarations that cannot work; they are mistakes of the program, found when it starts.
func (r Resource[V]) describe() *Description {
	var zero V
	if _, ok := any(&zero).(document); !ok {
		panic(fmt.Sprintf("rest: the document of %s does not embed rest.Entity", r.Type))
	}
	d := &Description{
		API: r.API, Path: r.API.Base + "/" + r.Path, Type: r.Type, About: r.About, Filters: r.Filters,
		Fields: strictjson.FieldNames(reflect.TypeFor[V]()), ReadOnly: r.ReadOnly, Patchable: r.Patchable, NeedsKey: r.NeedsKey || r.Submit != nil, Document: zero,
		path: r.Path,
	}
	if r.Get != nil {
		d.Show = func(ctx context.Context, db bun.IDB, id string) (any, error) {
			v, err := r.Get(ctx, db, id)
			r.complete(ctx, &v)
			return &v, err
		}
	}
	for _, name := range slices.Concat(r.ReadOnly, r.Patchable) {
		if !slices.Contains(d.Fields, name) {
			panic(fmt.Sprintf("rest: %s has no field %s", r.Type, name))
		}
	}
	if r.Patch != nil && r.Get == nil {
		panic(fmt.Sprintf("rest: %s has Patch, which needs Get", r.Type))
	}
	return d
}

// complete sets what is the server's.
func (r Resource[V]) complete(ctx context.Context, v *V) {
	e := any(v).(document).entity()
	e.Href, e.Type = Href(ctx, r.API, r.Path, e.ID), r.Type
}

func (r Resource[V]) list(ctx context.Context, c *Call) (*Answer, error) {
	q, err := parseQuery(c.Query(), r.Filters, r.Key)
	if err != nil {
		return nil, err
	}
	shown, err := r.fields(c)
	if err != nil {
		return nil, err
	}
	var page []V
	var total int
	err = c.DB().Read(ctx, func(ctx context.Context, db bun.IDB) (err error) {
		page, total, err = r.List(ctx, db, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	bodies := make([]any, len(page))
	for n := range page {
		r.complete(ctx, &page[n])
		if bodies[n], err = shown.of(&page[n]); err != nil {
			return nil, err
		}
	}
	return paged(c, q, bodies, total), nil
}

func (r Resource[V]) fields(c *Call) (selection, error) {
	return parseFields(c.Query()["fields"], strictjson.FieldNames(reflect.TypeFor[V]()))
}

func (r Resource[V]) get(ctx context.Context, c *Call) (*Answer, error) {
	shown, err := r.fields(c)
	if err != nil {
		return nil, err
	}
	var v V
	err = c.DB().Read(ctx, func(ctx context.Context, db bun.IDB) (err error) {
		v, err = r.Get(ctx, db, c.Param("id"))
		return err
	})
	if err != nil {
		return nil, err
	}
	r.complete(ctx, &v)
	tag, err := entityTag(&v)
	if err != nil {
		return nil, err
	}
	body, err := shown.of(&v)
	return &Answer{Body: body, Header: map[string]string{fasthttp.HeaderETag: tag}}, err
}

func (r Resource[V]) create(ctx context.Context, c *Call) (*Answer, error) {
	key, err := c.Key()
	if err == nil && (r.NeedsKey || r.Submit != nil) {
		key, err = c.NeedKey()
	}
	if err != nil {
		return nil, err
	}
	var in V
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if err := r.checkCreated(c, &in); err != nil {
		return nil, err
	}
	created := func(v V) *Answer {
		r.complete(ctx, &v)
		return Created(any(&v).(document).entity().Href, &v)
	}
	if r.Submit != nil {
		v, err := r.Submit(ctx, c, key, in)
		if err != nil {
			return nil, err
		}
		return created(v), nil
	}
	return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*Answer, error) {
		v, err := r.Create(ctx, tx, in)
		if err != nil {
			return nil, err
		}
		return created(v), nil
	})
}

// checkCreated refuses what a client says of what is the server's.
func (r Resource[V]) checkCreated(c *Call, in *V) error {
	sent, _ := normal(c.Body()).(map[string]any)
	for _, name := range sortedKeys(sent) {
		if name == "id" || name == "href" || slices.Contains(r.ReadOnly, name) {
			return refusal.New(refusal.Invalid, "read_only", name, "it is the server's to say; leave it out")
		}
	}
	e := any(in).(document).entity()
	if e.Type != "" && e.Type != r.Type {
		return refusal.New(refusal.Invalid, "invalid_value", "@type", "%q is not served here; leave it out, or write %q", e.Type, r.Type)
	}
	e.Type = ""
	return nil
}

func (r Resource[V]) remove(ctx context.Context, c *Call) (*Answer, error) {
	return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*Answer, error) {
		return NoContent(), r.Delete(ctx, tx, c.Param("id"))
	})
}
