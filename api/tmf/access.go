package tmf

import (
	"context"
	"time"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/internal/database"
	"gyro/internal/refusal"

	"github.com/valyala/fasthttp"
)

// people are the endpoints of those who prove themselves: logging in and out, and what they are told of themselves.
type people struct {
	s *access.Service
	// secure lets browsers send the cookie over TLS only, whatever the request came over: a proxy may have the TLS.
	secure bool
}

type loginBody struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

type passwordBody struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// me is who asks, as they are told.
type me struct {
	Name  string       `json:"name"`
	Roles access.Roles `json:"roles"`
	Via   access.Via   `json:"via"`
	// CSRFToken goes with every request of a session that changes something, in the header X-CSRF-Token.
	CSRFToken          string    `json:"csrfToken,omitempty"`
	ExpiresAt          rest.Time `json:"expiresAt,omitzero"`
	MustChangePassword bool      `json:"mustChangePassword,omitempty"`
}

const mePath = "/office/v1/me"

// Endpoints implements rest.Set.
func (p people) Endpoints() []rest.Endpoint {
	return []rest.Endpoint{
		{
			Method: fasthttp.MethodPost, Path: "/office/v1/login", Public: true, Body: loginBody{}, Answer: me{}, Do: p.login,
			Summary: "Logs a user in: a session cookie, and the CSRF token that goes with it.",
		},
		{
			Method: fasthttp.MethodPost, Path: "/office/v1/logout", Roles: access.Anyone, Own: true, Status: fasthttp.StatusNoContent, Do: p.logout,
			Summary: "Ends the session.",
		},
		{Method: fasthttp.MethodGet, Path: mePath, Roles: access.Anyone, Own: true, Answer: me{}, Do: p.me, Summary: "Says who asks, and what they may."},
		{
			Method: fasthttp.MethodPost, Path: mePath + "/password", Roles: access.Anyone, Own: true, Status: fasthttp.StatusNoContent,
			Body: passwordBody{}, Do: p.password, Summary: "Changes the password of the user who asks, and ends the other sessions.",
		},
	}
}

func (p people) login(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	var in loginBody
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	login, err := p.s.Login(ctx, in.Name, in.Password, c.Remote())
	if err != nil {
		return nil, err
	}
	answer := rest.OK(me{
		Name: "user:" + login.User.Name, Roles: login.User.Roles(), Via: access.ViaSession,
		CSRFToken: login.CSRF, ExpiresAt: rest.Time(login.Expires.UnixMilli()), MustChangePassword: login.User.MustChange,
	})
	return answer.WithCookie(p.cookie(c, login.Token, login.Expires)), nil
}

// cookie holds a session: scripts cannot read it, pages of other sites do not send it.
func (p people) cookie(c *rest.Call, token string, expires time.Time) *fasthttp.Cookie {
	var cookie fasthttp.Cookie
	cookie.SetKey(rest.SessionCookie)
	cookie.SetValue(token)
	cookie.SetPath("/")
	cookie.SetHTTPOnly(true)
	cookie.SetSecure(p.secure || c.Secure())
	cookie.SetSameSite(fasthttp.CookieSameSiteStrictMode)
	cookie.SetExpire(expires)
	return &cookie
}

func (p people) logout(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if token := c.Cookie(rest.SessionCookie); token != "" {
		if err := p.s.Logout(ctx, c.Actor(), token); err != nil {
			return nil, err
		}
	}
	return rest.NoContent().WithCookie(p.cookie(c, "", fasthttp.CookieExpireDelete)), nil
}

func (p people) me(_ context.Context, c *rest.Call) (*rest.Answer, error) {
	who := c.Principal()
	answer := me{Name: who.Name, Roles: who.Roles, Via: who.Via, MustChangePassword: who.MustChange}
	if who.Via == access.ViaSession {
		answer.CSRFToken = p.s.CSRF(c.Cookie(rest.SessionCookie))
	}
	return rest.OK(answer), nil
}

func (p people) password(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	var in passwordBody
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if in.New == in.Old {
		return nil, refusal.New(refusal.Invalid, "invalid_value", "new", "it is the present password, which somebody else may know; choose another one")
	}
	name, err := p.s.CheckOwnPassword(ctx, c.Principal(), in.Old, c.Remote())
	if err != nil {
		return nil, err
	}
	return rest.NoContent(), p.s.SetPassword(ctx, c.Actor(), name, in.New, false, c.Cookie(rest.SessionCookie))
}

// users are the endpoints by which an administrator lets people in.
type users struct{ s *access.Service }

type newUser struct {
	Name     string       `json:"name"`
	Password string       `json:"password"`
	Roles    access.Roles `json:"roles"`
}

type changedUser struct {
	Roles  *access.Roles `json:"roles,omitempty"`
	Status *string       `json:"status,omitempty"`
	Unlock bool          `json:"unlock,omitempty"`
}

