package diameter

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// appendOrigin appends Origin-Host and Origin-Realm.
func appendOrigin(dst []byte, id *Identity) []byte {
	dst = AppendString(dst, AVPOriginHost, id.Host)
	return AppendString(dst, AVPOriginRealm, id.Realm)
}

// baseRequest takes a request of the base protocol from an open peer.
func (r *batch) baseRequest(refusal Refusal) {
	m, c := &r.message, r.conn
	if m.Command == CmdCapabilitiesExchange {
		r.capabilities(refusal)
		return
	}
	if !refusal.OK() {
		r.refuse(refusal.Result(), refusal.Failure())
		return
	}
	if id, ok := m.Uint32(m.Find(AVPOriginStateID)); ok {
		c.server.noteState(c, id)
	}
	switch m.Command {
	case CmdDeviceWatchdog:
		c.Unlock(c.server.appendDWA(c.Lock(), &m.Header))
		r.answered = true
	case CmdDisconnectPeer:
		if c.peer.leaving {
			return // the DPA to the first one is on its way
		}
		c.peer.leaving = true
		c.draining.Store(true) // here, so that nothing behind the DPR is served
		c.server.group.Add(1)
		go c.answerDPR(m.Header)
	}
}

func (s *Server) appendDWA(dst []byte, request *Header) []byte {
	start := len(dst)
	dst = AppendAnswerHeader(dst, request)
	dst = AppendResult(dst, ResultSuccess)
	dst = appendOrigin(dst, &s.options.Identity)
	dst = AppendUint32(dst, AVPOriginStateID, s.options.Identity.StateID)
	FinishMessage(dst, start)
	return dst
}

func (s *Server) appendDPA(dst []byte, request *Header) []byte {
	start := len(dst)
	dst = AppendAnswerHeader(dst, request)
	dst = AppendResult(dst, ResultSuccess)
	dst = appendOrigin(dst, &s.options.Identity)
	FinishMessage(dst, start)
	return dst
}

func (s *Server) appendDWR(dst []byte, hopByHop uint32) []byte {
	start := len(dst)
	dst = AppendHeader(dst, FlagRequest, CmdDeviceWatchdog, AppBase, hopByHop, s.NextEndToEnd())
	dst = appendOrigin(dst, &s.options.Identity)
	dst = AppendUint32(dst, AVPOriginStateID, s.options.Identity.StateID)
	FinishMessage(dst, start)
	return dst
}

// appendCEA appends the answer to a CER, in the CEA's own grammar (RFC 6733 section 5.3.2). Applications are advertised
// bare, and besides as the CER had them inside Vendor-Specific-Application-Id: Kamailio routes a request to peers that have
// shown its application with the vendor.
func (s *Server) appendCEA(dst []byte, cer *Message, result Result, local net.Addr) []byte {
	start := len(dst)
	dst = AppendAnswerHeader(dst, &cer.Header)
	dst = AppendResult(dst, result)
	dst = appendOrigin(dst, &s.options.Identity)
	for _, a := range s.hostAddresses(local) {
		dst = AppendAddress(dst, AVPHostIPAddress, a)
	}
	dst = AppendUint32(dst, AVPVendorID, s.options.VendorID)
	dst = AppendString(dst, AVPProductName, s.options.ProductName)
	dst = AppendUint32(dst, AVPOriginStateID, s.options.Identity.StateID)
	dst = AppendUint32(dst, AVPSupportedVendorID, Vendor3GPP)
	for _, a := range s.options.Applications {
		dst = AppendUint32(dst, AVPAuthApplicationID, a.ID)
	}
	dst = s.appendVendorSpecific(dst, cer)
	FinishMessage(dst, start)
	return dst
}

// appendVendorSpecific appends the Vendor-Specific-Application-Ids of a CER that have one of the server's applications.
func (s *Server) appendVendorSpecific(dst []byte, cer *Message) []byte {
	left := vendorSpecificApplications
	for i, end := cer.Members(Root); i < end && left > 0; i = cer.Next(i) {
		if cer.At(i).Code != AVPVendorSpecificApplicationID {
			continue
		}
		vendor, application := s.vendorSpecific(cer, i)
		if application == AppBase {
			continue
		}
		var group int
		dst, group = BeginGroup(dst, AVPVendorSpecificApplicationID)
		dst = AppendUint32(dst, AVPVendorID, vendor)
		dst = AppendUint32(dst, AVPAuthApplicationID, application)
		EndGroup(dst, group)
		left--
	}
	return dst
}

