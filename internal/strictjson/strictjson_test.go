package strictjson

import (
	"errors"
	"strings"
	"testing"
)

type base struct {
	ID   string `json:"id"`
	Type string `json:"@type,omitempty"`
}

type item struct {
	Action string            `json:"action"`
	Count  int               `json:"count"`
	Price  price             `json:"price"`
	Labels map[string]string `json:"labels"`
	Value  any               `json:"value"`
}

type order struct {
	base
	Items []item `json:"orderItem"`
}

type price string

func (p *price) UnmarshalJSON(b []byte) error {
	if strings.Contains(string(b), "e") {
		return &Error{Key: "value", Reason: "an exponent is not expected here", Remedy: "write the digits out"}
	}
	*p = price(b)
	return nil
}

func TestBodiesAreReadStrictly(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":"1","@type":"order","orderItem":[{"action":"add","labels":{"Any":"x"},"value":{"Deep":[1,null]},"price":1.5}]}`: "",
		`{"ID":"1"}`:                                         `line 1, column 3: ID: the field is unknown; check its spelling, or leave it out`,
		`{"base":{}}`:                                        `line 1, column 3: base: the field is unknown; check its spelling, or leave it out`,
		`{"orderItem":[{},{"acton":"add"}]}`:                 `line 1, column 20: orderItem[1].acton: the field is unknown; check its spelling, or leave it out`,
		`{"orderItem":[{"value":{"a":1,"a":2}}]}`:            `line 1, column 34: orderItem[0].value.a: the field is there twice; keep one of them`,
		`{"id":"1","id":"1"}`:                                `line 1, column 15: id: the field is there twice; keep one of them`,
		"{\"id\":\"1\",\n \"orderItem\":[{\"price\": 1e3}]}": `line 2, column 26: orderItem[0].price.value: an exponent is not expected here; write the digits out`,
		`{"id":7}`:                  `line 1, column 8: id: a number is not expected here; write a string, in quotes; amounts are decimal strings such as "10.00"`,
		`{"orderItem":{}}`:          `line 1, column 15: orderItem: an object is not expected here; write a list`,
		`{"id":"1"} {}`:             `line 1, column 13: data follows the JSON value; send one object and nothing behind it`,
		`null`:                      `line 1, column 1: null is not expected here; write an object`,
		`{"id":"1"`:                 `line 1, column 10: the body ends too early; the body must be one JSON object`,
		`{"id":tru}`:                `line 1, column 9: invalid character '}' in literal true (expecting 'e'); the body must be JSON`,
		"{\"id\":\"\xff\"}":         `the body is not UTF-8; JSON must be`,
		strings.Repeat("[", 100000): `line 1, column 34: the values are nested too deeply; no body of this API is`,
	} {
		err := Decode([]byte(body), &order{})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", body, err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("%.80s:\n got %v\nwant %s", body, err, want)
		}
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%.80s: %T", body, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"1","orderItem":[{"action":"add","price":1.5,"value":{"a":[{}]}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := Decode(body, &order{}); err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Reason == "" || e.Remedy == "" {
				t.Fatalf("%q: %v", body, err)
			}
		}
	})
}
