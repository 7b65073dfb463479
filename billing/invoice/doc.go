// Package invoice is the documents of the office: invoices, credit notes and the
// statements of prepaid accounts, as they are stored, read and printed. Once it
// is finalised a document never changes; what was wrong is corrected by another
// one. Documents are made by billing/run.
package invoice
