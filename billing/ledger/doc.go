// Package ledger is the receivables journal of the office: a double-entry
// general ledger of what customers owe and paid, and the open items behind it.
//
// An entry balances per currency or is refused, has a key that makes it once,
// and is never edited: what was wrong is reversed by another entry. A debit is
// a positive amount, a credit a negative one.
//
// The open items are the receivables (what is owed of one invoice) and the
// credits that settle them (payments, credit notes, write-offs). Two identities
// hold after every transaction:
//
//	receivable.open = total - allocations that stand
//	credit.open     = amount - withdrawn - allocations that stand
//
// and the balances of the journal's accounts Receivables and CustomerCredit of
// a billing account are the sums of its open items. All of it is read by
// "gyro books verify".
//
// The package knows neither providers nor policies: billing/payment brings
// money in, billing/dunning asks for what is overdue.
package ledger
