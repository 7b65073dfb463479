package element

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
)

// TestLoopback runs every element against the server over real TCP with a third of the requests sent twice, and checks that both
// sides agree about every session to the last unit.
func TestLoopback(t *testing.T) {
	for name, set := range map[string]func(*Options){
		"open5gs": func(o *Options) { o.Kind = PGW },
		"pgw":     func(o *Options) { o.Kind, o.Style = PGW, FullPGW },
		"mixed":   func(o *Options) { o.Kind, o.Style = PGW, Mixed },
		"ims":     func(o *Options) { o.Kind = IMS },
		"smsc":    func(o *Options) { o.Kind = SMSC },
	} {
		t.Run(name, func(t *testing.T) {
			server := newOCS(t)
			opts := server.options("")
			set(&opts)
			opts.Dial, opts.Connect = nil, server.listen()
			opts.Rate, opts.RetransmitPermille = 100_000, 333
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				for range 2000 {
					<-server.served
				}
				cancel()
			}()
			report, lines, err := run(ctx, t, opts)
			if err != nil {
				t.Fatal(err)
			}
			server.checkUsage(lines)
			server.mu.Lock()
			defer server.mu.Unlock()
			if len(server.open) != 0 || report.SessionsOpen != 0 || report.SessionsHanging != 0 {
				t.Errorf("sessions open: server %d, element %d, hanging %d", len(server.open), report.SessionsOpen, report.SessionsHanging)
			}
			if report.Retransmissions == 0 || report.Retransmissions != uint64(server.repeated) {
				t.Errorf("retransmissions %d, server saw %d", report.Retransmissions, server.repeated)
			}
			if report.AnswerMismatches != 0 || report.AnswersMalformed != 0 || report.AnswersUnmatched != 0 || report.Timeouts != 0 {
				t.Errorf("a faultless server was found at fault: %s", report.String())
			}
			if report.CCRTotal != uint64(len(server.answers)) || report.AnswersTotal != report.CCRTotal+report.Retransmissions {
				t.Errorf("CCRs %d, answers %d, retransmissions %d, server answered %d", report.CCRTotal, report.AnswersTotal, report.Retransmissions, len(server.answers))
			}
			if !report.Final || report.Latency.Count() != report.AnswersTotal {
				t.Errorf("final %v, latencies %d of %d", report.Final, report.Latency.Count(), report.AnswersTotal)
			}
			if len(server.others) != 1 || server.others[0].Header.CommandCode != diam.DisconnectPeer {
				t.Errorf("want one DPR at the end, got %v", server.others)
			}
		})
	}
}

// bubble runs an element in fake time. The server's connections end with the element.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if _, err := LoadDictionary(); err != nil { // outside: it is shared
		t.Fatal(err)
	}
	synctest.Test(t, f)
}

func TestPace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		opts := server.options(PGW)
		opts.Rate, opts.For, opts.RetransmitPermille = 200, 10*time.Second, 200
		report, _, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		const burst = 10 // 50 ms
		start := server.arrivals[0]
		inFor := 0
		for i, at := range server.arrivals {
			if at.Sub(start) < opts.For {
				inFor++
			}
			for j := i + 1; j < len(server.arrivals) && server.arrivals[j].Sub(start) < opts.For; j++ {
				allowed := int(server.arrivals[j].Sub(at)*200/time.Second) + burst + 1
				if j-i+1 > allowed {
					t.Fatalf("%d CCRs in %v, allowed %d", j-i+1, server.arrivals[j].Sub(at), allowed)
				}
			}
		}
		if inFor < 1990 || inFor > 2000+burst {
			t.Errorf("%d CCRs in 10 s, want 2000", inFor)
		}
		if report.SessionsHanging != 0 || report.ElapsedMS > 12_000 {
			t.Errorf("drain: %d hanging after %d ms", report.SessionsHanging, report.ElapsedMS)
		}
	})
}

func TestInFlightLimitAndTx(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		server.decide = func(*ccr) reply { return reply{ignore: true} }
		opts := server.options(PGW)
		opts.InFlight, opts.Tx, opts.For, opts.DrainTimeout = 8, 5*time.Second, 4*time.Second, 20*time.Second
		report, lines, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		start, early := server.arrivals[0], 0
		for _, at := range server.arrivals {
			if at.Sub(start) < opts.Tx {
				early++
			}
		}
		if early != 8 {
			t.Errorf("%d CCRs before the first Tx, want the limit of 8", early)
		}
		// Eight CCR-Is time out, then their CCR-Ts.
		if report.Timeouts != 16 || report.CCRTerminate != 8 || report.SessionsClosed != 8 {
			t.Errorf("timeouts %d, CCR-Ts %d, closed %d", report.Timeouts, report.CCRTerminate, report.SessionsClosed)
		}
		for _, line := range lines {
			if line.Closed || line.End != EndUnanswered {
				t.Errorf("line %+v", line)
			}
		}
	})
}

func TestMismatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		server.decide = func(c *ccr) reply {
			if !c.repeated {
				return reply{}
			}
			return reply{raw: func(answer []byte) []byte {
				answer[len(answer)-1] ^= 1 // the lowest bit of the CC-Request-Number, or of a unit in an MSCC
				return answer
			}}
		}
		opts := server.options(SMSC)
		opts.RetransmitPermille, opts.For = 500, 2*time.Second
		report, _, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		if report.Retransmissions < 100 || report.AnswerMismatches != report.Retransmissions {
			t.Errorf("mismatches %d, want all %d retransmissions", report.AnswerMismatches, report.Retransmissions)
		}
	})
}

// TestCopyTooBusy has the server turn every retransmission away: the copy that was processed counts.
func TestCopyTooBusy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		server.decide = func(c *ccr) reply {
			if !c.repeated {
				return reply{}
			}
			return reply{raw: func(answer []byte) []byte {
				answer[4] |= diam.ErrorFlag
				success, busy := binary.BigEndian.AppendUint32(nil, diam.Success), binary.BigEndian.AppendUint32(nil, diam.TooBusy)
				return bytes.Replace(answer, success, busy, 1)
			}}
		}
		opts := server.options(SMSC)
		opts.RetransmitPermille, opts.For = 500, 2*time.Second
		report, lines, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		server.checkUsage(lines)
		if report.Retransmissions < 100 || report.AnswersByResult[diam.TooBusy] != report.Retransmissions || report.AnswerMismatches != 0 {
			t.Errorf("%d retransmissions, %d too busy, %d mismatches", report.Retransmissions, report.AnswersByResult[diam.TooBusy], report.AnswerMismatches)
		}
	})
}

// TestReconnect breaks the connection at every 50th CCR, before and after it is booked, and lets the server stay away for a while.
func TestReconnect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		var brokenKeys []ccrKey
		server.decide = func(c *ccr) reply {
			if c.nth%50 != 0 {
				return reply{}
			}
			if c.nth%100 == 0 && !c.repeated { // booked, but the answer is lost
				server.mu.Lock()
				if server.answers[c.ccrKey] == nil {
					server.seen[c.ccrKey] = c
					server.answers[c.ccrKey] = server.settle(c, reply{})
				}
				server.mu.Unlock()
			}
			brokenKeys = append(brokenKeys, c.ccrKey)
			return reply{disconnect: true}
		}
		opts := server.options(PGW)
		opts.Style, opts.For, opts.RetransmitPermille = FullPGW, 20*time.Second, 100
		opts.Tx = time.Minute // nothing may be given up: every loss must be repaired by retransmission
		dials := 0
		opts.Dial = func(ctx context.Context) (net.Conn, error) {
			if dials++; dials%3 == 0 {
				return nil, errors.New("server away")
			}
			return server.pipe(ctx)
		}
		report, lines, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		server.checkUsage(lines)
		if report.Reconnects < 10 || report.ConnectFailures < 5 || report.Timeouts != 0 || report.SessionsHanging != 0 || report.AnswerMismatches != 0 {
			t.Errorf("reconnects %d, failures %d, timeouts %d, hanging %d, mismatches %d", report.Reconnects, report.ConnectFailures,
				report.Timeouts, report.SessionsHanging, report.AnswerMismatches)
		}
		for _, key := range brokenKeys {
			if server.answers[key] == nil {
				t.Errorf("%v was lost with its connection and never repeated", key)
			}
		}
		if report.CCRTotal != uint64(len(server.answers)) {
			t.Errorf("%d CCRs, server answered %d", report.CCRTotal, len(server.answers))
		}
	})
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		reply       reply
		final       finalAction
		end         string
		terminates  bool
		finalResult uint32
	}{
		"command":        {reply: reply{result: 5030}, end: EndRefused, finalResult: 5030},
		"no credit":      {reply: reply{refuse: 4012}, end: EndRefused, terminates: true, finalResult: 4012},
		"denied":         {reply: reply{refuse: 4010}, end: EndRefused, terminates: true, finalResult: 4010},
		"free":           {reply: reply{refuse: 4011}, end: EndFinished, terminates: true, finalResult: 4011},
		"no grant":       {reply: reply{noUnits: true}, end: EndRefused, terminates: true, finalResult: 2001},
		"final unit":     {final: finalTerminate, end: EndFinalUnit, terminates: true, finalResult: 2001},
		"final redirect": {final: finalRedirect, end: EndFinished, terminates: true, finalResult: 2001},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				server := newOCS(t)
				server.final = tt.final
				server.decide = func(*ccr) reply { return tt.reply }
				opts := server.options(PGW)
				opts.Style, opts.RatingGroups, opts.For, opts.Sessions = FullPGW, []uint32{7}, 5*time.Second, 5
				report, lines, err := run(t.Context(), t, opts)
				if err != nil {
					t.Fatal(err)
				}
				server.checkUsage(lines)
				ended := map[string]int{}
				for _, line := range lines {
					ended[line.End]++
					if line.End == tt.end && line.FinalResult != tt.finalResult {
						t.Errorf("final result %d, want %d", line.FinalResult, tt.finalResult)
					}
				}
				if ended[tt.end] < 20 {
					t.Errorf("ends %v, want %s", ended, tt.end)
				}
				if got := report.CCRTerminate > 0; got != tt.terminates {
					t.Errorf("%d CCR-Ts", report.CCRTerminate)
				}
				if tt.reply.refuse != 0 && report.RefusalsByCause[tt.reply.refuse] == 0 {
					t.Errorf("refusals %v", report.RefusalsByCause)
				}
				if tt.reply.result != 0 && (report.SessionsRefused != report.SessionsClosed || report.AnswersByResult[tt.reply.result] != report.CCRTotal) {
					t.Errorf("refused %d of %d, results %v", report.SessionsRefused, report.SessionsClosed, report.AnswersByResult)
				}
			})
		})
	}
}

