package tmf

import (
	"context"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/internal/database"
	"gyro/internal/money"

	"github.com/valyala/fasthttp"
)

// approvals are what people stand behind as the second of two.
type approvals struct{ s *access.Service }

type newApproval struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	// Amount is the most that is approved.
	Amount   rest.Decimal `json:"amount"`
	Currency string       `json:"currency"`
}

type approvalView struct {
	// Secret goes into the header X-Approver-Key of the request.
	Secret    string    `json:"secret"`
	ExpiresAt rest.Time `json:"expiresAt"`
}

// Endpoints implements rest.Set.
func (a approvals) Endpoints() []rest.Endpoint {
	return []rest.Endpoint{{
		Method: fasthttp.MethodPost, Path: "/office/v1/approvals", Roles: access.Anyone, Body: newApproval{}, Answer: approvalView{},
		Status:  fasthttp.StatusCreated,
		Summary: "Approves one request that somebody else will send: its secret is in the answer and never again.",
		Do: func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
			var in newApproval
			if err := c.Decode(&in); err != nil {
				return nil, err
			}
			if err := c.NoKey("the answer has a secret"); err != nil {
				return nil, err
			}
			return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
				secret, expires, err := a.s.Approve(ctx, tx, c.Principal(), in.Method, in.Path, money.Amount(in.Amount), in.Currency)
				return &rest.Answer{Body: approvalView{secret, rest.Time(expires)}}, err
			})
		},
	}}
}
