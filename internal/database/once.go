package database

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/uptrace/bun"
)

// ErrKeyReused says that an idempotency key came again with another request.
var ErrKeyReused = errors.New("the key was used for another request")

// Once guards an effect by a key, in the transaction of the effect. The first to come with the key has first set and goes
// on; who comes later with the same request gets what the first one left with Remember (nil if nothing) and must do
// nothing. The same key with another request is ErrKeyReused. A transaction that is rolled back leaves the key free.
//
// The scope keeps the keys of one kind of request apart from those of another; request is compared by its JSON.
func (tx *Tx) Once(ctx context.Context, scope, key string, request any) (replay []byte, first bool, err error) {
	if scope == "" || key == "" {
		return nil, false, fmt.Errorf("once %q in %q: neither may be empty", key, scope)
	}
	hash, err := digestOf(request)
	if err != nil {
		return nil, false, fmt.Errorf("once %s in %s: %w", key, scope, err)
	}
	// On PostgreSQL a second one waits here for the first one's end, and then begins again (REPEATABLE READ).
	inserted, err := tx.ExecContext(ctx, `INSERT INTO once (scope, key, request, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (scope, key) DO NOTHING`, scope, key, hash, tx.at)
	if err != nil {
		return nil, false, fmt.Errorf("once %s in %s: %w", key, scope, err)
	}
	if n, err := inserted.RowsAffected(); err != nil || n == 1 {
		return nil, n == 1, err
	}
	replay, err = left(ctx, tx, scope, key, hash)
	tx.replayed = tx.replayed || replay != nil
	return replay, false, err
}

// Recall is what was remembered of a request, nil where nothing was: it did not come before, or did not get to its end.
// What takes more than one transaction asks before the first, and has Once and Remember in the last.
func Recall(ctx context.Context, q bun.IDB, scope, key string, request any) (replay []byte, err error) {
	hash, err := digestOf(request)
	if err != nil {
		return nil, fmt.Errorf("recall %s in %s: %w", key, scope, err)
	}
	replay, err = left(ctx, q, scope, key, hash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if replay != nil {
		tellReplay(ctx)
	}
	return replay, err
}

// digestOf tells two requests apart.
func digestOf(request any) (string, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// left is what the first request with a key left, nil if nothing; sql.ErrNoRows where there was none.
func left(ctx context.Context, q bun.IDB, scope, key, hash string) ([]byte, error) {
	var was string
	var response *string
	err := q.QueryRowContext(ctx, "SELECT request, response FROM once WHERE scope = ? AND key = ?", scope, key).Scan(&was, &response)
	if err == nil && was != hash {
		err = ErrKeyReused
	}
	if err != nil {
		return nil, fmt.Errorf("key %s in %s: %w", key, scope, err)
	}
	return rawDocument(response), nil
}

// Replays tells whether something that Once guards had been done before, by what was written or recalled under a context.
type Replays struct{ found atomic.Bool }

type replaysKey struct{}

// WithReplays returns a context whose writes, and what Recall finds under it, tell of replays.
func WithReplays(ctx context.Context) (context.Context, *Replays) {
	r := &Replays{}
	return context.WithValue(ctx, replaysKey{}, r), r
}

// Found reports whether Recall has handed out what an earlier request left, or Once in a transaction that was committed.
func (r *Replays) Found() bool { return r.found.Load() }

func tellReplay(ctx context.Context) {
	if r, ok := ctx.Value(replaysKey{}).(*Replays); ok {
		r.found.Store(true)
	}
}

// Remember keeps what the first one answered, as JSON, for those who come again. Who has not called Once first has an
// error at the end of the transaction.
func (tx *Tx) Remember(_ context.Context, scope, key string, response any) error {
	text, err := json.Marshal(response)
	if err != nil {
		return fmt.Errorf("remember %s in %s: %w", key, scope, err)
	}
	return tx.LaterOne(errNotOnce, "UPDATE once SET response = ? WHERE scope = ? AND key = ?", string(text), scope, key)
}

var errNotOnce = errors.New("what nobody came with cannot be remembered: call Once first")
