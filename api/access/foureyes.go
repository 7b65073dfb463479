package access

import (
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// FourEyes refuses money that one person alone may not move: over the limit a
// second principal must have approved, and nobody approves their own. The limit is
// in the currency of the amount; the sign of the amount does not matter. A limit
// of zero asks for a second one always, a negative one never.
//
// The approver proves himself in the request: rest.Call.Approver.
func FourEyes(amount, limit money.Amount, asked, approved Principal) error {
	if amount < 0 {
		amount = -amount
	}
	if limit < 0 || amount <= limit {
		return nil
	}
	if approved.Name == "" {
		return refusal.New(refusal.Forbidden, "approval_needed", "", "%s is over the limit of %s: a second person has to approve; send his key in the header X-Approver-Key", amount, limit)
	}
	if approved.Name == asked.Name {
		return refusal.New(refusal.Forbidden, "own_approval", "", "%s asks and approves; nobody approves their own", asked.Name)
	}
	return nil
}
