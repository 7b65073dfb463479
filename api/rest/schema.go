package rest

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"gyro/api/access"
)

// object is a JSON object of the description.
type object = map[string]any

// special are the schemas of types that write themselves.
var special = map[reflect.Type]object{
	reflect.TypeFor[Time]():            {"type": "string", "format": "date-time"},
	reflect.TypeFor[Date]():            {"type": "string", "format": "date"},
	reflect.TypeFor[Decimal]():         {"type": "number", "description": "exact, with at most six decimals"},
	reflect.TypeFor[json.RawMessage](): {"description": "any JSON value"},
	reflect.TypeFor[access.Roles]():    {"type": "array", "items": object{"type": "string", "enum": access.Anyone.Names()}},
}

// schemaOf describes a type as its JSON is (OpenAPI 3.0, schema object). A type within itself is shown as any value.
func schemaOf(t reflect.Type, around ...reflect.Type) object {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if known, found := special[t]; found {
		return known
	}
	if slices.Contains(around, t) {
		return object{"description": "as above"}
	}
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": schemaOf(t.Elem(), around...)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem(), around...)}
	case reflect.Struct:
		return structSchema(t, append(around, t))
	}
	return object{"description": "any JSON value"}
}

func structSchema(t reflect.Type, around []reflect.Type) object {
	properties := object{}
	var required []string
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() || (f.Anonymous && name == "") {
			continue
		}
		if name == "" {
			name = f.Name
		}
		properties[name] = schemaOf(f.Type, around...)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	schema := object{"type": "object", "properties": properties}
	if required != nil {
		schema["required"] = required
	}
	return schema
}
