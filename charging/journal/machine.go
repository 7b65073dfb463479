package journal

// Entry is one command entry of the log.
type Entry struct {
	// Index is the entry's position in the log, starting at 1. Indexes of
	// command entries grow but have gaps: raft keeps entries of its own
	// between them.
	Index uint64
	// Data is what Propose was given. It is valid only during Apply.
	Data []byte
}

// Machine is the deterministic state machine the journal drives. Apply and
// Capture are called from one goroutine, in index order, never concurrently.
type Machine interface {
	// Apply applies committed, durable command entries. It must be
	// deterministic: after a restart the same entries lead to the same state.
	// The slice and every Entry.Data are valid only during the call.
	Apply(entries []Entry)

	// Capture freezes what must be written so that everything up to the last
	// applied entry is in the state store: an incremental machine captures
	// what changed since the last Capture. It blocks Apply, so it should copy
	// and leave the writing to Checkpoint.Write. It is not called again before
	// the last checkpoint was released. An error ends the journal.
	Capture() (Checkpoint, error)
}

// Checkpoint is one captured cut of the machine's state.
type Checkpoint interface {
	// Index is the index of the last command entry contained in the cut, 0 if
	// the machine has never applied one.
	Index() uint64

	// Write makes the captured state and journalMeta durable in one atomic,
	// synced write. journalMeta is opaque to the machine and comes back through
	// Options.Start at the next Open. Write runs on its own goroutine, beside
	// Apply. An error ends the journal: the captured changes are then neither
	// in the state store nor in the machine's next capture, and going on would
	// let a later checkpoint claim them.
	Write(journalMeta []byte) error

	// Release is called exactly once when the journal is done with the
	// checkpoint, after Write or without it when the journal stops first.
	Release()
}
