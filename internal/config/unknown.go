package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// unknownKeys describes the keys of a file that are no settings, in their order.
func unknownKeys(raw map[string]any) []string {
	return unknownIn(reflect.TypeFor[Config](), raw, "")
}

// unknownIn looks at what stands at a path, where a value of a type belongs.
// What has another form than the type is left to the decoder.
func unknownIn(of reflect.Type, value any, path string) (unknown []string) {
	if list, ok := value.([]any); ok && of.Kind() == reflect.Slice {
		for n, element := range list {
			unknown = append(unknown, unknownIn(of.Elem(), element, fmt.Sprintf("%s[%d]", path, n))...)
		}
		return unknown
	}
	members, ok := value.(map[string]any)
	if !ok || of.Kind() != reflect.Struct {
		return nil
	}
	known := map[string]reflect.Type{}
	for member := range of.Fields() {
		known[member.Tag.Get("koanf")] = member.Type
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		at := strings.TrimPrefix(path+"."+key, ".")
		if member, ok := known[key]; ok {
			unknown = append(unknown, unknownIn(member, members[key], at)...)
			continue
		}
		if _, dotted := Defaults()[at]; dotted {
			nested := strings.ReplaceAll(at, ".", ": {") + ": ..." + strings.Repeat("}", strings.Count(at, "."))
			unknown = append(unknown, at+" is written nested in a file: "+nested)
			continue
		}
		meant := similar(key, slices.Sorted(maps.Keys(known)))
		for n := range meant {
			meant[n] = strings.TrimSuffix(at, key) + meant[n]
		}
		if len(meant) == 0 && path == "" {
			meant = elsewhere(key)
		}
		unknown = append(unknown, at+" is no setting"+didYouMean(meant))
	}
	return unknown
}

// elsewhere finds the settings that a key is the last part of: whoever writes
// supervision means charging.supervision.
func elsewhere(key string) (settings []string) {
	for _, setting := range slices.Sorted(maps.Keys(Defaults())) {
		if strings.HasSuffix(setting, "."+key) {
			settings = append(settings, setting)
		}
	}
	return settings
}

// didYouMean is a question, or nothing where there is nothing to ask about.
func didYouMean(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " (did you mean " + strings.Join(words, " or ") + "?)"
}

// similar are the words that differ from a misspelt one in one place: what is
// left of both between their common beginning and their common end has at most
// two letters, as one letter left out, added or replaced has, and two swapped.
func similar(misspelt string, words []string) (found []string) {
	for _, word := range words {
		a, b := strings.ToLower(misspelt), strings.ToLower(word)
		for a != "" && b != "" && a[0] == b[0] {
			a, b = a[1:], b[1:]
		}
		for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
			a, b = a[:len(a)-1], b[:len(b)-1]
		}
		if len(a) <= 2 && len(b) <= 2 && len(b) < len(word) {
			found = append(found, word)
		}
	}
	return found
}
