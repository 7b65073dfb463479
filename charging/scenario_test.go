package charging_test

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"gyro/charging"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// TestScenarios runs the scripts in testdata/charging; the manual of their
// language is testdata/README.md. Regenerate with -rewrite and read the
// difference.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "../testdata/charging", func(t *testing.T, path string) {
		if strings.HasSuffix(path, ".yaml") {
			return // a catalogue that scripts share
		}
		s := &script{
			shard: newShard(t), t: t, now: instant.Of(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)),
			numbers: map[string]uint32{}, keys: 0,
		}
		datadriven.RunTest(t, path, s.run)
		s.books()
		s.metamorphic()
	})
}

// script is a scenario in progress.
type script struct {
	*shard
	t        *testing.T
	d        *datadriven.TestData
	now      instant.Instant
	numbers  map[string]uint32 // the next CC-Request-Number of each session
	imsi     string            // whom a request is for unless it says so
	last     []byte            // the last request, for duplicate
	answer   outcome           // and what it came to
	keys     int
	seen     uint64 // the last record shown
	endToEnd uint32
}

// commands are the words of the language.
var commands = map[string]func(*script) string{
	"catalog":        (*script).catalog,
	"account":        (*script).account,
	"delete-account": (*script).deleteAccount,
	"top-up":         func(s *script) string { return s.moveMoney(charging.KindTopUp) },
	"adjust":         func(s *script) string { return s.moveMoney(charging.KindAdjust) },
	"settle":         func(s *script) string { return s.moveMoney(charging.KindSettle) },
	"ccr":            (*script).ccr,
	"event":          (*script).event,
	"duplicate":      (*script).duplicate,
	"peer-restart":   (*script).peerRestart,
	"session-lost":   (*script).sessionLost,
	"explain":        (*script).explain,
	"counters":       (*script).counters,
	"configure":      (*script).configure,
	"at":             (*script).at,
	"tick":           (*script).tick,
	"restart":        (*script).restartScript,
	"balance":        (*script).balance,
	"sessions":       (*script).sessions,
	"records":        (*script).showRecords,
	"books":          (*script).showBooks,
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	s.t, s.d = t, d
	word, ok := commands[d.Cmd]
	if !ok {
		word, ok = moneyCommands[d.Cmd]
	}
	if !ok {
		word, ok = subscriberCommands[d.Cmd]
	}
	if !ok {
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	told := len(s.notices)
	result := word(s)
	for _, notice := range s.notices[told:] {
		result += "-> " + notice + "\n"
	}
	return result
}

// text returns an argument, or what it is without it.
func (s *script) text(key, otherwise string) string {
	if arg, ok := s.d.Arg(key); ok {
		return arg.SingleVal(s.t)
	}
	return otherwise
}

func (s *script) list(key string) []string {
	arg, _ := s.d.Arg(key)
	return arg.Vals
}

func (s *script) amount(key string, otherwise money.Amount) money.Amount {
	text := s.text(key, "")
	if text == "" {
		return otherwise
	}
	amount, err := money.Parse(text, money.Decimals)
	if err != nil {
		s.d.Fatalf(s.t, "%s: %v", key, err)
	}
	return amount
}

// do applies one command at the script's time and shows a refusal in words.
func (s *script) do(kind charging.Kind, v any) outcome {
	s.last = command(s.t, kind, v)
	s.answer = s.apply(s.now, s.last)[0]
	return s.answer
}

func refusal(o *outcome) string {
	return fmt.Sprintf("%s: %s\n", resultName(o.Result), o.Detail)
}

func (s *script) catalog() string {
	source := s.d.Input
	if file := s.text("file", ""); file != "" {
		octets, err := os.ReadFile("../testdata/" + file)
		if err != nil {
			s.d.Fatalf(s.t, "%v", err)
		}
		source = string(octets)
	}
	_, rest, _ := strings.Cut(source, "catalog: ")
	name, _, _ := strings.Cut(rest, "\n")
	p := publish(s.t, s.text("name", name), source)
	p.At = s.date("at")
	p.Reauthorise = s.d.HasArg("reauthorise")
	s.last = command(s.t, charging.KindPublish, p)
	s.answer = s.apply(s.now, s.last)[0]
	if s.answer.Result != charging.Success {
		return refusal(&s.answer)
	}
	return fmt.Sprintf("published version %d\n", s.answer.Record)
}

func (s *script) account() string {
	currency, err := money.ParseCurrency(s.text("currency", "EUR"))
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	kind, ok := map[string]uint8{"prepaid": 1, "postpaid": 2, "hybrid": 3, "none": 0}[s.text("kind", "prepaid")]
	if !ok {
		s.d.Fatalf(s.t, "unknown kind")
	}
	put := charging.PutAccount{
		Account: s.text("id", ""), Currency: currency, Kind: kind,
		CreditLimit: s.amount("limit", 0), LowBalance: s.amount("low-balance", 0), Offers: s.list("offers"), Subscribers: s.subscribers(), CycleDay: uint8(s.number("cycle-day", 0)),
	}
	o := s.do(charging.KindPutAccount, put)
	if o.Result != charging.Success {
		return refusal(&o)
	}
	if imsi := s.list("imsi"); len(imsi) > 0 {
		s.imsi = imsi[0]
	}
	return fmt.Sprintf("ok, main balance %s %s\n", money.Amount(o.Amount), money.Currency(o.Currency))
}

// subscribers reads the identities: the n-th of each kind is the n-th
// subscriber's.
func (s *script) subscribers() (specs []charging.SubscriberSpec) {
	for _, kind := range identityKinds {
		for n, value := range s.list(kind.String()) {
			if n == len(specs) {
				specs = append(specs, charging.SubscriberSpec{})
			}
			specs[n].State = s.stateArg("state")
			specs[n].Identities = append(specs[n].Identities, charging.IdentitySpec{Kind: kind, Value: value})
		}
	}
	return specs
}

func (s *script) deleteAccount() string {
	o := s.do(charging.KindDeleteAccount, charging.DeleteAccount{Account: s.text("id", ""), Abort: s.d.HasArg("abort")})
	if o.Result != charging.Success {
		return refusal(&o)
	}
	if o.Record != 0 {
		return fmt.Sprintf("closing, %d sessions to end\n", o.Record)
	}
	return "deleted\n"
}

func (s *script) moveMoney(kind charging.Kind) string {
	s.keys++
	currency, err := money.ParseCurrency(s.text("currency", "EUR"))
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	c := charging.MoveMoney{
		Account: s.text("account", ""), Amount: s.amount("amount", 0), Currency: currency,
		Reason: s.text("reason", "voucher"), Key: s.text("key", fmt.Sprintf("key-%d", s.keys)),
		ExtendsDays: uint16(s.number("extends-days", 0)), Bonus: s.bonus(),
		AskedBy: s.text("asked-by", ""), ApprovedBy: s.text("approved-by", ""),
	}
	c.Digest = uint64(c.Amount)
	o := s.do(kind, c)
	return s.moved(&o)
}

func (s *script) moved(o *outcome) string {
	if o.Result != charging.Success {
		return refusal(o)
	}
	record := ""
	if o.Record != 0 {
		record = fmt.Sprintf(", record %d", o.Record)
	}
	return fmt.Sprintf("ok, main balance %s %s%s%s\n", money.Amount(o.Amount), money.Currency(o.Currency), record, replayed(o))
}

func replayed(o *outcome) string {
	if o.Replayed {
		return " (replayed)"
	}
	return ""
}

// duplicate sends the last command again, to the octet, and proves that
// nothing moves and the answer is the same.
func (s *script) duplicate() string {
	want, balances, record := s.answer, s.balances(), s.state.LastRecord()
	got := s.apply(s.now, s.last)[0]
	if s.state.LastRecord() != record || s.balances() != balances {
		s.d.Fatalf(s.t, "the duplicate moved something:\n%s\n%s", balances, s.balances())
	}
	if got.Replayed {
		same := got
		same.Replayed, want.Replayed = false, false
		same.Detail, want.Detail, same.Until, want.Until = "", "", 0, 0 // are not stored
		if !reflect.DeepEqual(normal(same), normal(want)) {
			s.d.Fatalf(s.t, "the duplicate is answered with\n%+v\ninstead of\n%+v", same, want)
		}
	}
	switch {
	case got.kind == charging.KindCreditControl:
		return s.describe(&got)
	case got.Result != charging.Success:
		return refusal(&got)
	case got.kind == charging.KindTopUp || got.kind == charging.KindAdjust || got.kind == charging.KindSettle || got.kind == charging.KindRedeem ||
		got.kind == charging.KindTransfer || got.kind == charging.KindSubscribe || got.kind == charging.KindUnsubscribe || got.kind == charging.KindSetSubscriber || got.kind == charging.KindLoan:
		return s.moved(&got)
	}
	return "ok\n"
}

// normal forgets the difference between no services and none.
func normal(o outcome) outcome {
	if len(o.Services) == 0 {
		o.Services = nil
	}
	o.Services = slices.Clone(o.Services)
	return o
}

func (s *script) peerRestart() string {
	o := s.do(charging.KindPeerRestart, charging.RestartPeer{OriginHost: s.text("host", defaultHost), Before: s.now})
	return fmt.Sprintf("released %d sessions\n", o.Record)
}

// sessionLost is what the edge submits after an RAA or ASA with 5002.
func (s *script) sessionLost() string {
	o := s.do(charging.KindSessionLost, charging.LostSession{
		SessionID: s.text("session", "s1"), SubSession: uint64(s.number("sub", 0)), OriginHost: s.text("host", defaultHost),
	})
	if o.Result != charging.Success {
		return refusal(&o)
	}
	return "released\n"
}

func (s *script) configure() string {
	settings := s.state.Settings()
	for key, span := range map[string]*instant.Span{
		"supervision": &settings.Supervision, "session-retention": &settings.SessionRetention,
		"event-retention": &settings.EventRetention, "command-retention": &settings.CommandRetention,
	} {
		if text := s.text(key, ""); text != "" {
			*span = s.span(text)
		}
	}
	s.configureLife(&settings.LifeCycle)
	s.configureMoney(&settings.Money)
	o := s.do(charging.KindConfigure, settings)
	if o.Result != charging.Success {
		return refusal(&o)
	}
	return "ok\n"
}

func (s *script) span(text string) instant.Span {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return instant.Span(d / time.Millisecond)
}

// at moves time, to a moment or by a span, and runs the timers as the engine
// does.
func (s *script) at() string {
	text := s.d.CmdArgs[0].Key
	if strings.HasPrefix(text, "+") {
		s.now = s.now.Add(s.span(text[1:]))
	} else {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			s.d.Fatalf(s.t, "%v", err)
		}
		s.now = instant.Of(moment)
	}
	if s.state.NeedsTick(s.now) {
		s.apply(s.now, command(s.t, charging.KindTick, nil))
	}
	return s.now.String() + "\n"
}

func (s *script) tick() string {
	s.apply(s.now, command(s.t, charging.KindTick, nil))
	return fmt.Sprintf("%d sessions open, %d answers retained\n", s.state.Stats().OpenSessions, s.state.Stats().RetainedAnswers)
}

func (s *script) restartScript() string {
	s.restart()
	return fmt.Sprintf("%d accounts, %d sessions, %d answers\n", s.state.Stats().OpenAccounts, s.state.Stats().OpenSessions, s.state.Stats().RetainedAnswers)
}

func (s *script) showBooks() string {
	return fmt.Sprintf("the books close over %d records\n", s.books())
}
