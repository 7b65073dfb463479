// Package journal is the replicated log the charging half writes ahead of
// every effect: opaque entries, durable before they are applied, applied once
// each and in index order. It knows nothing of charging.
//
// The log is a hashicorp/raft group over a Pebble log store. Only the group of
// one member is offered now; the files, the entry chain and the checkpoint
// protocol are those of a larger group. A group of one has nobody to talk to,
// so it runs over raft's in-memory transport; the TCP transport comes with the
// second member.
//
// # Protocol
//
// Propose hands an entry to raft. Raft's main goroutine stores all proposals
// that wait as one Pebble batch with one sync, commits them, and the apply
// goroutine hands them to Machine.Apply. An entry is applied (and so may be
// answered) only after the sync that covers it has returned without error.
//
// A checkpoint is the raft snapshot of this journal: Machine.Capture runs on
// the apply goroutine and therefore cuts between two entries; Checkpoint.Write
// then makes the captured state durable in the state store, in one atomic write
// with the journal's own metadata (index, term, configuration, chain value).
// Only after that is the log cut behind the checkpoint. A crash in between
// leaves entries the state store already holds; the metadata says so and they
// are not applied again.
//
// # Failure
//
// A failed write or sync of the journal, a failed checkpoint and every fatal
// complaint of Pebble end the journal: Options.Fatal is called once, nothing is
// applied or acknowledged afterwards, and nothing is retried. A file system
// that failed an fsync once may report success the next time with the data
// gone, so the only sound continuation is a new process that reads the files
// back and verifies them.
//
// docs/formats/journal.md describes every byte written.
package journal
