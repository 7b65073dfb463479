package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fasthttp"
)

// maxDepth bounds the nesting of a body; the deepest one of the API has three
// levels.
const maxDepth = 16

// decode reads a JSON body into v, strictly: one value, of the declared type,
// every field known and named once.
func (r *request) decode(v any) error {
	if err := r.checkContentType("application/json"); err != nil {
		return err
	}
	body := r.PostBody()
	if !utf8.Valid(body) {
		return refuse(fasthttp.StatusBadRequest, "invalid_json", "the body is not UTF-8; JSON must be")
	}
	w := walker{body: body, decoder: json.NewDecoder(bytes.NewReader(body))}
	if err := w.value("", 0); err != nil {
		return w.problem(err)
	}
	if bytes.Equal(bytes.TrimSpace(body), []byte("null")) { // which encoding/json takes for an empty object
		return w.at(0, "", "null is not expected here", "write an object")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return w.problem(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return w.at(decoder.InputOffset(), "", "data follows the JSON value", "send one object and nothing behind it")
	}
	return nil
}

// checkContentType refuses bodies that say they are something else. It also
// keeps web pages out: a browser asks for permission before it sends a type
// that no form has.
func (r *request) checkContentType(allowed ...string) error {
	header := string(r.Request.Header.ContentType())
	media, parameters, err := mime.ParseMediaType(header)
	charset := parameters["charset"]
	known := err == nil && (charset == "" || strings.EqualFold(charset, "utf-8"))
	if encoding := r.Request.Header.ContentEncoding(); len(encoding) > 0 {
		return refuse(fasthttp.StatusUnsupportedMediaType, "unsupported_media_type", "Content-Encoding %q is not read; send the body as it is", encoding)
	}
	for _, a := range allowed {
		if known && media == a {
			return nil
		}
	}
	return refuse(fasthttp.StatusUnsupportedMediaType, "unsupported_media_type",
		"Content-Type %q is not read here; send %s", header, strings.Join(allowed, " or "))
}

// walker goes over a body once to find what encoding/json lets pass: fields
// named twice, and fields in another letter case, which it takes for the same.
type walker struct {
	decoder *json.Decoder
	body    []byte
}

var errDepth = errors.New("nested too deeply")

func (w *walker) value(path string, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return w.object(path, depth)
	case json.Delim('['):
		for n := 0; w.decoder.More(); n++ {
			if err := w.value(path+"["+strconv.Itoa(n)+"]", depth+1); err != nil {
				return err
			}
		}
		_, err = w.decoder.Token()
	}
	return err
}

func (w *walker) object(path string, depth int) error {
	seen := map[string]bool{}
	for w.decoder.More() {
		token, err := w.decoder.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		at := strings.TrimPrefix(path+"."+key, ".")
		if seen[key] {
			return w.at(w.decoder.InputOffset(), at, "the field is there twice", "keep one of them")
		}
		if !isFieldName(key) {
			return w.unknown(w.decoder.InputOffset(), at)
		}
		seen[key] = true
		if err := w.value(at, depth+1); err != nil {
			return err
		}
	}
	_, err := w.decoder.Token()
	return err
}

// isFieldName reports whether a field of the API could have this name.
func isFieldName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

func (w *walker) unknown(offset int64, key string) *problem {
	return w.at(offset, key, "the field is unknown", "check its spelling, or leave it out")
}

// at makes a problem with the position behind the first offset octets.
func (w *walker) at(offset int64, key, reason, remedy string) *problem {
	before := w.body[:min(int(max(offset, 0)), len(w.body))]
	d := detail{
		Line: bytes.Count(before, []byte("\n")) + 1, Column: len(before) - bytes.LastIndexByte(before, '\n'),
		Key: key, Reason: reason, Remedy: remedy,
	}
	where := ""
	if key != "" {
		where = key + ": "
	}
	p := refuse(fasthttp.StatusBadRequest, "invalid_json", "line %d, column %d: %s%s; %s", d.Line, d.Column, where, reason, remedy)
	p.Details = []detail{d}
	return p
}

// fieldPath is encoding/json's path to a value without the names of embedded
// structs, which it puts in and no client has ever seen.
func fieldPath(path string) string {
	parts := strings.Split(path, ".")
	parts = slices.DeleteFunc(parts, func(part string) bool { return !isFieldName(strings.TrimRight(part, "[]0123456789")) })
	return strings.Join(parts, ".")
}

// withArticle is a kind of JSON value (array, bool, number, object, string) in
// English.
func withArticle(kind string) string {
	if strings.IndexAny(kind, "aeiou") == 0 {
		return "an " + kind
	}
	return "a " + kind
}

// problem turns an error of encoding/json into words with a position.
func (w *walker) problem(err error) error {
	var (
		p        *problem
		syntax   *json.SyntaxError
		mismatch *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &syntax):
		return w.at(syntax.Offset, "", strings.TrimPrefix(syntax.Error(), "json: "), "the body must be JSON")
	case errors.As(err, &mismatch):
		remedy := "write a list"
		switch mismatch.Type.Kind() {
		case reflect.String:
			remedy = `write a string, in quotes; amounts are decimal strings such as "10.00"`
		case reflect.Struct:
			remedy = "write an object"
		case reflect.Bool:
			remedy = "write true or false, without quotes"
		case reflect.Int:
			remedy = "write a whole number, without quotes"
		case reflect.Uint16, reflect.Uint32:
			remedy = fmt.Sprintf("write a whole number from 0 to %d, without quotes", uint64(1)<<mismatch.Type.Bits()-1)
		}
		return w.at(mismatch.Offset, fieldPath(mismatch.Field), withArticle(mismatch.Value)+" is not expected here", remedy)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return w.at(int64(len(w.body)), "", "the body ends too early", "the body must be one JSON object")
	case errors.Is(err, errDepth):
		return w.at(w.decoder.InputOffset(), "", "the values are nested too deeply", "no body of this API is")
	}
	if key, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		key = strings.Trim(key, `"`)
		return w.unknown(int64(bytes.Index(w.body, []byte(`"`+key+`"`))+1), key)
	}
	return w.at(w.decoder.InputOffset(), "", strings.TrimPrefix(err.Error(), "json: "), "the body must be JSON")
}
