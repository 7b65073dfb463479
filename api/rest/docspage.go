package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"reflect"
	"slices"
	"strconv"
)

// page is the description for people: one HTML page that needs nothing else, no script either.
func (s *Server) page() (*Answer, error) {
	var groups []group
	for n := range s.table {
		e := &s.table[n]
		at := slices.IndexFunc(groups, func(g group) bool { return g.Name == e.tag() })
		if at < 0 {
			at = len(groups)
			groups = append(groups, group{Name: e.tag(), Anchor: "g" + strconv.Itoa(at)})
		}
		shown, err := e.shown()
		if err != nil {
			return nil, err
		}
		groups[at].Endpoints = append(groups[at].Endpoints, shown)
	}
	var b bytes.Buffer
	err := docs.Execute(&b, struct {
		Groups []group
		Errors []reason
	}{groups, errorReasons()})
	if err != nil {
		return nil, fmt.Errorf("the page of the API: %w", err)
	}
	return &Answer{Raw: b.Bytes(), ContentType: "text/html; charset=utf-8"}, nil
}

type group struct {
	Name, Anchor string
	Endpoints    []shownEndpoint
}

type shownEndpoint struct {
	Method, Path, Summary, About, Who string
	Parameters                        []shownParameter
	Status                            int
	Body, Answer                      string
}

type shownParameter struct{ Name, In, About string }

type reason struct {
	Status int
	Words  string
}

func errorReasons() []reason {
	list := make([]reason, 0, len(reasons))
	for status, words := range reasons {
		list = append(list, reason{status, words})
	}
	slices.SortFunc(list, func(a, b reason) int { return a.Status - b.Status })
	return list
}

func (e *Endpoint) shown() (shownEndpoint, error) {
	v := shownEndpoint{Method: e.Method, Path: e.Path, Summary: e.Summary, Who: e.Roles.String(), Status: e.status()}
	if e.Public {
		v.Who = "everybody"
	}
	if e.resource != nil {
		v.About = e.resource.About
	}
	for _, p := range e.parameters() {
		parameter, _ := p.(object)
		name, _ := parameter["name"].(string)
		in, _ := parameter["in"].(string)
		about, _ := parameter["description"].(string)
		v.Parameters = append(v.Parameters, shownParameter{name, in, about})
	}
	var err error
	if e.Body != nil {
		if v.Body, err = indent(e.bodySchema()); err != nil {
			return v, err
		}
	}
	if e.Answer != nil {
		v.Answer, err = indent(schemaOf(reflect.TypeOf(e.Answer)))
	}
	return v, err
}

// indent writes a schema as people read it: each field with its type.
func indent(schema object) (string, error) {
	text, err := json.MarshalIndent(sketch(schema), "", "  ")
	return string(text), err
}

func sketch(schema object) any {
	if properties, ok := schema["properties"].(object); ok {
		fields := map[string]any{}
		for name, property := range properties {
			if inside, ok := property.(object); ok {
				fields[name] = sketch(inside)
			}
		}
		return fields
	}
	if items, ok := schema["items"].(object); ok {
		return []any{sketch(items)}
	}
	for _, key := range []string{"format", "type"} {
		if word, ok := schema[key].(string); ok {
			return word
		}
	}
	return "any"
}

var docs = template.Must(template.New("docs").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Gyro: the office's API</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{background:#f4f4f4;padding:.75rem;overflow:auto}
summary{cursor:pointer;padding:.35rem 0}details{border-bottom:1px solid #ddd}.m{display:inline-block;min-width:4.5rem;font-weight:700}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}.w{color:#555}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}pre{background:#262626}.w{color:#aaa}details{border-color:#444}a{color:#8ab4ff}}
</style></head><body>
<h1>The office's API</h1>
<p>TM Forum's Open APIs, version 4, and what they have no resource for. As <a href="/api/openapi.json">OpenAPI 3</a> for programs.</p>
<ul>{{range .Groups}}<li><a href="#{{.Anchor}}">{{.Name}}</a></li>{{end}}<li><a href="#errors">Errors</a></li></ul>
{{range .Groups}}<h2 id="{{.Anchor}}">{{.Name}}</h2>
{{range .Endpoints}}<details><summary><span class="m">{{.Method}}</span> <code>{{.Path}}</code> <span class="w">{{.Summary}}</span></summary>
{{with .About}}<p>{{.}}</p>{{end}}<p class="w">For {{.Who}}. Answers {{.Status}}.</p>
{{with .Parameters}}<table>{{range .}}<tr><td><code>{{.Name}}</code></td><td>{{.In}}</td><td>{{.About}}</td></tr>{{end}}</table>{{end}}
{{with .Body}}<p>Body</p><pre>{{.}}</pre>{{end}}{{with .Answer}}<p>Answer</p><pre>{{.}}</pre>{{end}}</details>
{{end}}{{end}}
<h2 id="errors">Errors</h2>
<p>Every error has a <code>code</code> for programs, a <code>reason</code> by its status, and a <code>message</code> that says what was wrong, where, and what to do.</p>
<table>{{range .Errors}}<tr><td>{{.Status}}</td><td>{{.Words}}</td></tr>{{end}}</table>
</body></html>
`))
