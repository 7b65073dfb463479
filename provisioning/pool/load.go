package pool

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// checkRange refuses what is no range of a pool.
func checkRange(pool string, count int) error {
	if pool == "" || len(pool) > 64 {
		return refusal.New(refusal.Invalid, "pool_invalid", "pool", "pool %q: give it a name of 1 to 64 characters", pool)
	}
	if count < 1 || count > maxRange {
		return refusal.New(refusal.Invalid, "count_invalid", "count", "count %d: load 1 to %d at once", count, maxRange)
	}
	return nil
}

// LoadNumbers adds count telephone numbers to a pool, from first on. It refuses all of them if one is there already.
func LoadNumbers(ctx context.Context, tx *database.Tx, pool, first string, count int) error {
	if err := checkRange(pool, count); err != nil {
		return err
	}
	last, fits := counting(first, count-1)
	if !ValidMSISDN(first) || !fits {
		return refusal.New(refusal.Invalid, "number_invalid", "first", "%q and the %d behind it are no telephone numbers; write the first in international form, 7 to 15 digits without +", first, count-1)
	}
	if err := numbers.free(ctx, tx, first, last); err != nil {
		return err
	}
	k := 0
	if _, err := tx.Copy(ctx, "msisdn", []string{"number", "pool", "draw", "state", "quarantined_until", "updated_at"}, func() ([]any, bool) {
		if k == count {
			return nil, false
		}
		number, _ := counting(first, k)
		k++
		return []any{number, pool, scatter(number), "available", int64(0), int64(tx.Now())}, true
	}); err != nil {
		return err
	}
	return tx.Audit(ctx, "pool", pool, "load", nil, map[string]any{"numbers": count, "first": first, "last": last})
}

// LoadCards adds count cards to a pool: from the ICCID on whose first 18 digits are given, to which the check digits are
// added, with as many identities from the IMSI on. It refuses all of them if one is there already.
func LoadCards(ctx context.Context, tx *database.Tx, pool, iccid, imsi string, count int) error {
	if err := checkRange(pool, count); err != nil {
		return err
	}
	lastICCID, fits := counting(iccid, count-1)
	if len(iccid) != iccidDigits-1 || !areDigits(iccid) || iccid[:2] != "89" || !fits {
		return refusal.New(refusal.Invalid, "iccid_invalid", "iccid", "%q and the %d behind it are no numbers of cards; write the 18 digits before the check digit, which begin with 89", iccid, count-1)
	}
	lastIMSI, fits := counting(imsi, count-1)
	if !ValidIMSI(imsi) || !fits {
		return refusal.New(refusal.Invalid, "imsi_invalid", "imsi", "%q and the %d behind it are no identities; an IMSI has 15 digits", imsi, count-1)
	}
	if err := cards.free(ctx, tx, WithCheckDigit(iccid), WithCheckDigit(lastICCID)); err != nil {
		return err
	}
	var taken int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sim WHERE imsi BETWEEN ? AND ?", imsi, lastIMSI).Scan(&taken); err != nil {
		return err
	}
	if taken > 0 {
		return refusal.New(refusal.Conflict, "range_taken", "imsi", "%d of the identities %s to %s are there already", taken, imsi, lastIMSI)
	}
	k := 0
	if _, err := tx.Copy(ctx, "sim", []string{"iccid", "imsi", "pool", "draw", "state", "quarantined_until", "updated_at"}, func() ([]any, bool) {
		if k == count {
			return nil, false
		}
		card, _ := counting(iccid, k)
		identity, _ := counting(imsi, k)
		k++
		card = WithCheckDigit(card)
		return []any{card, identity, pool, scatter(card), "available", int64(0), int64(tx.Now())}, true
	}); err != nil {
		return err
	}
	return tx.Audit(ctx, "pool", pool, "load", nil, map[string]any{"cards": count, "iccid": WithCheckDigit(iccid), "imsi": imsi})
}

// free refuses a range of which something is there.
func (k kind) free(ctx context.Context, tx *database.Tx, first, last string) error {
	var taken int
	query := fmt.Sprintf("SELECT count(*) FROM %[1]s WHERE %[2]s BETWEEN ? AND ? AND length(%[2]s) = ?", k.table, k.key)
	if err := tx.QueryRowContext(ctx, query, first, last, len(first)).Scan(&taken); err != nil {
		return err
	}
	if taken > 0 {
		return refusal.New(refusal.Conflict, "range_taken", "first", "%d of the %ss %s to %s are there already", taken, k.word, first, last)
	}
	return nil
}

// Level says how much of a pool is in a state.
type Level struct {
	Resource string // msisdn or sim
	Pool     string
	State    string
	Count    int64
}

// Levels are those of all pools.
func Levels(ctx context.Context, q bun.IDB) ([]Level, error) {
	rows, err := q.QueryContext(ctx, `SELECT 'msisdn', pool, state, count(*) FROM msisdn GROUP BY pool, state
		UNION ALL SELECT 'sim', pool, state, count(*) FROM sim GROUP BY pool, state ORDER BY 1, 2, 3`)
	if err != nil {
		return nil, fmt.Errorf("levels of the pools: %w", err)
	}
	defer func() { _ = rows.Close() }() // only read
	var levels []Level
	for rows.Next() {
		var l Level
		if err := rows.Scan(&l.Resource, &l.Pool, &l.State, &l.Count); err != nil {
			return nil, err
		}
		levels = append(levels, l)
	}
	return levels, rows.Err()
}

// Resource is one number or card as it is now.
type Resource struct {
	Key              string `bun:"key"` // the number, or the card's
	IMSI             string `bun:"imsi"`
	Pool             string
	State            string
	OrderID          *int64
	SubscriptionID   *int64
	QuarantinedUntil instant.Instant
}

// Numbers lists telephone numbers in a state (empty: any), from after on, at most limit.
func Numbers(ctx context.Context, q bun.IDB, state, after string, limit int) (list []Resource, err error) {
	err = q.NewRaw(`SELECT number AS key, '' AS imsi, pool, state, order_id, subscription_id, quarantined_until FROM msisdn
		WHERE (? = '' OR state = ?) AND number > ? ORDER BY number LIMIT ?`, state, state, after, limit).Scan(ctx, &list)
	return list, err
}

// Cards lists cards in a state (empty: any), from after on, at most limit.
func Cards(ctx context.Context, q bun.IDB, state, after string, limit int) (list []Resource, err error) {
	err = q.NewRaw(`SELECT iccid AS key, imsi, pool, state, order_id, subscription_id, quarantined_until FROM sim
		WHERE (? = '' OR state = ?) AND iccid > ? ORDER BY iccid LIMIT ?`, state, state, after, limit).Scan(ctx, &list)
	return list, err
}
