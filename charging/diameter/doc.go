// Package diameter is the Diameter base protocol (RFC 6733) as a charging server needs it: a flat codec that
// parses messages in place and appends answers without allocating, the answers of the base protocol itself, and
// the connections, capabilities exchange and watchdog of a server whose peers are gateways.
//
// The package knows the AVPs of credit control (RFC 8506) and 3GPP charging (TS 32.299) by code, type and M-bit
// rule, because a receiver must refuse AVPs that it does not know. What those AVPs mean is not its business.
package diameter
