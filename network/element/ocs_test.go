package element

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
)

// ocs is a small Diameter credit-control server on go-diameter: it grants fixed quotas, keeps the answers it gave and returns
// them to retransmissions, and books what it debits.
type ocs struct {
	t    *testing.T
	dict *Dictionary

	grants   map[Unit]uint64
	validity uint32
	final    finalAction
	watches  bool // Trigger asks for reports of changed radio access
	overused bool // reports above the grant are expected
	decide   func(c *ccr) reply

	mu       sync.Mutex
	arrivals []time.Time
	seen     map[ccrKey]*ccr
	answers  map[ccrKey][]byte
	debited  map[accountKey]uint64
	reserved map[accountKey]uint64
	open     map[string]bool
	repeated int
	others   []*diam.Message // answers to the server's own requests, and DPRs
	conns    []diam.Conn
	served   chan struct{} // gets a token for each CCR; never blocks the server
}

type ccrKey struct {
	session string
	number  uint32
}

type accountKey struct {
	session string
	group   int64 // -1: none
}

// ccr is what the server reads of a request.
type ccr struct {
	ccrKey
	conn     diam.Conn
	m        *diam.Message
	frame    []byte
	kind     requestType
	nth      int // arrival, from 1, repetitions included
	repeated bool
	units    []ccrUnits
}

type ccrUnits struct {
	group    int64
	asks     bool
	used     map[Unit]uint64
	reported bool
	reason   reportingReason
	inMSCC   bool
}

// reply overrides what the server does with a request.
type reply struct {
	ignore     bool
	disconnect bool
	result     uint32 // command level
	refuse     uint32 // in every MSCC
	noUnits    bool
	raw        func(answer []byte) []byte
}

func newOCS(t *testing.T) *ocs {
	t.Helper()
	d, err := LoadDictionary()
	if err != nil {
		t.Fatal(err)
	}
	return &ocs{
		t: t, dict: d, grants: map[Unit]uint64{Octets: 1 << 20, Seconds: 60, Events: 10}, decide: func(*ccr) reply { return reply{} },
		seen: map[ccrKey]*ccr{}, answers: map[ccrKey][]byte{}, debited: map[accountKey]uint64{}, reserved: map[accountKey]uint64{},
		open: map[string]bool{}, served: make(chan struct{}, 1<<20),
	}
}

// pipe is a Dial that reaches the server in memory, for tests with fake time.
func (o *ocs) pipe(context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	if err := o.accept(server); err != nil {
		return nil, err
	}
	return client, nil
}

// listen serves on loopback and returns the address.
func (o *ocs) listen() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if err := o.accept(conn); err != nil {
				_ = conn.Close()
			}
		}
	}()
	return listener.Addr().String()
}

func (o *ocs) accept(conn net.Conn) error {
	c, err := diam.NewConn(conn, "element", diam.HandlerFunc(o.serve), o.dict.parser)
	if err == nil {
		o.mu.Lock()
		o.conns = append(o.conns, c)
		o.mu.Unlock()
	}
	return err
}

func (o *ocs) serve(c diam.Conn, m *diam.Message) {
	if m.DecodeErr != nil {
		o.t.Errorf("server cannot decode: %v", m.DecodeErr)
	}
	switch {
	case m.Header.CommandFlags&diam.RequestFlag == 0:
		o.mu.Lock()
		o.others = append(o.others, m)
		o.mu.Unlock()
	case m.Header.CommandCode == diam.CapabilitiesExchange:
		o.answerBase(c, m)
	case m.Header.CommandCode == diam.DeviceWatchdog:
		o.answerBase(c, m)
	case m.Header.CommandCode == diam.DisconnectPeer:
		o.mu.Lock()
		o.others = append(o.others, m)
		o.mu.Unlock()
		o.answerBase(c, m)
	case m.Header.CommandCode == diam.CreditControl:
		o.charge(c, m)
	}
}

func (o *ocs) answerBase(c diam.Conn, m *diam.Message) {
	a := m.Answer(diam.Success)
	a.AddAVP(base(avp.OriginHost, identity("ocs.example")))
	a.AddAVP(base(avp.OriginRealm, identity("example")))
	if m.Header.CommandCode == diam.CapabilitiesExchange {
		a.AddAVP(base(avp.HostIPAddress, address(127, 0, 0, 1)))
		a.AddAVP(base(avp.VendorID, u32(0)))
		a.AddAVP(optional(avp.ProductName, text("test")))
		a.AddAVP(base(avp.AuthApplicationID, u32(creditControl)))
	}
	o.write(c, a)
}

func (o *ocs) write(c diam.Conn, m *diam.Message) {
	_, _ = m.WriteTo(c) // an element that went away is not the server's concern
}

