package tmf_test

import (
	"net/http"
	"strings"
	"testing"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/internal/database"
)

const good = "correct horse battery staple"

// office serves the API with real authentication, and returns the first administrator's key.
func office(t *testing.T, db *database.DB) (c *tmftest.Client, key string) {
	t.Helper()
	s, err := access.New(db, access.Options{PublicURL: tmftest.PublicURL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bootstrap(t.Context(), func(secret string) error { key = secret; return nil }); err != nil {
		t.Fatal(err)
	}
	c = tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) { return tmf.New(tmf.Options{Server: o, Access: s}) })
	c.Roles = 0
	return c, "Bearer " + key
}

func TestUsersAreLetIn(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, key := office(t, db)
		admin := []string{"Authorization", key}
		made := c.Do(t, "POST", "/office/v1/users", `{"name":"ada","password":"`+good+`","roles":["care","sales"]}`, admin...).Want(t, 201)
		c.Do(t, "POST", "/office/v1/users", `{"name":"ada","password":"`+good+`","roles":["care"]}`, admin...).Want(t, 409)
		c.Do(t, "POST", "/office/v1/users", `{"name":"bob","password":"`+good+`","roles":["king"]}`, admin...).Want(t, 400)
		c.Do(t, "POST", "/office/v1/users", `{"name":"bob","password":"`+good+`","roles":[]}`, admin...).Want(t, 400)
		c.Do(t, "POST", "/office/v1/users", `{"name":"bob","password":"short","roles":["care"]}`, admin...).Want(t, 422)

		c.Do(t, "POST", "/office/v1/login", `{"name":"ada","password":"not this one, no"}`).Want(t, 401)
		login := c.Do(t, "POST", "/office/v1/login", `{"name":"ada","password":"`+good+`"}`).Want(t, 200)
		cookie := login.Header.Get("Set-Cookie")
		for _, want := range []string{"gyro_session=", "HttpOnly", "secure", "SameSite=Strict", "path=/"} {
			if !strings.Contains(cookie, want) {
				t.Errorf("cookie without %s: %s", want, cookie)
			}
		}
		token, _, _ := strings.Cut(cookie, ";")
		csrf, _ := login.JSON(t)["csrfToken"].(string)
		browser := []string{"Cookie", token, "X-CSRF-Token", csrf, "Origin", tmftest.PublicURL}

		// Somebody else chose the password: nothing but its change is possible.
		if me := c.Do(t, "GET", "/office/v1/me", "", browser...).Want(t, 200).JSON(t); me["name"] != "user:ada" || me["csrfToken"] != csrf || me["mustChangePassword"] != true {
			t.Errorf("me: %v", me)
		}
		c.Do(t, "GET", "/office/v1/audit", "", browser...).Want(t, 403)
		change := `{"old":"` + good + `","new":"a password of my own"}`
		c.Do(t, "POST", "/office/v1/me/password", change, "Cookie", token).Want(t, 401)
		c.Do(t, "POST", "/office/v1/me/password", change, "Cookie", token, "X-CSRF-Token", csrf, "Origin", "https://evil.example").Want(t, 401)
		c.Do(t, "POST", "/office/v1/me/password", `{"old":"wrong password!","new":"a password of my own"}`, browser...).Want(t, 403)
		c.Do(t, "POST", "/office/v1/me/password", `{"old":"`+good+`","new":"ada ada ada ada"}`, browser...).Want(t, 422)
		c.Do(t, "POST", "/office/v1/me/password", `{"old":"`+good+`","new":"`+good+`"}`, browser...).Want(t, 400)
		c.Do(t, "POST", "/office/v1/me/password", change, browser...).Want(t, 204)
		if me := c.Do(t, "GET", "/office/v1/me", "", browser...).Want(t, 200).JSON(t); me["mustChangePassword"] != nil {
			t.Errorf("me: %v", me)
		}
		c.Do(t, "GET", "/office/v1/users", "", browser...).Want(t, 403)

		c.Do(t, "PATCH", "/office/v1/users/ada", `{"status":"disabled"}`, "Authorization", key, "Content-Type", "application/json").Want(t, 200)
		c.Do(t, "GET", "/office/v1/me", "", browser...).Want(t, 401)
		c.Do(t, "POST", "/office/v1/login", `{"name":"ada","password":"a password of my own"}`).Want(t, 401)
		c.Do(t, "PATCH", "/office/v1/users/ada", `{"status":"active","roles":["finance"]}`, "Authorization", key, "Content-Type", "application/json").Want(t, 200)
		c.Do(t, "POST", "/office/v1/users/ada/password", `{"password":"chosen by the admin"}`, admin...).Want(t, 204)
		login = c.Do(t, "POST", "/office/v1/login", `{"name":"ada","password":"chosen by the admin"}`).Want(t, 200)
		token, _, _ = strings.Cut(login.Header.Get("Set-Cookie"), ";")
		csrf, _ = login.JSON(t)["csrfToken"].(string)
		out := c.Do(t, "POST", "/office/v1/logout", "", "Cookie", token, "X-CSRF-Token", csrf).Want(t, 204)
		if !strings.Contains(out.Header.Get("Set-Cookie"), "1900") && !strings.Contains(out.Header.Get("Set-Cookie"), "1970") && !strings.Contains(out.Header.Get("Set-Cookie"), "2009") {
			t.Errorf("the cookie stays: %s", out.Header.Get("Set-Cookie"))
		}
		c.Do(t, "GET", "/office/v1/me", "", "Cookie", token).Want(t, 401)

		trail := c.Do(t, "GET", "/office/v1/audit?entity=user&id=ada&limit=3", "", admin...).Want(t, 200)
		if body := string(trail.Body); strings.Contains(body, "argon2") || strings.Contains(body, good) {
			t.Errorf("the trail has secrets: %s", body)
		}
		next, _ := trail.JSON(t)["next"].(string)
		if rest := c.Do(t, "GET", "/office/v1/audit?entity=user&id=ada&after="+next, "", admin...).Want(t, 200).JSON(t); rest["next"] != nil || len(rest["items"].([]any)) < 5 {
			t.Errorf("the rest of the trail: %v", rest)
		}
		list := c.Do(t, "GET", "/office/v1/users", "", admin...).Want(t, 200)
		tmftest.Golden(t, "users", made, list, c.Do(t, "GET", "/office/v1/users/eve", "", admin...).Want(t, 404), trail.Without("request"))
	})
}

