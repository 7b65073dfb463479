package access

import (
	"context"
	"strings"

	"gyro/internal/money"
	"gyro/internal/refusal"
)

// Limits are the amounts above which one person alone moves no money, by currency; what stands beside AnyCurrency is for
// those that are not named. 0, or no entry, is no limit.
type Limits map[string]money.Amount

// AnyCurrency is every currency that Limits do not name.
const AnyCurrency = "*"

func (l Limits) of(currency string) money.Amount {
	if limit, named := l[currency]; named {
		return limit
	}
	return l[AnyCurrency]
}

// Approval is that a second person stands behind a request. The zero Approval is nobody's.
type Approval struct {
	By Principal
	// Most is the largest amount that is approved, in Currency; 0 is any amount of any currency.
	Most     money.Amount
	Currency string
}

// approved is an approval, and from which amounts on there must be one.
type approved struct {
	Approval
	above Limits
}

type approvalKey struct{}

// WithApproval says in a context who else stands behind a request, and above which amounts somebody must.
func WithApproval(ctx context.Context, a Approval, above Limits) context.Context {
	return context.WithValue(ctx, approvalKey{}, approved{a, above})
}

// ApproverOf is the second person who stands behind a request, the zero Principal
// where there is none.
func ApproverOf(ctx context.Context) Principal {
	a, _ := ctx.Value(approvalKey{}).(approved)
	return a.By
}

// isPerson reports whether somebody in particular is known by a name: whoever reads the file of the first administrator's
// key could be anybody, the one who asks as well.
func isPerson(name string) bool {
	return (strings.HasPrefix(name, "user:") || strings.HasPrefix(name, "oidc:")) && !strings.HasSuffix(name, disabledOwner)
}

// disabledOwner stands behind the name of the person behind a key who may not log in any more.
const disabledOwner = " (disabled)"

// FourEyes refuses money that one person alone may not move: above the limit of the
// currency a second person must have approved, and nobody approves their own,
// whatever keys they made themselves. The sign of the amount does not matter. Whoever
// moves money for somebody who asks (a refund, an adjustment, a credit, a write-off)
// calls it with the context of the request; a job, behind which no request is, is not
// held up.
func FourEyes(ctx context.Context, amount money.Amount, currency string) error {
	a, _ := ctx.Value(approvalKey{}).(approved)
	above := a.above.of(currency)
	if amount < 0 {
		amount = -amount
	}
	asked := PrincipalOf(ctx)
	switch {
	case above <= 0 || amount <= above:
		return nil
	case a.By.Name == "":
		return refusal.New(refusal.Forbidden, "approval_needed", "",
			"%s %s is above %s: a second person has to approve; send that person's key or approval in the header X-Approver-Key", amount, currency, above)
	case a.By.person() == asked.person():
		return refusal.New(refusal.Forbidden, "own_approval", "",
			"%s asks and %s approves, and behind both is %s; nobody approves their own, nor by a key that they made", asked.Name, a.By.Name, asked.person())
	case a.By.Via == ViaKey && a.By.Person != "" && !isPerson(a.By.Person):
		return refusal.New(refusal.Forbidden, "approver_unknown", "",
			"behind %s is %s, whom nobody can ask; a user has to approve, or a key that a user made", a.By.Name, a.By.Person)
	case a.Most > 0 && (amount > a.Most || currency != a.Currency):
		return refusal.New(refusal.Forbidden, "approval_exceeded", "",
			"%s %s is more than the %s %s that %s approved; ask for an approval of the whole", amount, currency, a.Most, a.Currency, a.By.Name)
	}
	return nil
}
