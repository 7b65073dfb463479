// Package gy is the edge between Diameter credit control and the charging core: it maps a Credit-Control-Request
// (RFC 8506 section 3.1, with the AVPs of TS 32.299) to a charging.CreditControl, and the core's charging.Outcome to
// the Credit-Control-Answer. It decides nothing about money: what a request is worth is the core's business, what it
// says is this package's.
//
// A request takes one of two ways. Either it is well formed, becomes a command and is submitted to the core, which
// answers it once the command is durable; or it is refused here, with the Result-Code and Failed-AVP that RFC 6733
// section 7 asks for, and changes no balance. How much a peer may deviate from the RFC's grammar is data: a Profile,
// chosen by the request's Origin-Host.
//
// The other way go Notices: what the core wants of gateways unasked becomes a Re-Auth-Request or an
// Abort-Session-Request, sent the way that the gateway's last request came.
package gy
