package rating

// trie finds the zone of a number by its longest known prefix, one step a
// digit. Nodes are an array without pointers; node 0 is the root, and 0 as a
// child is "none". A prefix decides for every longer number; an exact number
// only for itself, so that 911 (emergency) does not take India's +91 1.
type trie struct {
	nodes []node
}

type node struct {
	child  [10]uint32
	prefix uint32 // zone of the numbers that begin with the digits so far
	number uint32 // zone of exactly that number
}

// node returns the node of digits, made if necessary. Digits are '0' to '9'.
func (t *trie) node(digits string) *node {
	if len(t.nodes) == 0 {
		t.nodes = append(t.nodes, node{})
	}
	at := uint32(0)
	for _, c := range []byte(digits) {
		next := t.nodes[at].child[c-'0']
		if next == 0 {
			next = uint32(len(t.nodes))
			t.nodes = append(t.nodes, node{})
			t.nodes[at].child[c-'0'] = next
		}
		at = next
	}
	return &t.nodes[at]
}

// zone returns the zone of a number, 0 for none. What follows the first octet
// that is no digit is not looked at.
func (t *trie) zone(number []byte) uint32 {
	if len(t.nodes) == 0 || len(number) == 0 {
		return 0
	}
	at, zone := uint32(0), uint32(0)
	for _, c := range number {
		if c < '0' || c > '9' {
			return zone
		}
		at = t.nodes[at].child[c-'0']
		if at == 0 {
			return zone
		}
		if z := t.nodes[at].prefix; z != 0 {
			zone = z
		}
	}
	if exact := t.nodes[at].number; exact != 0 {
		return exact
	}
	return zone
}
