package database

import (
	"context"
	"database/sql/driver"
)

// preparedConnector makes connections to SQLite that keep statements prepared: those that come with arguments beside them,
// as the transactions' and River's do, come again. PostgreSQL's driver does so by itself.
type preparedConnector struct{ driver.Connector }

// Connect implements driver.Connector.
func (c preparedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &preparedConn{sqliteConn: conn.(sqliteConn), kept: map[string]*keptStatement{}}, nil
}

// sqliteConn is what the driver's connection can do that is used.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

const (
	maxKept     = 300   // statements of a connection
	maxKeptText = 8_000 // octets of one, as River's are long: inserts of many rows have texts of any length
)

// preparedConn is a connection to SQLite with the statements that it keeps. database/sql uses it for one call at a time,
// but may begin another while the rows of an earlier one are read.
type preparedConn struct {
	sqliteConn
	kept map[string]*keptStatement
}

type keptStatement struct {
	driver.Stmt
	reading bool // its rows are being read
}

// statement returns the prepared statement of a text, nil where there is none to use.
func (c *preparedConn) statement(ctx context.Context, query string, args []driver.NamedValue) (*keptStatement, error) {
	if len(args) == 0 || len(query) > maxKeptText {
		return nil, nil //nolint:nilnil // the driver does it without
	}
	if kept := c.kept[query]; kept != nil {
		if kept.reading {
			return nil, nil //nolint:nilnil // the same text within itself
		}
		return kept, nil
	}
	if len(c.kept) >= maxKept {
		if err := c.forget(); err != nil {
			return nil, err
		}
	}
	stmt, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	kept := &keptStatement{Stmt: stmt}
	c.kept[query] = kept
	return kept, nil
}

// forget closes the statements that are not being read.
func (c *preparedConn) forget() error {
	for query, kept := range c.kept {
		if kept.reading {
			continue
		}
		delete(c.kept, query)
		if err := kept.Close(); err != nil {
			return err
		}
	}
	return nil
}

// ExecContext implements driver.ExecerContext.
func (c *preparedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	kept, err := c.statement(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if kept == nil {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	return kept.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

// QueryContext implements driver.QueryerContext.
func (c *preparedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	kept, err := c.statement(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if kept == nil {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	rows, err := kept.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	kept.reading = true
	return &keptRows{rows, kept}, nil
}

// Close implements driver.Conn.
func (c *preparedConn) Close() error {
	for _, kept := range c.kept {
		_ = kept.Close() // the connection goes with it
	}
	return c.sqliteConn.Close()
}

// keptRows are rows whose statement is free again when they are closed.
type keptRows struct {
	driver.Rows
	statement *keptStatement
}

// Close implements driver.Rows.
func (r *keptRows) Close() error {
	r.statement.reading = false
	return r.Rows.Close()
}
