package element

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// Unit is the kind of a service unit, named as in [UsageLine].
type Unit string

// The kinds of units that elements consume: CC-Total-Octets, CC-Time and CC-Service-Specific-Units.
const (
	Octets  Unit = "octets"
	Seconds Unit = "seconds"
	Events  Unit = "events"
)

// How a session or event ended, from the element's point of view, see [UsageLine].
const (
	EndFinished   = "finished"   // consumed what it wanted and terminated
	EndRefused    = "refused"    // ended by a refusal, at command or at rating group level
	EndFinalUnit  = "final_unit" // consumed its final units
	EndAborted    = "aborted"    // terminated upon an ASR
	EndStopped    = "stopped"    // terminated because the element was stopped
	EndUnanswered = "unanswered" // a CCR got no answer within Tx
	EndAbandoned  = "abandoned"  // left open: no CCR-T was answered before the element ended
)

// UsageLine is one line of the usage log: what a session or an event reported for one rating group.
//
// The server must have debited exactly UnitsReported - UnitsRejected - UnitsUnanswered, plus anything from none to all of
// UnitsUnanswered, because a request without an answer may or may not have been charged.
//
// A CCR that is refused at command level has charged nothing, with one exception: in a session, the Result-Codes 4010 and
// 4012 refuse further service, and what the CCR reports as used is deducted (RFC 8506 s. 9.1), so it is not rejected here. An
// event is rejected by a refusal in its Multiple-Services-Credit-Control, too; with 4011 it is rendered, free of charge.
type UsageLine struct {
	Element         string  `json:"element"`
	SessionID       string  `json:"session_id"`
	ServiceContext  string  `json:"service_context"`
	Mode            string  `json:"mode"` // "session" (I, U, T) or "event" (E)
	IMSI            string  `json:"imsi"`
	MSISDN          string  `json:"msisdn"`
	RatingGroup     *uint32 `json:"rating_group,omitempty"` // absent when the element sends none
	Unit            Unit    `json:"unit"`
	UnitsGranted    uint64  `json:"units_granted"`
	UnitsReported   uint64  `json:"units_reported"`   // put into CCRs, each CCR counted once
	UnitsRejected   uint64  `json:"units_rejected"`   // of those: in a CCR that was refused at command level, see below
	UnitsUnanswered uint64  `json:"units_unanswered"` // of those: in a CCR that got no answer
	InputOctets     uint64  `json:"input_octets"`     // of an octet unit reported as input and output
	OutputOctets    uint64  `json:"output_octets"`
	TimeSeconds     uint64  `json:"time_seconds"` // CC-Time reported beside octets
	CCRs            uint64  `json:"ccrs"`         // CCRs that carried this rating group
	SessionCCRs     uint64  `json:"session_ccrs"` // all CCRs of the session
	FinalResult     uint32  `json:"final_result"` // the last Result-Code of the rating group, else of the command; 0: none
	End             string  `json:"end"`          // one of the End constants
	Closed          bool    `json:"closed"`       // the server answered the CCR-T or CCR-E, or had refused or forgotten the session
}

// usageLog writes usage lines; the first error stops it and is told at the end.
type usageLog struct {
	buffer  *bufio.Writer
	encoder *json.Encoder
	err     error
}

func newUsageLog(w io.Writer) *usageLog {
	if w == nil {
		return &usageLog{}
	}
	buffer := bufio.NewWriterSize(w, 64<<10)
	return &usageLog{buffer: buffer, encoder: json.NewEncoder(buffer)}
}

func (l *usageLog) write(line *UsageLine) {
	if l.encoder != nil && l.err == nil {
		l.err = l.encoder.Encode(line)
	}
}

func (l *usageLog) flush() error {
	if l.buffer != nil && l.err == nil {
		l.err = l.buffer.Flush()
	}
	if l.err != nil {
		return fmt.Errorf("write usage log: %w", l.err)
	}
	return nil
}
