package gy

import "gyro/charging/diameter"

// refusal says why a request does not become a command. The zero refusal means that nothing is wrong.
type refusal struct {
	failure diameter.Failure
	result  diameter.Result
}

func (r refusal) ok() bool { return r.result == 0 }

// accepted is the zero refusal.
var accepted refusal

func refuse(result diameter.Result) refusal { return refusal{result: result} }

// missing refuses a request in which a group, or diameter.Root, lacks an AVP.
func missing(group int, c diameter.Code) refusal {
	return refusal{result: diameter.ResultMissingAVP, failure: diameter.Missing(group, c)}
}

// invalid refuses a request for the value of AVP i.
func invalid(i int) refusal {
	return refusal{result: diameter.ResultInvalidAVPValue, failure: diameter.Offending(i)}
}

// tooMany refuses a request for AVP i, the first beyond the permitted number. RFC 6733 section 7.1.5 has two results
// that could tell a peer that it sent more services or reports than fit: 5004 is about a value, and the value of each
// of them is right; 5009 is about the number, and its Failed-AVP is the first occurrence that was one too many, which
// is what the peer has to move to its next request.
func tooMany(i int) refusal {
	return refusal{result: diameter.ResultAVPOccursTooManyTimes, failure: diameter.Offending(i)}
}

// contradicting refuses a request for AVP i, which contradicts another or holds two that contradict each other.
func contradicting(i int) refusal {
	return refusal{result: diameter.ResultContradictingAVPs, failure: diameter.Offending(i)}
}
