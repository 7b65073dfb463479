package main

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/fiorix/go-diameter/v4/diam/dict"
)

// gateway is one Diameter connection whose octets the test decides on. Its messages are made by go-diameter, which has
// nothing in common with the server's codec.
type gateway struct {
	t    testing.TB
	conn net.Conn
	host string
	hop  uint32
}

const gatewayHost, gatewayRealm = "pgw.test.example", "test.example"

func dialGateway(t testing.TB, address string) *gateway {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &gateway{t: t, conn: conn, host: gatewayHost}
}

// connectGateway dials and exchanges capabilities.
func connectGateway(t testing.TB, address string) *gateway {
	t.Helper()
	g := dialGateway(t, address)
	g.send(g.cer())
	if cea := g.receive(); resultOf(t, cea) != diam.Success {
		t.Fatalf("CEA %x", cea)
	}
	return g
}

func (g *gateway) message(command uint32, flags uint8, application uint32) *diam.Message {
	g.hop++
	return diam.NewMessage(command, flags, application, g.hop, 0x700000+g.hop, dict.Default)
}

func mandatory(code uint32, data datatype.Type) *diam.AVP {
	return diam.NewAVP(code, avp.Mbit, 0, data)
}

func grouped(avps ...*diam.AVP) *diam.GroupedAVP { return &diam.GroupedAVP{AVP: avps} }

func (g *gateway) cer() []byte {
	m := g.message(diam.CapabilitiesExchange, diam.RequestFlag, 0)
	m.AddAVP(mandatory(avp.OriginHost, datatype.DiameterIdentity(g.host)))
	m.AddAVP(mandatory(avp.OriginRealm, datatype.DiameterIdentity(gatewayRealm)))
	m.AddAVP(mandatory(avp.HostIPAddress, datatype.Address(net.IPv4(127, 0, 0, 1).To4())))
	m.AddAVP(mandatory(avp.VendorID, datatype.Unsigned32(0)))
	m.AddAVP(diam.NewAVP(avp.ProductName, 0, 0, datatype.UTF8String("test")))
	m.AddAVP(mandatory(avp.AuthApplicationID, datatype.Unsigned32(4)))
	return g.octets(m)
}

func (g *gateway) octets(m *diam.Message) []byte {
	g.t.Helper()
	b, err := m.Serialize()
	if err != nil {
		g.t.Fatal(err)
	}
	return b
}

// CC-Request-Type, RFC 8506 section 8.3.
const (
	initial     = 1
	update      = 2
	termination = 3
	oneTime     = 4
)

// ccr is a Credit-Control-Request of subscriber sub-0 for data or, as an event, for a message.
type ccr struct {
	session  string
	kind     int32
	number   uint32
	used     uint64 // octets, in rating group 10
	asks     bool
	repeated bool // T flag
	services []*diam.AVP

	subscriber int // another than sub-0
}

func (g *gateway) ccr(r ccr) []byte {
	context := "32251@3gpp.org"
	if r.kind == oneTime {
		context = "32274@3gpp.org"
	}
	m := g.message(diam.CreditControl, diam.RequestFlag|diam.ProxiableFlag, 4)
	for _, a := range []*diam.AVP{
		mandatory(avp.SessionID, datatype.UTF8String(r.session)),
		mandatory(avp.OriginHost, datatype.DiameterIdentity(g.host)),
		mandatory(avp.OriginRealm, datatype.DiameterIdentity(gatewayRealm)),
		mandatory(avp.DestinationRealm, datatype.DiameterIdentity("gyro.example")),
		mandatory(avp.AuthApplicationID, datatype.Unsigned32(4)),
		mandatory(avp.ServiceContextID, datatype.UTF8String(context)),
		mandatory(avp.CCRequestType, datatype.Enumerated(r.kind)),
		mandatory(avp.CCRequestNumber, datatype.Unsigned32(r.number)),
		mandatory(avp.SubscriptionID, grouped(
			mandatory(avp.SubscriptionIDType, datatype.Enumerated(1)),
			mandatory(avp.SubscriptionIDData, datatype.UTF8String(strconv.Itoa(firstIMSI+r.subscriber))))),
		mandatory(avp.MultipleServicesIndicator, datatype.Enumerated(1)),
	} {
		m.AddAVP(a)
	}
	switch {
	case r.services != nil:
		for _, a := range r.services {
			m.AddAVP(a)
		}
	case r.kind == oneTime:
		m.AddAVP(mandatory(avp.RequestedAction, datatype.Enumerated(0)))
		m.AddAVP(mandatory(avp.MultipleServicesCreditControl, grouped(
			mandatory(avp.RequestedServiceUnit, grouped(mandatory(avp.CCServiceSpecificUnits, datatype.Unsigned64(1)))))))
		m.AddAVP(smsInformation("4917012345678"))
	default:
		m.AddAVP(service(10, r.asks, r.used))
	}
	b := g.octets(m)
	if r.repeated {
		b[4] |= diam.RetransmittedFlag
	}
	return b
}

