package api

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/valyala/fasthttp"
)

// approverKey is the header with the API key of the person or program that
// approves what another asks for: two keys must come together.
const approverKey = "Approver-Key"

// approvalBody names who asks and who approved where no key says so.
type approvalBody struct {
	AskedBy    string `json:"asked_by"`
	ApprovedBy string `json:"approved_by"`
}

// approval says who asks for an adjustment and who approved it. With API keys
// both are the names of keys, and what the body says of them is refused; on
// loopback without keys the body is all there is. A certificate lets in one
// client, which must not name a second person that nobody has seen.
func (s *Server) approval(r *request, body *approvalBody) (askedBy, approvedBy string, err error) {
	named := body.AskedBy != "" || body.ApprovedBy != ""
	if named && len(s.o.Keys) == 0 && s.o.mutualTLS() {
		return "", "", invalid("asked_by", "one client's certificate does not speak for two people",
			"configure API keys for both, and send the approver's in the header "+approverKey)
	}
	if len(s.o.Keys) == 0 {
		for _, name := range [...]struct{ key, value string }{{"asked_by", body.AskedBy}, {"approved_by", body.ApprovedBy}} {
			if name.value != "" && !isName(name.value, maxReason, "-_.@ ") {
				return "", "", invalid(name.key, quoted(name.value)+" is not a name", "use letters, digits, -, _, ., @ and spaces")
			}
		}
		return body.AskedBy, body.ApprovedBy, nil
	}
	if named {
		return "", "", invalid("asked_by", "who asks and who approves is known by their API keys", "leave asked_by and approved_by out; send the approver's key in the header "+approverKey)
	}
	asking, _ := s.o.authenticate(&r.Request.Header)
	presented := r.Request.Header.Peek(approverKey)
	if len(presented) == 0 {
		return asking.Name, "", nil
	}
	sum := sha256.Sum256(presented)
	for n := range s.o.Keys {
		digest, _ := s.o.Keys[n].digest()
		if subtle.ConstantTimeCompare(digest, sum[:]) == 1 && s.o.Keys[n].allows(ScopeWrite) {
			approvedBy = s.o.Keys[n].Name
		}
	}
	if approvedBy == "" {
		return "", "", refuse(fasthttp.StatusForbidden, "forbidden", "the header %s has no API key that may write", approverKey)
	}
	return asking.Name, approvedBy, nil
}
