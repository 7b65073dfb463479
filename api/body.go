package api

import (
	"errors"
	"mime"
	"strings"

	"gyro/internal/strictjson"

	"github.com/valyala/fasthttp"
)

// decode reads a JSON body into v, strictly: one value, of the declared type,
// every field known and named once.
func (r *request) decode(v any) error {
	if err := r.checkContentType("application/json"); err != nil {
		return err
	}
	err := strictjson.Decode(r.PostBody(), v)
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		p := refuse(fasthttp.StatusBadRequest, "invalid_json", "%v", e)
		if e.Line > 0 {
			p.Details = []detail{{Line: e.Line, Column: e.Column, Key: e.Key, Reason: e.Reason, Remedy: e.Remedy}}
		}
		return p
	}
	return err
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
