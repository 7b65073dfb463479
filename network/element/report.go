package element

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Units counts service units by kind.
type Units struct {
	Octets  uint64 `json:"octets"`
	Seconds uint64 `json:"seconds"`
	Events  uint64 `json:"events"`
}

func (u *Units) add(kind Unit, n uint64) {
	switch kind {
	case Octets:
		u.Octets += n
	case Seconds:
		u.Seconds += n
	case Events:
		u.Events += n
	}
}

func (u *Units) merge(other Units) {
	u.Octets += other.Octets
	u.Seconds += other.Seconds
	u.Events += other.Events
}

// Report says what an element did since it was started. Counters never go down. Reports of several elements are
// joined with [Report.Merge].
type Report struct {
	Element    string    `json:"element"`
	OriginHost string    `json:"origin_host"`
	At         time.Time `json:"at"`
	ElapsedMS  int64     `json:"elapsed_ms"`
	Final      bool      `json:"final"`
	Connected  bool      `json:"connected"`

	// CCRs are counted once, however often they were transmitted; Retransmissions counts the transmissions with the T flag.
	CCRTotal        uint64 `json:"ccr_total"`
	CCRInitial      uint64 `json:"ccr_initial"`
	CCRUpdate       uint64 `json:"ccr_update"`
	CCRTerminate    uint64 `json:"ccr_terminate"`
	CCREvent        uint64 `json:"ccr_event"`
	CCRPerSecond    uint64 `json:"ccr_per_second"` // transmissions in the second before At
	Retransmissions uint64 `json:"retransmissions"`

	// Answers are all CCAs that belong to a CCR in flight, those of retransmissions included.
	AnswersTotal     uint64            `json:"answers_total"`
	Answers2001      uint64            `json:"answers_2001"`
	AnswersByResult  map[uint32]uint64 `json:"answers_by_result"` // command level Result-Code; 0: the answer carried none
	RefusalsByCause  map[uint32]uint64 `json:"refusals_by_cause"` // Result-Code of a refused Multiple-Services-Credit-Control
	AnswersMalformed uint64            `json:"answers_malformed"` // could not be decoded, or contradict their request
	AnswersUnmatched uint64            `json:"answers_unmatched"` // late, or for a Hop-by-Hop never sent
	AnswerMismatches uint64            `json:"answer_mismatches"` // a retransmission was answered with other bytes
	Timeouts         uint64            `json:"timeouts"`          // transmissions without an answer within Tx
	Latency          Histogram         `json:"latency"`           // from a CCR's transmission to its answer
	Reconnects       uint64            `json:"reconnects"`        // capabilities exchanges after the first
	ConnectFailures  uint64            `json:"connect_failures"`  // attempts that failed to connect or were refused
	WatchdogsSent    uint64            `json:"watchdogs_sent"`    // DWRs sent on an idle connection
	ReauthRequests   uint64            `json:"reauth_requests"`   // RARs received
	AbortRequests    uint64            `json:"abort_requests"`    // ASRs received
	AccessChanges    uint64            `json:"access_changes"`    // reports of a changed radio access (Reporting-Reason 6)
	Roaming          uint64            `json:"roaming"`           // sessions begun in a visited network
	Led              uint64            `json:"led"`               // times that a subscriber was led to a portal to wait for credit
	WentOn           uint64            `json:"went_on"`           // of those: credit was granted upon an RAR
	SessionsOpen     uint64            `json:"sessions_open"`     // begun and not yet closed, events included
	SessionsClosed   uint64            `json:"sessions_closed"`   // ended for any reason, events included
	SessionsRefused  uint64            `json:"sessions_refused"`  // of those: the CCR-I or CCR-E was refused at command level
	SessionsHanging  uint64            `json:"sessions_hanging"`  // left open at the end: no CCR-T was answered
	Granted          Units             `json:"granted"`           // quotas received
	Used             Units             `json:"used"`              // usage put into CCRs, each counted once
}

func newReport(kind Kind, host string) Report {
	return Report{
		Element: string(kind), OriginHost: host,
		AnswersByResult: map[uint32]uint64{}, RefusalsByCause: map[uint32]uint64{},
	}
}

// clone copies the report with its maps, so that the reader of one report does not see the next.
func (r *Report) clone() Report {
	out := *r
	out.AnswersByResult, out.RefusalsByCause = map[uint32]uint64{}, map[uint32]uint64{}
	mergeCounts(out.AnswersByResult, r.AnswersByResult)
	mergeCounts(out.RefusalsByCause, r.RefusalsByCause)
	return out
}

