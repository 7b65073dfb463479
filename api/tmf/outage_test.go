package tmf_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"gyro/api/rest"
	"gyro/api/tmf"
	"gyro/api/tmf/tmftest"
	"gyro/internal/database"
	"gyro/internal/database/cluster"
	"gyro/internal/database/dbtest"
)

// lines counts the errors in a log.
type lines struct {
	slog.Handler
	mu    *sync.Mutex
	texts *[]string
}

func (l lines) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		l.mu.Lock()
		defer l.mu.Unlock()
		*l.texts = append(*l.texts, r.Message)
	}
	return l.Handler.Handle(ctx, r)
}

// TestWithoutItsDatabaseTheOfficeAsksForPatience: on every route, whoever is not known is not let in, and whoever is known
// reads nothing: 503 with Retry-After, and one line in the log.
func TestWithoutItsDatabaseTheOfficeAsksForPatience(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (db *database.DB, stop func() error){
		"sqlite closed": func(t *testing.T) (*database.DB, func() error) {
			db := dbtest.Open(t, database.SQLite)
			return db, db.Close
		},
		"postgres stopped": func(t *testing.T) (*database.DB, func() error) {
			server, err := cluster.Start(t.Context(), cluster.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return dbtest.Reopen(t, server.URL("postgres")), server.Stop
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, stop := open(t)
			var log lines
			var table []rest.Endpoint
			var secret string
			serve := func(authenticated bool) *tmftest.Client {
				return tmftest.Start(t, db, func(o rest.Options) (*rest.Server, error) {
					all := everything(t, db)
					if secret == "" {
						if _, err := all.Access.Bootstrap(t.Context(), func(s string) error { secret = s; return nil }); err != nil {
							return nil, err
						}
					}
					log = lines{o.Logger.Handler(), &sync.Mutex{}, &[]string{}}
					o.Logger = slog.New(log)
					byRole := o.Access
					all.Server = o
					server, err := tmf.New(all)
					if err != nil || !authenticated {
						return server, err
					}
					table = server.Table()
					o.Access = byRole
					for n := range table {
						if !slices.Contains(own, table[n].Path) {
							o.Sets = append(o.Sets, table[n])
						}
					}
					return rest.New(o)
				})
			}
			stranger := serve(false)
			strangerLog := log
			known := serve(true)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			met := 0
			for n := range table {
				e := &table[n]
				path := strings.NewReplacer("{id}", "1", "{", "", "}", "").Replace(e.Path)
				if !e.Public {
					x := stranger.Do(t, e.Method, path, "", "Authorization", "Bearer "+secret).Want(t, 503)
					if x.JSON(t)["code"] != "database_unavailable" || x.Header.Get("Retry-After") != "5" {
						t.Errorf("%s %s: Retry-After %q\n%s", e.Method, path, x.Header.Get("Retry-After"), x.Body)
					}
				}
				if x := known.Do(t, e.Method, path, ""); x.Status >= 500 && x.Want(t, 503).Status == 503 {
					met++
				}
			}
			if met < 50 {
				t.Errorf("of %d routes only %d met the database", len(table), met)
			}
			for who, l := range map[string]lines{"stranger": strangerLog, "known": log} {
				if got := *l.texts; len(got) != 1 || !strings.Contains(got[0], "database does not answer") {
					t.Errorf("%s: the log has %d errors: %q", who, len(got), got)
				}
			}
		})
	}
}

// own are the routes that every server has of itself.
var own = []string{"/healthz", "/readyz", "/metrics", "/api/docs", "/api/openapi.json"}
