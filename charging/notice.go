package charging

// NoticeKind is what a gateway is asked to do.
type NoticeKind uint8

// The notices.
const (
	Reauthorise NoticeKind = 1 // Re-Auth-Request (RFC 8506 section 5.5): report and ask again
	Abort       NoticeKind = 2 // Abort-Session-Request (RFC 6733 section 8.5): end the session
)

// Notice asks the gateway of an open session for something. It is no part of
// the state: one that is lost costs time, until Validity-Time or supervision
// run out, and never money.
type Notice struct {
	SessionID   []byte
	OriginHost  []byte // the gateway that spoke last in the session
	SubSession  uint64
	RatingGroup uint32 // meaningful when HasRatingGroup
	ServiceID   uint32 // meaningful when HasServiceID
	Kind        NoticeKind
	// HasRatingGroup limits a re-authorisation to one rating group; without it
	// every rating group of the session is meant.
	HasRatingGroup, HasServiceID bool
}
