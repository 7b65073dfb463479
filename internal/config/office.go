package config

import (
	"net"
	"net/mail"
	"net/url"
	"strings"
	"time"
)

// Office is the office half: customers, catalogue, orders, billing. Secrets are
// in files of their own, so that neither this configuration nor the list of
// processes shows them.
type Office struct {
	Enabled bool `koanf:"enabled"`
	// Database is sqlite:PATH or postgres://...; empty is an SQLite file below
	// the data directory.
	Database string `koanf:"database"`
	Listen   string `koanf:"listen"`
	// PublicURL is how clients know the API; BehindProxy says that something in
	// front of it speaks TLS.
	PublicURL   string   `koanf:"public_url"`
	BehindProxy bool     `koanf:"behind_proxy"`
	TLS         TLS      `koanf:"tls"`
	Brand       string   `koanf:"brand"` // what messages to customers are signed with
	Core        Core     `koanf:"core"`
	SMTP        SMTP     `koanf:"smtp"`
	Webhook     Webhook  `koanf:"webhook"`
	Elements    Elements `koanf:"elements"`
	Payment     Payment  `koanf:"payment"`
	OIDC        OIDC     `koanf:"oidc"`
	// Taxes is the file of tax rates and legal entities; empty is what comes with the program.
	Taxes string `koanf:"taxes"`
	// ApprovalAbove is the highest amount that one person refunds, credits, writes off or posts alone: see Amounts.
	ApprovalAbove string `koanf:"approval_above"`
}

// Core is the charging API of a remote engine, for gyro office.
type Core struct {
	URL     string `koanf:"url"`
	KeyFile string `koanf:"key_file"`
}

// SMTP is the mail server that messages to customers are handed to.
type SMTP struct {
	Address      string        `koanf:"address"` // host:port; empty sends no mail
	From         string        `koanf:"from"`
	Username     string        `koanf:"username"`
	PasswordFile string        `koanf:"password_file"`
	TLS          string        `koanf:"tls"` // starttls, tls, none
	Timeout      time.Duration `koanf:"timeout"`
}

// Webhook is how messages to customers' programs, and notifications to listeners, are sent.
type Webhook struct {
	// AllowPrivate lets them go to loopback, private and link-local addresses.
	AllowPrivate bool          `koanf:"allow_private"`
	Timeout      time.Duration `koanf:"timeout"`
}

// Elements are the network elements that orders are carried out on.
type Elements struct {
	HSS     string        `koanf:"hss"`  // base URL; empty is none
	PCRF    string        `koanf:"pcrf"` // base URL; empty is none
	Timeout time.Duration `koanf:"timeout"`
}

// Payment is the payment provider.
type Payment struct {
	Provider          string `koanf:"provider"` // base URL; empty is none
	KeyFile           string `koanf:"key_file"`
	WebhookSecretFile string `koanf:"webhook_secret_file"`
}

// OIDC is the issuer whose bearer tokens the office's API takes.
type OIDC struct {
	Issuer    string `koanf:"issuer"` // empty is none
	Audience  string `koanf:"audience"`
	RoleClaim string `koanf:"role_claim"`
	// Roles are the words of the claim and the roles that they give: bss-finance=finance,bss-admin=administrator.
	Roles string `koanf:"roles"`
}

func officeDefaults(defaults map[string]any) {
	for key, value := range map[string]any{
		"enabled": true, "database": "", "listen": "127.0.0.1:8090", "public_url": "", "behind_proxy": false,
		"tls.cert": "", "tls.key": "", "tls.client_ca": "", "brand": "Gyro Mobile", "taxes": "",
		"core.url": "", "core.key_file": "",
		"smtp.address": "", "smtp.from": "", "smtp.username": "", "smtp.password_file": "", "smtp.tls": "starttls", "smtp.timeout": "30s",
		"webhook.allow_private": false, "webhook.timeout": "10s",
		"elements.hss": "", "elements.pcrf": "", "elements.timeout": "3s",
		"payment.provider": "", "payment.key_file": "", "payment.webhook_secret_file": "",
		"approval_above": "0", "oidc.issuer": "", "oidc.audience": "gyro", "oidc.role_claim": "roles", "oidc.roles": "",
	} {
		defaults["office."+key] = value
	}
}

