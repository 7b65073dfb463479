package customer

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// LineStatus is where a line stands.
type LineStatus string

// The states of a line.
const (
	LineOrdered    LineStatus = "ordered"
	LineActive     LineStatus = "active"
	LineSuspended  LineStatus = "suspended"
	LineTerminated LineStatus = "terminated" // for good
)

// Subscription is a line: what a number and a SIM card belong to. Orders write
// it; what they do not know yet is empty.
type Subscription struct {
	bun.BaseModel `bun:"table:subscription" json:"-"`

	ID               int64           `bun:",pk,autoincrement" json:"id"`
	BillingAccountID int64           `json:"billing_account_id"`
	MSISDN           string          `bun:"msisdn" json:"msisdn,omitempty"` // E.164 without plus sign
	IMSI             string          `bun:"imsi" json:"imsi,omitempty"`     // 3GPP TS 23.003 section 2.2, 6 to 15 digits
	ICCID            string          `bun:"iccid" json:"iccid,omitempty"`   // ITU-T E.118, 18 to 20 digits
	Status           LineStatus      `json:"status"`
	ActivatedAt      instant.Instant `json:"activated_at,omitempty"`
	TerminatedAt     instant.Instant `json:"terminated_at,omitempty"`
	CreatedAt        instant.Instant `json:"created_at"`
	UpdatedAt        instant.Instant `json:"updated_at"`
}

func (l *Subscription) check() error {
	return first(
		checkDigits("msisdn", l.MSISDN, 5, 15),
		checkDigits("imsi", l.IMSI, 6, 15),
		checkDigits("iccid", l.ICCID, 18, 20),
		oneOf("status", l.Status, LineOrdered, LineActive, LineSuspended, LineTerminated),
	)
}

// PutSubscription stores a line: a new one where ID is 0, otherwise in place of
// what was there. The moments of activation and termination are set when the
// line first becomes active or terminated; a terminated line stays so, and a
// line stays with its account.
func (s *Service) PutSubscription(ctx context.Context, tx *database.Tx, l Subscription) (Subscription, error) {
	var before Subscription
	l.CreatedAt, l.UpdatedAt = tx.Now(), tx.Now()
	if l.ID != 0 {
		var err error
		if before, err = s.Subscription(ctx, tx, l.ID); err != nil {
			return l, err
		}
		l.CreatedAt, l.ActivatedAt, l.TerminatedAt = before.CreatedAt, before.ActivatedAt, before.TerminatedAt
	}
	if err := first(l.check(), s.mayHold(ctx, tx, &before, &l), s.identitiesFree(ctx, tx, &before, &l)); err != nil {
		return l, err
	}
	if l.ActivatedAt == 0 && l.Status == LineActive {
		l.ActivatedAt = tx.Now()
	}
	if l.TerminatedAt == 0 && l.Status == LineTerminated {
		l.TerminatedAt = tx.Now()
	}
	var err error
	if l.ID == 0 {
		err = insert(ctx, tx, "subscription", &l, &l.ID)
	} else {
		err = update(ctx, tx, "subscription", l.ID, "change", before, &l)
	}
	if database.IsDuplicate(err) {
		err = refusal.New(refusal.Conflict, "line_taken", "msisdn", "another line has just taken the number, the identity or the card; choose another")
	}
	return l, err
}

// mayHold refuses what a line cannot become, and an account that takes no lines.
func (s *Service) mayHold(ctx context.Context, q bun.IDB, before, l *Subscription) error {
	if before.ID != 0 {
		switch {
		case before.BillingAccountID != l.BillingAccountID:
			return forbidden("account_fixed", "billing_account_id", "line %d stays with account %d; order another line", l.ID, before.BillingAccountID)
		case before.Status == LineTerminated && l.Status != LineTerminated:
			return forbidden("line_terminated", "status", "line %d is terminated for good; order another line", l.ID)
		}
		return nil
	}
	account, err := s.Account(ctx, q, l.BillingAccountID)
	if err == nil && account.Status == AccountClosed {
		err = forbidden("account_closed", "billing_account_id", "account %d is closed; choose an open one", account.ID)
	}
	return err
}

