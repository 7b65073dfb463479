package catalog

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"
)

// title is a key of services that the office reads and the core is not given.
const title = "title"

// inAll stands in Price.Titles for a title that is the same in every language.
const inAll = ""

var languageCode = regexp.MustCompile(`^[a-z]{2}$`)

// serviceTitles reads what people call the services. Whatever else is wrong with services is the core's compiler's to say.
func (c *compiler) serviceTitles(m *mapping) {
	c.titles = map[string]map[string]string{}
	f, ok := m.optional("services")
	if !ok {
		return
	}
	for k, child := range followed(f.node).Content {
		node := followed(child)
		if node.Kind != yaml.MappingNode {
			continue
		}
		name := ""
		var titled *field
		for n := 0; n+1 < len(node.Content); n += 2 {
			switch key, value := node.Content[n].Value, node.Content[n+1]; key {
			case "name":
				name = followed(value).Value
			case title:
				titled = &field{fmt.Sprintf("%s[%d].%s", f.path, k, title), value}
			}
		}
		if titled != nil {
			c.titles[name] = c.titlesAt(*titled)
		}
	}
}

// titlesAt reads a text, or texts by language.
func (c *compiler) titlesAt(f field) map[string]string {
	node := followed(f.node)
	if node.Kind != yaml.MappingNode {
		return map[string]string{inAll: c.titleAt(f)}
	}
	titles := map[string]string{}
	for n := 0; n+1 < len(node.Content); n += 2 {
		language := node.Content[n].Value
		at := field{f.path + "." + language, node.Content[n+1]}
		if !languageCode.MatchString(language) {
			c.fail(at, quote(language)+" is no language", "write a code of ISO 639-1: {en: Calls, de: Gespräche}")
			continue
		}
		titles[language] = c.titleAt(at)
	}
	return titles
}

// maxTitle is what a line of a bill has room for.
const maxTitle = 60

func (c *compiler) titleAt(f field) string {
	text := c.text(f)
	if len(text) > maxTitle {
		c.fail(f, fmt.Sprintf("has %d octets", len(text)), fmt.Sprintf("use at most %d: it is a line of the bill", maxTitle))
	}
	return text
}

// untitled takes the titles out of what the core is given of services.
func untitled(services *yaml.Node) *yaml.Node {
	for _, s := range services.Content {
		for n := 0; s.Kind == yaml.MappingNode && n+1 < len(s.Content); n += 2 {
			if s.Content[n].Value == title {
				s.Content = slices.Delete(s.Content, n, n+2)
				break
			}
		}
	}
	return services
}

// titleWords are the titles of a service in words.
func titleWords(titles map[string]string) string {
	var words []string
	for _, language := range slices.Sorted(maps.Keys(titles)) {
		text := quote(titles[language])
		if language != inAll {
			text += " (" + language + ")"
		}
		words = append(words, text)
	}
	return phrase(words...)
}
