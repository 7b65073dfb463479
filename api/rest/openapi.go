package rest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
)

// description is what the server serves, as OpenAPI 3.0: made of the table, so that nothing is served that it does not have.
func (s *Server) description() object {
	paths := object{}
	var tags []any
	named := map[string]bool{}
	for n := range s.table {
		e := &s.table[n]
		item, found := paths[e.Path].(object)
		if !found {
			item = object{}
			paths[e.Path] = item
		}
		item[strings.ToLower(e.Method)] = e.operation()
		if tag := e.tag(); !named[tag] {
			named[tag] = true
			tags = append(tags, object{"name": tag})
		}
	}
	servers := []any{object{"url": "/"}}
	if base := s.PublicURL(); base != "" {
		servers = []any{object{"url": base}}
	}
	return object{
		"openapi": "3.0.3",
		"info": object{
			"title": "Gyro: the office", "version": "4.0",
			"description": "TM Forum's Open APIs, version 4, and what they have no resource for. Amounts are exact. " +
				"Requests are read strictly: unknown fields and parameters are refused.",
		},
		"servers": servers, "tags": tags, "paths": paths,
		"security": []any{object{"bearer": []string{}}, object{"apiKey": []string{}}, object{"session": []string{}}},
		"components": object{
			"schemas": object{"Error": schemaOf(reflect.TypeFor[errorBody]())},
			"securitySchemes": object{
				"bearer":  object{"type": "http", "scheme": "bearer", "description": "an API key, or a token of the issuer"},
				"apiKey":  object{"type": "apiKey", "in": "header", "name": "X-API-Key"},
				"session": object{"type": "apiKey", "in": "cookie", "name": SessionCookie, "description": "with the header " + CSRFHeader + " where something is changed"},
			},
		},
	}
}

// tag is the heading under which the endpoint is described.
func (e *Endpoint) tag() string {
	for _, api := range APIs {
		if strings.HasPrefix(e.Path, api.Base+"/") {
			return fmt.Sprintf("TMF%d %s", api.Number, api.Title)
		}
	}
	if strings.HasPrefix(e.Path, "/office/") {
		return "Office"
	}
	return "Server"
}

// operation is the endpoint as OpenAPI has it.
func (e *Endpoint) operation() object {
	o := object{
		"tags": []string{e.tag()}, "summary": e.Summary, "operationId": e.operationID(), "responses": e.responses(),
		"x-roles": e.Roles.Names(),
	}
	if e.Public {
		o["security"] = []any{}
	} else {
		o["description"] = "For " + e.Roles.String() + "."
	}
	if parameters := e.parameters(); parameters != nil {
		o["parameters"] = parameters
	}
	if e.Body != nil {
		media := e.Media
		if media == nil {
			media = []string{jsonType}
		}
		content := object{}
		for _, m := range media {
			content[m] = object{"schema": e.bodySchema()}
		}
		o["requestBody"] = object{"required": true, "content": content}
	}
	return o
}

// bodySchema is what may be sent: a document without what is the server's.
func (e *Endpoint) bodySchema() object {
	schema := schemaOf(reflect.TypeOf(e.Body))
	d := e.resource
	properties, ok := schema["properties"].(object)
	if d == nil || !ok {
		return schema
	}
	sent := object{}
	for name, property := range properties {
		if e.Method == fasthttp.MethodPatch && !slices.Contains(d.Patchable, name) ||
			name == "id" || name == "href" || slices.Contains(d.ReadOnly, name) && e.Method == fasthttp.MethodPost {
			continue
		}
		sent[name] = property
	}
	return object{"type": "object", "properties": sent}
}

func (e *Endpoint) operationID() string {
	words := strings.FieldsFunc(e.Path, func(r rune) bool { return strings.ContainsRune("/{}-.", r) })
	for n, word := range words {
		words[n] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.ToLower(e.Method) + strings.Join(words, "")
}

var kindSchemas = map[Kind]object{
	Text: {"type": "string"}, Number: {"type": "integer"}, Instant: {"type": "string", "format": "date-time"},
	Day: {"type": "string", "format": "date"}, Flag: {"type": "boolean"},
}

func (e *Endpoint) parameters() []any {
	var list []any
	for part := range strings.SplitSeq(e.Path, "/") {
		if name, found := strings.CutPrefix(part, "{"); found {
			list = append(list, object{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": object{"type": "string"}})
		}
	}
	for _, p := range e.Parameters {
		parameter := object{"name": p.Name, "in": "query", "schema": kindSchemas[p.Kind]}
		if p.Values != nil {
			parameter["schema"] = object{"type": "string", "enum": p.Values}
		}
		if p.About != "" {
			parameter["description"] = p.About
		}
		list = append(list, parameter)
	}
	if e.resource != nil && e.resource.collection(e) {
		for _, f := range e.resource.Filters {
			schema := kindSchemas[f.Kind]
			if f.Values != nil {
				schema = object{"type": "string", "enum": f.Values}
			}
			list = append(list, object{"name": f.Attribute, "in": "query", "schema": schema, "description": "one value, or several with commas between; .ne, .gt, .gte, .lt, .lte behind the name compare"})
		}
	}
	if e.Method == fasthttp.MethodPost && !e.Public {
		key := object{"name": keyHeader, "in": "header", "schema": object{"type": "string", "maxLength": maxKey}, "description": "a request that is sent again with it has its effect once"}
		if e.resource != nil && e.resource.NeedsKey {
			key["required"] = true
		}
		list = append(list, key)
	}
	return list
}

func (e *Endpoint) responses() object {
	success := object{"description": "Success"}
	if e.Answer != nil {
		success["content"] = object{jsonType: object{"schema": schemaOf(reflect.TypeOf(e.Answer))}}
	}
	responses := object{
		strconv.Itoa(e.status()): success,
		"default":                object{"description": "An error", "content": object{jsonType: object{"schema": object{"$ref": "#/components/schemas/Error"}}}},
	}
	if e.resource != nil && e.resource.collection(e) {
		responses[strconv.Itoa(fasthttp.StatusPartialContent)] = object{"description": "A part of the collection; X-Total-Count says how many there are", "content": success["content"]}
	}
	return responses
}

// describing are the endpoints of the description itself.
func (s *Server) describing() Set {
	return sets{
		{
			Method: fasthttp.MethodGet, Path: "/api/openapi.json", Public: true, Early: true, Summary: "Describes the API, as OpenAPI 3.",
			Do: func(context.Context, *Call) (*Answer, error) { return OK(s.description()), nil },
		},
		{
			Method: fasthttp.MethodGet, Path: "/api/docs", Public: true, Early: true, Summary: "Describes the API, for people.",
			Do: func(context.Context, *Call) (*Answer, error) { return s.page() },
		},
	}
}
