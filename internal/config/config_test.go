package config

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func fileOf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gyro.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Diameter.Listen != "127.0.0.1:3868" || c.Charging.Supervision != 2*time.Hour || !c.AllowUnknownPeers() || len(c.HTTP.APIKeys) != 0 {
		t.Errorf("defaults %+v", c)
	}
	// Every member has a default, so that every one has a variable and shows up in what is shown.
	defaults := Defaults()
	for _, key := range keysOf(reflect.TypeFor[Config](), "") {
		if _, ok := defaults[key]; !ok {
			t.Errorf("%s has no default", key)
		}
		delete(defaults, key)
	}
	if len(defaults) != 0 {
		t.Errorf("defaults of no setting: %v", defaults)
	}
}

// keysOf lists the keys of a configuration's members.
func keysOf(of reflect.Type, prefix string) (keys []string) {
	for member := range of.Fields() {
		key := prefix + member.Tag.Get("koanf")
		if member.Type.Kind() == reflect.Struct {
			keys = append(keys, keysOf(member.Type, key+".")...)
		} else {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestPrecedence: a flag beats a variable, which beats the file, which beats the default.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	path := fileOf(t, "data: file\nlog: {level: debug, format: json}\njournal: {checkpoint_interval: 10s}\n")
	environ := []string{"GYRO_LOG_LEVEL=warn", "GYRO_DATA=variable", "OTHER=1", "PATH=/bin"}
	c, err := Load(path, environ, map[string]any{"data": "flag"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "flag" || c.Log.Level != "warn" || c.Log.Format != "json" || c.Journal.CheckpointInterval != 10*time.Second ||
		c.HTTP.Listen != "127.0.0.1:8080" {
		t.Errorf("loaded %+v", c)
	}
}

// TestEveryVariable sets each setting that is not a list by its variable.
func TestEveryVariable(t *testing.T) {
	t.Parallel()
	for key, byDefault := range Defaults() {
		if _, list := byDefault.([]any); list || strings.HasPrefix(key, "http.tls") || strings.HasPrefix(key, "office.tls") {
			continue
		}
		name := "GYRO_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		value := "/x"
		switch {
		case strings.HasPrefix(key, "origin"):
			value = "x.example"
		case strings.HasSuffix(key, "listen"):
			value = "[::1]:9"
		case key == "diameter.allow_unknown", strings.HasSuffix(key, "_by_hand"):
			value = "true"
		case strings.HasPrefix(key, "charging.transfer"), strings.HasSuffix(key, "_limit"), strings.HasSuffix(key, "_above"), strings.HasSuffix(key, "_balance"),
			strings.HasPrefix(key, "charging.loan") && !strings.HasSuffix(key, "term"):
			value = "77"
		case strings.HasPrefix(key, "charging"), strings.HasPrefix(key, "journal"), key == "diameter.watchdog":
			value = "77s"
		case strings.HasSuffix(key, "timeout"):
			value = "77s"
		case key == "office.enabled":
			value = "false"
		case strings.HasSuffix(key, "_private"), strings.HasSuffix(key, "_proxy"):
			value = "true"
		case strings.HasSuffix(key, "url"), strings.HasPrefix(key, "office.elements"), key == "office.payment.provider":
			value = "http://x.example"
		case key == "office.smtp.address":
			continue // needs a sender, too
		case key == "office.smtp.from":
			value = "x@example.org"
		case key == "office.smtp.tls":
			value = "tls"
		case key == "diameter.profile":
			value = "strict"
		case key == "log.level":
			value = "error"
		case key == "log.format":
			value = "json"
		}
		c, err := Load("", []string{name + "=" + value}, nil)
		if err != nil {
			t.Errorf("%s=%s: %v", name, value, err)
			continue
		}
		shown, err := c.Show()
		if err != nil {
			t.Fatal(err)
		}
		short := key[strings.LastIndex(key, ".")+1:]
		if text := strings.ReplaceAll(string(shown), "1m17s", "77s"); !strings.Contains(text, short+": "+value) && !strings.Contains(text, short+`: "`+value) && !strings.Contains(text, short+`: '`+value) {
			t.Errorf("%s=%s is not shown:\n%s", name, value, shown)
		}
	}
}

// TestShowRoundTrip: what is shown can be loaded and means the same.
func TestShowRoundTrip(t *testing.T) {
	t.Parallel()
	path := fileOf(t, `
data: /var/lib/gyro
origin: {host: ocs.example.org, realm: example.org}
diameter:
  listen: 0.0.0.0:3868
  allow_unknown: "false"
  watchdog: 10s
  peers:
    - {host: pgw.example.org, profile: strict}
    - {host: smf.example.org, profile: own}
    - {host: dra.example.org, relay: true}
  profiles:
    - {name: own, base: open5gs, switches: {reauthorise: rar, low_balance: true, currency: 978}}
  listeners:
    - {address: 192.0.2.10, tls: {cert: a, key: b, client_ca: c}}
    - {address: "[2001:db8::1]:3869", transport: sctp}
http:
  listen: 0.0.0.0:8080
  api_keys:
    - {name: crm, scope: write, hash: "sha256:`+strings.Repeat("0f", 32)+`"}
charging: {supervision: 90m, event_retention: 30m}
`)
	c, err := Load(path, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Diameter.Peers) != 3 || !c.Diameter.Peers[2].Relay || c.Diameter.Peers[0].Profile != "strict" || c.AllowUnknownPeers() || c.HTTP.APIKeys[0].Name != "crm" ||
		!maps.Equal(c.Diameter.Profiles[0].Switches, map[string]string{"reauthorise": "rar", "low_balance": "true", "currency": "978"}) ||
		c.Diameter.Listeners[0].String() != "192.0.2.10:5658 (TLS)" || c.Diameter.Listeners[1].String() != "[2001:db8::1]:3869 (SCTP)" {
		t.Errorf("loaded %+v", c)
	}
	shown, err := c.Show()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(fileOf(t, string(shown)), nil, nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, shown)
	}
	if !reflect.DeepEqual(c, again) {
		t.Errorf("loaded %+v, shown and loaded again %+v", c, again)
	}
}

// TestRefused: each error names the key and says what to do, and comes with all others, in the same order each time.
func TestRefused(t *testing.T) {
	t.Parallel()
	for text, words := range map[string][]string{
		"dta: x":                        {"dta is no setting", "did you mean data?", "`gyro config show`"},
		"quux: 1":                       {"quux is no setting;"},
		"supervision: 5m":               {"supervision is no setting", "did you mean charging.supervision?"},
		"listen: 127.0.0.1:1":           {"did you mean diameter.listen or http.listen or office.listen?"},
		"http: {lisen: ''}\nlgo: {}":    {"http.lisen is no setting (did you mean http.listen?); lgo is no setting (did you mean log?);"},
		"http.tls.cert: a":              {"http.tls.cert is written nested in a file: http: {tls: {cert: ...}};"},
		"http: {tls: {crt: a}}":         {"http.tls.crt is no setting (did you mean http.tls.cert?)"},
		"data: ''":                      {"data: must name a directory"},
		"data: {a: b}":                  {"data", "`gyro config show`"},
		"origin: {realm: a/b}":          {"origin.realm", "a/b", "ocs.example.org"},
		"origin: {host: a@b}":           {"origin.host", "a@b"},
		"http: {listen: '8080'}":        {"http.listen", "8080", "host:port"},
		"http: {listen: 10.0.0.1:80}":   {"http.listen", "10.0.0.1:80", "`gyro config api-key`", "http.tls.client_ca"},
		"http: {listen: '[::]:80'}":     {"http.listen", "not a loopback"},
		"http: {tls: {key: a}}":         {"http.tls", "both or neither"},
		"http: {tls: {client_ca: a}}":   {"http.tls.client_ca", "http.tls.cert"},
		"http: {api_keys: [{name: x}]}": {"http.api_keys[0]", "scope", "http.api_keys[0].hash", "`gyro config api-key`"},
		"http: {api_keys: [{name: x, scope: admin, hash: 'sha256:00'}]}":                                   {"scope of read or write", "http.api_keys[0].hash"},
		"diameter: {allow_unknown: maybe}":                                                                 {"diameter.allow_unknown", "maybe", "auto, true, false"},
		"diameter: {profile: mild}":                                                                        {"diameter.profile", "mild"},
		"diameter: {watchdog: 5999ms}":                                                                     {"diameter.watchdog", "5.999s", "RFC 3539"},
		"diameter: {peers: [{profile: strict}]}":                                                           {"diameter.peers[0].host", "Origin-Host"},
		"diameter: {peers: [{host: a}, {host: b, profile: c}]}":                                            {"diameter.peers[1].profile", `"c"`},
		"diameter: {peers: [{host: a}, {host: A}]}":                                                        {"diameter.peers[1].host", "twice"},
		"diameter: {profiles: [{base: staros}]}":                                                           {"diameter.profiles[0].name", "of its own"},
		"diameter: {profiles: [{name: strict}]}":                                                           {"diameter.profiles[0].name", `"strict"`},
		"diameter: {profiles: [{name: a, base: a}]}":                                                       {"diameter.profiles[0].base", "kamailio"},
		"diameter: {profiles: [{name: a, swiches: {}}]}":                                                   {"did you mean diameter.profiles[0].switches?"},
		"diameter: {listen: '0.0.0.0:3868'}":                                                               {"diameter.peers", "0.0.0.0:3868", "diameter.allow_unknown"},
		"diameter: {listeners: [{address: '192.0.2.1:5658', tls: {cert: a, key: b, client_ca: c}}]}":       {"diameter.peers", "192.0.2.1:5658 is not a loopback"},
		"diameter: {listeners: [{}]}":                                                                      {"diameter.listeners[0].address", "192.0.2.10:5658"},
		"diameter: {listeners: [{address: 'a b'}]}":                                                        {"diameter.listeners[0].address", `"a b"`},
		"diameter: {listeners: [{address: '::1', transport: udp}]}":                                        {"diameter.listeners[0].transport", "udp", "tcp, sctp"},
		"diameter: {listeners: [{address: '::1', tls: {cert: a}}]}":                                        {"diameter.listeners[0].tls", "cert, key and client_ca", "RFC 6733"},
		"diameter: {listeners: [{address: '::1', transport: sctp, tls: {cert: a, key: b, client_ca: c}}]}": {"diameter.listeners[0].tls", "DTLS", "IPsec"},
		"diameter: {listeners: [{address: '::1', tsl: {}}]}":                                               {"diameter.listeners[0].tsl is no setting (did you mean diameter.listeners[0].tls?)"},
		"charging: {event_retention: 999ms}":                                                               {"charging.event_retention", "999ms", "at least 1s"},
		"charging: {supervision: 9000h}":                                                                   {"charging.supervision", "9000h", "too long"},
		"charging: {transfer: {least: 5, most: 4}}":                                                        {"charging.transfer.least", "5 is above"},
		"charging: {transfer: {fee: free}}":                                                                {"charging.transfer.fee", `"free"`, "10.00"},
		"charging: {approval_above: -1}":                                                                   {"charging.approval_above", `"-1"`},
		"charging: {loan: {term: -1h}}":                                                                    {"charging.loan.term", "-1h"},
		"charging: {voucher: {guess_limit: 0}}":                                                            {"charging.voucher.guess_limit", "1 to 65535"},
		"charging: {voucher: {guess_lock: 0s}}":                                                            {"charging.voucher.guess_lock", "at least 1s"},
		"charging: {credit_warnings: [80, 50]}":                                                            {"charging.credit_warnings", "ascending"},
		"charging: {supervision: 5}":                                                                       {"charging.supervision: 5 needs a unit, such as 5s"},
		"charging: {supervision: '5'}":                                                                     {"charging.supervision: 5 needs a unit, such as 5s"},
		"charging: {supervision: 2.5}":                                                                     {"charging.supervision: 2.5 needs a unit, such as 2.5s"},
		"diameter: {peers: [{host: a}, {hots: b}]}":                                                        {"diameter.peers[1].hots is no setting (did you mean diameter.peers[1].host?)"},
		"journal: {checkpoint_interval: often}":                                                            {"journal.checkpoint_interval", `"often"`, "write 30s"},
		"log: {level: loud}\ndiameter: {watchdog: 1s}":                                                     {"log.level", "diameter.watchdog"},
		"office: {approval_above: 'EUR=100'}":                                                              {"office.approval_above", "*=AMOUNT"},
		"office: {approval_above: 'EUR=100, EURO=5, *=0'}":                                                 {"office.approval_above", "EURO"},
		"office: {approval_above: 'EUR=100, EUR=5, *=0'}":                                                  {"office.approval_above", "twice"},
		"office: {approval_above: 'EUR=-1, *=0'}":                                                          {"office.approval_above", "EUR"},
		"office: {listen: '8090'}":                                                                         {"office.listen", "host:port"},
		"office: {listen: '0.0.0.0:8090'}":                                                                 {"office.listen", "office.tls.cert", "office.behind_proxy"},
		"office: {tls: {cert: a}}":                                                                         {"office.tls", "both or neither"},
		"office: {database: 'mysql://host/name'}":                                                          {"office.database", "postgres://user@host/name"},
		"office: {database: 'sqlite:'}":                                                                    {"office.database", "sqlite:PATH"},
		"office: {core: {url: 'host:8080'}}":                                                               {"office.core.url", "http://192.0.2.10:8080"},
		"office: {elements: {hss: 'http://a:b@c'}}":                                                        {"office.elements.hss", "a:xxxxx@c"},
		"office: {elements: {timeout: 1h}}":                                                                {"office.elements.timeout", "5m"},
		"office: {smtp: {address: mail.example.org}}":                                                      {"office.smtp.address", "mail.example.org:587", "office.smtp.from"},
		"office: {smtp: {from: bills}}":                                                                    {"office.smtp.from", "bills@example.org"},
		"office: {smtp: {tls: maybe}}":                                                                     {"office.smtp.tls", "starttls"},
		"office: {smtp: {address: 'a.example:25', from: a@b.example, username: u, tls: none}}":             {"office.smtp.tls", "in the clear"},
		"log: {format: xml}":                                                                               {"log.format", "xml", "text, json"},
	} {
		_, err := Load(fileOf(t, text), nil, nil)
		if err == nil {
			t.Errorf("%s: accepted", text)
			continue
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not mention %q", text, err, word)
			}
		}
		for range 5 {
			if _, again := Load(fileOf(t, text), nil, nil); tail(again) != tail(err) {
				t.Errorf("%s: said %q, then %q", text, err, again)
			}
		}
	}
}

// TestOneErrorOnly: what follows from a value that cannot be read is not said.
func TestOneErrorOnly(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"http: {listen: '8080'}", "diameter: {listen: '3868'}", "diameter: {listen: '10.0.0.1:3868', allow_unknown: maybe}",
		"diameter: {allow_unknown: maybe}", "dta: x", "charging: {supervision: 5}",
	} {
		_, err := Load(fileOf(t, text), nil, nil)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one error", text, err)
		}
	}
}

