package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"gyro/internal/zone"
	"gyro/rating"
)

var glOf = regexp.MustCompile(`^[0-9A-Za-z.-]{1,20}$`)

// generated is the charging half while it is built, and where in the document
// each of its values comes from: the core's compiler reads the text that is
// made of it, and what it has to say must name the operator's lines.
type generated struct {
	root    *yaml.Node
	origins map[*yaml.Node]field // looked up only
}

const generatedHead = "# Made by the office of its catalogue %s. Change that one; what is changed here is replaced.\n"

// charging makes the core's catalogue, compiles it and runs its tests.
func (c *compiler) charging(root field) {
	offers := 0
	for n := range c.Offerings {
		if c.Offerings[n].ChargingOffer != "" {
			offers++
		}
	}
	if offers == 0 {
		return
	}
	g := c.generate(root)
	if len(c.errors) > 0 {
		return
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, generatedHead, c.Name)
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(g.root), encoder.Close()); err != nil {
		c.fail(root, "the charging half cannot be written: "+err.Error(), "report it")
		return
	}
	plan, err := rating.Compile(text.Bytes(), zone.Load)
	if wrong, is := errors.AsType[rating.SourceErrors](err); is {
		for _, e := range wrong {
			at, path := g.place(e.Key)
			c.failAt(at.Line, at.Column, path, e.Reason, e.Remedy)
		}
		return
	}
	c.Charging, c.Plan = text.Bytes(), plan
	c.runTests(g)
}

// generate builds the core's catalogue of the document's values.
func (c *compiler) generate(root field) *generated {
	g := &generated{root: &yaml.Node{Kind: yaml.MappingNode}, origins: map[*yaml.Node]field{}}
	g.origins[g.root] = root
	m, _ := c.mapping(root, documentKeys...) // has been read before
	for _, key := range slices.Concat(headerKeys, chargingKeys[:len(chargingKeys)-1]) {
		if f, ok := m.optional(key); ok {
			value := c.copied(g, f)
			if key == "services" {
				value = untitled(value)
			}
			g.put(g.root, key, value)
		}
	}
	offers := &yaml.Node{Kind: yaml.SequenceNode}
	at, _ := m.optional("offers")
	g.origins[offers] = at
	for n := range c.Offerings {
		if c.Offerings[n].ChargingOffer != "" {
			offers.Content = append(offers.Content, c.chargingOffer(g, &c.Offerings[n], &c.read[n]))
		}
	}
	g.put(g.root, "offers", offers)
	if f, ok := m.optional("tests"); ok {
		g.put(g.root, "tests", c.copied(g, f))
	}
	return g
}

func (g *generated) put(to *yaml.Node, key string, value *yaml.Node) {
	to.Content = append(to.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
}

// made is a value that the document does not have in this form; errors about it
// are at another one.
func (g *generated) made(text, tag string, of field) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
	g.origins[node] = of
	return node
}

// list is a list of texts at a place of the document.
func (g *generated) list(texts []string, of field) *yaml.Node {
	node := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	g.origins[node] = of
	for _, text := range texts {
		node.Content = append(node.Content, g.made(text, "!!str", of))
	}
	return node
}

// copied is a value of the document with its aliases written out: what they
// stand for may be under keys that the core does not know.
func (c *compiler) copied(g *generated, f field) *yaml.Node {
	if c.nodes++; c.nodes > rating.MaxNodes {
		if c.nodes == rating.MaxNodes+1 {
			c.fail(f, "too many values", fmt.Sprintf("at most %d are read, aliases included", rating.MaxNodes))
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	}
	node := *followed(f.node)
	node.Anchor, node.Content = "", nil
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	copied := &node
	g.origins[copied] = field{f.path, f.node}
	content := followed(f.node).Content
	for k, child := range content {
		path := f.path
		switch {
		case node.Kind == yaml.SequenceNode:
			path = fmt.Sprintf("%s[%d]", f.path, k)
		case k%2 == 1:
			path += "." + content[k-1].Value
		}
		copied.Content = append(copied.Content, c.copied(g, field{path, child}))
	}
	return copied
}

// chargingOffer is an offer as the core has it: with the fees of a prepaid one,
// without any of a postpaid one, whose allowances renew all the same.
func (c *compiler) chargingOffer(g *generated, o *Offering, read *readOffer) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	g.origins[node] = read.field
	g.put(node, "name", g.made(o.Name, "!!str", read.field))
	g.put(node, "kind", g.made(string(o.Kind), "!!str", read.field))
	kinds := []string{string(Prepaid)}
	if o.Kind == Postpaid {
		kinds = []string{string(Postpaid), "hybrid"}
	}
	g.put(node, "eligible", g.list(kinds, read.field))
	if o.AddOn {
		g.put(node, "add_on", g.made("true", "!!bool", read.field))
	}
	if others := c.charged(o.Requires); len(others) > 0 {
		g.put(node, "requires", g.list(others, read.requires[0]))
	}
	if others := c.charged(o.Excludes); len(others) > 0 {
		g.put(node, "excludes", g.list(others, read.excludes[0]))
	}
	if o.Kind == Prepaid {
		c.fees(g, node, o, read)
	} else if _, has := read.optional("allowances"); has && len(read.recurring) > 0 {
		k := read.recurring[0]
		g.put(node, "recurring", g.renewal(&o.Prices[k], "0", "true", read.prices[k]))
	}
	for _, key := range [...]string{"allowances", "rates"} {
		if f, ok := read.optional(key); ok {
			g.put(node, key, c.copied(g, f))
		}
	}
	return node
}

