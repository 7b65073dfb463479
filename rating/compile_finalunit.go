package rating

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// redirectNames are the keys of a redirect, in the order of
// Redirect-Address-Type (RFC 8506 section 8.38).
var redirectNames = []string{"ipv4", "ipv6", "url", "sip"}

// finalUnit reads what a gateway does after the last quota: a word, of which
// none is what does nothing, or redirect or restrict with their particulars.
func (c *compiler) finalUnit(f field, none string) (final FinalUnit) {
	node := f.node
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.ScalarNode {
		switch text, _ := c.text(f); text {
		case "", none:
		case Terminate.String():
			final.Action = Terminate
		case Redirect.String():
			c.fail(f, "redirect does not say where to", `for example redirect: {url: "https://shop.example/top-up"}`)
		case Restrict.String():
			c.fail(f, "restrict does not say to what", "for example restrict: {filter_ids: [walled-garden]}")
		default:
			c.fail(f, quote(text)+" is not known here", suggestion(text, []string{none, "terminate", "redirect", "restrict"}))
		}
		return final
	}
	m, ok := c.mapping(f, "redirect", "restrict")
	if !ok {
		return final
	}
	redirect, redirects := m.optional("redirect")
	restrict, restricts := m.optional("restrict")
	switch {
	case redirects && restricts:
		c.fail(restrict, "a gateway either redirects or restricts", "keep one; a redirect may have filter_rules and filter_ids of its own")
	case redirects:
		final.Action = Redirect
		c.redirect(redirect, &final)
	case restricts:
		final.Action = Restrict
		c.restrict(restrict, &final)
	default:
		c.fail(f, "says nothing", "write "+none+", terminate, redirect: {url: ...} or restrict: {filter_ids: [...]}")
	}
	return final
}

// redirect reads the one address, and what stays reachable beside it.
func (c *compiler) redirect(f field, final *FinalUnit) {
	m, ok := c.mapping(f, append(slices.Clone(redirectNames), "filter_rules", "filter_ids")...)
	if !ok {
		return
	}
	c.filters(&m, final)
	found := 0
	for k, name := range redirectNames {
		f, ok := m.optional(name)
		if !ok {
			continue
		}
		if found++; found == 2 {
			c.fail(f, "a gateway redirects to one address", "keep one of them")
		}
		if text, ok := c.text(f); ok {
			final.RedirectType, final.RedirectAddress = uint8(k), text
			c.redirectAddress(f, text, k)
		}
	}
	if found == 0 {
		c.fail(f, "the redirect has no address", "write one of ipv4, ipv6, url and sip")
	}
}

// redirectAddress checks an address as far as it can be wrong by itself.
func (c *compiler) redirectAddress(f field, text string, kind int) {
	if len(text) > MaxAddress {
		c.fail(f, fmt.Sprintf("the address has %d characters", len(text)), fmt.Sprintf("at most %d are allowed", MaxAddress))
		return
	}
	address, err := netip.ParseAddr(text)
	valid, remedy := false, ""
	switch redirectNames[kind] {
	case "ipv4":
		valid, remedy = err == nil && address.Is4(), "write for example 192.0.2.1"
	case "ipv6":
		valid, remedy = err == nil && address.Is6() && !address.Is4In6() && address.Zone() == "", "write for example 2001:db8::1"
	case "url":
		host, isURL := cutAnyPrefix(text, "http://", "https://")
		valid, remedy = isURL && printable(text) && host != "" && host[0] != '/', "write for example https://shop.example/top-up"
	case "sip":
		rest, isSIP := cutAnyPrefix(text, "sip:", "sips:")
		valid, remedy = isSIP && printable(text) && rest != "", "write for example sip:announcement@ims.example"
	}
	if !valid {
		c.fail(f, quote(text)+" is no such address", remedy)
	}
}

func cutAnyPrefix(text string, prefixes ...string) (rest string, found bool) {
	for _, prefix := range prefixes {
		if len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
			return text[len(prefix):], true
		}
	}
	return text, false
}

// printable reports whether a text is of printable ASCII without spaces, as a
// URI is (RFC 3986 section 2).
func printable(text string) bool {
	for _, ch := range []byte(text) {
		if ch <= ' ' || ch > '~' {
			return false
		}
	}
	return true
}

// restrict reads what stays reachable.
func (c *compiler) restrict(f field, final *FinalUnit) {
	m, ok := c.mapping(f, "filter_rules", "filter_ids")
	if !ok {
		return
	}
	before := len(c.errors)
	c.filters(&m, final)
	if len(c.errors) == before && len(final.FilterRules)+len(final.FilterIDs) == 0 {
		c.fail(f, "the restriction has no filter", "write filter_rules, filter_ids or both; to end the service write terminate")
	}
}

// filters reads filter_rules and filter_ids.
func (c *compiler) filters(m *mapping, final *FinalUnit) {
	if f, ok := m.optional("filter_rules"); ok {
		for _, element := range c.list(f, MaxFilters, true) {
			if text, ok := c.text(element); ok {
				c.filterRule(element, text)
				final.FilterRules = append(final.FilterRules, text)
			}
		}
	}
	if f, ok := m.optional("filter_ids"); ok {
		for _, element := range c.list(f, MaxFilters, true) {
			text, ok := c.text(element)
			if ok && (len(text) > MaxAddress || !printable(text)) {
				c.fail(element, quote(text)+" is no name of a filter", fmt.Sprintf("write up to %d printable characters without spaces", MaxAddress))
			}
			final.FilterIDs = append(final.FilterIDs, text)
		}
	}
}

func (c *compiler) filterRule(f field, text string) {
	if len(text) > MaxFilterRule {
		c.fail(f, fmt.Sprintf("the rule has %d characters", len(text)), fmt.Sprintf("at most %d are allowed", MaxFilterRule))
		return
	}
	if err := checkFilterRule(text); err != nil {
		c.fail(f, err.Error(), `write an IPFilterRule (RFC 6733 section 4.3.1) such as "permit in ip from any to 192.0.2.0/24 80,443"`)
	}
}
