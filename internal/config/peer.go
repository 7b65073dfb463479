package config

import (
	"fmt"
	"strings"
)

// Peer is a gateway or an agent that may connect, or a gateway behind an agent.
type Peer struct {
	Host    string `koanf:"host"` // its Origin-Host
	Profile string `koanf:"profile"`
	// Relay lets it send requests of other hosts: it is a Diameter agent.
	Relay bool `koanf:"relay"`
}

// Profile is a profile of gateways that is like a built-in one but for some
// switches, which docs/operations/gy-profiles.md describes.
type Profile struct {
	Name     string            `koanf:"name"`
	Base     string            `koanf:"base"`
	Switches map[string]string `koanf:"switches"`
}

// BuiltInProfiles are the profiles that need no configuration.
func BuiltInProfiles() []string {
	return []string{"lenient", "strict", "open5gs", "kamailio", "staros"}
}

func (d *Diameter) validatePeers(bad func(string, string, ...any)) {
	names := BuiltInProfiles()
	for n, p := range d.Profiles {
		key := fmt.Sprintf("diameter.profiles[%d]", n)
		if p.Name == "" || oneOf(p.Name, names...) {
			bad(key+".name", "%q is taken or empty; every profile needs a name of its own", p.Name)
		}
		if !oneOf(p.Base, append(BuiltInProfiles(), "")...) {
			bad(key+".base", "%q is not one of %s", p.Base, strings.Join(BuiltInProfiles(), ", "))
		}
		names = append(names, p.Name)
	}
	known := strings.Join(names, ", ")
	if !oneOf(d.Profile, names...) {
		bad("diameter.profile", "%q is not one of %s", d.Profile, known)
	}
	hosts := map[string]bool{}
	for n, p := range d.Peers {
		key := fmt.Sprintf("diameter.peers[%d]", n)
		host := strings.ToLower(p.Host)
		switch {
		case host == "":
			bad(key+".host", "must be the gateway's Origin-Host")
		case !isIdentity(host):
			bad(key+".host", "%q is no DiameterIdentity; write the gateway's Origin-Host, a domain name such as pgw01.example.org", p.Host)
		case hosts[host]:
			bad(key+".host", "%s is there twice", p.Host)
		}
		hosts[host] = true
		if p.Profile != "" && !oneOf(p.Profile, names...) {
			bad(key+".profile", "%q is not one of %s", p.Profile, known)
		}
	}
}
