package database

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// IsDown reports whether an error says that the database is not there, or cannot work for now: it cannot be reached, is
// stopping, full, or its disk fails. The same may succeed later. A commit may have been carried out nevertheless; see Write.
//
// The error must come from the database: a connection to anything else that breaks looks the same.
func IsDown(err error) bool {
	if err == nil {
		return false
	}
	if e, found := errors.AsType[*pgconn.PgError](err); found {
		return postgresIsDown(e.Code)
	}
	if e, found := errors.AsType[*sqlite.Error](err); found {
		return slices.Contains(sqliteDown, e.Code()&0xff)
	}
	if _, found := errors.AsType[*pgconn.ConnectError](err); found {
		return true
	}
	for _, lost := range lostConnection {
		if errors.Is(err, lost) {
			return true
		}
	}
	return slices.ContainsFunc(closedPool, func(words string) bool { return strings.Contains(err.Error(), words) })
}

// sqliteDown are the primary results of SQLite that say so: https://www.sqlite.org/rescode.html.
var sqliteDown = []int{
	sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
	sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
}

// lostConnection is how a connection to PostgreSQL breaks. Timeouts are not among them: the one who asks has his own.
var lostConnection = []error{
	pgconn.ErrConnClosed, driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
}

// closedPool is what database/sql and pgx say of a pool that was closed; they have no value for it.
var closedPool = []string{"sql: database is closed", "closed pool"}

// postgresIsDown tells by SQLSTATE: connection exceptions (08), insufficient resources (53), operator intervention but for
// a query that was cancelled (57), system errors (58), and writes to a server that has become a standby.
func postgresIsDown(state string) bool {
	const cancelled, readOnly, noDatabase = "57014", "25006", "3D000"
	if state == cancelled {
		return false
	}
	return state == readOnly || state == noDatabase || len(state) == 5 && slices.Contains([]string{"08", "53", "57", "58"}, state[:2])
}
