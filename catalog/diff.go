package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/rating"
)

// Changes are what a document makes different from what is in force.
type Changes struct {
	// Offers are the differences of the office's half: subject is specification,
	// service, offer, price, discount, requires or excludes.
	Offers []rating.Change `json:"offers"`
	// Charging are those of the core's, in its own words.
	Charging []rating.Change `json:"charging"`
}

// None reports whether nothing is different.
func (c *Changes) None() bool { return len(c.Offers)+len(c.Charging) == 0 }

// fact is something that the office's half says, in words.
type fact struct{ subject, name, offer, text string }

// Diff says what one set of offers makes different from another: what is
// changed or added in the order of the new one, then what is gone.
func Diff(from, to []Offering) []rating.Change {
	was, is := facts(from), facts(to)
	before, after := byFact(was), byFact(is)
	changes := []rating.Change{}
	add := func(f fact, old, is string) {
		c := rating.Change{Subject: f.subject, Name: f.name, Old: old, New: is, Offers: []string{}}
		if f.offer != "" {
			c.Offers = append(c.Offers, f.offer)
		}
		changes = append(changes, c)
	}
	for _, f := range is {
		if old, had := before[f.key()]; !had || old.text != f.text {
			add(f, old.text, f.text)
		}
	}
	for _, f := range was {
		if _, has := after[f.key()]; !has {
			add(f, f.text, "")
		}
	}
	return changes
}

func (f *fact) key() string { return f.subject + "\t" + f.name + "\t" + f.offer }

// byFact is looked up, never ranged over.
func byFact(list []fact) map[string]fact {
	index := make(map[string]fact, len(list))
	for _, f := range list {
		index[f.key()] = f
	}
	return index
}

func facts(offers []Offering) (all []fact) {
	specified, titled := map[string]bool{}, map[string]bool{}
	for n := range offers {
		o := &offers[n]
		if s := o.Specification; s != nil && !specified[s.Name] {
			specified[s.Name] = true
			all = append(all, fact{"specification", s.Name, "", s.words()})
		}
		all = append(all, fact{"offer", o.Name, "", o.words()})
		for k := range o.Prices {
			if p := &o.Prices[k]; p.Type != Usage { // the core's half says what usage costs
				all = append(all, fact{"price", p.Name, o.Name, p.words()})
			} else if len(p.Titles) > 0 && !titled[p.Name] {
				titled[p.Name] = true
				all = append(all, fact{"service", p.Name, "", titleWords(p.Titles)})
			}
		}
		for k := range o.Discounts {
			all = append(all, fact{"discount", o.Discounts[k].Name, o.Name, o.Discounts[k].words(o.Currency)})
		}
		for _, other := range o.Requires {
			all = append(all, fact{requires, other, o.Name, "required"})
		}
		for _, other := range o.Excludes {
			all = append(all, fact{excludes, other, o.Name, "excluded"})
		}
	}
	return all
}

// phrase joins the words that are not empty.
func phrase(words ...string) string {
	var said []string
	for _, word := range words {
		if word != "" {
			said = append(said, word)
		}
	}
	return strings.Join(said, ", ")
}

// when is words if a condition holds.
func when(condition bool, words string) string {
	if condition {
		return words
	}
	return ""
}

func (s *Specification) words() string {
	parts := []string{s.Description}
	for _, c := range s.Components {
		part := []string{strings.TrimSpace(string(c.Kind) + " " + c.Profile)}
		for _, name := range slices.Sorted(maps.Keys(c.Attributes)) {
			part = append(part, name+"="+c.Attributes[name])
		}
		parts = append(parts, strings.Join(part, " "))
	}
	return phrase(parts...)
}

func (o *Offering) words() string {
	specification := ""
	if o.Specification != nil {
		specification = "specification " + o.Specification.Name
	}
	return phrase(string(o.Kind), when(o.AddOn, "add-on"), when(!o.Sellable, "cannot be ordered"), when(o.Title != "", quote(o.Title)), o.Description,
		when(o.Category != "", "category "+o.Category), specification, when(o.Segments != "", "for "+strings.ReplaceAll(o.Segments, ",", " and ")),
		when(o.CommitmentMonths > 0, fmt.Sprintf("commitment of %d months", o.CommitmentMonths)),
		when(o.MinimumCommitment > 0, "at least "+inWords(o.MinimumCommitment, o.Currency)+" a cycle"))
}

func inWords(a money.Amount, currency string) string {
	of, _ := money.ParseCurrency(currency) // was read before
	return a.Format(of.Exponent()) + " " + currency
}

func (p *Price) words() string {
	amount := inWords(p.Amount, p.Currency)
	tax := when(p.TaxCategory != "standard", p.TaxCategory+" tax")
	account := "account " + p.GLCode
	if p.Type == OneTime {
		return phrase(amount+" once", p.Description, tax, account)
	}
	due := "in arrears"
	if p.InAdvance {
		due = "in advance"
	}
	return phrase(amount+" every "+chargingPeriod(p), due, when(p.Prorate, "prorated"), p.Description, tax, account)
}

func (d *Discount) words(currency string) string {
	off := inWords(d.Amount, currency) + " off"
	if d.RateMillionths > 0 {
		off = money.Amount(d.RateMillionths*100).Format(0) + "% off"
	}
	return phrase(off+" "+strings.ReplaceAll(string(d.AppliesTo), "_", "-")+" prices", when(d.Cycles > 0, fmt.Sprintf("for %d periods", d.Cycles)),
		when(d.Coupon != "", "with coupon "+d.Coupon), moment("from", d.ValidFrom), moment("until", d.ValidUntil))
}

func moment(word string, at instant.Instant) string {
	if at == 0 {
		return ""
	}
	return word + " " + at.String()
}

// Change is one difference, in the words that the core has for its own.
type Change = rating.Change

// Errors are what is wrong in a document, with line, place, reason and remedy.
type Errors = rating.SourceErrors