// vendorSpecific reads a Vendor-Specific-Application-Id: its first vendor and the application of the server's that it has,
// or AppBase for none.
func (s *Server) vendorSpecific(m *Message, group int) (vendor, application uint32) {
	named := false
	for i, end := m.Members(group); i < end; i = m.Next(i) {
		v, ok := m.Uint32(i)
		switch code := m.At(i).Code; {
		case !ok:
		case code == AVPVendorID && !named:
			vendor, named = v, true
		case code == AVPAuthApplicationID && v != AppRelay && s.serves(m, i):
			application = v
		}
	}
	return vendor, application
}

// hostAddresses returns what to send as Host-IP-Address, at least one.
func (s *Server) hostAddresses(local net.Addr) []netip.Addr {
	if len(s.options.HostAddresses) != 0 {
		return s.options.HostAddresses
	}
	if a, ok := addressOf(local); ok {
		return []netip.Addr{a}
	}
	return []netip.Addr{netip.IPv4Unspecified()}
}

// addressOf returns the IP address of a network address that has one.
func addressOf(a net.Addr) (netip.Addr, bool) {
	if a == nil {
		return netip.Addr{}, false
	}
	ap, err := netip.ParseAddrPort(a.String())
	return ap.Addr().Unmap().WithZone(""), err == nil
}

// capabilities answers a CER: the first message of a connection, or another one of a peer that is up already. A
// refused CER ends the connection once its answer is written.
func (r *batch) capabilities(refusal Refusal) {
	c := r.conn
	offer, result, failure := r.readCER(refusal)
	if result == ResultSuccess {
		result = c.server.admit(c, offer)
	}
	if result == ResultSuccess {
		c.Unlock(c.server.appendCEA(c.Lock(), &r.message, result, c.nc.LocalAddr()))
		r.answered = true
		if !c.peer.open.Load() {
			c.server.peerUp(c)
			_ = c.nc.SetReadDeadline(time.Time{}) // from here the watchdog watches; a dead connection shows in Read
		}
		return
	}
	c.server.options.Logger.Warn("diameter peer refused", "origin_host", offer.host, "address", c.nc.RemoteAddr(), "result", result,
		"certified_as", certifiedAs(c.nc))
	if result == ResultNoCommonApplication || result == ResultNoCommonSecurity {
		c.Unlock(c.server.appendCEA(c.Lock(), &r.message, result, c.nc.LocalAddr()))
	} else {
		r.refuse(result, failure)
	}
	c.server.counters.peersRefused.Add(1)
	r.answered = true
	c.finish(ErrRefused)
}

// offer is what a CER says of its sender.
type offer struct {
	host, realm, product string
	stateID              uint32
}

// readCER reads a CER and decides on everything that needs no knowledge of other connections.
func (r *batch) readCER(refusal Refusal) (offer, Result, Failure) {
	m := &r.message
	if !refusal.OK() {
		return offer{}, refusal.Result(), refusal.Failure()
	}
	// Host-IP-Address, Vendor-Id and Product-Name are required, too, but nothing depends on them: a peer that
	// forgets one is worth serving.
	for _, required := range [...]Code{AVPOriginHost, AVPOriginRealm} {
		i := m.Find(required)
		switch {
		case i == Root:
			return offer{}, ResultMissingAVP, Missing(Root, required)
		case validIdentity("", string(m.Data(i))) != nil:
			return offer{}, ResultInvalidAVPValue, Offending(i)
		}
	}
	o := offer{host: string(m.Data(m.Find(AVPOriginHost))), realm: string(m.Data(m.Find(AVPOriginRealm)))}
	product := m.Data(m.Find(AVPProductName))
	o.product = strings.ToValidUTF8(string(product[:min(len(product), productBytes)]), "")
	o.stateID, _ = m.Uint32(m.Find(AVPOriginStateID)) // 0 if it sends none
	return o, r.decideCER(o), Failure{}
}

