package api

import (
	"net/url"
	"strconv"
	"strings"
)

// page is what a list is asked for: at most limit entries, from a position.
type page struct {
	at    uint64
	given bool // a position was given
	limit int
}

// Sizes of a page: the default suits people, the most keeps an answer below a
// megabyte.
const (
	defaultPage = 100
	maxPage     = 1000
)

// page reads the parameters of a list. Unknown ones are refused: a misspelt
// filter that is ignored shows too much.
func (r *request) page(position string) (page, error) {
	p := page{limit: defaultPage}
	values, err := url.ParseQuery(string(r.URI().QueryString()))
	if err != nil {
		return p, badParameter("the query cannot be read: %v", err)
	}
	for name, list := range values { // any one error will do, so order does not matter
		if name != position && name != "limit" {
			return p, badParameter("unknown parameter %q; use %s and limit", name, position)
		}
		if len(list) != 1 {
			return p, badParameter("%s is there %d times; give it once", name, len(list))
		}
		number, err := strconv.ParseUint(list[0], 10, 64)
		if err != nil {
			return p, badParameter("%s=%q is not a number from 0; use the value of next in the previous answer", name, list[0])
		}
		if name == position {
			p.at, p.given = number, true
			continue
		}
		if number < 1 || number > maxPage {
			return p, badParameter("limit=%d is not within 1 to %d", number, maxPage)
		}
		p.limit = int(number)
	}
	return p, nil
}

// only reads the one parameter that an endpoint has, "" where it is not given.
// What says what the parameter is.
func (r *request) only(name, what string) (string, error) {
	values, err := url.ParseQuery(string(r.URI().QueryString()))
	if err != nil || len(values) > 1 || len(values) == 1 && len(values[name]) != 1 {
		return "", badParameter("%q is not understood; the one parameter here is %s, %s", "?"+string(r.URI().QueryString()), name, what)
	}
	return values.Get(name), nil
}

// subSession reads the CC-Sub-Session-Id of a session, 0 where there is none.
func (r *request) subSession() (uint64, error) {
	query := string(r.URI().QueryString())
	text, err := r.only("sub_session", "the CC-Sub-Session-Id of the session")
	switch {
	case err != nil:
		return 0, badParameter("the only parameter here is one sub_session; leave the rest of %q out", "?"+query)
	case query == "":
		return 0, nil
	}
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, badParameter("sub_session=%q is not a number from 0; it is the CC-Sub-Session-Id of the session", text)
	}
	return number, nil
}

// flag reads the one parameter that an endpoint has, which is true or false.
func (r *request) flag(name string) (bool, error) {
	text, err := r.only(name, "true or false")
	if err == nil && text != "true" && text != "false" && len(r.URI().QueryString()) > 0 {
		err = badParameter("%q is not understood; the one parameter here is %s, true or false", "?"+string(r.URI().QueryString()), name)
	}
	return text == "true", err
}

// noQuery refuses parameters where none are known.
func (r *request) noQuery() error {
	if len(r.URI().QueryString()) > 0 {
		return badParameter("this endpoint has no parameters; leave %q out", "?"+string(r.URI().QueryString()))
	}
	return nil
}

// param is a percent-decoded segment of the path.
func (r *request) param(name string) (string, error) {
	raw, _ := r.UserValue(name).(string)
	value, err := url.PathUnescape(raw)
	if err != nil {
		return "", badParameter("%q in the path is not percent-encoded: %v", raw, err)
	}
	return value, nil
}

// isName reports whether s has 1 to longest octets that can stand in the name
// of a ledger account, in a URL and on a command line: letters, digits and the
// extra ones.
func isName(s string, longest int, extra string) bool {
	if s == "" || len(s) > longest {
		return false
	}
	for _, c := range []byte(s) {
		letter := (c|0x20 >= 'a' && c|0x20 <= 'z') || (c >= '0' && c <= '9')
		if !letter && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return strings.Trim(s, ".") != "" // "." and ".." are not segments of a path
}
