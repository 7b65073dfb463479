package access

import (
	"context"

	"gyro/internal/money"
	"gyro/internal/refusal"
)

// approval is who stands behind a request besides the one who asks, and from which amount on that is needed.
type approval struct {
	approver Principal
	above    money.Amount
	most     money.Amount // that the approver stands behind; 0 is any amount
}

type approvalKey struct{}

// WithApproval says in a context which second person stands behind a request (the zero Principal is nobody), up to which
// amount (0 is any), and above which amount a second person is needed (0 is none).
func WithApproval(ctx context.Context, approver Principal, most, above money.Amount) context.Context {
	return context.WithValue(ctx, approvalKey{}, approval{approver, above, most})
}

// ApproverOf is the second person who stands behind a request, the zero Principal
// where there is none.
func ApproverOf(ctx context.Context) Principal {
	a, _ := ctx.Value(approvalKey{}).(approval)
	return a.approver
}

// FourEyes refuses money that one person alone may not move: above the limit of the
// server a second principal must have approved, and nobody approves their own. The
// limit is in the currency of the amount, whose sign does not matter. Whoever moves
// money for somebody who asks (a refund, an adjustment, a write-off) calls it with
// the context of the request; a job, behind which no request is, is not held up.
func FourEyes(ctx context.Context, amount money.Amount) error {
	a, _ := ctx.Value(approvalKey{}).(approval)
	if amount < 0 {
		amount = -amount
	}
	asked := PrincipalOf(ctx)
	switch {
	case a.above <= 0 || amount <= a.above:
		return nil
	case a.approver.Name == "":
		return refusal.New(refusal.Forbidden, "approval_needed", "",
			"%s is above %s: a second person has to approve; send that person's key or approval in the header X-Approver-Key", amount, a.above)
	case a.approver.Name == asked.Name:
		return refusal.New(refusal.Forbidden, "own_approval", "", "%s asks and approves; nobody approves their own", asked.Name)
	case a.most > 0 && amount > a.most:
		return refusal.New(refusal.Forbidden, "approval_exceeded", "", "%s is above %s, which %s approved; ask for an approval of the whole", amount, a.most, a.approver.Name)
	}
	return nil
}
