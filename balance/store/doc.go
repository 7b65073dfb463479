// Package store is the durable state of the charging half: accounts, sessions,
// postings and the outbox as of one index of the journal. It is written only by
// incremental checkpoints: one atomic, synced batch each, which carries
// everything that changed since the last one together with the index it is at.
// Between checkpoints the live state is in memory and in the journal.
//
// Keys and values are opaque: the charging core encodes them. A key begins with
// a byte from 0x01 up; keys beginning with 0x00 are the store's own. Every value
// is stored with a CRC-32C over key and value, verified at each read, because
// the block checksums of the database underneath say nothing about bytes that
// were damaged in memory before they were written, or about a value that turns
// up under another key.
//
// docs/formats/store.md describes every byte written.
package store
