package gy

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDerive: each switch takes the words of the manual and no others, and changes something.
func TestDerive(t *testing.T) {
	manual, err := os.ReadFile("../../docs/operations/gy-profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range switches {
		if !strings.Contains(string(manual), "| `"+name+"` |") {
			t.Errorf("switch %s is not in the manual", name)
		}
		if _, err := Lenient().Derive("x", map[string]string{name: "perhaps"}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: perhaps: %v", name, err)
		}
		words := []string{
			"true", "false", "5005", "5031", "978", "0", "standard", "tolerant", "strict", "none", "not_supported", "supported",
			"terminate", "continue", "retry_and_terminate", "terminate_or_buffer", "any", "rar", "abort",
		}
		results := map[Profile]bool{}
		for _, word := range words {
			if p, err := Lenient().Derive("x", map[string]string{name: word}); err == nil {
				results[p] = true
			}
		}
		if len(results) < 2 {
			t.Errorf("%s: no two words of %v make a difference", name, words)
		}
	}
	for _, p := range BuiltIn() {
		if !strings.Contains(string(manual), "| `"+p.Name+"` |") {
			t.Errorf("profile %s is not in the manual", p.Name)
		}
		same, err := p.Derive(p.Name, nil)
		if err != nil || same != p {
			t.Errorf("%s derived with nothing set: %+v, %v", p.Name, same, err)
		}
	}
	for _, spoilt := range []map[string]string{{"quux": "true"}, {"currency": "1000"}, {"notices_per_second": "1001"}, {"currency": "-1"}} {
		if p, err := Lenient().Derive("x", spoilt); err == nil {
			t.Errorf("%v: %+v", spoilt, p)
		}
	}
	want := Lenient()
	want.Name, want.Reauthorise, want.Currency, want.TariffChange = "own", NotifyAbort, 978, true
	got, err := Lenient().Derive("own", map[string]string{"reauthorise": "abort", "currency": "978", "tariff_change": "true"})
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if names := BuiltIn(); !slices.ContainsFunc(names, func(p Profile) bool { return p == Lenient() }) || names[0] != Lenient() {
		t.Error("the default is not the first profile")
	}
}

// ProfileNamed returns the built-in profile of that name.
func ProfileNamed(name string) (Profile, error) {
	var names []string
	for _, p := range BuiltIn() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, fmt.Errorf("unknown Gy profile %q: the built-in ones are %s", name, strings.Join(names, ", "))
}
