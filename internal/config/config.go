// Package config is what an operator can set: defaults, then a YAML file, then
// GYRO_ environment variables, then flags, each over the one before, checked
// with errors that name the key.
package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
)

// Config is the effective configuration of gyro up.
type Config struct {
	Data     string   `koanf:"data"`
	Origin   Origin   `koanf:"origin"`
	Diameter Diameter `koanf:"diameter"`
	HTTP     HTTP     `koanf:"http"`
	Charging Charging `koanf:"charging"`
	Journal  Journal  `koanf:"journal"`
	Log      Log      `koanf:"log"`
	Office   Office   `koanf:"office"`
}

// Origin is how the engine names itself on the wire.
type Origin struct {
	Host  string `koanf:"host"`
	Realm string `koanf:"realm"`
}

// Diameter is the listener for gateways.
type Diameter struct {
	Listen string `koanf:"listen"`
	// AllowUnknown takes gateways that Peers does not name: auto (only on
	// loopback), true (laboratories) or false.
	AllowUnknown string        `koanf:"allow_unknown"`
	Profile      string        `koanf:"profile"` // of gateways that name none
	Watchdog     time.Duration `koanf:"watchdog"`
	Profiles     []Profile     `koanf:"profiles"` // besides the built-in ones
	Peers        []Peer        `koanf:"peers"`
	Listeners    []Listener    `koanf:"listeners"` // besides Listen
}

// HTTP is the listener of the charging API.
type HTTP struct {
	Listen  string   `koanf:"listen"`
	APIKeys []APIKey `koanf:"api_keys"`
	TLS     TLS      `koanf:"tls"`
}

// APIKey is a key that a client of the API shows; only its hash is kept.
type APIKey struct {
	Name  string `koanf:"name"`
	Hash  string `koanf:"hash"`
	Scope string `koanf:"scope"` // read or write
}

// TLS are the PEM files of a listener; with ClientCA, clients must show a
// certificate that it signed.
type TLS struct {
	Cert     string `koanf:"cert"`
	Key      string `koanf:"key"`
	ClientCA string `koanf:"client_ca"`
}

// Journal is when the journal is cut.
type Journal struct {
	CheckpointInterval time.Duration `koanf:"checkpoint_interval"`
}

// Log is what is logged and how.
type Log struct {
	Level  string `koanf:"level"`  // debug, info, warn, error
	Format string `koanf:"format"` // text or json
}

// Defaults are the embedded defaults, by key.
func Defaults() map[string]any {
	defaults := map[string]any{
		"data":                        "data",
		"origin.host":                 "ocs.gyro.example",
		"origin.realm":                "gyro.example",
		"diameter.listen":             "127.0.0.1:3868",
		"diameter.allow_unknown":      "auto",
		"diameter.profile":            "lenient",
		"diameter.watchdog":           "30s",
		"diameter.profiles":           []any{},
		"diameter.peers":              []any{},
		"diameter.listeners":          []any{},
		"http.listen":                 "127.0.0.1:8080",
		"http.api_keys":               []any{},
		"http.tls.cert":               "",
		"http.tls.key":                "",
		"http.tls.client_ca":          "",
		"journal.checkpoint_interval": "1m",
		"log.level":                   "info",
		"log.format":                  "text",
	}
	chargingDefaults(defaults)
	officeDefaults(defaults)
	return defaults
}

// environmentPrefix begins the variables that are read: GYRO_HTTP_LISTEN sets
// http.listen.
const environmentPrefix = "GYRO_"

// clientVariables are for the commands that talk to a running server; whoever
// has them set may start one as well.
var clientVariables = []string{"GYRO_SERVER", "GYRO_API_KEY", "GYRO_APPROVER_KEY", "GYRO_OFFICE", "GYRO_OFFICE_KEY"}

// Load reads the configuration: path may be empty; flags maps keys to what the
// command line says.
func Load(path string, environ []string, flags map[string]any) (*Config, error) {
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(Defaults(), "."), nil); err != nil {
		return nil, fmt.Errorf("defaults: %w", err)
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return nil, fileError(path, err)
		}
	}
	names := environmentNames()
	var unknown []error
	err := k.Load(env.Provider(".", env.Opt{
		Prefix:      environmentPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if key, ok := names[name]; ok {
				return key, value
			}
			if slices.Contains(clientVariables, name) {
				return "", nil
			}
			unknown = append(unknown, fmt.Errorf("environment variable %s names no setting%s; `gyro config show` lists every key",
				name, didYouMean(similar(name, slices.Sorted(maps.Keys(names))))))
			return "", nil
		},
	}), nil)
	if err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	if err := errors.Join(unknown...); err != nil {
		return nil, err
	}
	if err := k.Load(confmap.Provider(flags, "."), nil); err != nil {
		return nil, fmt.Errorf("flags: %w", err)
	}
	return decode(k, path)
}

