package sender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"gyro/customer"
	"gyro/internal/outbound"
)

// SignatureHeader has the signature of a webhook's body: outbound.Sign.
const SignatureHeader = "X-Gyro-Signature"

// WebhookOptions say how customers' webhooks are called.
type WebhookOptions struct {
	// AllowPrivate lets them be on loopback, private and link-local addresses.
	AllowPrivate bool
	Timeout      time.Duration    // of one message; 0 is DefaultWebhookTimeout
	Now          func() time.Time // of the signature; nil is time.Now
}

// DefaultWebhookTimeout is what a program on the Internet may take to accept a
// message.
const DefaultWebhookTimeout = 10 * time.Second

// Webhook sends to customers' programs.
type Webhook struct {
	client *http.Client
	now    func() time.Time
}

// NewWebhook returns a sender to webhooks.
func NewWebhook(o WebhookOptions) *Webhook {
	if o.Timeout == 0 {
		o.Timeout = DefaultWebhookTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Webhook{outbound.NewClient(outbound.Options{AllowPrivate: o.AllowPrivate, Timeout: o.Timeout}), o.Now}
}

// Document is the body of a webhook.
type Document struct {
	ID       string          `json:"id"` // the same at every attempt
	Key      string          `json:"key"`
	Template string          `json:"template"`
	Language string          `json:"language"`
	Subject  string          `json:"subject"`
	Body     string          `json:"body"`
	Data     json.RawMessage `json:"data"`
	At       string          `json:"at"` // RFC 3339
}

// maxAnswer is how much is read of an answer, so that the connection can be used
// again; maxShown how much of it is kept.
const (
	maxAnswer = 64 << 10
	maxShown  = 200
)

// Send implements customer.Sender. Accepted is any 2xx; a 4xx is for good, but
// for those by which a receiver asks to try later (408, 425, 429).
func (w *Webhook) Send(ctx context.Context, letter customer.Letter) (reply string, err error) {
	body, err := json.Marshal(Document{
		ID: strconv.FormatInt(letter.ID, 10), Key: letter.Key, Template: letter.Template, Language: letter.Language,
		Subject: letter.Subject, Body: letter.Body, Data: letter.Data, At: letter.At.Time().Format(time.RFC3339),
	})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, letter.To, bytes.NewReader(body))
	if err != nil {
		return "", &customer.Refused{Reply: err.Error()}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "gyro")
	request.Header.Set(SignatureHeader, outbound.Sign(letter.Secret, w.now(), body))
	response, err := w.client.Do(request)
	if errors.Is(err, outbound.ErrPrivate) {
		return "", &customer.Refused{Reply: err.Error()}
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }() // what is left of it is of no interest
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("the answer broke off: %w", err)
	}
	reply = response.Status
	if shown := answer[:min(len(answer), maxShown)]; len(shown) > 0 {
		reply += ": " + string(shown)
	}
	switch {
	case response.StatusCode/100 == 2:
		return reply, nil
	case response.StatusCode/100 == 4 && response.StatusCode != http.StatusRequestTimeout && response.StatusCode != http.StatusTooEarly &&
		response.StatusCode != http.StatusTooManyRequests:
		return "", &customer.Refused{Reply: reply}
	}
	return "", errors.New(reply)
}
