package database

import (
	"context"
	"database/sql/driver"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// plainConnector makes the connections that bun uses. bun writes arguments into the text of a statement, so that hardly a
// text comes twice: pgx, which prepares every text that it reads rows of and keeps the last hundreds prepared, would send
// each of them twice and have the server forget another one for it. Such a statement goes out as it is, in one message.
// Statements with arguments of their own, River's among them, are prepared once and kept as ever.
type plainConnector struct{ driver.Connector }

// Connect implements driver.Connector.
func (c plainConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &plainConn{conn.(*stdlib.Conn)}, nil
}

type plainConn struct{ *stdlib.Conn }

// QueryContext implements driver.QueryerContext.
func (c *plainConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) == 0 {
		args = []driver.NamedValue{{Ordinal: 1, Value: pgx.QueryExecModeSimpleProtocol}}
	}
	return c.Conn.QueryContext(ctx, query, args)
}
