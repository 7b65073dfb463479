package charging_test

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/datadriven"

	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/money"
)

// defaultHost is the gateway of a request that names none.
const defaultHost = "smf.example"

var identityKinds = []ident.Kind{ident.IMSI, ident.E164, ident.SIPURI, ident.NAI, ident.Private}

// ccr sends a Credit-Control-Request of a session; each line of its input is
// one Multiple-Services-Credit-Control.
func (s *script) ccr() string {
	kind := map[string]charging.RequestType{
		"initial": charging.Initial, "update": charging.Update, "termination": charging.Termination,
	}[s.d.CmdArgs[0].Key]
	if kind == 0 {
		s.d.Fatalf(s.t, "ccr initial, update or termination")
	}
	id := s.text("session", "s1")
	if kind == charging.Initial {
		s.numbers[id] = 0
	}
	c := s.request(kind, id, s.numbers[id])
	if !s.d.HasArg("number") {
		s.numbers[id]++
	}
	return s.send(c)
}

// event sends a one-time event.
func (s *script) event() string {
	id := s.text("session", "e1")
	c := s.request(charging.Event, id, 0)
	action, ok := map[string]charging.RequestedAction{
		"debit": charging.DirectDebiting, "refund": charging.RefundAccount,
		"check-balance": charging.CheckBalance, "price-enquiry": charging.PriceEnquiry,
	}[s.d.CmdArgs[0].Key]
	if !ok {
		s.d.Fatalf(s.t, "event debit, refund, check-balance or price-enquiry")
	}
	c.Action = action
	return s.send(c)
}

func (s *script) send(c *charging.CreditControl) string {
	s.last = charging.AppendCreditControl(nil, c)
	s.answer = s.apply(s.now, s.last)[0]
	return s.describe(&s.answer)
}

func (s *script) request(kind charging.RequestType, id string, number uint32) *charging.CreditControl {
	s.endToEnd++
	c := &charging.CreditControl{
		Type: kind, SessionID: []byte(id), Number: s.number("number", number), OriginHost: []byte(s.text("host", defaultHost)),
		APN: []byte(s.text("apn", "")), Called: []byte(s.text("called", "")), Context: s.number("context", 32251),
		EndToEnd: s.number("end-to-end", s.endToEnd), SubSession: uint64(s.number("sub", 0)), Role: uint8(s.number("role", 0)),
		RAT: s.rat(), QCI: uint8(s.number("qci", 0)), Serving: s.serving(), Calling: []byte(s.text("calling", "")), Equipment: []byte(s.text("equipment", "")),
		Recipients: uint8(s.number("recipients", 1)), Identities: s.identities(), Client: s.client(), Also: s.also(),
	}
	for line := range strings.Lines(s.d.Input) {
		if line = strings.TrimSpace(line); line != "" {
			c.Services = append(c.Services, s.service(line))
		}
	}
	return c
}

// rats are radio access technologies by their numbers (3GPP-RAT-Type, TS 29.061).
var rats = map[string]uint8{"utran": 1, "geran": 2, "wlan": 3, "eutran": 6, "nr": 10}

func (s *script) rat() uint8 {
	text := s.text("rat", "")
	if text == "" {
		return 0
	}
	n, ok := rats[text]
	if !ok {
		s.d.Fatalf(s.t, "unknown radio access technology %s", text)
	}
	return n + 1
}

func (s *script) serving() ident.PLMN {
	text := s.text("serving", "")
	if text == "" {
		return 0
	}
	network, err := ident.ParsePLMN([]byte(text))
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return network
}

// also are the recipients beyond the first.
func (s *script) also() (numbers [][]byte) {
	for _, number := range s.list("also") {
		numbers = append(numbers, []byte(number))
	}
	return numbers
}

// client is what the gateway can do or wants to be told.
func (s *script) client() (c charging.Client) {
	for _, word := range s.list("client") {
		bit, ok := map[string]charging.Client{
			"tariff-change": charging.SplitsTariffChange, "remaining": charging.WantsRemaining,
			"low-balance": charging.WantsLowBalance, "cost": charging.WantsCost,
		}[word]
		if !ok {
			s.d.Fatalf(s.t, "a client knows tariff-change, remaining, low-balance and cost, not %s", word)
		}
		c |= bit
	}
	return c
}

func (s *script) number(key string, otherwise uint32) uint32 {
	text := s.text(key, "")
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		s.d.Fatalf(s.t, "%s: %v", key, err)
	}
	return uint32(n)
}

// identities are those the request names, or the first IMSI of the account
// that the script opened last.
func (s *script) identities() (ids []ident.Identity) {
	if s.d.HasArg("nobody") {
		return nil
	}
	for _, kind := range identityKinds {
		if text := s.text(kind.String(), ""); text != "" {
			ids = append(ids, s.identity(kind, text))
		}
	}
	if len(ids) == 0 && s.imsi != "" {
		ids = append(ids, s.identity(ident.IMSI, s.imsi))
	}
	return ids
}

