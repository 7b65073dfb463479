// Package customer knows who buys: parties, customers, the billing accounts
// they pay by, their lines, what was said to them and what they wait for.
//
// A party is a person or an organisation (TMF 632), a customer is a party that
// buys (TMF 629), a billing account is what is billed and paid together
// (TMF 666): it has one currency, one time zone and one cycle. Accounts form
// hierarchies, and another account of the same currency may pay for one.
//
// Messages to customers go through an outbox: Notify writes a row and a durable
// job in the caller's transaction, and the job sends by SMTP or webhook until
// the message is accepted or given up. A message is sent at least once: if the
// process dies after a server accepted it and before that is written, it is
// sent again, with the same Message-ID (RFC 5322 section 3.6.4) or webhook id.
package customer