func fileError(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("configuration file %s does not exist; create it, or start without --config to use the defaults", path)
	}
	return fmt.Errorf("configuration file %s: %w", path, err)
}

func environmentNames() map[string]string {
	names := map[string]string{}
	for key := range Defaults() {
		names[environmentPrefix+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = key
	}
	return names
}

func decode(k *koanf.Koanf, path string) (*Config, error) {
	if unknown := unknownKeys(k.Raw()); len(unknown) > 0 {
		return nil, configurationError(path, strings.Join(unknown, "; "))
	}
	c := &Config{}
	err := k.UnmarshalWithConf("", c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result: c, TagName: "koanf", ErrorUnused: true, WeaklyTypedInput: true,
		DecodeHook: mapstructure.DecodeHookFuncType(readScalar),
	}})
	if err != nil {
		return nil, decodeError(path, err)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// readScalar reads durations and, unlike mapstructure's own hooks, shows what is
// none and does not take a number for nanoseconds; and it reads true and false
// for words, which mapstructure would take for 1 and 0: diameter.allow_unknown
// is one of three words, two of which YAML takes for a truth value.
func readScalar(_, to reflect.Type, data any) (any, error) {
	duration := to == reflect.TypeFor[time.Duration]()
	switch v := data.(type) {
	case bool:
		if to.Kind() == reflect.String {
			return strconv.FormatBool(v), nil
		}
	case string:
		if !duration {
			break
		}
		d, err := time.ParseDuration(v)
		if _, number := strconv.ParseFloat(v, 64); err != nil && number == nil {
			return nil, fmt.Errorf("%s needs a unit, such as %[1]ss", v)
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not a duration; write 30s, 5m or 24h", v)
		}
		return d, nil
	case int, int64, uint64, float64: // what YAML has for numbers
		if duration {
			return nil, fmt.Errorf("%v needs a unit, such as %[1]vs", v)
		}
	}
	return data, nil
}

// quotedKey is how mapstructure begins an error.
var quotedKey = regexp.MustCompile(`(?m)^'([^'\n]+)' `)

// decodeError makes one sentence of what mapstructure says in a list.
func decodeError(path string, err error) error {
	_, list, found := strings.Cut(err.Error(), "\n\n")
	if !found {
		list = err.Error()
	}
	list = quotedKey.ReplaceAllString(list, "$1: ")
	return configurationError(path, strings.ReplaceAll(list, "\n", "; "))
}

func configurationError(path, what string) error {
	if path != "" {
		path = " " + path
	}
	return fmt.Errorf("configuration%s: %s; `gyro config show` lists every key", path, what)
}

// Validate reports every setting that cannot work, by its key.
func (c *Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if c.Data == "" {
		bad("data", "must name a directory")
	}
	for key, name := range map[string]string{"origin.host": c.Origin.Host, "origin.realm": c.Origin.Realm} {
		if !isIdentity(name) {
			bad(key, "%q is no DiameterIdentity; use a domain name such as ocs.example.org", name)
		}
	}
	for key, address := range map[string]string{"diameter.listen": c.Diameter.Listen, "http.listen": c.HTTP.Listen} {
		if !isAddress(address) {
			bad(key, "%q is not host:port; for example %s", address, Defaults()[key])
		}
	}
	c.validateDiameter(bad)
	c.validateHTTP(bad)
	c.Charging.validate(bad)
	c.Office.validate(bad)
	if d := c.Journal.CheckpointInterval; d < time.Second {
		bad("journal.checkpoint_interval", "%s is too short; at least 1s", d)
	}
	if !oneOf(c.Log.Level, "debug", "info", "warn", "error") {
		bad("log.level", "%q is not one of debug, info, warn, error", c.Log.Level)
	}
	if !oneOf(c.Log.Format, "text", "json") {
		bad("log.format", "%q is not one of text, json", c.Log.Format)
	}
	// By key: the tables above are walked in no order.
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

func (c *Config) validateDiameter(bad func(string, string, ...any)) {
	d := &c.Diameter
	if !oneOf(d.AllowUnknown, "auto", "true", "false") {
		bad("diameter.allow_unknown", "%q is not one of auto, true, false", d.AllowUnknown)
	}
	if d.Watchdog < 6*time.Second {
		bad("diameter.watchdog", "%s is below the 6s that RFC 3539 allows", d.Watchdog)
	}
	d.validatePeers(bad)
	for n := range d.Listeners {
		d.Listeners[n].validate(fmt.Sprintf("diameter.listeners[%d]", n), bad)
	}
	known := isAddress(d.Listen) && oneOf(d.AllowUnknown, "auto", "true", "false") // otherwise who may connect is not
	if known && len(d.Peers) == 0 && !c.AllowUnknownPeers() {
		exposed := d.Listen
		for n := range d.Listeners {
			if address := d.Listeners[n].HostPort(); Loopback(exposed) {
				exposed = address
			}
		}
		bad("diameter.peers", "is empty, and %s is not a loopback address: no gateway could connect; list the Origin-Hosts of your gateways, or set diameter.allow_unknown to true in a laboratory", exposed)
	}
}

// isIdentity reports whether a name can be an Origin-Host or -Realm.
func isIdentity(name string) bool { return name != "" && !strings.ContainsAny(name, " \t/@") }

// hashOfKey is what gyro config api-key prints.
var hashOfKey = regexp.MustCompile(`^sha256:[0-9a-fA-F]{64}$`)

func (c *Config) validateHTTP(bad func(string, string, ...any)) {
	h := &c.HTTP
	if (h.TLS.Cert == "") != (h.TLS.Key == "") {
		bad("http.tls", "cert and key go together; set both or neither")
	}
	if h.TLS.ClientCA != "" && h.TLS.Cert == "" {
		bad("http.tls.client_ca", "needs http.tls.cert and http.tls.key")
	}
	if isAddress(h.Listen) && !Loopback(h.Listen) && len(h.APIKeys) == 0 && h.TLS.ClientCA == "" {
		bad("http.listen", "%s is not a loopback address and nobody would have to authenticate; make a key with `gyro config api-key` and put its hash under http.api_keys, or require client certificates with http.tls.client_ca", h.Listen)
	}
	for n, key := range h.APIKeys {
		if key.Name == "" || !oneOf(key.Scope, "read", "write") {
			bad(fmt.Sprintf("http.api_keys[%d]", n), "needs a name and a scope of read or write")
		}
		if !hashOfKey.MatchString(key.Hash) {
			bad(fmt.Sprintf("http.api_keys[%d].hash", n), "of %q is not the hash of a key; use what `gyro config api-key` prints", key.Name)
		}
	}
}

// AllowUnknownPeers reports whether gateways that are not listed may connect.
func (c *Config) AllowUnknownPeers() bool {
	if c.Diameter.AllowUnknown == "auto" {
		return Loopback(c.Diameter.Listen) && !slices.ContainsFunc(c.Diameter.Listeners, func(l Listener) bool {
			return !Loopback(l.HostPort())
		})
	}
	return c.Diameter.AllowUnknown == "true"
}

// Loopback reports whether an address to listen on is reached from this
// machine only.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// isAddress reports whether an address has the form host:port.
func isAddress(address string) bool {
	_, _, err := net.SplitHostPort(address)
	return err == nil
}

func oneOf(s string, words ...string) bool { return slices.Contains(words, s) }

// shape heads what Show writes: of an empty list nobody could tell what belongs
// into it.
const shape = `# What each key means: docs/operations/configuration.md. The lists have elements such as
#
# diameter:
#   profiles: [{name: pgw-old, base: staros, switches: {reauthorise: abort}}]
#   peers: [{host: pgw01.epc.example.net, profile: pgw-old}, {host: dra01.epc.example.net, relay: true}]
#   listeners: [{address: "127.0.0.1:5658", tls: {cert: ocs.crt, key: ocs.key, client_ca: gateways.crt}}]
# http:
#   api_keys: [{name: billing, hash: "sha256:...", scope: read}]
#
# where gyro config api-key makes a key and prints its hash.

`

// Show writes the effective configuration as YAML that Load reads back. The
// hashes of keys are shown; they are of no use to who does not have the key.
func (c *Config) Show() ([]byte, error) {
	k := koanf.New(".")
	if err := k.Load(structs.Provider(c, "koanf"), nil); err != nil {
		return nil, err
	}
	text, err := k.Marshal(yaml.Parser())
	return append([]byte(shape), text...), err
}