// charge handles a CCR.
func (o *ocs) charge(conn diam.Conn, m *diam.Message) {
	defer func() { o.served <- struct{}{} }()
	c := o.parse(conn, m)
	o.mu.Lock()
	o.arrivals = append(o.arrivals, time.Now())
	c.nth = len(o.arrivals)
	if c.repeated {
		o.repeated++
		o.checkRepetition(c)
	}
	o.mu.Unlock()
	r := o.decide(c)
	if r.disconnect {
		conn.Close()
		return
	}
	if r.ignore {
		return
	}
	o.mu.Lock()
	frame := o.answers[c.ccrKey]
	if frame == nil {
		o.seen[c.ccrKey] = c
		frame = o.settle(c, r)
		o.answers[c.ccrKey] = frame
	}
	o.mu.Unlock()
	frame = bytes.Clone(frame)
	binary.BigEndian.PutUint32(frame[12:], m.Header.HopByHopID)
	if r.raw != nil {
		frame = r.raw(frame)
	}
	_, _ = conn.Write(frame)
}

// checkRepetition holds a request with the T flag against the one that came before, if it did.
func (o *ocs) checkRepetition(c *ccr) {
	first := o.seen[c.ccrKey]
	if first == nil {
		return
	}
	again := bytes.Clone(c.frame)
	again[4] &^= diam.RetransmittedFlag
	if !sameAnswer(first.frame, again) {
		o.t.Errorf("retransmission of %v differs from the request:\n%x\n%x", c.ccrKey, first.frame, c.frame)
	}
	if first.m.Header.HopByHopID == c.m.Header.HopByHopID {
		o.t.Errorf("retransmission of %v has the Hop-by-Hop of the request", c.ccrKey)
	}
}

// settle books a request and builds its answer.
func (o *ocs) settle(c *ccr, r reply) []byte {
	result := uint32(diam.Success)
	switch {
	case r.result != 0:
		result = r.result
	case c.kind == initialRequest:
		o.open[c.session] = true
	case c.kind != eventRequest && !o.open[c.session]:
		result = diam.UnknownSessionID
	}
	deducted := c.kind != eventRequest && deducts(result) // of the service, not of the session
	if c.kind == terminationRequest || result != diam.Success && !deducted {
		delete(o.open, c.session)
	}
	a := c.m.Answer(0)
	for _, v := range []*diam.AVP{
		base(avp.SessionID, text(c.session)), base(avp.ResultCode, u32(result)),
		base(avp.OriginHost, identity("ocs.example")), base(avp.OriginRealm, identity("example")),
		base(avp.AuthApplicationID, u32(creditControl)),
		base(avp.CCRequestType, enum(int32(c.kind))), base(avp.CCRequestNumber, u32(c.number)),
	} {
		a.AddAVP(v)
	}
	if result == diam.Success || deducted {
		r.noUnits = r.noUnits || deducted
		for _, u := range c.units {
			o.settleUnits(a, c, u, r)
		}
	}
	frame, err := a.Serialize()
	if err != nil {
		o.t.Error(err)
	}
	return frame
}

func (o *ocs) settleUnits(a *diam.Message, c *ccr, u ccrUnits, r reply) {
	key := accountKey{c.session, u.group}
	unit := o.unitOf(c)
	used := u.used[unit]
	if u.reported {
		if used > o.reserved[key] && !o.overused {
			o.t.Errorf("%v number %d: used %d of %d granted", key, c.number, used, o.reserved[key])
		}
		o.debited[key] += used
		o.reserved[key] = 0
	}
	var parts []*diam.AVP
	switch {
	case r.refuse != 0:
		parts = append(parts, base(avp.ResultCode, u32(r.refuse)))
	case c.kind == eventRequest:
		o.debited[key] += u.used[unit]
		parts = append(parts, base(avp.GrantedServiceUnit, group(unitAVP(unit, u.used[unit]))))
	case u.asks && c.kind != terminationRequest && !r.noUnits:
		o.reserved[key] = o.grants[unit]
		parts = append(parts, base(avp.GrantedServiceUnit, group(unitAVP(unit, o.grants[unit]))))
		if o.watches {
			parts = append(parts, tgpp(avp.Trigger, group(tgpp(avp.TriggerType, enum(changeInRAT)))))
		}
		if o.validity > 0 {
			parts = append(parts, base(avp.ValidityTime, u32(o.validity)))
		}
		if o.final != notFinal {
			parts = append(parts, base(avp.FinalUnitIndication, group(base(avp.FinalUnitAction, enum(int32(o.final-1))))))
		}
	}
	if !u.inMSCC {
		for _, part := range parts {
			a.AddAVP(part)
		}
		return
	}
	if r.refuse == 0 {
		parts = append(parts, base(avp.ResultCode, u32(diam.Success)))
	}
	if u.group >= 0 {
		parts = append(parts, base(avp.RatingGroup, u32(uint32(u.group))))
	}
	a.AddAVP(base(avp.MultipleServicesCreditControl, group(parts...)))
}

func (o *ocs) unitOf(c *ccr) Unit {
	for _, v := range c.m.AVP {
		if v.Code == avp.ServiceContextID {
			return map[string]Unit{packetContext: Octets, voiceContext: Seconds, messageContext: Events}[textOf(v)]
		}
	}
	o.t.Errorf("%v: no Service-Context-Id", c.ccrKey)
	return Octets
}