func (s *script) identity(kind ident.Kind, text string) ident.Identity {
	id, err := ident.New(kind, []byte(text))
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return id
}

// service reads one line: rg=10 service-id=7 request=10MB used=4MB reason=2.
func (s *script) service(line string) (sv charging.Service) {
	_, args, err := datadriven.ParseLine("service " + line)
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	for _, arg := range args {
		switch arg.Key {
		case "rg":
			sv.Flags |= charging.HasRatingGroup
			sv.RatingGroup = uint32(s.count(arg.SingleVal(s.t)))
		case "service-id":
			sv.Flags |= charging.HasServiceID
			sv.ServiceID = uint32(s.count(arg.SingleVal(s.t)))
		case "bare":
			sv.Flags |= charging.Bare
		case "request":
			sv.Flags |= charging.Requests
			sv.Requested = s.units(arg.Vals)
		case "used":
			sv.Reports[sv.ReportCount] = charging.Report{Units: s.units(arg.Vals)}
			sv.ReportCount++
		case "final":
			sv.Reason = charging.ReasonFinal + 1
		case "reason":
			sv.Reason = s.reason(arg.SingleVal(s.t))
		case "used-reason":
			s.lastReport(&sv).Reason = s.reason(arg.SingleVal(s.t))
		case "tariff-change":
			change, ok := map[string]uint8{"before": 1, "after": 2, "indeterminate": 3}[arg.SingleVal(s.t)]
			if !ok {
				s.d.Fatalf(s.t, "tariff-change=before, after or indeterminate")
			}
			s.lastReport(&sv).TariffChange = change
		default:
			s.d.Fatalf(s.t, "unknown word %s", arg.Key)
		}
	}
	return sv
}

// lastReport is the Used-Service-Unit that was given last.
func (s *script) lastReport(sv *charging.Service) *charging.Report {
	if sv.ReportCount == 0 {
		s.d.Fatalf(s.t, "it belongs behind a used=")
	}
	return &sv.Reports[sv.ReportCount-1]
}

// reasons are Reporting-Reason (TS 32.299 section 7.2.178), by their numbers.
var reasons = []string{
	"threshold", "qht", "final", "quota-exhausted", "validity", "other-quota", "rating-change", "forced", "pool-exhausted", "unused",
}

func (s *script) reason(text string) uint8 {
	k := slices.Index(reasons, text)
	if k < 0 {
		s.d.Fatalf(s.t, "unknown reporting reason %s", text)
	}
	return uint8(k) + 1
}

// suffixes are the units of measure and which member of Units they fill.
var suffixes = []struct {
	suffix string
	factor uint64
	member charging.UnitSet
}{
	{"GB-in", 1e9, charging.HasInput},
	{"MB-in", 1e6, charging.HasInput},
	{"GB-out", 1e9, charging.HasOutput},
	{"MB-out", 1e6, charging.HasOutput},
	{"GB", 1e9, charging.HasTotal},
	{"MB", 1e6, charging.HasTotal},
	{"KB", 1e3, charging.HasTotal},
	{"B", 1, charging.HasTotal},
	{"m", 60, charging.HasSeconds},
	{"s", 1, charging.HasSeconds},
	{"EUR", 1e6, charging.HasMoney},
	{"JPY", 1e6, charging.HasMoney},
	{"", 1, charging.HasEvents},
}

// units reads quantities such as 10MB, 4MB-in, 90s, 0.50EUR or 3 (events).
func (s *script) units(texts []string) (u charging.Units) {
	for _, text := range texts {
		for _, f := range suffixes {
			digits, ok := strings.CutSuffix(text, f.suffix)
			if !ok {
				continue
			}
			u.Has |= f.member
			whole, fraction, _ := strings.Cut(digits, ".")
			n := s.count(whole) * f.factor
			if fraction != "" {
				n += s.count((fraction + "000000000")[:9]) * f.factor / 1e9
			}
			switch f.member {
			case charging.HasInput:
				u.Input = n
			case charging.HasOutput:
				u.Output = n
			case charging.HasTotal:
				u.Total = n
			case charging.HasSeconds:
				u.Seconds = n
			case charging.HasEvents:
				u.Events = n
			case charging.HasMoney:
				u.Money = int64(n)
				currency, _ := money.ParseCurrency(f.suffix)
				u.Currency, u.Has = uint16(currency), u.Has|charging.HasCurrency
			case charging.HasCurrency: // comes with the money
			}
			break
		}
	}
	return u
}

func (s *script) count(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return n
}
