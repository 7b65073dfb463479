package database

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// uniqueViolation is PostgreSQL's code (SQLSTATE) of a row that there is already.
const uniqueViolation = "23505"

// IsDuplicate reports whether an error says that a unique index has the row already: somebody else was quicker after the
// transaction had looked. The transaction is lost; whoever knows what the index is about makes a refusal of it.
func IsDuplicate(err error) bool {
	if p, found := errors.AsType[*pgconn.PgError](err); found {
		return p.Code == uniqueViolation
	}
	s, found := errors.AsType[*sqlite.Error](err)
	return found && (s.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || s.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}
