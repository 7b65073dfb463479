package rating

import (
	"fmt"

	"gyro/internal/ident"
)

// names are the names of one kind of thing and their indices. What follows
// from an error in a definition is no error of its own: it would bury the one
// that has to be corrected.
type names struct {
	list  []string
	index map[string]uint32
	// doubtful are the names of which it is not certain what they stand for.
	doubtful map[string]bool
	// incomplete is set when a definition has no usable name: it may be the
	// one that a reference means.
	incomplete bool
}

func (n *names) doubt(name string) {
	if n.doubtful == nil {
		n.doubtful = map[string]bool{}
	}
	n.doubtful[name] = true
}

func (n *names) add(name string, k uint32) {
	if n.index == nil {
		n.index = map[string]uint32{}
	}
	n.index[name] = k
	n.list = append(n.list, name)
}

// name reads the name of a new thing of one kind and registers its short form.
func (c *compiler) name(m *mapping, kind *names, example string) (text string, id ident.Name, ok bool) {
	defer func() { kind.incomplete = kind.incomplete || !ok }()
	f, ok := c.required(m, "name", "name: "+example)
	if !ok {
		return "", 0, false
	}
	text, ok = c.validName(f)
	if !ok {
		return "", 0, false
	}
	if _, taken := kind.index[text]; taken {
		kind.doubt(text)
		c.fail(f, quote(text)+" is defined twice", "choose another name")
		return "", 0, false
	}
	id = ident.NameOf(text)
	other, taken := c.byID[id]
	if taken && other != text {
		c.fail(f, fmt.Sprintf("%s and %s have the same short form %08x", quote(text), quote(other), uint32(id)),
			"change either name by one character")
		return "", 0, false
	}
	if !taken {
		c.byID[id] = text
		c.plan.names = append(c.plan.names, text)
	}
	return text, id, true
}

// validName reads a name. It has no spaces, so that it can stand in the name
// of a ledger account, in a query and on a command line.
func (s *source) validName(f field) (string, bool) {
	text, ok := s.text(f)
	if !ok {
		return "", false
	}
	valid := len(text) <= MaxName && text[0] != '-' && text[0] != '.'
	for _, ch := range []byte(text) {
		letter := (lower(ch) >= 'a' && lower(ch) <= 'z') || (ch >= '0' && ch <= '9')
		valid = valid && (letter || ch == '-' || ch == '_' || ch == '.')
	}
	if !valid {
		s.fail(f, quote(text)+" is not a name", fmt.Sprintf("use up to %d letters, digits, -, _ and .", MaxName))
		return "", false
	}
	return text, true
}

// reference reads the name of a thing that is defined elsewhere. It is silent
// about a name that an error in a definition makes unknown or doubtful.
func (c *compiler) reference(f field, kind *names, what string) (uint32, bool) {
	text, ok := c.text(f)
	if !ok {
		return 0, false
	}
	k, ok := kind.index[text]
	if !ok && !kind.incomplete {
		c.fail(f, fmt.Sprintf("there is no %s %s", what, quote(text)), suggestion(text, kind.list))
	}
	return k, ok && !kind.doubtful[text]
}

// references reads one name or a list of names.
func (c *compiler) references(f field, kind *names, what string, limit int) ([]uint32, bool) {
	var found []uint32
	elements := c.list(f, limit, true)
	if elements != nil && len(elements) == 0 {
		c.fail(f, "the list is empty", "name at least one "+what+", or leave the key out")
	}
	for _, element := range elements {
		k, ok := c.reference(element, kind, what)
		if !ok {
			return nil, false
		}
		found = append(found, k)
	}
	return found, len(found) > 0
}
