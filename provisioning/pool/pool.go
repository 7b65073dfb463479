package pool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// Default is the pool that is drawn from where none is named.
const Default = "default"

// Card is a SIM card: the number on it and the identity in it.
type Card struct {
	ICCID string
	IMSI  string
}

// kind is what the two sorts of resources differ in.
type kind struct {
	table, key string
	identity   string // what goes with the key
	entity     string // in the audit trail
	word       string // for people
}

var (
	numbers = kind{"msisdn", "number", "''", "msisdn", "number"}
	cards   = kind{"sim", "iccid", "imsi", "sim", "card"}
)

// scatter is where on the circle of draws a key lies.
func scatter(key string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // never fails
	x := h.Sum64()
	x ^= x >> 33 // FNV leaves the high bits of near keys near
	x *= 0xff51afd7ed558ccd
	return int64(x >> 33) //nolint:gosec // 31 bits
}

// ReserveNumber reserves a number of a pool for an order: the wanted one, or any if wanted is empty.
func ReserveNumber(ctx context.Context, tx *database.Tx, pool, wanted string, order int64) (string, error) {
	number, _, err := numbers.reserve(ctx, tx, pool, wanted, order)
	return number, err
}

// ReserveCard reserves a card of a pool for an order: the one with the wanted ICCID, or any if it is empty.
func ReserveCard(ctx context.Context, tx *database.Tx, pool, wanted string, order int64) (c Card, err error) {
	c.ICCID, c.IMSI, err = cards.reserve(ctx, tx, pool, wanted, order)
	return c, err
}

func (k kind) reserve(ctx context.Context, tx *database.Tx, pool, wanted string, order int64) (got, identity string, err error) {
	if wanted != "" {
		got, identity, err = k.take(ctx, tx, order, k.key+" = ?", wanted)
	} else {
		from := scatter(fmt.Sprint(order))
		if got, identity, err = k.take(ctx, tx, order, "pool = ? AND draw >= ?", pool, from); errors.Is(err, sql.ErrNoRows) {
			got, identity, err = k.take(ctx, tx, order, "pool = ? AND draw < ?", pool, from)
		}
	}
	switch {
	case errors.Is(err, sql.ErrNoRows) && wanted != "":
		return "", "", refusal.New(refusal.Conflict, k.word+"_taken", "", "the %s %s is not available; choose another one, or leave it out to get any", k.word, wanted)
	case errors.Is(err, sql.ErrNoRows):
		return "", "", refusal.New(refusal.Unavailable, k.word+"s_exhausted", "", "pool %q has no %s left; load more with gyro pool load", pool, k.word)
	case err != nil:
		return "", "", fmt.Errorf("reserve a %s: %w", k.word, err)
	}
	return got, identity, tx.Audit(ctx, k.entity, got, "reserve", map[string]any{"state": "available"}, map[string]any{"state": "reserved", "order": order})
}

