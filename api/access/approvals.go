package access

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// Approvals are what people stand behind who have no key to prove it with. An
// Authenticator that is one, too, lets them be used.
type Approvals interface {
	// UseApproval returns who made an approval, and up to which amount it is good. It is used up by the request.
	UseApproval(ctx context.Context, by database.Actor, secret string, use Use) (Approval, error)
}

// Use is the request that an approval is used for.
type Use struct {
	Method, Path string
	// For tells the request from any other: who asks, the Idempotency-Key and the body, hashed.
	For string
}

// approvalPrefix begins the secret of an approval; a key does not begin with it.
const approvalPrefix = "gyro-approval_"

// ApprovalLife is how long an approval waits for its request: long enough to hand it over, too short to be collected.
const ApprovalLife = 15 * instant.Minute

// IsApproval reports whether a secret is that of an approval.
func IsApproval(secret string) bool { return strings.HasPrefix(secret, approvalPrefix) }

type storedApproval struct {
	bun.BaseModel `bun:"table:access_approval,alias:a"`
	Hash          string `bun:",pk"`
	UserID        int64
	Method        string
	Path          string
	Amount        money.Amount
	Currency      string
	CreatedAt     instant.Instant
	ExpiresAt     instant.Instant
	UsedFor       string
	UsedAt        instant.Instant
}

// Approve makes an approval of the user who asks, for one request to a path, up to an amount. Whether the user may approve
// it is found out when it is used. The secret is returned here and never again.
func (s *Service) Approve(ctx context.Context, tx *database.Tx, p Principal, method, path string, amount money.Amount, currency string) (secret string, expires instant.Instant, err error) {
	name, isUser := strings.CutPrefix(p.Name, "user:")
	if !isUser {
		return "", 0, refusal.New(refusal.Conflict, "not_a_user", "", "%s has a key or token, which approves by itself in the header X-Approver-Key", p.Name)
	}
	if amount <= 0 {
		return "", 0, refusal.New(refusal.Invalid, "invalid_value", "amount", "%s is not above zero; write the most that you stand behind", amount)
	}
	if _, err := money.ParseCurrency(currency); err != nil {
		return "", 0, refusal.New(refusal.Invalid, "invalid_value", "currency", "%v", err)
	}
	if !strings.HasPrefix(path, "/") || method == "" || len(path) > 500 || len(method) > 10 {
		return "", 0, refusal.New(refusal.Invalid, "invalid_value", "path", "%.100q is no path; write method and path of the request that you approve", path)
	}
	u, err := s.FindUser(ctx, tx.IDB, name)
	if err != nil {
		return "", 0, err
	}
	if _, err := tx.NewDelete().Model((*storedApproval)(nil)).Where("expires_at < ?", tx.Now().Add(-instant.Day)).Exec(ctx); err != nil {
		return "", 0, err
	}
	secret = newSecret(approvalPrefix)
	a := &storedApproval{
		Hash: digest(secret), UserID: u.ID, Method: method, Path: path, Amount: amount, Currency: currency,
		CreatedAt: tx.Now(), ExpiresAt: tx.Now().Add(ApprovalLife),
	}
	if _, err := tx.NewInsert().Model(a).Exec(ctx); err != nil {
		return "", 0, err
	}
	err = tx.Audit(ctx, "approval", a.Hash[:16], "create", nil, map[string]any{"method": method, "path": path, "amount": amount.In(currency), "currency": currency})
	return secret, a.ExpiresAt, err
}

var errApproval = unauthenticated("the approval is for another request, used, or too old; ask for a new one")

// UseApproval implements Approvals. The approval is used up before the request is
// carried out, which may then be refused; the same request can be sent again.
func (s *Service) UseApproval(ctx context.Context, by database.Actor, secret string, use Use) (approval Approval, err error) {
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) error {
		var a storedApproval
		err := tx.NewSelect().Model(&a).Where("a.hash = ?", digest(secret)).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return errApproval
		} else if err != nil {
			return err
		}
		again := a.UsedFor == use.For
		if a.Method != use.Method || a.Path != use.Path || (a.UsedFor != "" && !again) || (tx.Now() >= a.ExpiresAt && !again) {
			return errApproval
		}
		var u User
		if err := tx.NewSelect().Model(&u).Where("u.id = ?", a.UserID).Scan(ctx); err != nil {
			return err
		}
		if u.Status != Active {
			return errApproval
		}
		p := Principal{Name: "user:" + u.Name, Roles: u.Roles(), Via: ViaSession, MustChange: u.MustChange}
		approval = Approval{p, a.Amount, a.Currency}
		if again {
			return nil
		}
		a.UsedFor, a.UsedAt = use.For, tx.Now()
		if _, err := tx.NewUpdate().Model(&a).Column("used_for", "used_at").WherePK().Exec(ctx); err != nil {
			return err
		}
		return tx.Audit(ctx, "approval", a.Hash[:16], "use", nil, map[string]any{"method": a.Method, "path": a.Path, "approver": p.Name})
	})
	if err != nil {
		return Approval{}, err
	}
	return approval, nil
}
