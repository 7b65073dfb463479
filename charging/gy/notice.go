package gy

import (
	"gyro/charging"
	"gyro/charging/diameter"
)

// reAuthorizeOnly is the Re-Auth-Request-Type (RFC 6733 section 8.12) of credit control (RFC 8506 section 5.5).
const reAuthorizeOnly = 0

// appendNotice appends the request by which a gateway is asked for something: a Re-Auth-Request (RFC 8506 section 5.5)
// or an Abort-Session-Request (RFC 6733 section 8.5.1), addressed to the gateway so that relays find it.
func (g *Gateway) appendNotice(dst []byte, what *notice, form Notification, realm string, hopByHop uint32) []byte {
	flags, command := uint8(diameter.FlagRequest|diameter.FlagProxiable), diameter.CmdReAuth
	if what.again {
		flags |= diameter.FlagRetransmitted
	}
	if form == NotifyAbort {
		command = diameter.CmdAbortSession
	}
	start := len(dst)
	dst = diameter.AppendHeader(dst, flags, command, diameter.AppCreditControl, hopByHop, what.endToEnd)
	dst = diameter.AppendBytes(dst, diameter.AVPSessionID, what.SessionID)
	dst = append(dst, g.origin...)
	dst = diameter.AppendString(dst, diameter.AVPDestinationRealm, realm)
	dst = diameter.AppendBytes(dst, diameter.AVPDestinationHost, what.OriginHost)
	if form == NotifyReAuth {
		dst = appendReAuthorisation(dst, &what.Notice)
	}
	diameter.FinishMessage(dst, start)
	return dst
}

// appendReAuthorisation appends what is to be re-authorised. That of a session that is to end is all of it.
func appendReAuthorisation(dst []byte, n *charging.Notice) []byte {
	dst = diameter.AppendUint32(dst, diameter.AVPReAuthRequestType, reAuthorizeOnly)
	if n.SubSession != 0 {
		dst = diameter.AppendUint64(dst, diameter.AVPCCSubSessionID, n.SubSession)
	}
	if n.Kind != charging.Reauthorise {
		return dst
	}
	if n.HasServiceID {
		dst = diameter.AppendUint32(dst, diameter.AVPServiceIdentifier, n.ServiceID)
	}
	if n.HasRatingGroup {
		dst = diameter.AppendUint32(dst, diameter.AVPRatingGroup, n.RatingGroup)
	}
	return dst
}

// notification returns the form of a notice that the peer understands.
func (p *Profile) notification(k charging.NoticeKind) Notification {
	switch k {
	case charging.Reauthorise:
		return p.Reauthorise
	case charging.Abort:
		return p.Abort
	}
	return NotifyNone
}

// pace returns how many notices a second the peer gets.
func (p *Profile) pace() uint16 {
	if p.NoticesPerSecond == 0 {
		return DefaultNoticesPerSecond
	}
	return p.NoticesPerSecond
}

// NoticeKinds is the size of a table by charging.NoticeKind.
const NoticeKinds = 3

// NoticeAnswer is what an answer to a notice comes to.
type NoticeAnswer uint8

// The answers to notices.
const (
	AnsweredSuccess NoticeAnswer = iota // 2001: the session may or may not report
	AnsweredLimited                     // 2002: a request follows
	AnsweredUnknown                     // 5002: the gateway has no such session
	AnsweredOther
	NoticeAnswers
)

// String is the answer's name in metrics.
func (a NoticeAnswer) String() string {
	return [NoticeAnswers]string{"2001", "2002", "5002", "other"}[a]
}

func answerOf(r diameter.Result) NoticeAnswer {
	switch r {
	case diameter.ResultSuccess:
		return AnsweredSuccess
	case diameter.ResultLimitedSuccess:
		return AnsweredLimited
	case diameter.ResultUnknownSessionID:
		return AnsweredUnknown
	}
	return AnsweredOther
}

// DropReason says why a notice was not sent.
type DropReason uint8

// The reasons.
const (
	DroppedQueue   DropReason = iota // too many waited
	DroppedProfile                   // the gateway understands no such request
	DroppedRoute                     // nothing has come from the gateway since the start
	DroppedAway                      // it did not connect again
	DropReasons
)

// String is the reason's name in metrics and logs.
func (r DropReason) String() string {
	return [DropReasons]string{"queue", "profile", "route", "away"}[r]
}

// NoticeCounts count notices since the start, by charging.NoticeKind where that is said.
type NoticeCounts struct {
	Sent     [NoticeKinds]uint64
	Answered [NoticeKinds][NoticeAnswers]uint64
	TimedOut [NoticeKinds]uint64
	Dropped  [DropReasons]uint64
	Waiting  int // now, to be sent
}

// Counts returns the counts so far.
func (n *Notices) Counts() NoticeCounts {
	n.mu.Lock()
	defer n.mu.Unlock()
	counts := n.counts
	counts.Waiting = n.waiting
	return counts
}