// take reserves the first available one that fits. On PostgreSQL it passes by what other transactions are taking just now;
// on SQLite there are none.
func (k kind) take(ctx context.Context, tx *database.Tx, order int64, where string, args ...any) (got, identity string, err error) {
	lock := ""
	if tx.On() == database.PostgreSQL {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	query := fmt.Sprintf(`UPDATE %[1]s SET state = 'reserved', order_id = ?, updated_at = ? WHERE %[2]s = (
		SELECT %[2]s FROM %[1]s WHERE state = 'available' AND %[3]s ORDER BY draw, %[2]s LIMIT 1%[4]s)
		RETURNING %[2]s, %[5]s`, k.table, k.key, where, lock, k.identity)
	err = tx.QueryRowContext(ctx, query, append([]any{order, tx.Now()}, args...)...).Scan(&got, &identity)
	return got, identity, err
}

// Assign gives what an order has reserved to the line that it made. What is assigned to the line already stays so.
func Assign(ctx context.Context, tx *database.Tx, number, iccid string, order, subscription int64) error {
	for _, a := range []struct {
		kind kind
		key  string
	}{{numbers, number}, {cards, iccid}} {
		done, err := a.kind.change(ctx, tx, a.key, "assign", "state = 'assigned', subscription_id = ?", "state = 'reserved' AND order_id = ?",
			[]any{subscription}, []any{order}, map[string]any{"state": "assigned", "subscription": subscription})
		if err != nil {
			return err
		}
		if !done {
			return refusal.New(refusal.Conflict, a.kind.word+"_not_reserved", "", "the %s %s is not reserved for order %d: it cannot be assigned", a.kind.word, a.key, order)
		}
	}
	return nil
}

// Release makes available what an order has reserved and did not come to use. Without such a thing it does nothing.
func Release(ctx context.Context, tx *database.Tx, number, iccid string, order int64) error {
	for _, a := range []struct {
		kind kind
		key  string
	}{{numbers, number}, {cards, iccid}} {
		if _, err := a.kind.change(ctx, tx, a.key, "release", "state = 'available', order_id = NULL, subscription_id = NULL",
			"state = 'reserved' AND order_id = ?", nil, []any{order}, map[string]any{"state": "available"}); err != nil {
			return err
		}
	}
	return nil
}

// Quarantine takes a number and a card from a line that has ended; they rest until the given moment. One that is empty, or
// not the line's, is left alone: lines that were taken over from elsewhere have numbers that are in no pool.
func Quarantine(ctx context.Context, tx *database.Tx, number, iccid string, subscription int64, until instant.Instant) error {
	for _, a := range []struct {
		kind kind
		key  string
	}{{numbers, number}, {cards, iccid}} {
		if _, err := a.kind.change(ctx, tx, a.key, "quarantine", "state = 'quarantined', order_id = NULL, subscription_id = NULL, quarantined_until = ?",
			"state = 'assigned' AND subscription_id = ?", []any{until}, []any{subscription},
			map[string]any{"state": "quarantined", "until": until.String()}); err != nil {
			return err
		}
	}
	return nil
}

// change changes one row where it is in the right state, and tells whether it was.
func (k kind) change(ctx context.Context, tx *database.Tx, key, action, set, where string, values, conditions []any, after map[string]any) (bool, error) {
	query := fmt.Sprintf("UPDATE %s SET %s, updated_at = ? WHERE %s = ? AND %s", k.table, set, k.key, where)
	args := append(append(append([]any{}, values...), tx.Now(), key), conditions...)
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return false, fmt.Errorf("%s %s %s: %w", action, k.word, key, err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	return true, tx.Audit(ctx, k.entity, key, action, nil, after)
}

// maxRevived bounds what one transaction of Revive changes.
const maxRevived = 1000

// Revive makes available what has rested long enough, and returns how much that was.
func Revive(ctx context.Context, tx *database.Tx) (int, error) {
	total := 0
	for _, k := range []kind{numbers, cards} {
		var keys []string
		query := fmt.Sprintf(`UPDATE %[1]s SET state = 'available', quarantined_until = 0, updated_at = ? WHERE %[2]s IN (
			SELECT %[2]s FROM %[1]s WHERE state = 'quarantined' AND quarantined_until <= ? ORDER BY quarantined_until LIMIT ?)
			RETURNING %[2]s`, k.table, k.key)
		rows, err := tx.QueryContext(ctx, query, tx.Now(), tx.Now(), maxRevived)
		if err != nil {
			return total, fmt.Errorf("end the quarantine of %ss: %w", k.word, err)
		}
		for rows.Next() {
			var key string
			if err := rows.Scan(&key); err != nil {
				return total, errors.Join(err, rows.Close())
			}
			keys = append(keys, key)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return total, err
		}
		for _, key := range keys {
			if err := tx.Audit(ctx, k.entity, key, "revive", map[string]any{"state": "quarantined"}, map[string]any{"state": "available"}); err != nil {
				return total, err
			}
		}
		total += len(keys)
	}
	return total, nil
}
