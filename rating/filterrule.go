package rating

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// checkFilterRule says what is wrong with an IPFilterRule (RFC 6733 section
// 4.3.1):
//
//	action dir proto from src to dst [options]
//
// A gateway that cannot read the rule ignores it or refuses the answer, at the
// moment in which a customer runs out of credit.
func checkFilterRule(rule string) error {
	r := ruleReader{words: strings.Fields(rule)}
	for _, part := range []func() error{
		func() error { return r.oneOf("the action", "permit", "deny") },
		func() error { return r.oneOf("the direction", "in", "out") },
		r.protocol,
		func() error { return r.oneOf("the word before the source", "from") },
		func() error { return r.endpoint("to") },
		func() error { return r.oneOf("the word before the destination", "to") },
		func() error { return r.endpoint(ruleOptions...) },
		r.options,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// ruleOptions are the words that may follow the destination.
var ruleOptions = []string{"frag", "ipoptions", "tcpoptions", "established", "setup", "tcpflags", "icmptypes"}

// ruleReader goes through the words of a rule.
type ruleReader struct {
	words  []string
	tcp    bool // established, setup, tcpoptions and tcpflags are for TCP alone
	icmp   bool
	ported bool // the protocol has ports
	ports  bool // the rule names some
}

func (r *ruleReader) next() string {
	if len(r.words) == 0 {
		return ""
	}
	word := r.words[0]
	r.words = r.words[1:]
	return word
}

func (r *ruleReader) oneOf(what string, allowed ...string) error {
	if word := r.next(); !slices.Contains(allowed, word) {
		return fmt.Errorf("%s is %s, not %s", what, orNothing(word), strings.Join(allowed, " or "))
	}
	return nil
}

func orNothing(word string) string {
	if word == "" {
		return "missing"
	}
	return quote(word)
}

// protocol is a number, or ip for any.
func (r *ruleReader) protocol() error {
	word := r.next()
	n, err := strconv.ParseUint(word, 10, 8)
	if word != "ip" && err != nil {
		return fmt.Errorf("the protocol is %s, not ip or a number up to 255 (TCP is 6, UDP 17)", orNothing(word))
	}
	r.tcp, r.icmp = word == "ip" || n == 6, word == "ip" || n == 1 || n == 58
	r.ported = word == "ip" || n == 6 || n == 17 || n == 132
	return nil
}

// endpoint is an address and perhaps ports, up to one of the words that follow.
func (r *ruleReader) endpoint(follow ...string) error {
	word := strings.TrimPrefix(r.next(), "!")
	if word != "any" && word != "assigned" {
		address, bits, masked := strings.Cut(word, "/")
		ip, err := netip.ParseAddr(address)
		if err != nil || ip.Zone() != "" {
			return fmt.Errorf("%s is no address: an IPv4 or IPv6 address, perhaps with /bits, any or assigned", orNothing(word))
		}
		if n, err := strconv.ParseUint(bits, 10, 8); masked && (err != nil || int(n) > ip.BitLen()) {
			return fmt.Errorf("the mask of %s is not from /0 to /%d", quote(word), ip.BitLen())
		}
	}
	if len(r.words) == 0 || slices.Contains(follow, r.words[0]) {
		return nil
	}
	if !portList(r.words[0], 0xffff) {
		return fmt.Errorf("%s is no list of ports such as 80,443 or 1024-65535, nor %s", quote(r.words[0]), strings.Join(follow, ", "))
	}
	if !r.ported {
		return errors.New("only TCP (6), UDP (17) and SCTP (132) have ports")
	}
	r.ports = true
	r.next()
	return nil
}

// portList reads numbers and ranges up to a limit, with commas between them.
func portList(text string, limit uint64) bool {
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		a, err := strconv.ParseUint(low, 10, 16)
		if err != nil || a > limit {
			return false
		}
		if b, err := strconv.ParseUint(high, 10, 16); isRange && (err != nil || b > limit || b < a) {
			return false
		}
	}
	return true
}

// options follow the destination, in any order.
func (r *ruleReader) options() error {
	fragment, flags := false, false
	for len(r.words) > 0 {
		option := r.next()
		ok := true
		switch option {
		case "frag":
			fragment = true
		case "established", "setup":
			ok = r.tcp
		case "ipoptions":
			ok = specification(r.next(), "ssrr", "lsrr", "rr", "ts")
		case "tcpoptions":
			ok = r.tcp && specification(r.next(), "mss", "window", "sack", "ts", "cc")
		case "tcpflags":
			flags = true
			ok = r.tcp && specification(r.next(), "fin", "syn", "rst", "psh", "ack", "urg")
		case "icmptypes":
			ok = r.icmp && portList(r.next(), 0xff)
		default:
			return fmt.Errorf("%s is no option: %s", quote(option), strings.Join(ruleOptions, ", "))
		}
		if !ok {
			return fmt.Errorf("the option %s does not fit the protocol, or what follows it is not known", option)
		}
	}
	if fragment && (flags || r.ports) {
		return errors.New("frag cannot stand beside tcpflags or ports: a fragment does not carry them")
	}
	return nil
}

// specification reads words, each perhaps negated, with commas between them.
func specification(text string, known ...string) bool {
	for word := range strings.SplitSeq(text, ",") {
		if !slices.Contains(known, strings.TrimPrefix(word, "!")) {
			return false
		}
	}
	return true
}
