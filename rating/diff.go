package rating

import (
	"slices"
	"strings"
)

// Change is one difference between two catalogues, in the words of those who
// write them.
type Change struct {
	// Subject is what changed: offer, price, order of rules, allowance, one-time
	// fee, recurring fee, promotion, quota, service, zone, calendar, counter or
	// catalogue.
	Subject string `json:"subject"`
	// Name is the catalogue's; of a price it is SERVICE/RULE.
	Name string `json:"name"`
	// Offers are those that it concerns, in the order of the catalogue; none
	// where no offer has to do with it.
	Offers []string `json:"offers"`
	// Old and New are what the catalogues say; Old is "" for what was added, New
	// for what was removed.
	Old string `json:"old"`
	New string `json:"new"`
}

// String is a sentence.
func (c Change) String() string {
	text := c.Subject + " " + c.Name
	if len(c.Offers) > 0 {
		text += " (" + strings.Join(c.Offers, ", ") + ")"
	}
	switch {
	case c.Old == "":
		return text + " added: " + c.New
	case c.New == "":
		return text + " removed, was: " + c.Old
	}
	return text + ": " + c.New + ", was: " + c.Old
}

// Diff says what a new catalogue makes different for which offers: what was
// changed or added, in the order of the new one, then what was removed, in the
// order of the old one. What is the same for several offers is one change.
// Tests and the order of definitions make no difference. The order of rules
// does, because the first that applies wins, and so does that of services.
func Diff(from, to *Plan) []Change {
	var d diff
	was, is := from.facts(), to.facts()
	before, after := byKey(was), byKey(is)
	for _, f := range is {
		old, had := before[f.key()]
		switch {
		case !had && !f.order:
			d.add(f, "", f.text)
		case had && f.order:
			if a, b := common(old.text, f.text); a != b {
				d.add(f, a, b)
			}
		case had && old.text != f.text:
			f.offers = union(f.offers, old.offers)
			d.add(f, old.text, f.text)
		}
	}
	for _, f := range was {
		if _, has := after[f.key()]; !has && !f.order {
			d.add(f, f.text, "")
		}
	}
	return d.changes
}

// key tells facts apart; none of its parts holds a tab.
func (f *fact) key() string { return f.subject + "\t" + f.name + "\t" + f.offer }

// byKey is looked up, never ranged over.
func byKey(facts []fact) map[string]*fact {
	index := make(map[string]*fact, len(facts))
	for k := range facts {
		index[facts[k].key()] = &facts[k]
	}
	return index
}

// diff collects changes, those of several offers together.
type diff struct {
	changes []Change
	index   map[sameChange]int
}

// sameChange is what makes a change the same for several offers.
type sameChange struct{ subject, name, from, to string }

func (d *diff) add(f fact, from, to string) {
	same := sameChange{f.subject, f.name, from, to}
	if k, ok := d.index[same]; ok && f.offer != "" {
		d.changes[k].Offers = append(d.changes[k].Offers, f.offer)
		return
	}
	if d.index == nil {
		d.index = map[sameChange]int{}
	}
	d.index[same] = len(d.changes)
	offers := append([]string{}, f.offers...)
	if f.offer != "" {
		offers = append(offers, f.offer)
	}
	d.changes = append(d.changes, Change{Subject: f.subject, Name: f.name, Offers: offers, Old: from, New: to})
}

// union appends to one list what only the other has.
func union(list, other []string) []string {
	list = slices.Clone(list)
	for _, name := range other {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// common returns the names of two lists that are in both, in the order of each.
func common(a, b string) (string, string) {
	x, y := strings.Split(a, ", "), strings.Split(b, ", ")
	in := func(list []string) func(string) bool {
		return func(name string) bool { return !slices.Contains(list, name) }
	}
	return strings.Join(slices.DeleteFunc(slices.Clone(x), in(y)), ", "), strings.Join(slices.DeleteFunc(slices.Clone(y), in(x)), ", ")
}
