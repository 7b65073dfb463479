// Package run makes the bills: it finds the accounts whose cycle has ended,
// computes what they owe (billing/charge, billing/tax) and stores it, some hundred
// accounts at a time.
//
// Accounts are read and computed by workers, each batch from one consistent
// snapshot, and stored by one committer, so that the numbers of documents, which
// have no gaps, are drawn by one transaction after the other. A batch is one
// transaction: documents, lines, taxes, what is charged of each price, how far
// usage is claimed, receivables and journal, the settlement job, events and the
// run's own progress. An account's version, counted by its bills, guards it: a
// batch that was computed from a state that is no longer there is computed again.
//
// So a run can be killed at any point and started again: what was committed is
// billed and no longer due, what was not left no trace.
//
// A dry run, a run of drafts and the real run are the same computation; they
// differ in what is stored. Their digests, which sum up every line and tax of
// every document whatever the order, are compared.
//
// Usage is claimed by ranges of records, account by account; no record is
// written. A record belongs to the cycle in which it was closed (the feed's
// records are in the order of their closing), or to the next if the office
// got it only after the bill.
package run
