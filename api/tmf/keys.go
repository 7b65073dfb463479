package tmf

import (
	"context"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/internal/database"
	"gyro/internal/instant"

	"github.com/valyala/fasthttp"
)

// keys are the endpoints by which an administrator lets programs in.
type keys struct{ s *access.Service }

type newKey struct {
	Name  string       `json:"name"`
	Roles access.Roles `json:"roles"`
	// ExpiresAt is a year from now where it is not given.
	ExpiresAt rest.Time `json:"expiresAt,omitzero"`
}

// keyView is a key as an administrator sees it. Secret is there in the answer that made it, and never again.
type keyView struct {
	Name      string       `json:"name"`
	Roles     access.Roles `json:"roles"`
	Status    string       `json:"status"`
	Secret    string       `json:"secret,omitempty"`
	CreatedBy string       `json:"createdBy"`
	// Owner is the person who was told the secret: with the key he does not approve what he asks for.
	Owner      string    `json:"owner"`
	CreatedAt  rest.Time `json:"createdAt,omitzero"`
	RotatedAt  rest.Time `json:"rotatedAt,omitzero"`
	ExpiresAt  rest.Time `json:"expiresAt,omitzero"`
	LastUsedAt rest.Time `json:"lastUsedAt,omitzero"`
	// OldUntil is until when the secret before the last rotation is good.
	OldUntil rest.Time `json:"oldSecretUntil,omitzero"`
}

func viewKey(k *access.Key) keyView {
	v := keyView{
		Name: k.Name, Roles: k.Roles(), Status: k.Status, CreatedBy: k.CreatedBy, Owner: k.Owner, CreatedAt: rest.Time(k.CreatedAt),
		RotatedAt: rest.Time(k.RotatedAt), ExpiresAt: rest.Time(k.ExpiresAt), LastUsedAt: rest.Time(k.UsedAt),
	}
	if k.OldHash != nil {
		v.OldUntil = rest.Time(k.OldUntil)
	}
	return v
}

const keysPath = "/office/v1/api-keys"

// Endpoints implements rest.Set.
func (k keys) Endpoints() []rest.Endpoint {
	const admin = access.Administrator
	one := keysPath + "/{name}"
	return []rest.Endpoint{
		{Method: fasthttp.MethodGet, Path: keysPath, Roles: admin, Parameters: cursor, Answer: feed[keyView]{}, Do: k.list, Summary: "Lists the API keys, revoked ones too."},
		{
			Method: fasthttp.MethodPost, Path: keysPath, Roles: admin, Body: newKey{}, Answer: keyView{}, Status: fasthttp.StatusCreated, Do: k.create,
			Summary: "Makes an API key; its secret is in the answer and never again.",
		},
		{Method: fasthttp.MethodGet, Path: one, Roles: admin, Answer: keyView{}, Do: k.get, Summary: "Shows an API key, without its secret."},
		{
			Method: fasthttp.MethodPost, Path: one + "/rotate", Roles: admin, Answer: keyView{}, Do: k.rotate,
			Summary: "Gives a key a new secret; the one before is good for a day.",
		},
		{Method: fasthttp.MethodDelete, Path: one, Roles: admin, Answer: keyView{}, Do: k.revoke, Summary: "Revokes a key, at once."},
	}
}

func (k keys) list(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	after, limit, err := c.Limit()
	if err != nil {
		return nil, err
	}
	var rows []access.Key
	err = c.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		rows, err = k.s.Keys(ctx, q, after, limit+1)
		return err
	})
	return rest.OK(feedOf(rows, limit, viewKey, func(k *access.Key) int64 { return k.ID })), err
}

func (k keys) create(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	var in newKey
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if err := c.NoKey("the answer has a secret"); err != nil {
		return nil, err
	}
	return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		expires := instant.Instant(in.ExpiresAt)
		if expires == 0 {
			expires = tx.Now().Add(access.DefaultKeyLife)
		}
		made, secret, err := k.s.CreateKey(ctx, tx, in.Name, in.Roles, expires)
		view := viewKey(&made)
		view.Secret = secret
		return rest.Created(keysPath+"/"+made.Name, view), err
	})
}

func (k keys) get(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	var found access.Key
	err := c.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		found, err = k.s.FindKey(ctx, q, c.Param("name"))
		return err
	})
	return rest.OK(viewKey(&found)), err
}

func (k keys) rotate(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if err := c.NoKey("the answer has a secret"); err != nil {
		return nil, err
	}
	return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		rotated, secret, err := k.s.RotateKey(ctx, tx, c.Param("name"))
		view := viewKey(&rotated)
		view.Secret = secret
		return rest.OK(view), err
	})
}

func (k keys) revoke(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		revoked, err := k.s.RevokeKey(ctx, tx, c.Param("name"))
		return rest.OK(viewKey(&revoked)), err
	})
}
