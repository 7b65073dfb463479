package sender

import (
	"errors"
	"io"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// sink is a real mail server that keeps what it accepts, and can be told to
// refuse, to have no time, or to die in the middle of a message.
type sink struct {
	t        testing.TB
	address  string
	listener net.Listener

	mu       sync.Mutex
	accepted []*mail.Message
	bodies   []string
	behave   []string // of the next messages: refuse, later, die, die-accepted; then accept
}

func newSink(t testing.TB) *sink {
	t.Helper()
	s := &sink{t: t}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address, s.listener = listener.Addr().String(), listener
	server := smtp.NewServer(s)
	server.Domain, server.AllowInsecureAuth = "sink.example", true
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return s
}

// next says how the next messages are treated.
func (s *sink) next(behave ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behave = behave
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.accepted)
}

// NewSession implements smtp.Backend.
func (s *sink) NewSession(c *smtp.Conn) (smtp.Session, error) { return &session{sink: s, conn: c}, nil }

type session struct {
	sink *sink
	conn *smtp.Conn
	now  string
}

func (*session) Reset()        {}
func (*session) Logout() error { return nil }

func (s *session) Mail(string, *smtp.MailOptions) error {
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	if s.now = ""; len(s.sink.behave) > 0 {
		s.now, s.sink.behave = s.sink.behave[0], s.sink.behave[1:]
	}
	return nil
}

func (s *session) Rcpt(string, *smtp.RcptOptions) error {
	switch s.now {
	case "refuse":
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user here"}
	case "later":
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try again"}
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	if s.now == "die" { // with half of the message read
		return errors.Join(s.conn.Conn().Close(), errors.New("dead"))
	}
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(message.Body)
	if err != nil {
		return err
	}
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.accepted = append(s.sink.accepted, message)
	s.sink.bodies = append(s.sink.bodies, strings.ReplaceAll(string(body), "\r\n", "\n"))
	if s.now == "die-accepted" { // accepted, and gone before it could say so
		return errors.Join(s.conn.Conn().Close(), errors.New("dead"))
	}
	return nil
}
