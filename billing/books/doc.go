// Package books proves the office's books: that usage came in as the charging
// core wrote it, that bills are what was used and agreed on, that the journal
// balances and is what the bills and payments say, and that the core's balances
// are the usage that is not billed yet.
//
// One half reads: pages of rows (Usage, Invoices, Accounts, Series) from one
// snapshot each, which the office's API serves. The other half checks: Verify
// pulls the pages over the API and holds them against each other and against
// the core. It keeps one page and some sums, whatever the size of the books.
// What is only the office's own, and of whole tables, the database compares
// (Standing).
// What is booked while it looks may show as a difference of the moment: it is
// for an office at rest, and after a difference it is run again.
// docs/operations/receivables.md is for those who run it.
package books
