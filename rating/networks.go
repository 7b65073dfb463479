package rating

import (
	"fmt"
	"strconv"

	"gyro/internal/ident"
)

// Keys of Plan.networks beside those of networks and countries: a request that
// does not say which network serves the subscriber, and every other network.
const (
	unknownNetwork uint64 = 0
	anyNetwork     uint64 = 1 << 32 // above every ident.PLMN
)

// visited returns the zone of a serving network, 0 for none: its own, else its
// country's, else the zone that takes any. An unknown network is in none of
// these, but in the zone that names it.
func (p *Plan) visited(n ident.PLMN) uint32 {
	if len(p.networks.slots) == 0 {
		return 0
	}
	if n == 0 {
		zone, _ := p.networks.find(unknownNetwork)
		return zone
	}
	if zone, ok := p.networks.find(uint64(n)); ok {
		return zone
	}
	if zone, ok := p.networks.find(uint64(n.Country())); ok {
		return zone
	}
	zone, _ := p.networks.find(anyNetwork)
	return zone
}

// ratNames are the names of the values of 3GPP-RAT-Type (TS 29.061 section
// 16.4.7.2, which takes those below 101 from TS 29.274 section 8.17) that a
// catalogue knows; "" stands for those that it writes as a number.
var ratNames = [...]string{
	1: "utran", 2: "geran", 3: "wlan", 4: "gan", 5: "hspa-evolution", 6: "eutran", 7: "virtual",
	8: "nb-iot", 9: "lte-m", 10: "nr",
	101: "802.16e", 102: "ehrpd", 103: "hrpd", 104: "1xrtt", 105: "umb",
}

// maxRAT is the largest 3GPP-RAT-Type that fits Request.RAT, which adds one.
const maxRAT = 254

// RATName returns the word of a catalogue for Request.RAT, "" for unknown.
func RATName(rat uint8) string {
	switch {
	case rat == 0:
		return ""
	case int(rat)-1 < len(ratNames) && ratNames[rat-1] != "":
		return ratNames[rat-1]
	}
	return strconv.Itoa(int(rat) - 1)
}

// ratNamed returns Request.RAT for a word or number of a catalogue.
func ratNamed(word string) (rat uint8, ok bool) {
	for k, name := range ratNames {
		if name != "" && name == word {
			return uint8(k + 1), true
		}
	}
	n, err := strconv.ParseUint(word, 10, 8)
	return uint8(n + 1), err == nil && n <= maxRAT
}

// knownRATs lists the names, for errors.
func knownRATs() []string {
	var names []string
	for _, name := range ratNames {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// network reads a serving network of a zone into its key.
func (c *compiler) network(f field) (key uint64, ok bool) {
	text, ok := c.text(f)
	if !ok {
		return 0, false
	}
	switch text {
	case "any":
		return anyNetwork, true
	case "unknown":
		return unknownNetwork, true
	}
	n, err := ident.ParsePLMN([]byte(text))
	if err != nil {
		c.fail(f, quote(text)+" is no network",
			`write a mobile country code such as "262", one with network code such as "262-01", any or unknown`)
	}
	return uint64(n), err == nil
}

// networkEntry is a network that a zone names.
type networkEntry struct {
	key  uint64
	zone uint32
}

// zoneNetworks reads the serving networks of a zone.
func (c *compiler) zoneNetworks(f field, zone uint32) {
	for _, element := range c.list(f, MaxNetworks, true) {
		key, ok := c.network(element)
		if !ok {
			continue
		}
		if len(c.networks) == MaxNetworks {
			c.fail(element, "too many networks", fmt.Sprintf("all zones together may have %d", MaxNetworks))
			return
		}
		if other, taken := c.networkOf[key]; taken {
			c.fail(element, fmt.Sprintf("%s is already in zone %s", quote(element.node.Value), c.plan.zones[other].Name),
				"keep it in one zone")
			continue
		}
		c.networkOf[key] = zone
		c.networks = append(c.networks, networkEntry{key, zone})
	}
}

// buildNetworks lays out what the zones name.
func (c *compiler) buildNetworks() {
	if len(c.networks) == 0 {
		return
	}
	c.plan.networks = newIndex(len(c.networks))
	for _, n := range c.networks {
		c.plan.networks.put(n.key, n.zone)
	}
}
