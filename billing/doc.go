// Package billing is what others ask of billing: add a charge to the next bill,
// credit or bill anew what was billed, and the jobs behind finalised documents.
// What a bill says is computed by billing/charge and billing/tax, bills are made
// by billing/run, usage comes in by billing/usage, documents are read and printed
// by billing/invoice.
package billing
