// Package element simulates the network elements that ask an online charging system for credit: a packet gateway
// (PGW, or the SMF of a 4G/5G core), a call server (IMS) and a short message centre (SMSC). They speak Diameter Gy/Ro
// (RFC 6733, RFC 8506, 3GPP TS 32.299) over TCP through an independent codec, go-diameter, and are useful against any
// server of that interface.
//
// An [Element] obeys the server as a real one does: it never consumes more than it was granted (unless told to
// overuse), reports at quota exhaustion, validity expiry, threshold and re-authorisation, ends a rating group that is
// refused, ends a session at its final unit, and repeats an unanswered request after a reconnection with the T flag,
// the same End-to-End identifier and the same bytes. What it used is decided by a seeded model, not by the wall clock:
// seconds of voice and octets of data are consumed as fast as the pace of requests demands.
//
// One goroutine owns all state of an Element; one goroutine connects and reads, one writes. What the element did is
// told by a [Report] every second and by one [UsageLine] for each closed session and rating group, from which the
// server can be checked for double or missing debits.
//
// The package also decodes captured messages for people, see [Dictionary.Decode].
package element