// TestRefusedButDeducted refuses every CCR-U at command level, as a server does that is asked with units at that level: what
// the CCR-U reports is debited all the same with 4010 and 4012, and with no other Result-Code.
func TestRefusedButDeducted(t *testing.T) {
	for _, result := range []uint32{4010, 4012, 5031} {
		bubble(t, func(t *testing.T) {
			server := newOCS(t)
			server.grants[Events] = 1 // messages to several recipients need a CCR-U
			server.decide = func(c *ccr) reply {
				if c.kind == updateRequest {
					return reply{result: result}
				}
				return reply{}
			}
			opts := server.options(SMSC)
			opts.ECURPermille, opts.For = 1000, 20*time.Second
			report, lines, err := run(t.Context(), t, opts)
			if err != nil {
				t.Fatal(err)
			}
			server.checkUsage(lines)
			if report.AnswersByResult[result] < 20 {
				t.Errorf("%d: results %v", result, report.AnswersByResult)
			}
			rejected := uint64(0)
			for _, line := range lines {
				rejected += line.UnitsRejected
			}
			if deducted := rejected == 0; deducted != (result != 5031) {
				t.Errorf("%d: %d units rejected", result, rejected)
			}
		})
	}
}

// TestValidityTime gives every tenth session a quota that is valid for 3 s, while 100 sessions at 10 CCR/s have their turn every
// 10 s: the short ones must go first, and say why.
func TestValidityTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		server.grants[Octets] = 1 << 16
		last, late, expired := map[string]time.Time{}, 0, 0
		server.decide = func(c *ccr) reply {
			server.validity = 0
			if strings.HasSuffix(c.session, "0;pgw") {
				server.validity = 3
				if since := time.Since(last[c.session]); c.kind == updateRequest && c.units[0].reported {
					if since > 3500*time.Millisecond {
						late++
					}
					if since >= 3*time.Second && c.units[0].reason == reasonValidity {
						expired++
					}
				}
			}
			last[c.session] = time.Now()
			return reply{}
		}
		opts := server.options(PGW)
		opts.Style, opts.RatingGroups, opts.Rate, opts.Sessions, opts.For = FullPGW, []uint32{1}, 10, 100, 2*time.Minute
		if _, _, err := run(t.Context(), t, opts); err != nil {
			t.Fatal(err)
		}
		if late > 0 || expired < 100 {
			t.Errorf("%d reports came late, %d in time because of Validity-Time", late, expired)
		}
	})
}

