package database

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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
	text, err := json.Marshal(request)
	if err != nil {
		return nil, false, fmt.Errorf("once %s in %s: %w", key, scope, err)
	}
	sum := sha256.Sum256(text)
	hash := hex.EncodeToString(sum[:])
	// On PostgreSQL a second one waits here for the first one's end, and then begins again (REPEATABLE READ).
	inserted, err := tx.ExecContext(ctx, `INSERT INTO once (scope, key, request, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (scope, key) DO NOTHING`, scope, key, hash, tx.at)
	if err != nil {
		return nil, false, fmt.Errorf("once %s in %s: %w", key, scope, err)
	}
	if n, err := inserted.RowsAffected(); err != nil || n == 1 {
		return nil, n == 1, err
	}
	var was string
	var response *string
	err = tx.QueryRowContext(ctx, "SELECT request, response FROM once WHERE scope = ? AND key = ?", scope, key).Scan(&was, &response)
	if err != nil {
		return nil, false, fmt.Errorf("once %s in %s: %w", key, scope, err)
	}
	if was != hash {
		return nil, false, fmt.Errorf("once %s in %s: %w", key, scope, ErrKeyReused)
	}
	return rawDocument(response), false, nil
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
