package gy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"gyro/balance"
	"gyro/charging"
	"gyro/charging/diameter"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// dialogue is a gateway's conversation with the real core: octets in, octets out, and the money in between.
type dialogue struct {
	t        *testing.T
	state    *charging.State
	index    uint64
	now      instant.Instant
	out      recorder
	profile  string
	conn     *connection
	outcome  charging.Outcome // of the last command of the office
	ticket   *charging.Ticket // of the request that is being applied
	endToEnd uint32
	last     []byte
	notices  []string
}

// run carries out a command of a script; false means that it is none of these.
func (d *dialogue) run(t *testing.T, td *datadriven.TestData) (string, bool) {
	if d.state == nil {
		d.state = charging.NewState()
		d.now = instant.Of(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	}
	d.t, d.out.t = t, t
	text := func(key string) (value string) {
		if td.HasArg(key) {
			td.ScanArgs(t, key, &value)
		}
		return value
	}
	var shown string
	switch td.Cmd {
	case "catalog":
		zone := instant.UTC()
		shown = d.do(charging.KindPublish, charging.Publish{Name: text("name"), Source: []byte(td.Input), Zones: zone.Append(nil)})
	case "account":
		var subscriber charging.SubscriberSpec
		for _, kind := range [...]ident.Kind{ident.IMSI, ident.E164} {
			if value := text(kind.String()); value != "" {
				subscriber.Identities = append(subscriber.Identities, charging.IdentitySpec{Kind: kind, Value: value})
			}
		}
		shown = d.do(charging.KindPutAccount, charging.PutAccount{
			Account: text("id"), Currency: money.EUR, Kind: uint8(balance.Prepaid), Offers: []string{text("offer")},
			Subscribers: []charging.SubscriberSpec{subscriber},
		})
	case "top-up":
		amount, err := money.Parse(text("amount"), money.Decimals)
		if err != nil {
			t.Fatal(err)
		}
		shown = d.do(charging.KindTopUp, charging.MoveMoney{
			Account: text("account"), Currency: money.EUR, Amount: amount, Reason: "voucher", Key: fmt.Sprint(d.index),
		})
	case "at":
		span, err := time.ParseDuration(strings.TrimPrefix(td.CmdArgs[0].Key, "+"))
		if err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(instant.Span(span.Milliseconds()))
		shown = d.do(charging.KindTick, nil)
	case "money":
		view, _ := d.state.Account(text("account"))
		shown = fmt.Sprintf("remaining %s, reserved %s, open %v\n", view.Remaining, view.Reserved, view.OpenSessions)
	default:
		return "", false
	}
	return shown + d.told(), true
}

// told shows what gateways are to be asked since it was last shown.
func (d *dialogue) told() string {
	shown := strings.Join(d.notices, "")
	d.notices = nil
	return shown
}

// do applies a command of the office.
func (d *dialogue) do(kind charging.Kind, v any) string {
	body, err := charging.AppendCommand(nil, kind, v)
	if err != nil {
		d.t.Fatal(err)
	}
	d.apply(body)
	if d.outcome.Result != charging.Success {
		return fmt.Sprintf("result %d: %s\n", d.outcome.Result, d.outcome.Detail)
	}
	return "ok\n"
}

func (d *dialogue) apply(command []byte) {
	batch, start := charging.BeginCommand(make([]byte, charging.HeaderSize))
	batch = append(batch, command...)
	charging.EndCommand(batch, start)
	h := charging.Header{Origin: 1, Sequence: d.index + 1, Time: d.now, CheckIndex: d.state.Index(), CheckDigest: d.state.Digest(), Count: 1}
	h.Put(batch)
	d.index++
	if err := d.state.Apply(d.index, batch, d); err != nil {
		d.t.Fatal(err)
	}
	if books := d.state.Verify(); len(books.Problems) != 0 {
		d.t.Fatalf("after command %d: %v", d.index, books.Problems)
	}
}

// Submit implements Submitter: the request is a batch of its own, applied at once.
func (d *dialogue) Submit(c *charging.CreditControl, t charging.Ticket) bool {
	d.ticket = &t
	d.apply(charging.AppendCreditControl(nil, c))
	d.ticket = nil
	return true
}

// CreditControl implements charging.Receiver.
func (d *dialogue) CreditControl(_ int, request *charging.CreditControl, o *charging.Outcome) {
	d.ticket.To.Answer(d.ticket, request, o)
}

// Command implements charging.Receiver.
func (d *dialogue) Command(_ int, _ charging.Kind, o *charging.Outcome) { d.outcome = *o }

// Notice implements charging.Receiver.
func (d *dialogue) Notice(n *charging.Notice) {
	kind := map[charging.NoticeKind]string{charging.Reauthorise: "re-authorise", charging.Abort: "abort"}[n.Kind]
	d.notices = append(d.notices, fmt.Sprintf("to %s: %s %s\n", n.OriginHost, kind, n.SessionID))
}

// ask has the core answer a request; again repeats the last one, to the octet but for the T bit.
func (d *dialogue) ask(td *datadriven.TestData, text string) string {
	name := d.profile
	if td.HasArg("profile") {
		td.ScanArgs(d.t, "profile", &name)
	}
	if d.conn == nil || name != d.profile {
		profile, err := ProfileNamed(name)
		if err != nil {
			d.t.Fatal(err)
		}
		d.profile, d.conn = name, relayed(newGateway(d.t, d, profile, nil), &d.out)
	}
	if td.HasArg("again") {
		d.last[4] |= diameter.FlagRetransmitted
	} else {
		d.last = encode(d.t, diameter.FlagRequest|diameter.FlagProxiable, diameter.CmdCreditControl, text)
		d.endToEnd++
		d.last[19] = byte(d.endToEnd)
	}
	var m diameter.Message
	if r := m.Parse(d.last, diameter.Limits{Flags: d.conn.gateway.fallback.Flags}); !r.OK() {
		d.t.Fatalf("%s: the codec refuses the request: %s", td.Pos, r)
	}
	d.conn.serve(&m)
	d.conn.servedBatch()
	d.conn.Flush()
	return decode(d.t, d.out.take()) + d.told()
}
