// Package api is the HTTP edge of the charging half: accounts, subscribers and
// what they subscribe to, money, vouchers, catalogues, open sessions, rated usage
// and why it cost what it did, notices, the books, and metrics. It decides
// nothing: a request becomes a command of the charging core, its outcome a
// status and a JSON body; what is shown is a copy of the state.
//
// Every mutation is answered after it is durable. One that must happen once names
// an Idempotency-Key, so that a client that lost the answer asks again. What a
// client sends is read strictly: unknown and doubled fields, trailing data and
// amounts finer than their currency are refused before anything is journalled.
//
// docs/operations/charging-api.md describes every endpoint.
package api
