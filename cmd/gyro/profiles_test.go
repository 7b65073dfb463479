package main

import (
	"slices"
	"strings"
	"testing"

	"gyro/charging/gy"
	"gyro/internal/config"
)

// TestProfilesOfTheConfiguration: the names that the configuration takes are those of the built-in profiles, and a
// profile of the file's is its base with the switches set.
func TestProfilesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range gy.BuiltIn() {
		names = append(names, p.Name)
	}
	if known := config.BuiltInProfiles(); !slices.Equal(known, names) {
		t.Errorf("the configuration knows %v, built in are %v", known, names)
	}
	d := &config.Diameter{
		Profile:  "staros",
		Profiles: []config.Profile{{Name: "own", Base: "open5gs", Switches: map[string]string{"low_balance": "true"}}, {Name: "plain"}},
		Peers:    []config.Peer{{Host: "a", Profile: "own"}, {Host: "b"}, {Host: "c", Profile: "plain"}},
	}
	fallback, byHost, err := profilesOf(d)
	if err != nil {
		t.Fatal(err)
	}
	own, plain := gy.Open5GS(), gy.Lenient()
	own.Name, own.LowBalance, plain.Name = "own", true, "plain"
	if fallback != gy.StarOS() || byHost["a"] != own || byHost["c"] != plain || len(byHost) != 2 {
		t.Errorf("fallback %+v, by host %+v", fallback, byHost)
	}
	said := refused(t, nil, "config", "show", "--config", newSite(t, "diameter: {profiles: [{name: own, switches: {reauthorize: rar}}]}").config)
	for _, word := range []string{"diameter.profiles[0].switches", "reauthorize", "reauthorise"} {
		if !strings.Contains(said, word) {
			t.Errorf("it said %q, want %q in it", said, word)
		}
	}
}