func TestReauthAndAbort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		var asked, aborted string
		var afterReauth, afterAbort *ccr
		server.decide = func(c *ccr) reply {
			switch {
			case asked == "" && c.kind == updateRequest:
				asked = c.session
				server.request(c.conn, diam.ReAuth, c.session, base(avp.ReAuthRequestType, enum(0)))
				server.request(c.conn, diam.ReAuth, "nobody;1;1", base(avp.ReAuthRequestType, enum(0)))
			case c.session == asked && afterReauth == nil:
				afterReauth = c
			case aborted == "" && afterReauth != nil && c.kind == updateRequest:
				aborted = c.session
				server.request(c.conn, diam.AbortSession, c.session)
			case c.session == aborted && afterAbort == nil:
				afterAbort = c
			}
			return reply{}
		}
		opts := server.options(PGW)
		opts.Style, opts.RatingGroups, opts.For = FullPGW, []uint32{1}, 5*time.Second
		report, lines, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		server.checkUsage(lines)
		if got := server.answered(diam.ReAuth); len(got) != 2 || got[0] != 2002 || got[1] != 5002 {
			t.Errorf("RAAs %v, want 2002 and 5002", got)
		}
		if afterReauth == nil || afterReauth.kind != updateRequest || afterReauth.units[0].reason != reasonReauthorisation {
			t.Errorf("after the RAR came %+v", afterReauth)
		}
		if got := server.answered(diam.AbortSession); len(got) != 1 || got[0] != 2001 {
			t.Errorf("ASAs %v, want 2001", got)
		}
		if afterAbort == nil || afterAbort.kind != terminationRequest {
			t.Errorf("after the ASR came %v", afterAbort)
		}
		if report.ReauthRequests != 2 || report.AbortRequests != 1 {
			t.Errorf("RARs %d, ASRs %d", report.ReauthRequests, report.AbortRequests)
		}
		for _, line := range lines {
			if (line.SessionID == aborted) != (line.End == EndAborted) {
				t.Errorf("%s ended %s", line.SessionID, line.End)
			}
		}
	})
}

func TestDieAfter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		opts := server.options(PGW)
		opts.Rate, opts.DieAfter = 20, 1990*time.Millisecond // between two CCRs
		report, lines, err := run(t.Context(), t, opts)
		if !errors.Is(err, ErrDied) {
			t.Fatalf("error %v", err)
		}
		server.checkUsage(lines)
		if report.SessionsHanging < 15 || report.SessionsHanging != uint64(len(server.open)) || len(server.others) != 0 {
			t.Errorf("hanging %d, open at the server %d, DPRs %d", report.SessionsHanging, len(server.open), len(server.others))
		}
		abandoned := 0
		for _, line := range lines {
			if line.End == EndAbandoned && !line.Closed {
				abandoned++
			}
		}
		if abandoned != len(server.open) {
			t.Errorf("%d abandoned lines", abandoned)
		}
	})
}

func TestOveruse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		server.overused, server.grants[Octets] = true, 1<<16
		over := 0
		server.decide = func(c *ccr) reply {
			if len(c.units) == 1 && c.units[0].used[Octets] > 1<<16 {
				over++
			}
			return reply{}
		}
		opts := server.options(PGW)
		opts.OverusePermille, opts.For = 300, 3*time.Second
		_, lines, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		server.checkUsage(lines)
		if over < 100 {
			t.Errorf("%d reports above the grant", over)
		}
	})
}

func TestMalformedAnswers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		server := newOCS(t)
		server.decide = func(c *ccr) reply {
			return reply{raw: func(answer []byte) []byte {
				switch c.nth % 4 {
				case 1: // an MSCC whose inner AVP is longer than the group: go-diameter v4.1.0 panics
					mscc := []byte{0, 0, 1, 200, 0x40, 0, 0, 16, 0, 0, 1, 12, 0x40, 0, 0, 99}
					answer = append(answer, mscc...)
					binary.BigEndian.PutUint32(answer, 1<<24|uint32(len(answer)))
				case 2: // another End-to-End
					answer[19] ^= 1
				case 3: // a Hop-by-Hop that was never sent
					answer[12] ^= 0x80
				}
				return answer
			}}
		}
		opts := server.options(SMSC)
		opts.For, opts.ECURPermille, opts.Tx = 2*time.Second, -1, time.Second
		report, _, err := run(t.Context(), t, opts)
		if err != nil {
			t.Fatal(err)
		}
		quarter := report.CCRTotal / 4
		if report.AnswersMalformed < 2*quarter-2 || report.AnswersUnmatched < quarter-2 || report.Timeouts < quarter-2 {
			t.Errorf("of %d: malformed %d, unmatched %d, timeouts %d", report.CCRTotal, report.AnswersMalformed, report.AnswersUnmatched, report.Timeouts)
		}
	})
}
