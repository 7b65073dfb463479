package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gyro/internal/database/dbtest"
)

// typedAt runs a command as a user types it, beside the data of a running office, and returns what it printed.
func typedAt(t testing.TB, address, data string, args ...string) string {
	t.Helper()
	cmd := command(t, args...)
	cmd.Env = append(cmd.Env, "GYRO_OFFICE=http://"+address, "GYRO_DATA="+data)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("gyro %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// signedUp signs a customer up, under a key, and returns the id of the account.
func signedUp(t testing.TB, address, data, key string) string {
	t.Helper()
	var made struct{ Account struct{ ID string } }
	out := typedAt(t, address, data, "customer", "create", "--given-name", "Ada", "--family-name", "Lang", "--email", "ada@example.org",
		"--credit-limit", "50", "--idempotency-key", key, "--json")
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Account.ID == "" {
		t.Fatalf("%v: %s", err, out)
	}
	return made.Account.ID
}

// TestTheOfficeRunsBesideCharging with nothing configured: commands on the same machine work at once, a customer who
// signed up is there after kill -9, once, and SIGTERM ends both halves.
func TestTheOfficeRunsBesideCharging(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	s := newSite(t, "", "--office", "--office-listen", address)
	p := s.start()
	if _, ok := p.awaitLine(officeReadyMessage); !ok {
		t.Fatal(p.output())
	}
	key, err := os.Stat(adminKeyFile(s.dir))
	if err != nil || key.Mode().Perm() != 0o600 {
		t.Fatalf("the administrator's key: %v, %v", key, err)
	}
	account := signedUp(t, address, s.dir, "sign-up-1")
	p.kill()

	p = s.start()
	if _, ok := p.awaitLine(officeReadyMessage); !ok {
		t.Fatal(p.output())
	}
	if again := signedUp(t, address, s.dir, "sign-up-1"); again != account {
		t.Errorf("signed up twice: accounts %s and %s", account, again)
	}
	list := typedAt(t, address, s.dir, "customer", "list")
	if strings.Count(list, "Ada Lang") != 1 || !strings.Contains(list, "residential") {
		t.Errorf("gyro customer list:\n%s", list)
	}
	shown := typedAt(t, address, s.dir, "customer", "show", "1")
	for _, words := range []string{"Ada Lang", "postpaid", "0 EUR", "the charging core does not know the account yet", "ada@example.org", "welcome"} {
		if !strings.Contains(shown, words) {
			t.Errorf("gyro customer show does not say %q:\n%s", words, shown)
		}
	}
	p.stop()
}

// TestChargingDoesNotWaitForTheOffice: the database is down, the office's port is taken; gateways are served all the same,
// it is said what is wrong, and the end is a clean one.
func TestChargingDoesNotWaitForTheOffice(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"no database": {"--database", "postgres://gyro@" + freeAddress(t) + "/office"},
		"taken port":  nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "", append([]string{"--office", "--office-listen", freeAddress(t)}, args...)...)
			if args == nil { // that of charging itself
				s.args[len(s.args)-1] = s.args[len(s.args)-4]
			}
			p := s.start()
			if _, ok := p.awaitLine("the office is down; charging goes on without it, and it is tried again"); !ok {
				t.Fatal(p.output())
			}
			response, err := http.Get("http://" + p.http + "/readyz")
			if err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("charging is not ready: %v, %v", response, err)
			}
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
			p.stop()
		})
	}
}

// TestTheOfficeRunsAlone against an engine elsewhere, which asks for a key; on each database.
func TestTheOfficeRunsAlone(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "core.key")
	cmd := command(t, "config", "api-key")
	var secret strings.Builder
	cmd.Stderr = &secret
	yaml, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, engineKey, _ := strings.Cut(strings.TrimSpace(secret.String()), "once: ")
	if err := os.WriteFile(out, []byte(engineKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	engine := newSite(t, string(yaml)).start()
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			address, data := freeAddress(t), filepath.Join(t.TempDir(), "data")
			p := launch(t, command(t, "office", "--data", data, "--log-format", "json", "--office-listen", address,
				"--database", dbtest.URL(t, dialect), "--core", "http://"+engine.http, "--core-key-file", out))
			if _, ok := p.awaitLine(officeReadyMessage); !ok {
				t.Fatal(p.exit(), p.output())
			}
			signedUp(t, address, data, "sign-up-1")
			if shown := typedAt(t, address, data, "customer", "show", "1"); !strings.Contains(shown, "the charging core does not know the account yet") {
				t.Errorf("the core was not asked:\n%s", shown)
			}
			p.stop()
		})
	}
}

// TestTheOfficeSaysWhatIsMissing in one sentence.
func TestTheOfficeSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for want, args := range map[string][]string{
		"--core: name the charging API":                          {"office", "--data", data},
		"office.core.key_file: /nowhere/key does not exist":      {"office", "--data", data, "--core", "http://127.0.0.1:1", "--core-key-file", "/nowhere/key"},
		"office.database: ":                                      {"office", "--data", data, "--core", "http://127.0.0.1:1", "--office-listen", "127.0.0.1:0", "--database", "postgres://gyro@" + freeAddress(t) + "/office"},
		`office.database: "mysql://host/name" is neither sqlite`: {"up", "--data", data, "--office", "--database", "mysql://host/name"},
	} {
		if said := refused(t, nil, args...); !strings.Contains(said, want) {
			t.Errorf("gyro %v says %q, not %q", args, said, want)
		}
	}
}
