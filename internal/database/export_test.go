package database

import (
	"context"
)

// Connect opens a database and leaves its schema alone.
func Connect(ctx context.Context, o Options) (*DB, error) { return connect(ctx, o) }

// MigrateTo goes up to a version of the schema.
func (db *DB) MigrateTo(ctx context.Context, version int64) error {
	return db.migrateTo(ctx, version)
}

// Versions are the versions of the schema that the program knows, in order.
func (db *DB) Versions() (versions []int64, err error) {
	provider, err := db.migrations()
	if err != nil {
		return nil, err
	}
	for _, source := range provider.ListSources() {
		versions = append(versions, source.Version)
	}
	return versions, nil
}
