package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"gyro/internal/database"
	"gyro/internal/outbound"
	"gyro/internal/refusal"
)

// SignatureHeader has, for listeners with a secret, t=MOMENT,v1=HMAC: SHA-256 over MOMENT, a dot and the body, in
// hexadecimal; MOMENT is in seconds since 1970, so that a listener can refuse what is old.
const SignatureHeader = "X-Gyro-Signature"

// notification is the body of what a listener is sent, as TM Forum's events have it.
type notification struct {
	EventID       string         `json:"eventId"`
	EventTime     string         `json:"eventTime"`
	EventType     string         `json:"eventType"`
	CorrelationID string         `json:"correlationId,omitempty"`
	Domain        string         `json:"domain"`
	Title         string         `json:"title"`
	ID            string         `json:"id"`
	Event         map[string]any `json:"event"`
}

// body makes the notification of an event. The entity in it is as it is now; its state is that which the event tells of.
func (s *Service) body(ctx context.Context, l *Listener, e *database.StoredEvent) ([]byte, error) {
	_, resource := split(e.Type)
	var entity any = map[string]any{"id": e.ID}
	if s.o.Document != nil {
		found, err := s.o.Document(ctx, l.API, resource, e.ID)
		switch refused := refusal.Of(err); {
		case refused != nil && refused.Kind == refusal.NotFound: // it is gone by now
		case err != nil:
			return nil, err
		case found != nil:
			entity = found
		}
	}
	entity, err := withState(entity, e.Payload)
	if err != nil {
		return nil, err
	}
	return json.Marshal(notification{
		EventID: id(e.Seq), EventTime: e.At.Time().Format("2006-01-02T15:04:05.000Z07:00"), EventType: e.Type, CorrelationID: e.Request,
		Domain: fmt.Sprintf("TMF%d", l.API), Title: e.Type + " of " + e.Entity + " " + e.ID, ID: e.ID,
		Event: map[string]any{resource: entity},
	})
}

// withState is the entity with the state or status that the event tells of: by now there may be another.
func withState(entity any, payload json.RawMessage) (any, error) {
	raw, err := json.Marshal(entity)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	var told map[string]json.RawMessage
	if err := json.Unmarshal(payload, &told); err != nil {
		told = nil // the payload is no object, and tells of no state
	}
	for _, name := range []string{"state", "status"} {
		if _, has := fields[name]; has && len(told[name]) > 0 && told[name][0] == '"' {
			fields[name] = told[name]
		}
	}
	return fields, nil
}

// send delivers one event; nil says that the listener has it.
func (s *Service) send(ctx context.Context, l *Listener, e *database.StoredEvent) error {
	body, err := s.body(ctx, l, e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.Callback, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "gyro")
	if l.Secret != "" {
		request.Header.Set(SignatureHeader, outbound.Sign(l.Secret, s.db.Now().Time(), body))
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.deliveries.WithLabelValues("unreachable").Inc()
		return err
	}
	defer func() { _ = response.Body.Close() }() // what is left of it is of no interest
	if _, err := io.CopyN(io.Discard, response.Body, maxAnswer); err != nil && !errors.Is(err, io.EOF) {
		s.deliveries.WithLabelValues("unreachable").Inc()
		return err
	}
	if response.StatusCode/100 != 2 {
		s.deliveries.WithLabelValues("refused").Inc()
		return fmt.Errorf("%w %s", errStatus, response.Status)
	}
	s.deliveries.WithLabelValues("delivered").Inc()
	return nil
}

// maxAnswer is how much is read of an answer, so that the connection can be used again.
const maxAnswer = 64 << 10