type resetBody struct {
	Password string `json:"password"`
}

// userView is a user as an administrator sees him.
type userView struct {
	Name   string       `json:"name"`
	Roles  access.Roles `json:"roles"`
	Status string       `json:"status"`
	// WrongPasswords came in a row from networks that the user does not log in from.
	WrongPasswords     int       `json:"wrongPasswords,omitempty"`
	MustChangePassword bool      `json:"mustChangePassword,omitempty"`
	PasswordChangedAt  rest.Time `json:"passwordChangedAt,omitzero"`
	CreatedAt          rest.Time `json:"createdAt,omitzero"`
}

func viewUser(u *access.User) userView {
	return userView{
		Name: u.Name, Roles: u.Roles(), Status: u.Status, WrongPasswords: u.Failed, MustChangePassword: u.MustChange,
		PasswordChangedAt: rest.Time(u.PasswordChangedAt), CreatedAt: rest.Time(u.CreatedAt),
	}
}

const usersPath = "/office/v1/users"

// cursor are the parameters of lists that are read by a cursor.
var cursor = []rest.Parameter{
	{Name: "after", About: "the value of next in the previous answer", Kind: rest.Number},
	{Name: "limit", About: "how many to show at most", Kind: rest.Number},
}

// feed is a part of a list that is read by a cursor.
type feed[T any] struct {
	Items []T `json:"items"`
	// Next is the cursor to go on with; it is absent at the end.
	Next string `json:"next,omitempty"`
}

// feedOf makes a part of a list: of limit+1 rows, the last only says that there is more.
func feedOf[R, T any](rows []R, limit int, view func(*R) T, id func(*R) int64) feed[T] {
	f := feed[T]{Items: []T{}}
	for n := range rows[:min(limit, len(rows))] {
		f.Items = append(f.Items, view(&rows[n]))
	}
	if len(rows) > limit {
		f.Next = rest.ID(id(&rows[limit-1]))
	}
	return f
}

// Endpoints implements rest.Set.
func (u users) Endpoints() []rest.Endpoint {
	const admin = access.Administrator
	one := usersPath + "/{name}"
	return []rest.Endpoint{
		{Method: fasthttp.MethodGet, Path: usersPath, Roles: admin, Parameters: cursor, Answer: feed[userView]{}, Do: u.list, Summary: "Lists the users."},
		{
			Method: fasthttp.MethodPost, Path: usersPath, Roles: admin, Body: newUser{}, Answer: userView{}, Status: fasthttp.StatusCreated, Do: u.create,
			Summary: "Makes a user, who must change the password at first.",
		},
		{Method: fasthttp.MethodGet, Path: one, Roles: admin, Answer: userView{}, Do: u.get, Summary: "Shows a user."},
		{
			Method: fasthttp.MethodPatch, Path: one, Roles: admin, Body: changedUser{}, Answer: userView{}, Do: u.change,
			Summary: "Changes roles or status of a user, or forgets wrong passwords.",
		},
		{
			Method: fasthttp.MethodPost, Path: one + "/password", Roles: admin, Body: resetBody{}, Status: fasthttp.StatusNoContent, Do: u.reset,
			Summary: "Sets a user's password, who must change it then, and ends his sessions.",
		},
	}
}

func (u users) list(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	after, limit, err := c.Limit()
	if err != nil {
		return nil, err
	}
	var rows []access.User
	err = c.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		rows, err = u.s.Users(ctx, q, after, limit+1)
		return err
	})
	return rest.OK(feedOf(rows, limit, viewUser, func(u *access.User) int64 { return u.ID })), err
}

func (u users) create(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	var in newUser
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	if err := c.NoKey("the request has a password"); err != nil {
		return nil, err
	}
	prepared, err := u.s.PrepareUser(ctx, in.Name, in.Password, in.Roles, true)
	if err != nil {
		return nil, err
	}
	return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		made, err := u.s.CreateUser(ctx, tx, prepared)
		return rest.Created(usersPath+"/"+made.Name, viewUser(&made)), err
	})
}

func (u users) get(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	var found access.User
	err := c.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		found, err = u.s.FindUser(ctx, q, c.Param("name"))
		return err
	})
	return rest.OK(viewUser(&found)), err
}

func (u users) change(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	var in changedUser
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
		is, err := u.s.ChangeUser(ctx, tx, c.Param("name"), access.UserChange{Roles: in.Roles, Status: in.Status, Unlock: in.Unlock})
		return rest.OK(viewUser(&is)), err
	})
}

func (u users) reset(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	var in resetBody
	if err := c.Decode(&in); err != nil {
		return nil, err
	}
	name := c.Param("name")
	if c.Principal().Name == "user:"+name {
		return nil, refusal.New(refusal.Conflict, "own_password", "", "this is your own; change it with POST %s/password", mePath)
	}
	return rest.NoContent(), u.s.SetPassword(ctx, c.Actor(), name, in.Password, true, "")
}
