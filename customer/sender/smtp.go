package sender

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"gyro/customer"
)

// Security is how a connection to a mail server is protected.
type Security string

// The kinds of protection.
const (
	StartTLS Security = "starttls" // from EHLO on (RFC 3207), or nothing is sent
	TLS      Security = "tls"      // from the first octet (RFC 8314)
	None     Security = "none"
)

// SMTPOptions say which mail server takes messages.
type SMTPOptions struct {
	Address            string // host:port
	From               string // bills@example.org, or Gyro Mobile <bills@example.org>
	Username, Password string // empty does not log in
	Security           Security
	Timeout            time.Duration // of one message; 0 is DefaultSMTPTimeout
	Roots              *tls.Config   // whom to trust; nil is the system's authorities
}

// DefaultSMTPTimeout is longer than a busy server takes to accept a message.
const DefaultSMTPTimeout = 30 * time.Second

// SMTP sends by a mail server.
type SMTP struct {
	client func() (*gomail.Client, error)
	from   mail.Address
	domain string
}

// NewSMTP returns a sender by the mail server at o.Address.
func NewSMTP(o SMTPOptions) (*SMTP, error) {
	from, err := mail.ParseAddress(o.From)
	if err != nil {
		return nil, fmt.Errorf("sender %q: %w", o.From, err)
	}
	host, service, err := net.SplitHostPort(o.Address)
	if err != nil {
		return nil, fmt.Errorf("mail server %q: %w", o.Address, err)
	}
	port, err := strconv.Atoi(service)
	if err != nil {
		return nil, fmt.Errorf("mail server %q: %q is no port", o.Address, service)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultSMTPTimeout
	}
	options := []gomail.Option{gomail.WithPort(port), gomail.WithTimeout(o.Timeout), gomail.WithTLSPolicy(gomail.TLSMandatory)}
	switch o.Security {
	case StartTLS:
	case TLS:
		options = append(options, gomail.WithSSL())
	case None:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return nil, fmt.Errorf("mail server %q: protection %q is none of starttls, tls, none", o.Address, o.Security)
	}
	if o.Roots != nil {
		settings := o.Roots.Clone()
		settings.ServerName = host
		options = append(options, gomail.WithTLSConfig(settings))
	}
	if o.Username != "" {
		auth := gomail.SMTPAuthAutoDiscover
		if o.Security == None {
			auth = gomail.SMTPAuthPlainNoEnc // the configuration allows it on this machine only
		}
		options = append(options, gomail.WithSMTPAuth(auth), gomail.WithUsername(o.Username), gomail.WithPassword(o.Password))
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	s := &SMTP{from: *from, domain: domain, client: func() (*gomail.Client, error) { return gomail.NewClient(host, options...) }}
	_, err = s.client()
	return s, err
}

// Send implements customer.Sender, with a connection for each message: the
// outbox of an operator of this size is drained by a handful at a time, and a
// connection that is kept fails with the message after the one it was made for.
func (s *SMTP) Send(ctx context.Context, letter customer.Letter) (reply string, err error) {
	message, err := s.message(&letter)
	if err != nil {
		return "", &customer.Refused{Reply: err.Error()}
	}
	client, err := s.client()
	if err != nil {
		return "", err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return "", fmt.Errorf("mail server: %w", err)
	}
	err = client.Send(message)
	_ = client.Close() // the server has the message, or has it not, by now
	if message.IsDelivered() {
		return "accepted as " + message.GetMessageID(), nil
	}
	const permanent, beyond = 500, 600
	refused := (*gomail.SendError)(nil)
	if errors.As(err, &refused) && refused.ErrorCode() >= permanent && refused.ErrorCode() < beyond {
		return "", &customer.Refused{Reply: refused.Error()}
	}
	return "", fmt.Errorf("mail server: %w", err)
}

// message is a letter as a mail: plain text, from a program that wants no answer
// by another one (RFC 3834 section 5).
func (s *SMTP) message(letter *customer.Letter) (*gomail.Msg, error) {
	m := gomail.NewMsg()
	m.FromMailAddress(&s.from)
	m.ToMailAddress(&mail.Address{Name: letter.Name, Address: letter.To})
	m.Subject(letter.Subject)
	m.SetMessageIDWithValue(fmt.Sprintf("notification-%d@%s", letter.ID, s.domain))
	m.SetDateWithValue(letter.At.Time())
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("Content-Language", letter.Language)
	m.SetBodyString(gomail.TypeTextPlain, letter.Body)
	if len(m.GetToString()) != 1 || len(m.GetFromString()) != 1 {
		return nil, fmt.Errorf("%q is no address that mail can be sent to", letter.To)
	}
	return m, nil
}
