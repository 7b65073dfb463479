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
}

type approvalKey struct{}

// WithApproval says in a context which second person stands behind a request (the zero Principal is nobody), and above which
// amount one is needed; 0 is never.
func WithApproval(ctx context.Context, approver Principal, above money.Amount) context.Context {
	return context.WithValue(ctx, approvalKey{}, approval{approver, above})
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
			"%s is above %s: a second person has to approve; send that person's key in the header X-Approver-Key", amount, a.above)
	case a.approver.Name == asked.Name:
		return refusal.New(refusal.Forbidden, "own_approval", "", "%s asks and approves; nobody approves their own", asked.Name)
	}
	return nil
}