// charged are those of some offers that the core knows.
func (c *compiler) charged(names []string) (list []string) {
	for _, name := range names {
		if c.Offerings[c.seen[name]].ChargingOffer != "" {
			list = append(list, name)
		}
	}
	return list
}

func (g *generated) renewal(p *Price, amount, prorated string, of field) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	g.origins[node] = of
	due := "arrears"
	if p.InAdvance {
		due = "advance"
	}
	g.put(node, "amount", g.made(amount, "", of))
	g.put(node, "every", g.made(chargingPeriod(p), "!!str", of))
	g.put(node, "due", g.made(due, "!!str", of))
	g.put(node, "prorated", g.made(prorated, "!!bool", of))
	return node
}

// fees are the prices, discounts and commitment of a prepaid offer.
func (c *compiler) fees(g *generated, node *yaml.Node, o *Offering, read *readOffer) {
	for _, k := range read.oneTime {
		if o.Prices[k].Amount > 0 {
			g.put(node, "one_time", g.made(o.Prices[k].Amount.String(), "", read.prices[k]))
		}
	}
	for _, k := range read.recurring {
		p := &o.Prices[k]
		renewal := g.renewal(p, p.Amount.String(), strconv.FormatBool(p.Prorate), read.prices[k])
		if f, ok := read.optional("unpaid"); ok {
			g.put(renewal, "unpaid", c.copied(g, f))
		}
		g.put(node, "recurring", renewal)
	}
	if o.CommitmentMonths > 0 {
		f, _ := read.optional("commitment")
		g.put(node, "commitment", g.made(strconv.FormatInt(o.CommitmentMonths, 10)+" months", "!!str", f))
	}
	if len(o.Discounts) == 0 {
		return
	}
	promotions := &yaml.Node{Kind: yaml.SequenceNode}
	g.origins[promotions] = read.field
	for n := range o.Discounts {
		promotions.Content = append(promotions.Content, c.promotion(g, &o.Discounts[n], &read.discounts[n]))
	}
	g.put(node, "promotions", promotions)
}

// promotion is a discount as the core has it.
func (c *compiler) promotion(g *generated, d *Discount, read *readDiscount) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	g.origins[node] = read.field
	g.put(node, "name", g.made(d.Name, "!!str", read.field))
	if d.Coupon != "" {
		g.put(node, "code", g.made(d.Coupon, "!!str", read.field))
	}
	if d.RateMillionths > 0 {
		g.put(node, "percent", g.made(strconv.FormatInt(d.RateMillionths/10_000, 10), "", read.percent))
	} else {
		g.put(node, "amount", g.made(d.Amount.String(), "", read.field))
	}
	g.put(node, "on", g.made(string(d.AppliesTo), "!!str", read.field))
	for _, key := range [...]string{"from", "until", "cycles"} {
		if f, ok := read.optional(key); ok {
			g.put(node, key, c.copied(g, f))
		}
	}
	return node
}

// place finds the value of the document that a path of the core's catalogue
// leads to: itself, or the nearest around it.
func (g *generated) place(path string) (*yaml.Node, string) {
	node, nearest := g.root, g.origins[g.root]
	for _, step := range steps(path) {
		node = step.from(node)
		if node == nil {
			break
		}
		if of, ok := g.origins[node]; ok {
			nearest = of
		}
	}
	return nearest.node, nearest.path
}

// step is one step of a path: a key, or a place in a list.
type step struct {
	key   string
	index int // -1 for a key
}

var stepsOf = regexp.MustCompile(`\[(\d+)\]|[^.\[\]]+`)

func steps(path string) (list []step) {
	for _, match := range stepsOf.FindAllStringSubmatch(path, -1) {
		if n, err := strconv.Atoi(match[1]); err == nil {
			list = append(list, step{index: n})
		} else {
			list = append(list, step{key: match[0], index: -1})
		}
	}
	return list
}

func (s step) from(node *yaml.Node) *yaml.Node {
	switch {
	case s.index >= 0 && node.Kind == yaml.SequenceNode && s.index < len(node.Content):
		return node.Content[s.index]
	case s.index == 0 && node.Kind == yaml.ScalarNode:
		return node // one value is a list of one
	case s.index >= 0:
		return nil
	}
	for k := 0; k+1 < len(node.Content); k += 2 {
		if node.Content[k].Value == s.key {
			return node.Content[k+1]
		}
	}
	return nil
}

// runTests runs the tests inside the document.
func (c *compiler) runTests(g *generated) {
	var tests *yaml.Node
	if tests = (step{key: "tests", index: -1}).from(g.root); tests == nil {
		return
	}
	for n, result := range c.Plan.RunTests() {
		if !result.Passed {
			at, path := g.place(fmt.Sprintf("tests[%d]", n))
			c.failAt(at.Line, at.Column, path, strings.TrimSpace(fmt.Sprintf("the test %s failed: %s", quote(result.Name), result.Failure)), "correct the tariff or the test")
		}
	}
}