func (r *batch) decideCER(o offer) Result {
	c := r.conn
	switch {
	case !c.server.knows(o.host), !certified(c.nc, o.host):
		return ResultUnknownPeer
	case c.peer.open.Load() && !strings.EqualFold(o.host, c.peer.host):
		return ResultUnableToComply // one connection, one peer
	case !commonSecurity(&r.message, c.nc):
		return ResultNoCommonSecurity
	case !c.server.commonApplication(&r.message):
		return ResultNoCommonApplication
	}
	return ResultSuccess
}

// certifiedAs returns the names in the certificate of a peer that has shown one.
func certifiedAs(nc net.Conn) []string {
	t, ok := nc.(*tls.Conn)
	if !ok || len(t.ConnectionState().PeerCertificates) == 0 {
		return nil
	}
	return t.ConnectionState().PeerCertificates[0].DNSNames
}

// certified reports whether a peer with a certificate is named in it (RFC 6733 section 13.1).
func certified(nc net.Conn, host string) bool {
	t, ok := nc.(*tls.Conn)
	if !ok {
		return true
	}
	chain := t.ConnectionState().PeerCertificates
	return len(chain) == 0 || chain[0].VerifyHostname(host) == nil
}

// commonSecurity reports whether the peer accepts the connection's security. TLS begun after the CER is not offered:
// RFC 6733 section 13.1 keeps it for old peers only and prefers TLS from the first octet.
func commonSecurity(m *Message, nc net.Conn) bool {
	i := m.Find(AVPInbandSecurityID)
	if _, encrypted := nc.(*tls.Conn); encrypted || i == Root {
		return true
	}
	for ; i != Root; i = m.FindNext(i, m.Count()) {
		if v, ok := m.Uint32(i); ok && v == InbandSecurityNone {
			return true
		}
	}
	return false
}

// commonApplication reports whether a CER offers an application of this server, or to relay any, on the top level or
// inside Vendor-Specific-Application-Id. What vendor stands there does not matter: an application is its identifier.
func (s *Server) commonApplication(m *Message) bool {
	for i, end := m.Members(Root); i < end; i = m.Next(i) {
		if s.serves(m, i) {
			return true
		}
		if m.At(i).Code != AVPVendorSpecificApplicationID {
			continue
		}
		for j, end := m.Members(i); j < end; j = m.Next(j) {
			if s.serves(m, j) {
				return true
			}
		}
	}
	return false
}

// serves reports whether AVP i offers an application that the server has in common with the peer.
func (s *Server) serves(m *Message, i int) bool {
	code := m.At(i).Code
	if code != AVPAuthApplicationID && code != AVPAcctApplicationID {
		return false
	}
	id, ok := m.Uint32(i)
	if !ok {
		return false
	}
	return id == AppRelay || code == AVPAuthApplicationID && slices.ContainsFunc(s.options.Applications, func(a Application) bool {
		return a.ID == id
	})
}

// command returns how a request is served: the application's command, nil for one of the base protocol, or the
// protocol error that refuses it.
func (s *Server) command(appID, code uint32) (*Command, Result) {
	if appID == AppBase {
		switch code {
		case CmdCapabilitiesExchange, CmdDeviceWatchdog, CmdDisconnectPeer:
			return nil, ResultSuccess
		}
		return nil, ResultCommandUnsupported
	}
	for i := range s.options.Applications {
		a := &s.options.Applications[i]
		if a.ID != appID {
			continue
		}
		for j := range a.Commands {
			if a.Commands[j].Code == code {
				return &a.Commands[j], ResultSuccess
			}
		}
		return nil, ResultCommandUnsupported
	}
	return nil, ResultApplicationUnsupported
}

// downExpected tells an end that an operator expects from one that calls for a look.
func downExpected(reason error) bool {
	return errors.Is(reason, ErrDisconnected) || errors.Is(reason, ErrPeerClosed) || errors.Is(reason, ErrServerClosed)
}
