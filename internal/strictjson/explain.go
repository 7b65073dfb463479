package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// explain turns an error of encoding/json into words with a position.
func (w *walker) explain(err error) error {
	var (
		e        *Error
		syntax   *json.SyntaxError
		mismatch *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &syntax):
		return w.at(syntax.Offset, "", strings.TrimPrefix(syntax.Error(), "json: "), "the body must be JSON")
	case errors.As(err, &mismatch):
		return w.at(mismatch.Offset, fieldPath(mismatch.Field, w.root), withArticle(mismatch.Value)+" is not expected here", remedyFor(mismatch.Type))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return w.at(int64(len(w.body)), "", "the body ends too early", "the body must be one JSON object")
	case errors.Is(err, errDepth):
		return w.at(w.decoder.InputOffset(), "", "the values are nested too deeply", "no body of this API is")
	}
	return w.at(w.decoder.InputOffset(), "", strings.TrimPrefix(err.Error(), "json: "), "the body must be JSON")
}

func remedyFor(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return `write a string, in quotes; amounts are decimal strings such as "10.00"`
	case reflect.Struct:
		return "write an object"
	case reflect.Bool:
		return "write true or false, without quotes"
	case reflect.Int, reflect.Int64:
		return "write a whole number, without quotes"
	case reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("write a whole number from 0 to %d, without quotes", uint64(1)<<t.Bits()-1)
	}
	return "write a list"
}

// fieldPath is encoding/json's path to a value without the names of embedded
// structs, which it puts in and no client has ever seen.
func fieldPath(path string, t reflect.Type) string {
	var kept []string
	for part := range strings.SplitSeq(path, ".") {
		for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map) {
			t = t.Elem()
		}
		if t == nil || t.Kind() != reflect.Struct {
			kept = append(kept, part)
			continue
		}
		if declared, found := fieldsOf(t)[part]; found {
			kept, t = append(kept, part), declared
		}
	}
	return strings.Join(kept, ".")
}

// withArticle is a kind of JSON value (array, bool, number, object, string) in
// English.
func withArticle(kind string) string {
	if strings.IndexAny(kind, "aeiou") == 0 {
		return "an " + kind
	}
	return "a " + kind
}