func (o *ocs) parse(conn diam.Conn, m *diam.Message) *ccr {
	c := &ccr{conn: conn, m: m, repeated: m.Header.CommandFlags&diam.RetransmittedFlag != 0}
	frame, err := m.Serialize()
	if err != nil {
		o.t.Error(err)
	}
	c.frame = frame
	for _, v := range m.AVP {
		switch v.Code {
		case avp.SessionID:
			c.session = textOf(v)
		case avp.CCRequestType:
			c.kind = requestType(uint32Of(v))
		case avp.CCRequestNumber:
			c.number = uint32Of(v)
		case avp.MultipleServicesCreditControl:
			u := parseUnits(children(v))
			u.inMSCC = true
			c.units = append(c.units, u)
		}
	}
	if len(c.units) == 0 {
		if u := parseUnits(m.AVP); u.asks || u.reported {
			c.units = append(c.units, u)
		}
	}
	if c.kind == eventRequest { // an event asks for what it uses
		for i := range c.units {
			c.units[i].reported = false
		}
	}
	return c
}

func parseUnits(avps []*diam.AVP) ccrUnits {
	u := ccrUnits{group: -1, used: map[Unit]uint64{}, reason: reasonNone}
	for _, v := range avps {
		switch v.Code {
		case avp.RatingGroup:
			u.group = int64(uint32Of(v))
		case avp.ReportingReason:
			u.reason = reportingReason(uint32Of(v))
		case avp.RequestedServiceUnit:
			u.asks = true
			for _, part := range children(v) {
				if part.Code == avp.CCServiceSpecificUnits {
					u.used[Events] += uint64Of(part)
				}
			}
		case avp.UsedServiceUnit:
			if !u.reported {
				u.used, u.reported = map[Unit]uint64{}, true
			}
			for _, part := range children(v) {
				switch part.Code {
				case avp.CCTotalOctets, avp.CCInputOctets, avp.CCOutputOctets:
					u.used[Octets] += uint64Of(part)
				case avp.CCTime:
					u.used[Seconds] += uint64(uint32Of(part))
				case avp.CCServiceSpecificUnits:
					u.used[Events] += uint64Of(part)
				case avp.ReportingReason:
					u.reason = reportingReason(uint32Of(part))
				}
			}
		}
	}
	return u
}

// request sends an RAR or ASR on the newest connection.
func (o *ocs) request(c diam.Conn, command uint32, session string, more ...*diam.AVP) {
	m := newMessage(o.dict, command, diam.RequestFlag|diam.ProxiableFlag, creditControl, 77, 78)
	m.AddAVP(base(avp.SessionID, text(session)))
	m.AddAVP(base(avp.OriginHost, identity("ocs.example")))
	m.AddAVP(base(avp.OriginRealm, identity("example")))
	m.AddAVP(base(avp.AuthApplicationID, u32(creditControl)))
	for _, v := range more {
		m.AddAVP(v)
	}
	o.write(c, m)
}

// answered returns the Result-Codes of the element's answers to a command.
func (o *ocs) answered(command uint32) []uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []uint32
	for _, m := range o.others {
		if m.Header.CommandCode != command || m.Header.CommandFlags&diam.RequestFlag != 0 {
			continue
		}
		for _, v := range m.AVP {
			if v.Code == avp.ResultCode {
				out = append(out, uint32Of(v))
			}
		}
	}
	return out
}

// options are those of a test against o in memory.
func (o *ocs) options(kind Kind) Options {
	return Options{
		Kind: kind, Dial: o.pipe, Seed: 1, Rate: 1000, Sessions: 20, Subscribers: 50,
		MaxDemandOctets: 8 << 20, Logger: slog.New(slog.DiscardHandler),
	}
}

// run runs an element and returns its report and usage log.
func run(ctx context.Context, t *testing.T, opts Options) (Report, []UsageLine, error) {
	t.Helper()
	var log bytes.Buffer
	opts.UsageLog = &log
	e, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	report, err := e.Run(ctx)
	var lines []UsageLine
	for decoder := json.NewDecoder(&log); ; {
		var line UsageLine
		if err := decoder.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("usage log: %v", err)
		}
		lines = append(lines, line)
	}
	return report, lines, err
}

// checkUsage holds the usage log against what the server debited: exactly, as far as everything was answered.
func (o *ocs) checkUsage(lines []UsageLine) {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	rest := maps.Clone(o.debited)
	for _, line := range lines {
		key := accountKey{line.SessionID, -1}
		if line.RatingGroup != nil {
			key.group = int64(*line.RatingGroup)
		}
		low := line.UnitsReported - line.UnitsRejected - line.UnitsUnanswered
		if got := o.debited[key]; got < low || got > low+line.UnitsUnanswered {
			o.t.Errorf("%v: debited %d, element says %d to %d", key, got, low, low+line.UnitsUnanswered)
		}
		delete(rest, key)
	}
	for key, n := range rest {
		if n > 0 {
			o.t.Errorf("%v: debited %d, element logged nothing", key, n)
		}
	}
}

func (c *ccr) String() string { return fmt.Sprintf("%v type %d", c.ccrKey, c.kind) }