// TestShape: the elements that are shown as examples can be loaded.
func TestShape(t *testing.T) {
	t.Parallel()
	c, err := Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := c.Show()
	if err != nil {
		t.Fatal(err)
	}
	var example strings.Builder
	for line := range strings.Lines(string(shown)) {
		if setting, found := strings.CutPrefix(line, "# "); found && strings.Contains(line, ":") && !strings.Contains(line, ".md") {
			example.WriteString(strings.Replace(setting, "sha256:...", "sha256:"+strings.Repeat("0", 64), 1))
		}
	}
	c, err = Load(fileOf(t, example.String()), nil, nil)
	if err != nil || len(c.Diameter.Peers) != 2 || len(c.Diameter.Profiles) != 1 || len(c.Diameter.Listeners) != 1 || len(c.HTTP.APIKeys) != 1 {
		t.Errorf("%v: %+v from\n%s", err, c, example.String())
	}
}

// tail leaves out the path of the file, which differs from one to the next.
func tail(err error) string {
	_, rest, _ := strings.Cut(err.Error(), "gyro.yaml")
	return rest
}

func TestRefusedSources(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "gyro.yaml")
	for name, tt := range map[string]struct {
		path    string
		environ []string
		flags   map[string]any
		words   []string
	}{
		"missing file":     {path: missing, words: []string{missing, "does not exist", "--config"}},
		"a directory":      {path: t.TempDir(), words: []string{"configuration file", "directory"}},
		"no YAML":          {path: fileOf(t, "a: [1"), words: []string{"configuration file", "yaml"}},
		"unknown variable": {environ: []string{"GYRO_LOG_LEVL=info", "GYRO_=1"}, words: []string{"GYRO_LOG_LEVL names no setting (did you mean GYRO_LOG_LEVEL?);", "GYRO_ ", "`gyro config show`"}},
		"bad variable":     {environ: []string{"GYRO_JOURNAL_CHECKPOINT_INTERVAL=soon"}, words: []string{"configuration: ", "journal.checkpoint_interval", "soon"}},
		"bad flag":         {flags: map[string]any{"log.format": "xml"}, words: []string{"log.format", "xml"}},
	} {
		_, err := Load(tt.path, tt.environ, tt.flags)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, word := range tt.words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not mention %q", name, err, word)
			}
		}
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "ocs.example.org:1": false, "127.0.0.1": false,
	} {
		if got := Loopback(address); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}

// TestExposed: what is reached from elsewhere needs somebody to authenticate, in one of the two ways.
func TestExposed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"http: {listen: '0.0.0.0:80', api_keys: [{name: a, scope: read, hash: 'sha256:" + strings.Repeat("aB", 32) + "'}]}",
		"http: {listen: '0.0.0.0:80', tls: {cert: a, key: b, client_ca: c}}",
		"diameter: {listen: '0.0.0.0:80', peers: [{host: pgw.example}]}",
		"diameter: {listen: '0.0.0.0:80', allow_unknown: true}",
	} {
		if _, err := Load(fileOf(t, text), nil, nil); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
