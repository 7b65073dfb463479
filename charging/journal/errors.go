package journal

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed is what a proposal gets that Close overtook. Whether the entry
	// is in the log is unknown.
	ErrClosed = errors.New("journal: closed")

	// ErrStopped wraps the cause that ended the journal (see Options.Fatal).
	// Whether a proposal that gets it is in the log is unknown.
	ErrStopped = errors.New("journal: stopped, the outcome of this entry is unknown until a restart")

	// ErrCorrupt is wrapped by every error about stored bytes that are not what
	// was written.
	ErrCorrupt = errors.New("journal: corrupt")

	// ErrTruncated is wrapped by errors about acknowledged entries that are
	// missing: the log ends below its high-water mark, or has a gap.
	ErrTruncated = errors.New("journal: acknowledged entries are missing")

	// ErrMismatch is wrapped when the state store and the journal do not belong
	// together.
	ErrMismatch = errors.New("journal: the state store and the journal do not belong together")

	// ErrNewerFormat is wrapped when the files were written by a newer version.
	ErrNewerFormat = errors.New("journal: written by a newer gyro")

	// ErrEmptyEntry is what Propose answers to an entry without octets; nothing
	// was written.
	ErrEmptyEntry = errors.New("journal: an entry must not be empty")

	// ErrEntryTooLarge is what Propose answers to an entry beyond its limit;
	// nothing was written.
	ErrEntryTooLarge = errors.New("journal: entry too large")
)

// restoreAdvice ends every error after which the files must not be used.
const restoreAdvice = "nothing was changed; restore journal/ and state/ together from the same backup, or take the directory from another member"

func corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format+"; "+restoreAdvice, append([]any{ErrCorrupt}, args...)...)
}

func truncatedf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format+"; "+restoreAdvice, append([]any{ErrTruncated}, args...)...)
}

func mismatchf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format+"; "+restoreAdvice, append([]any{ErrMismatch}, args...)...)
}
