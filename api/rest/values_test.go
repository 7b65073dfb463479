package rest

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"gyro/internal/money"
	"gyro/internal/refusal"
)

func TestAmountsAreExact(t *testing.T) {
	for text, want := range map[string]string{
		"12.50": "12.5", "0": "0", "-0.000001": "-0.000001", "9223372036854.775807": "9223372036854.775807", "100": "100",
		"0.1": "0.1", "1e2": "", "1E2": "", "0.0000001": "", `"12"`: "", "9223372036855": "", "true": "", "null": "",
	} {
		var d Decimal
		err := json.Unmarshal([]byte(text), &d)
		if (want == "") != (err != nil) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := json.Marshal(d); want != "" && (err != nil || string(got) != want) {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		`{"unit":"EUR","value":12.5}`: "12.50 EUR", `{"unit":"JPY","value":12.5}`: "", `{"unit":"EUR","value":0.001}`: "", `{"unit":"XXQ","value":1}`: "",
	} {
		var m Money
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		amount, currency, err := m.Amount("amount")
		if got := amount.String() + " " + currency.String(); want != "" && (err != nil || got != want) || want == "" && !refusal.Is(err, "invalid_value") {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	var none *Money
	if _, _, err := none.Amount("amount"); !refusal.Is(err, "invalid_value") {
		t.Error(err)
	}
	if got := MoneyOf(money.Unit, "EUR"); got.Unit != "EUR" || got.Value != 1_000_000 {
		t.Errorf("%+v", got)
	}
}

func TestTimesAndDaysAreRead(t *testing.T) {
	for text, want := range map[string]string{
		`"2026-01-31T10:30:00+01:00"`: `"2026-01-31T09:30:00.000Z"`, `"2026-01-31T09:30:00.0019Z"`: `"2026-01-31T09:30:00.001Z"`, `null`: `null`,
		`"2026-01-31"`: "", `"1970-01-01T00:00:00Z"`: "", `1`: "", `""`: "", `"0000-01-01T00:00:00Z"`: "",
	} {
		var at Time
		err := json.Unmarshal([]byte(text), &at)
		if (want == "") != (err != nil) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := json.Marshal(at); want != "" && (err != nil || string(got) != want) {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for text, good := range map[string]bool{`"2026-02-28"`: true, `"2026-02-29"`: false, `"28.2.2026"`: false, `""`: true, `7`: false} {
		var d Date
		if err := json.Unmarshal([]byte(text), &d); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMergePatch(t *testing.T) {
	// The examples of RFC 7396, appendix A.
	for _, example := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		merged, err := json.Marshal(mergePatch(normal([]byte(example[0])), normal([]byte(example[1]))))
		if err != nil || string(merged) != example[2] {
			t.Errorf("%s with %s: %s, want %s", example[0], example[1], merged, example[2])
		}
	}
}

func TestFiltersAreRead(t *testing.T) {
	filters := []Filter{
		{Attribute: "status", Column: "status", Values: []string{"a", "b"}},
		{Attribute: "at", Column: "at", Kind: Instant, Sort: true},
		{Attribute: "day", Column: "day", Kind: Day},
		{Attribute: "n.gt", Column: "odd"},
		{Attribute: "n", Column: "n", Kind: Number},
		{Attribute: "flag", Column: "flag", Kind: Flag},
	}
	for query, want := range map[string]string{
		"status=a,b": "status = a|b", "status=a&status=b": "status = a|b", "at.gte=2026-01-01T00:00:00Z": "at >= 2026-01-01T00:00:00Z",
		"at=2026-01-01T00:00:00+01:00": "at = 2026-01-01T00:00:00 01:00", "day.lt=2026-01-01": "day < 2026-01-01", "n.gt=5": "odd = 5", "n.lte=5": "n <= 5",
		"flag=true": "flag = true", "n.ne=5": "n <> 5", "offset=7&limit=3&sort=-at": "",
		"status=c": "!", "n.gt.gt=x": "odd > x", "n.lte=5,6": "!", "n=x": "!", "at=now": "!", "day=2026-13-01": "!", "flag=1": "!", "sort=n": "!", "limit=0": "!",
		"n=" + strings.Repeat("1,", 200) + "1": "!", "sort=at,at,at,at,at,at,at": "!",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := parseQuery(values, filters, "id")
		if (want == "!") != (err != nil) {
			t.Errorf("%.40s: %v", query, err)
			continue
		}
		if err != nil {
			continue
		}
		var got []string
		for _, c := range q.Conditions {
			got = append(got, c.Filter.Column+" "+c.Op+" "+strings.Join(c.Texts, "|"))
		}
		if strings.Join(got, ";") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
		if strings.HasPrefix(query, "offset") && (q.Offset != 7 || q.Limit != 3 || len(q.Order) != 1 || !q.Order[0].Descending) {
			t.Errorf("%s: %+v", query, q)
		}
	}
	page, total := Slice(&Query{Offset: 2, Limit: 2}, []int{1, 2, 3, 4, 5})
	if total != 5 || len(page) != 2 || page[0] != 3 {
		t.Errorf("%v of %d", page, total)
	}
	if page, _ := Slice(&Query{Offset: 9, Limit: 2}, []int{1}); len(page) != 0 {
		t.Errorf("%v", page)
	}
}
