package usage

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"gyro/api/client"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// accounts are those of a page: by the core's names, with their lines.
type accounts struct {
	ids   map[string]int64
	lines map[lineKey]int64
}

// lineKey is a line of an account by the identity that the core knows it by.
type lineKey struct {
	account    int64
	subscriber string
}

// lookUp finds the billing accounts of names, and their lines. Of lines that had
// a number one after the other the one that is not terminated counts.
func lookUp(ctx context.Context, tx *database.Tx, names []string) (*accounts, error) {
	found := &accounts{ids: map[string]int64{}, lines: map[lineKey]int64{}}
	if len(names) == 0 {
		return found, nil
	}
	rows, err := tx.QueryContext(ctx, `SELECT a.charging_account, a.id, COALESCE(s.id, 0), COALESCE(s.msisdn, ''), COALESCE(s.imsi, '')
		FROM billing_account a LEFT JOIN subscription s ON s.billing_account_id = a.id
		WHERE a.charging_account IN (?) ORDER BY a.id, CASE WHEN s.status = 'terminated' THEN 0 ELSE 1 END, s.id`, bun.List(names))
	if err != nil {
		return nil, fmt.Errorf("look the accounts up: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name, msisdn, imsi string
		var account, line int64
		if err := rows.Scan(&name, &account, &line, &msisdn, &imsi); err != nil {
			return nil, fmt.Errorf("look the accounts up: %w", err)
		}
		found.ids[name] = account
		if msisdn != "" {
			found.lines[lineKey{account, "msisdn:" + strings.TrimPrefix(msisdn, "+")}] = line
		}
		if imsi != "" {
			found.lines[lineKey{account, "imsi:" + imsi}] = line
		}
	}
	return found, rows.Err()
}

// parkedRecord is a record as it waits in the parking: with amounts in millionths
// and moments in milliseconds.
type parkedRecord struct {
	Record     uint64          `json:"record"`
	Kind       string          `json:"kind"`
	Account    string          `json:"account"`
	Subscriber string          `json:"subscriber"`
	Called     string          `json:"called,omitempty"`
	Service    string          `json:"service"`
	Offer      string          `json:"offer"`
	Opened     instant.Instant `json:"opened"`
	Closed     instant.Instant `json:"closed"`
	Unit       string          `json:"unit"`
	Used       uint64          `json:"used"`
	Billed     uint64          `json:"billed"`
	Charged    money.Amount    `json:"charged"`
	Currency   string          `json:"currency"`
}

// park returns a record's row of the parking. Its closing is kept as the intake
// has it, so that it still is in order when it comes back.
func (s *Status) park(r *client.UsageRecord, now instant.Instant) ([]any, error) {
	s.LatestAt = max(s.LatestAt, r.Closed)
	payload, err := json.Marshal(parkedRecord{
		r.Record, r.Kind, r.Account, r.Subscriber, r.Called, r.Service, r.Offer, r.Opened, s.LatestAt, r.Unit, r.Used, r.Billed, r.Charged, r.Currency.String(),
	})
	if err != nil {
		return nil, fmt.Errorf("park record %d: %w", r.Record, err)
	}
	reason := fmt.Sprintf("no billing account has the charging account %q", r.Account)
	return []any{int64(r.Record), r.Account, reason, string(payload), int64(now)}, nil //nolint:gosec // the core counts from one
}

func decodeParked(payload string) (client.UsageRecord, error) {
	var p parkedRecord
	if err := json.Unmarshal([]byte(payload), &p); err != nil {
		return client.UsageRecord{}, err
	}
	currency, err := money.ParseCurrency(p.Currency)
	return client.UsageRecord{
		Record: p.Record, Kind: p.Kind, Account: p.Account, Subscriber: p.Subscriber, Called: p.Called, Service: p.Service, Offer: p.Offer,
		Opened: p.Opened, Closed: p.Closed, Unit: p.Unit, Used: p.Used, Billed: p.Billed, Charged: p.Charged, Currency: currency,
	}, err
}

// unparkAtOnce bounds what one transaction brings back.
const unparkAtOnce = 5000

// unpark stores parked records of accounts that there are by now, before any
// later record of theirs: bills claim what lies behind the last record on a bill.
func unpark(ctx context.Context, tx *database.Tx) error {
	for {
		var found []struct {
			Record  int64
			Payload string
		}
		err := tx.NewRaw(`SELECT p.record, p.payload FROM usage_parked p JOIN billing_account a ON a.charging_account = p.charging_account
			ORDER BY p.record LIMIT ?`, unparkAtOnce).Scan(ctx, &found)
		if err != nil || len(found) == 0 {
			return err
		}
		var records []client.UsageRecord
		var ids []int64
		for k := range found {
			r, err := decodeParked(found[k].Payload)
			if err != nil {
				return fmt.Errorf("parked record %d: %w", found[k].Record, err)
			}
			records, ids = append(records, r), append(ids, found[k].Record)
		}
		more, err := lookUp(ctx, tx, accountNames(records))
		if err != nil {
			return err
		}
		var s Status // each has the moment of its own closing
		var rows [][]any
		for k := range records {
			s.LatestAt = 0
			rows = append(rows, s.row(&records[k], more.ids[records[k].Account], more))
		}
		if err := copyRows(ctx, tx, "usage_record", recordColumns, rows); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM usage_parked WHERE record IN (?)", bun.List(ids)); err != nil {
			return fmt.Errorf("take records from the parking: %w", err)
		}
		if err := tx.Audit(ctx, "usage", fmt.Sprintf("%d-%d", ids[0], ids[len(ids)-1]), "unpark", nil, map[string]any{"records": len(ids)}); err != nil {
			return err
		}
	}
}