// identitiesFree refuses what another line has that is not terminated. Of two
// transactions that take the same at once, the unique indices let one through.
func (s *Service) identitiesFree(ctx context.Context, q bun.IDB, before, l *Subscription) error {
	if l.Status == LineTerminated {
		return nil
	}
	held := before.Status != "" && before.Status != LineTerminated
	identities := []struct{ column, value string }{{"msisdn", l.MSISDN}, {"imsi", l.IMSI}, {"iccid", l.ICCID}}
	var taken [3]bool
	var asks []string
	var args []any
	for k, was := range []string{before.MSISDN, before.IMSI, before.ICCID} {
		if id := identities[k]; id.value != "" && !(held && id.value == was) {
			asks = append(asks, fmt.Sprintf("EXISTS (SELECT 1 FROM subscription WHERE %[1]s = ? AND %[1]s <> '' AND status <> 'terminated' AND id <> ?)", id.column))
			args = append(args, id.value, l.ID)
		} else {
			asks = append(asks, "FALSE")
		}
	}
	if len(args) == 0 {
		return nil
	}
	if err := q.QueryRowContext(ctx, "SELECT "+strings.Join(asks, ", "), args...).Scan(&taken[0], &taken[1], &taken[2]); err != nil {
		return fmt.Errorf("who has the identities of a line: %w", err)
	}
	for k, id := range identities {
		if taken[k] {
			return refusal.New(refusal.Conflict, id.column+"_taken", id.column, "%s belongs to another line; choose another, or terminate that line first", id.value)
		}
	}
	return nil
}

// SetSubscriptionStatus moves a line to another state.
func (s *Service) SetSubscriptionStatus(ctx context.Context, tx *database.Tx, id int64, status LineStatus) (Subscription, error) {
	l, err := s.Subscription(ctx, tx, id)
	if err != nil || l.Status == status {
		return l, err
	}
	l.Status = status
	return s.PutSubscription(ctx, tx, l)
}

// Subscription reads a line.
func (s *Service) Subscription(ctx context.Context, q bun.IDB, id int64) (Subscription, error) {
	return byID[Subscription](ctx, q, id, "subscription", "subscription.id")
}

// ByMSISDN is the line with a number that is not terminated.
func (s *Service) ByMSISDN(ctx context.Context, q bun.IDB, msisdn string) (l Subscription, err error) {
	lines, total, err := s.Subscriptions(ctx, q, LineFilter{MSISDN: msisdn, Open: true}, Page{Limit: 1})
	if err == nil && total == 0 {
		err = refusal.New(refusal.NotFound, "line_unknown", "msisdn", "no open line has the number %s", msisdn)
	}
	if err != nil {
		return l, err
	}
	return lines[0], nil
}

// LineFilter narrows a list of lines down; what is empty does not.
type LineFilter struct {
	AccountID  int64
	CustomerID int64
	MSISDN     string
	Status     LineStatus
	Open       bool // not terminated
}

// Subscriptions lists lines in the order of their ids, and counts the whole
// list.
func (s *Service) Subscriptions(ctx context.Context, q bun.IDB, f LineFilter, page Page) (rows []Subscription, total int, err error) {
	query := q.NewSelect()
	if f.AccountID != 0 {
		query.Where("billing_account_id = ?", f.AccountID)
	}
	if f.CustomerID != 0 {
		query.Where("billing_account_id IN (SELECT a.id FROM billing_account a WHERE a.customer_id = ?)", f.CustomerID)
	}
	if f.MSISDN != "" {
		query.Where("msisdn = ?", f.MSISDN)
	}
	if f.Status != "" {
		query.Where("status = ?", f.Status)
	}
	if f.Open {
		query.Where("status <> ?", LineTerminated)
	}
	total, err = list(ctx, query, &rows, page)
	return rows, total, err
}
