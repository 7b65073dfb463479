// Package usage brings rated usage from the charging core into the office: each
// record once, however often either half is killed, for a page of records and
// the cursor behind it are stored in one transaction.
//
// Records of accounts that the office does not know are parked, where people see
// them, and stored as soon as there is an account of that name. Nothing is dropped.
//
// The core's records are in the order of their closing. The intake keeps it so
// (a clock that was set back does not set records back), because bills claim
// usage by ranges of records: see package run.
package usage