// Merge adds the counters of other, the report of another element. A name in which the two differ becomes empty; the
// merged report is final, or connected, when both are. To merge into an empty Report, start from a copy of the first.
func (r *Report) Merge(other *Report) {
	if r.Element != other.Element {
		r.Element = ""
	}
	if r.OriginHost != other.OriginHost {
		r.OriginHost = ""
	}
	if other.At.After(r.At) {
		r.At = other.At
	}
	r.ElapsedMS = max(r.ElapsedMS, other.ElapsedMS)
	r.Final = r.Final && other.Final
	r.Connected = r.Connected && other.Connected
	for _, pair := range r.counterPairs(other) {
		*pair.to += pair.from
	}
	if r.AnswersByResult == nil {
		r.AnswersByResult = map[uint32]uint64{}
	}
	if r.RefusalsByCause == nil {
		r.RefusalsByCause = map[uint32]uint64{}
	}
	mergeCounts(r.AnswersByResult, other.AnswersByResult)
	mergeCounts(r.RefusalsByCause, other.RefusalsByCause)
	r.Latency.Merge(&other.Latency)
	r.Granted.merge(other.Granted)
	r.Used.merge(other.Used)
}

type counterPair struct {
	to   *uint64
	from uint64
}

func (r *Report) counterPairs(o *Report) []counterPair {
	return []counterPair{
		{&r.CCRTotal, o.CCRTotal},
		{&r.CCRInitial, o.CCRInitial},
		{&r.CCRUpdate, o.CCRUpdate},
		{&r.CCRTerminate, o.CCRTerminate},
		{&r.CCREvent, o.CCREvent},
		{&r.CCRPerSecond, o.CCRPerSecond},
		{&r.Retransmissions, o.Retransmissions},
		{&r.AnswersTotal, o.AnswersTotal},
		{&r.Answers2001, o.Answers2001},
		{&r.AnswersMalformed, o.AnswersMalformed},
		{&r.AnswersUnmatched, o.AnswersUnmatched},
		{&r.AnswerMismatches, o.AnswerMismatches},
		{&r.Timeouts, o.Timeouts},
		{&r.Reconnects, o.Reconnects},
		{&r.ConnectFailures, o.ConnectFailures},
		{&r.WatchdogsSent, o.WatchdogsSent},
		{&r.ReauthRequests, o.ReauthRequests},
		{&r.AbortRequests, o.AbortRequests},
		{&r.AccessChanges, o.AccessChanges},
		{&r.Roaming, o.Roaming},
		{&r.Led, o.Led},
		{&r.WentOn, o.WentOn},
		{&r.SessionsOpen, o.SessionsOpen},
		{&r.SessionsClosed, o.SessionsClosed},
		{&r.SessionsRefused, o.SessionsRefused},
		{&r.SessionsHanging, o.SessionsHanging},
	}
}

func mergeCounts(to, from map[uint32]uint64) {
	for key, n := range from {
		to[key] += n
	}
}

// String returns the report as one line for people.
func (r *Report) String() string {
	state := "down"
	switch {
	case r.Final:
		state = "final"
	case r.Connected:
		state = "up"
	}
	return fmt.Sprintf("%s %s %ds ccr %d (I %d U %d T %d E %d) %d/s answers %d%s refused mscc %d%s latency_us p50 %d p99 %d max %d"+
		" open %d closed %d retransmitted %d mismatches %d timeouts %d reconnects %d",
		r.Element, state, r.ElapsedMS/1000, r.CCRTotal, r.CCRInitial, r.CCRUpdate, r.CCRTerminate, r.CCREvent, r.CCRPerSecond,
		r.AnswersTotal, byCode(r.AnswersByResult), sumCounts(r.RefusalsByCause), byCode(r.RefusalsByCause),
		r.Latency.QuantileUS(500), r.Latency.QuantileUS(990), r.Latency.MaxUS(),
		r.SessionsOpen, r.SessionsClosed, r.Retransmissions, r.AnswerMismatches, r.Timeouts, r.Reconnects)
}

// byCode lists counts by Result-Code in brackets, with a blank before it; nothing if there are none.
func byCode(counts map[uint32]uint64) string {
	if len(counts) == 0 {
		return ""
	}
	var b strings.Builder
	separator := " ("
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, "%s%d %d", separator, code, counts[code])
		separator = ", "
	}
	b.WriteByte(')')
	return b.String()
}

func sumCounts(counts map[uint32]uint64) uint64 {
	var sum uint64
	for _, n := range counts {
		sum += n
	}
	return sum
}
