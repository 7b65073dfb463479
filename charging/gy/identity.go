package gy

import (
	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/internal/ident"
)

// preference orders the kinds of identity, best first: an IMSI names one subscriber for good, a number may have been
// given to another, the rest is the subscriber's choice.
var preference = [...]uint8{ident.IMSI: 0, ident.E164: 1, ident.SIPURI: 2, ident.NAI: 3, ident.Private: 4}

// readIdentities reads who is charged: Subscription-Id and its extension (RFC 8506 sections 8.46 and 8.58); if the
// command level has none, those that TS 32.299 allows in Service-Information; if there are none either, User-Name, and
// at last the party that diverts a call, which is charged for the way on. Whoever is named above pays, diverting or not.
//
// An update or termination need not name anyone: the session knows its subscriber.
func (r *reader) readIdentities() refusal {
	if f := r.readSubscriptions(diameter.Root, r.root.at(atSubscription)); !f.ok() {
		return f
	}
	r.readExtensions()
	if group := r.root.at(atInformation); len(r.command.Identities) == 0 && group != diameter.Root {
		if f := r.readSubscriptions(group, r.m.FindIn(group, diameter.AVPSubscriptionID)); !f.ok() {
			return f
		}
	}
	if len(r.command.Identities) == 0 && r.root.has(atUserName) {
		r.addUserName(r.m.Data(r.root.at(atUserName)))
	}
	if len(r.command.Identities) == 0 {
		r.chargedParty()
	}
	if len(r.command.Identities) == 0 && (r.command.Type == charging.Initial || r.command.Type == charging.Event) {
		return refusal{result: r.profile.NoIdentity, failure: diameter.Missing(diameter.Root, diameter.AVPSubscriptionID)}
	}
	return accepted
}

// readSubscriptions reads the Subscription-Ids of a group, from the first one on.
func (r *reader) readSubscriptions(group, first int) refusal {
	_, end := r.m.Members(group)
	for i, n := first, 0; i != diameter.Root; i, n = r.m.FindNext(i, end), n+1 {
		if n == charging.MaxIdentities && r.profile.RefuseRepeated {
			return tooMany(i)
		}
		if f := r.readSubscription(i); !f.ok() && r.profile.RefuseInvalid {
			return f
		}
	}
	return accepted
}

func (r *reader) readSubscription(group int) refusal {
	kind := r.m.FindIn(group, diameter.AVPSubscriptionIDType)
	data := r.m.FindIn(group, diameter.AVPSubscriptionIDData)
	switch {
	case kind == diameter.Root:
		return missing(group, diameter.AVPSubscriptionIDType)
	case data == diameter.Root:
		return missing(group, diameter.AVPSubscriptionIDData)
	case r.uint32(kind) >= uint32(len(preference)):
		return invalid(kind)
	}
	id, err := ident.New(ident.Kind(r.uint32(kind)), r.m.Data(data))
	if err != nil {
		return invalid(data)
	}
	r.addIdentity(&id)
	return accepted
}

// readExtensions reads the Subscription-Id-Extensions, whose member's code is the kind of identity.
func (r *reader) readExtensions() {
	_, end := r.m.Members(diameter.Root)
	for group := r.root.at(atSubscriptionExtension); group != diameter.Root; group = r.m.FindNext(group, end) {
		for i, last := r.m.Members(group); i < last; i = r.m.Next(i) {
			kind, ok := extensionKind(r.m.At(i).Code)
			if !ok {
				continue
			}
			if id, err := ident.New(kind, r.m.Data(i)); err == nil {
				r.addIdentity(&id)
			}
		}
	}
}

func extensionKind(c diameter.Code) (kind ident.Kind, ok bool) {
	switch c {
	case diameter.AVPSubscriptionIDE164:
		return ident.E164, true
	case diameter.AVPSubscriptionIDIMSI:
		return ident.IMSI, true
	case diameter.AVPSubscriptionIDSIPURI:
		return ident.SIPURI, true
	case diameter.AVPSubscriptionIDNAI:
		return ident.NAI, true
	case diameter.AVPSubscriptionIDPrivate:
		return ident.Private, true
	}
	return 0, false
}

// imsiDigits is the length of every IMSI in use (ITU-T E.212 allows less). It tells a bare IMSI in User-Name from a
// telephone number; numbers of that length exist, but not in the format of mobile ones.
const imsiDigits = 15

// addUserName adds the identity in a User-Name: an NAI by definition (RFC 6733 section 8.14), in practice also a URI,
// an IMSI or a number. Nothing is added if it is none of them.
func (r *reader) addUserName(name []byte) {
	kind := ident.NAI
	switch {
	case hasPrefix(name, "sip:"), hasPrefix(name, "sips:"), hasPrefix(name, "tel:"):
		kind = ident.SIPURI
	case len(name) == imsiDigits && digitsOnly(name):
		kind = ident.IMSI
	case digitsOnly(trimPlus(name)):
		kind = ident.E164
	}
	if id, err := ident.New(kind, name); err == nil {
		r.addIdentity(&id)
	}
}

// addIdentity puts an identity where its preference belongs, behind those of the same kind. One that is already there
// is not added, and of more than fit the least preferred is left out.
func (r *reader) addIdentity(id *ident.Identity) {
	ids := r.command.Identities
	at := len(ids)
	for i := range ids {
		if ids[i] == *id {
			return
		}
		if at == len(ids) && preference[id.Kind] < preference[ids[i].Kind] {
			at = i
		}
	}
	if at == charging.MaxIdentities {
		return
	}
	ids = ids[:min(len(ids)+1, charging.MaxIdentities)]
	copy(ids[at+1:], ids[at:])
	ids[at] = *id
	r.command.Identities = ids
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

func trimPlus(b []byte) []byte {
	if len(b) > 0 && b[0] == '+' {
		return b[1:]
	}
	return b
}

func digitsOnly(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}