// service is a Multiple-Services-Credit-Control.
func service(group uint32, asks bool, used uint64) *diam.AVP {
	parts := grouped(mandatory(avp.RatingGroup, datatype.Unsigned32(group)))
	if asks {
		parts.AddAVP(mandatory(avp.RequestedServiceUnit, grouped()))
	}
	if used > 0 {
		parts.AddAVP(mandatory(avp.UsedServiceUnit, grouped(mandatory(avp.CCTotalOctets, datatype.Unsigned64(used)))))
	}
	return mandatory(avp.MultipleServicesCreditControl, parts)
}

func smsInformation(to string) *diam.AVP {
	tgpp := func(code uint32, data datatype.Type) *diam.AVP {
		return diam.NewAVP(code, avp.Vbit|avp.Mbit, 10415, data)
	}
	return tgpp(avp.ServiceInformation, grouped(tgpp(avp.SMSInformation, grouped(
		tgpp(avp.RecipientInfo, grouped(tgpp(avp.RecipientAddress, grouped(
			tgpp(avp.AddressType, datatype.Enumerated(1)),
			tgpp(avp.AddressData, datatype.UTF8String(to))))))))))
}

func (g *gateway) send(b []byte) {
	g.t.Helper()
	if err := g.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		g.t.Fatal(err)
	}
	if _, err := g.conn.Write(b); err != nil {
		g.t.Fatal(err)
	}
}

// frame reads one message; an error says that the connection is closed.
func (g *gateway) frame() ([]byte, error) {
	if err := g.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	head := make([]byte, 20)
	if _, err := io.ReadFull(g.conn, head); err != nil {
		return nil, err
	}
	b := append(head, make([]byte, int(binary.BigEndian.Uint32(head)&0xffffff)-20)...)
	_, err := io.ReadFull(g.conn, b[20:])
	return b, err
}

// receive reads one message, which must come. Watchdogs of a server whose gateway was silent are answered on the way.
func (g *gateway) receive() []byte {
	g.t.Helper()
	for {
		b, err := g.frame()
		if err != nil {
			g.t.Fatalf("no message: %v", err)
		}
		if code, request := commandOf(b); code != diam.DeviceWatchdog || !request {
			return b
		}
		g.send(g.succeed(diam.DeviceWatchdog, b))
	}
}

// ask sends a request and returns its answer.
func (g *gateway) ask(request []byte) []byte {
	g.t.Helper()
	g.send(request)
	b := g.receive()
	if string(b[12:20]) != string(request[12:20]) {
		g.t.Fatalf("an answer to another request: %x", b[:20])
	}
	return b
}

// dpa answers a Disconnect-Peer-Request.
func (g *gateway) dpa(dpr []byte) []byte { return g.succeed(diam.DisconnectPeer, dpr) }

// succeed answers a request of the base protocol with success.
func (g *gateway) succeed(command uint32, request []byte) []byte {
	m := g.message(command, 0, 0)
	m.AddAVP(mandatory(avp.ResultCode, datatype.Unsigned32(diam.Success)))
	m.AddAVP(mandatory(avp.OriginHost, datatype.DiameterIdentity(g.host)))
	m.AddAVP(mandatory(avp.OriginRealm, datatype.DiameterIdentity(gatewayRealm)))
	b := g.octets(m)
	copy(b[12:20], request[12:20])
	return b
}

// dwr is a Device-Watchdog-Request.
func (g *gateway) dwr() []byte {
	m := g.message(diam.DeviceWatchdog, diam.RequestFlag, 0)
	m.AddAVP(mandatory(avp.OriginHost, datatype.DiameterIdentity(g.host)))
	m.AddAVP(mandatory(avp.OriginRealm, datatype.DiameterIdentity(gatewayRealm)))
	return g.octets(m)
}

// resultOf is the Result-Code of an answer to a request of whatever application and command.
func resultOf(t testing.TB, b []byte) uint32 {
	t.Helper()
	for at := 20; at+12 <= len(b); {
		length := int(binary.BigEndian.Uint32(b[at+4:]) & 0xffffff)
		if binary.BigEndian.Uint32(b[at:]) == avp.ResultCode && length == 12 {
			return binary.BigEndian.Uint32(b[at+8:])
		}
		at += (max(length, 8) + 3) &^ 3
	}
	t.Fatalf("no Result-Code in %x", b)
	return 0
}

// commandOf is the command code of a message and whether it is a request.
func commandOf(b []byte) (code uint32, request bool) {
	return binary.BigEndian.Uint32(b[4:8]) & 0xffffff, b[4]&diam.RequestFlag != 0
}

// sameButHop reports whether two answers are equal in all but the Hop-by-Hop Identifier.
func sameButHop(a, b []byte) bool {
	return len(a) == len(b) && string(a[:12]) == string(b[:12]) && string(a[16:]) == string(b[16:])
}

// again is a request sent once more: another Hop-by-Hop Identifier, the T flag or not, all else the same.
func (g *gateway) again(request []byte, flag bool) []byte {
	g.hop++
	b := append([]byte(nil), request...)
	if flag {
		b[4] |= diam.RetransmittedFlag
	}
	binary.BigEndian.PutUint32(b[12:16], g.hop)
	return b
}
