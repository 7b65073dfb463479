// Package sender hands messages to customers over: to a mail server by SMTP (RFC
// 5321), or to a customer's own program by a signed webhook.
//
// Both send at least once. Each message has a name that stays the same whatever
// the attempt - its Message-ID (RFC 5322 section 3.6.4), the webhook's id - by
// which a receiver knows one that came before: the process may die between the
// acceptance of a message and writing that down.
package sender