func TestKeysAreMadeAndEnded(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, key := office(t, db)
		admin := []string{"Authorization", key}
		made := c.Do(t, "POST", "/office/v1/api-keys", `{"name":"webshop","roles":["sales"]}`, admin...).Want(t, 201)
		secret, _ := made.JSON(t)["secret"].(string)
		if !strings.HasPrefix(secret, "gyro_") || made.JSON(t)["expiresAt"] != "2027-11-23T09:00:00.000Z" {
			t.Fatalf("%s", made.Body)
		}
		c.Do(t, "POST", "/office/v1/api-keys", `{"name":"other","roles":["sales"]}`, "Authorization", key, "Idempotency-Key", "k1").Want(t, 400)
		if me := c.Do(t, "GET", "/office/v1/me", "", "X-API-Key", secret).Want(t, 200).JSON(t); me["name"] != "key:webshop" || me["via"] != "api-key" {
			t.Errorf("me: %v", me)
		}
		c.Do(t, "GET", "/office/v1/api-keys", "", "X-API-Key", secret).Want(t, 403)
		rotated := c.Do(t, "POST", "/office/v1/api-keys/webshop/rotate", "", admin...).Want(t, 200).JSON(t)
		newer, _ := rotated["secret"].(string)
		for _, s := range []string{secret, newer} {
			c.Do(t, "GET", "/office/v1/me", "", "X-API-Key", s).Want(t, 200)
		}
		list := c.Do(t, "GET", "/office/v1/api-keys", "", admin...).Want(t, 200)
		if strings.Contains(string(list.Body), "gyro_") {
			t.Errorf("the list has secrets: %s", list.Body)
		}
		c.Do(t, "DELETE", "/office/v1/api-keys/webshop", "", admin...).Want(t, 200)
		for _, s := range []string{secret, newer} {
			c.Do(t, "GET", "/office/v1/me", "", "X-API-Key", s).Want(t, 401)
		}
		c.Do(t, "DELETE", "/office/v1/api-keys/bootstrap", "", admin...).Want(t, 409)
		c.Do(t, "POST", "/office/v1/api-keys/nobody/rotate", "", admin...).Want(t, 404)
		tmftest.Golden(t, "api-keys", list)
	})
}

// TestNothingLetsNobodyIn: nothing that a request leaves out lets it in.
func TestNothingLetsNobodyIn(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		c, _ := office(t, db)
		for _, header := range [][]string{
			nil,
			{"Authorization", "Bearer "},
			{"Authorization", "Bearer null"},
			{"Authorization", "Basic YWRhOmFkYQ=="},
			{"X-API-Key", "gyro_"},
			{"Cookie", "gyro_session="},
			{"Cookie", "gyro_session=x"},
			{"Authorization", "Bearer a.b.c"},
		} {
			x := c.Do(t, "GET", "/office/v1/audit", "", header...).Want(t, http.StatusUnauthorized)
			if x.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%v: no WWW-Authenticate", header)
			}
		}
		c.Do(t, "GET", "/healthz", "").Want(t, 200)
		c.Do(t, "GET", "/readyz", "").Want(t, 200)
		c.Do(t, "GET", "/metrics", "").Want(t, 401)
		c.Do(t, "POST", "/office/v1/nowhere?a=b", `{"a":1}`).Want(t, 404) // whatever it brings along
	})
}
