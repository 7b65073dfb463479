package rating

import (
	"gyro/internal/instant"
	"gyro/internal/money"
)

// Zones gives the offset table of an IANA time zone. The edge that publishes a
// catalogue resolves it, once; it travels with the catalogue from then on.
type Zones func(name string) (instant.Zone, bool)

// TimeZone returns the name of the time zone of a catalogue, so that an edge
// can tabulate it for Compile. It looks at nothing else. An error is
// SourceErrors.
func TimeZone(text []byte) (string, error) {
	var s source
	root, ok := s.parse(text)
	if !ok {
		return "", s.errors
	}
	name, ok := s.timeZone(root)
	if !ok {
		return "", s.errors
	}
	return name, nil
}

// Compile makes a plan of a catalogue in YAML or JSON. An error is
// SourceErrors, with the position, reason and remedy of each.
func Compile(text []byte, zones Zones) (*Plan, error) {
	c := &compiler{plan: &Plan{}}
	root, ok := c.parse(text)
	if ok {
		c.catalogue(root, zones)
	}
	if len(c.errors) > 0 {
		return nil, c.errors
	}
	return c.plan, nil
}

// compiler builds a plan from its source.
type compiler struct {
	source
	plan *Plan
}

var catalogueKeys = []string{"catalog", "currency", "time_zone"}

func (c *compiler) catalogue(root field, zones Zones) {
	m, ok := c.mapping(root, catalogueKeys...)
	if !ok {
		return
	}
	if f, ok := c.required(&m, "catalog", "catalog: retail"); ok {
		c.plan.name, _ = c.text(f)
	}
	if f, ok := c.required(&m, "currency", "currency: EUR"); ok {
		c.plan.currency, _ = money.ParseCurrency(f.node.Value)
	}
	if name, ok := c.timeZone(root); ok {
		c.plan.zone, _ = zones(name)
	}
}

func (s *source) timeZone(root field) (string, bool) {
	m := mapping{field: root}
	for k := 0; k+1 < len(root.node.Content); k += 2 {
		if root.node.Content[k].Value == "time_zone" {
			return s.text(field{"time_zone", root.node.Content[k+1]})
		}
	}
	_, ok := s.required(&m, "time_zone", "time_zone: Europe/Berlin")
	return "", ok
}