// maxWait bounds what the office waits for another system.
const maxWait = 5 * time.Minute

func (o *Office) validate(bad func(string, string, ...any)) {
	if !isAddress(o.Listen) {
		bad("office.listen", "%q is not host:port; for example %s", o.Listen, Defaults()["office.listen"])
	}
	if scheme, rest, found := strings.Cut(o.Database, ":"); found && (rest == "" || strings.HasPrefix(rest, "//") && scheme != "postgres" && scheme != "postgresql") {
		bad("office.database", "%q is neither sqlite:PATH nor postgres://user@host/name", withoutPassword(o.Database))
	}
	for key, address := range map[string]string{
		"office.public_url": o.PublicURL, "office.core.url": o.Core.URL, "office.elements.hss": o.Elements.HSS,
		"office.elements.pcrf": o.Elements.PCRF, "office.payment.provider": o.Payment.Provider,
	} {
		if address != "" && !isBase(address) {
			bad(key, "%q is no base URL; write it as http://192.0.2.10:8080", withoutPassword(address))
		}
	}
	for key, d := range map[string]time.Duration{
		"office.smtp.timeout": o.SMTP.Timeout, "office.webhook.timeout": o.Webhook.Timeout, "office.elements.timeout": o.Elements.Timeout,
	} {
		if d < 100*time.Millisecond || d > maxWait {
			bad(key, "%s is not from 100ms to %s", d, maxWait)
		}
	}
	if _, err := Amounts(o.ApprovalAbove); err != nil {
		bad("office.approval_above", "%v", err)
	}
	o.validateTLS(bad)
	o.SMTP.validate(bad)
}

func (o *Office) validateTLS(bad func(string, string, ...any)) {
	if (o.TLS.Cert == "") != (o.TLS.Key == "") {
		bad("office.tls", "cert and key go together; set both or neither")
	}
	if o.TLS.ClientCA != "" && o.TLS.Cert == "" {
		bad("office.tls.client_ca", "needs office.tls.cert and office.tls.key")
	}
	if isAddress(o.Listen) && !Loopback(o.Listen) && o.TLS.Cert == "" && !o.BehindProxy {
		bad("office.listen", "%s is not a loopback address, and keys and passwords would travel in the clear; set office.tls.cert and office.tls.key, or office.behind_proxy where a proxy in front speaks TLS", o.Listen)
	}
}

func (s *SMTP) validate(bad func(string, string, ...any)) {
	if !oneOf(s.TLS, "starttls", "tls", "none") {
		bad("office.smtp.tls", "%q is not one of starttls, tls, none", s.TLS)
	}
	if s.From != "" {
		if _, err := mail.ParseAddress(s.From); err != nil {
			bad("office.smtp.from", "%q is no e-mail address; write bills@example.org or Gyro Mobile <bills@example.org>", s.From)
		}
	}
	if s.Address == "" {
		return
	}
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		bad("office.smtp.address", "%q is not host:port; for example mail.example.org:587", s.Address)
	}
	if s.From == "" {
		bad("office.smtp.from", "is empty; messages need a sender, such as bills@example.org")
	}
	if s.Username != "" && s.TLS == "none" && err == nil && !Loopback(net.JoinHostPort(host, "0")) {
		bad("office.smtp.tls", "is none, and the password would travel to %s in the clear; use starttls or tls", s.Address)
	}
}

// isBase reports whether an address is a base URL: scheme and host, no more than
// a path.
func isBase(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// withoutPassword is an address as an error may show it.
func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "..."
	}
	return u.Redacted()
}
