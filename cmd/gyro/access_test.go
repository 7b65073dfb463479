package main

import (
	"bytes"
	"strings"
	"testing"

	"gyro/api/access"
	"gyro/internal/config"
	"gyro/internal/database"
	"gyro/internal/database/dbtest"
)

// TestAccessCommands types the commands against a real office API.
func TestAccessCommands(t *testing.T) {
	serveOffice(t, dbtest.Open(t, database.SQLite))
	for _, step := range []struct{ line, input, want string }{
		{"access user add ada --roles care,sales", "correct horse battery staple\n", "ada"},
		{"access user add bob --roles king", "correct horse battery staple\n", `! there is no role "king"`},
		{"access user add bob --roles care", "", "! no password"},
		{"access user add bob --roles care", "short\n", "! at least 12"},
		{"access user list", "", "ada   sales, care  active"},
		{"access user roles ada finance", "", "finance"},
		{"access user disable ada", "", "disabled"},
		{"access user enable ada", "", "active"},
		{"access user unlock ada", "", "active"},
		{"access user password ada", "another good password\n", ""},
		{"access user password eve", "another good password\n", `! there is no user "eve"`},
		{"access key add webshop --roles sales", "", "gyro_"},
		{"access key rotate webshop", "", "gyro_"},
		{"access key revoke webshop", "", "revoked"},
		{"access key revoke bootstrap", "", "! make another administrator first"},
		{"access key list", "", "webshop    sales"},
		{"access key list --json", "", `"name":"webshop"`},
		{"access usr", "", `! did you mean user`},
	} {
		root := newRootCommand()
		var out bytes.Buffer
		root.SetArgs(strings.Fields(step.line))
		root.SetIn(strings.NewReader(step.input))
		root.SetOut(&out)
		err := root.ExecuteContext(t.Context())
		got := out.String()
		if err != nil {
			got = "! " + err.Error()
		}
		if wrong, fails := strings.CutPrefix(step.want, "! "); fails != (err != nil) || !strings.Contains(got, wrong) {
			t.Errorf("gyro %s: %s\nwant %s", step.line, got, step.want)
		}
		if strings.Contains(got, "horse") {
			t.Errorf("gyro %s shows the password", step.line)
		}
	}
}

func TestIssuersAreConfigured(t *testing.T) {
	c := config.OIDC{Issuer: "https://issuer.example", Audience: "gyro", RoleClaim: "roles", Roles: "a=finance, b=care,a=sales"}
	o, err := openIssuer(&c)
	if err != nil || o.Roles["a"] != access.Finance|access.Sales || o.Roles["b"] != access.Care {
		t.Errorf("%+v, %v", o, err)
	}
	for _, roles := range []string{"", "a", "=care", "a=king"} {
		c.Roles = roles
		if _, err := openIssuer(&c); err == nil {
			t.Errorf("%q is taken", roles)
		}
	}
	if o, err := openIssuer(&config.OIDC{}); o != nil || err != nil {
		t.Errorf("%+v, %v", o, err)
	}
}
