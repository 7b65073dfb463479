package rating

import "slices"

// recognition finds the services that a request may be for. Each table leads
// to a list of candidates in catalogue order, closed by noService.
type recognition struct {
	listed     index // context and rating group, where a service lists the group
	unlisted   index // context, when no service lists the rating group
	absent     index // context, when the request has no rating group
	candidates []uint32
}

// noService closes a list of candidates.
const noService = ^uint32(0)

// recognitionKey packs a context and a rating group.
func recognitionKey(context, ratingGroup uint32) uint64 {
	return uint64(context)<<32 | uint64(ratingGroup)
}

// recogniser holds the conditions of a service. The index has gone by context
// and rating groups already, which stand here for Trace; of the others an empty
// one asks for nothing.
type recogniser struct {
	context      uint32
	ratingGroups []uint32 // sorted; none means any, and requests without one
	byDefault    bool     // requests without a rating group, too

	serviceIDs []uint32
	apns       span  // in Plan.apns
	roles      uint8 // bit per Node-Role
}

// recognise returns the first service, in catalogue order, that r is for.
func (p *Plan) recognise(r *Request) (uint32, bool) {
	from, ok := p.recognition.lookup(r)
	if !ok {
		return 0, false
	}
	for _, k := range p.recognition.candidates[from:] {
		if k == noService {
			break
		}
		if p.accepts(&p.recognisers[k], r) {
			return k, true
		}
	}
	return 0, false
}

func (x *recognition) lookup(r *Request) (uint32, bool) {
	if !r.HasRatingGroup {
		return x.absent.find(uint64(r.Context))
	}
	if from, ok := x.listed.find(recognitionKey(r.Context, r.RatingGroup)); ok {
		return from, true
	}
	return x.unlisted.find(uint64(r.Context))
}

func (p *Plan) accepts(c *recogniser, r *Request) bool {
	if c.roles != 0 && (r.Role > maxRole || c.roles>>r.Role&1 == 0) {
		return false
	}
	if len(c.serviceIDs) != 0 && (!r.HasServiceID || !containsID(c.serviceIDs, r.ServiceID)) {
		return false
	}
	return c.apns.from == c.apns.to || p.hasAPN(c.apns, r.APN)
}

// maxRole is the largest Node-Role that TS 32.299 section 7.2.123 gives a meaning.
const maxRole = 3

// containsID searches a sorted list.
func containsID(ids []uint32, id uint32) bool {
	_, found := slices.BinarySearch(ids, id)
	return found
}

// hasAPN reports whether apn is one of a span of the plan's APNs. They are
// network identifiers; an operator identifier after it is ignored (TS 23.003
// section 9.1), and so is letter case.
func (p *Plan) hasAPN(apns span, apn []byte) bool {
	apn = networkIdentifier(apn)
	for _, known := range p.apns[apns.from:apns.to] {
		if equalFold(known, apn) {
			return true
		}
	}
	return false
}

// operatorSuffix is the form of an operator identifier; 0 stands for a digit.
const operatorSuffix = ".mnc000.mcc000.gprs"

func networkIdentifier(apn []byte) []byte {
	at := len(apn) - len(operatorSuffix)
	if at <= 0 {
		return apn
	}
	for k, c := range apn[at:] {
		if c >= '0' && c <= '9' {
			c = '0'
		}
		if lower(c) != operatorSuffix[k] {
			return apn
		}
	}
	return apn[:at]
}

// equalFold compares with known, which is in lower case.
func equalFold(known string, apn []byte) bool {
	if len(known) != len(apn) {
		return false
	}
	for k, c := range apn {
		if lower(c) != known[k] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
