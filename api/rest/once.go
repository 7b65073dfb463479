package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"

	"gyro/internal/database"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
	"github.com/valyala/fasthttp"
)

const (
	// keyHeader names a request, so that one that is sent again has its effect once.
	keyHeader = "Idempotency-Key"
	// replayedHeader says that an answer is that of an earlier request with the same key.
	replayedHeader = "Idempotency-Replayed"
	// maxKey is the longest key in octets; a UUID has 36.
	maxKey = 128
)

// Key is the request's Idempotency-Key, "" if it has none. What is no key is refused.
func (c *Call) Key() (string, error) {
	key := c.Header(keyHeader)
	if len(key) > maxKey {
		return "", refusal.New(refusal.Invalid, "invalid_header", keyHeader, "it is longer than %d characters; a UUID will do", maxKey)
	}
	for _, b := range []byte(key) {
		if b <= ' ' || b > '~' {
			return "", refusal.New(refusal.Invalid, "invalid_header", keyHeader, "%q has other characters than visible ASCII; a UUID will do", key)
		}
	}
	return key, nil
}

// NeedKey is Key where there must be one: whatever moves money.
func (c *Call) NeedKey() (string, error) {
	key, err := c.Key()
	if err == nil && key == "" {
		err = refusal.New(refusal.Invalid, "idempotency_key_missing", keyHeader,
			"this moves money, and must not do so twice when an answer is lost: send a key of your own, new for each movement, such as a UUID")
	}
	return key, err
}

// NoKey refuses a request with an Idempotency-Key where what is sent or answered must not be kept, and why.
func (c *Call) NoKey(why string) error {
	if c.Header(keyHeader) == "" {
		return nil
	}
	return refusal.New(refusal.Invalid, "idempotency_key_refused", keyHeader, "%s, which is not kept for a second request; leave the key out", why)
}

// Reader is what reads the database: a transaction that changes nothing.
type Reader = bun.IDB

// Read runs fn on one consistent view of the database.
func (c *Call) Read(ctx context.Context, fn func(ctx context.Context, q Reader) error) error {
	return c.DB().Read(ctx, fn)
}

// kept is an answer as it is remembered.
type kept struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"` // text, so that whoever keeps it escapes nothing in it
}

// Scope keeps keys apart by who sent them, and where: a key of one client says nothing to another.
func (c *Call) Scope() string {
	return c.principal.Name + " " + string(c.http.Method()) + " " + string(c.http.Path())
}

// Write runs fn in one transaction of the database, for the one who asks. If the
// request has an Idempotency-Key, fn runs once for it: who sends the same request
// with it again gets the same answer, another request with it is a Conflict.
// A request that is refused leaves its key free.
//
// fn may run several times (see database.DB.Write), and must not wait for other
// systems.
func (c *Call) Write(ctx context.Context, fn func(ctx context.Context, tx *database.Tx) (*Answer, error)) (answer *Answer, err error) {
	key, err := c.Key()
	if err != nil {
		return nil, err
	}
	err = c.DB().Write(ctx, c.Actor(), func(ctx context.Context, tx *database.Tx) error {
		if key == "" {
			answer, err = fn(ctx, tx)
			return err
		}
		answer, err = c.once(ctx, tx, key, fn)
		return err
	})
	return answer, err
}

func (c *Call) once(ctx context.Context, tx *database.Tx, key string, fn func(ctx context.Context, tx *database.Tx) (*Answer, error)) (*Answer, error) {
	replay, first, err := tx.Once(ctx, c.Scope(), key, c.asked())
	if err != nil {
		return nil, err
	}
	if !first {
		return again(replay)
	}
	answer, err := fn(ctx, tx)
	if err != nil {
		return nil, err
	}
	return answer, c.remember(ctx, tx, key, answer)
}

// again is an answer as it was remembered.
func again(replay []byte) (*Answer, error) {
	var was kept
	if err := json.Unmarshal(replay, &was); err != nil {
		return nil, err
	}
	return &Answer{Status: was.Status, Header: was.Header, Raw: []byte(was.Body), ContentType: jsonType}, nil
}

// remember keeps an answer for those who send the request again.
func (c *Call) remember(ctx context.Context, tx *database.Tx, key string, answer *Answer) error {
	keep := kept{Status: answer.Status, Header: answer.Header}
	if keep.Status == 0 {
		keep.Status = c.endpoint.status()
	}
	if answer.Body != nil {
		body, err := encode(answer.Body)
		if err != nil {
			return err
		}
		keep.Body = string(body) + "\n"
	}
	return tx.Remember(ctx, c.Scope(), key, keep)
}

// Perform is Write for what takes several transactions, or asks other systems: fn must be safe to repeat, for a process
// that is killed before the answer is kept has the request carried out again. Of two at once with one key both may
// be carried out, and get the same answer.
func (c *Call) Perform(ctx context.Context, fn func(ctx context.Context) (*Answer, error)) (answer *Answer, err error) {
	key, err := c.Key()
	if err != nil {
		return nil, err
	}
	if key == "" {
		return fn(ctx)
	}
	var before []byte
	err = c.DB().Read(ctx, func(ctx context.Context, q bun.IDB) error {
		before, err = database.Recall(ctx, q, c.Scope(), key, c.asked())
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(before) > 0 {
		return again(before)
	}
	if answer, err = fn(ctx); err != nil {
		return nil, err
	}
	err = c.DB().Write(ctx, c.Actor(), func(ctx context.Context, tx *database.Tx) error {
		replay, first, err := tx.Once(ctx, c.Scope(), key, c.asked())
		if err != nil {
			return err
		}
		if !first && len(replay) > 0 {
			answer, err = again(replay)
			return err
		}
		return c.remember(ctx, tx, key, answer)
	})
	return answer, err
}

// usedKey says of a key that came with another request before what to do.
func usedKey(err error, key string) error {
	if key != "" && errors.Is(err, database.ErrKeyReused) {
		return refusal.New(refusal.Conflict, "idempotency_key_reused", keyHeader, "%q was used for another request; a new request needs a new key", key)
	}
	return err
}

// tellReplay has an answer say that it is that of an earlier request.
func (a *Answer) tellReplay() {
	header := map[string]string{replayedHeader: "true"}
	maps.Copy(header, a.Header)
	a.Header = header
}

// asked is what a request says, by which a repetition is told apart from another request: its parameters and its body.
func (c *Call) asked() any {
	return []any{c.Query(), normal(c.Body())}
}

// normal is a body such that two that say the same are equal: the order of fields and the space between them say nothing.
func normal(body []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil {
		return string(body)
	}
	return v
}

func (e *Endpoint) status() int {
	if e.Status == 0 {
		return fasthttp.StatusOK
	}
	return e.Status
}
