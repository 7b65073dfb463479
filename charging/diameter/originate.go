package diameter

// Usable reports whether a request of the application's may be sent to the peer on this connection: it is open, the peer
// answers the watchdog, and neither side has asked to disconnect. That it stays so is not known; what is lost with the
// connection is the application's to send again (RFC 6733 section 5.5.4).
func (c *Conn) Usable() bool {
	select {
	case <-c.down:
		return false
	default:
	}
	return c.peer.open.Load() && !c.watchdog.suspect() && !c.draining.Load() && !c.finishing.Load()
}

// NextEndToEnd returns an End-to-End Identifier for a request to the peer.
func (c *Conn) NextEndToEnd() uint32 { return c.server.NextEndToEnd() }
