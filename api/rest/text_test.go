package rest_test

import (
	"context"
	"strings"
	"testing"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/api/tmf/tmftest"
	"gyro/internal/database"
)

// TestTextThatNoDatabaseKeepsIsRefused: PostgreSQL has no text with U+0000 and none that is no UTF-8; whoever sends such a
// thing is told so, instead of that the server failed.
func TestTextThatNoDatabaseKeepsIsRefused(t *testing.T) {
	tmftest.Run(t, func(t *testing.T, db *database.DB) {
		write := endpoint("/office/v1/notes/{name}", func(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
			var in note
			if err := c.Decode(&in); err != nil {
				return nil, err
			}
			return c.Write(ctx, func(ctx context.Context, tx *database.Tx) (*rest.Answer, error) {
				return rest.OK(in), tx.Audit(ctx, "note", c.Param("name")+c.Query().Get("by"), "write", nil, in)
			})
		})
		write.Parameters = []rest.Parameter{{Name: "by", About: "whose note it is"}}
		c := start(t, db, write)
		c.Roles = access.Finance
		for what, request := range map[string][3]string{
			"a path with U+0000":           {"/office/v1/notes/a%00b", `{"text":"yes"}`, "invalid_path"},
			"a path that is no UTF-8":      {"/office/v1/notes/a%ffb", `{"text":"yes"}`, "invalid_path"},
			"a path that is escaped twice": {"/office/v1/notes/a%2500b", `{"text":"yes"}`, ""},
			"a parameter with U+0000":      {"/office/v1/notes/a?by=%00", `{"text":"yes"}`, "invalid_parameter"},
			"a parameter that is no UTF-8": {"/office/v1/notes/a?by=%ff", `{"text":"yes"}`, "invalid_parameter"},
			"a text with U+0000":           {"/office/v1/notes/a", `{"text":"y\u0000s"}`, "invalid_json"},
			"a name with U+0000":           {"/office/v1/notes/a", `{"te\u0000xt":"yes"}`, "invalid_json"},
			"a text that is no UTF-8":      {"/office/v1/notes/a", "{\"text\":\"y\xffs\"}", "invalid_json"},
			"half of a character":          {"/office/v1/notes/a", `{"text":"y\ud800s"}`, ""},
		} {
			x := c.Do(t, "POST", request[0], request[1], "Idempotency-Key", strings.ReplaceAll(what, " ", "-"))
			switch {
			case request[2] == "" && x.Status >= 500, request[2] != "" && (x.Status != 400 || !strings.Contains(string(x.Body), request[2])):
				t.Errorf("%s: %d %s", what, x.Status, x.Body)
			}
		}
		c.Do(t, "GET", "/tmf-api/customerManagement/v4/customer?name=%00", "").Want(t, 400)
		c.Do(t, "GET", "/tmf-api/customerManagement/v4/customer/%00", "").Want(t, 400)
	})
}
