package api

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gyro/balance"
	"gyro/charging"
	"gyro/charging/usage"
	"gyro/internal/money"

	"github.com/valyala/fasthttp"
)

// Header names.
const (
	idempotencyKey = "Idempotency-Key"
	replayedHeader = "Idempotent-Replayed"
)

// maxKey is the longest Idempotency-Key: a UUID with room for a prefix.
const maxKey = 128

// maxReason is the longest reason. Each reason is a ledger account that stays
// for ever, so it is a code, not a text.
const maxReason = 64

// movementBody is what top-ups and adjustments take.
type movementBody struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	Reason   string `json:"reason"`
}

// movementView answers them. It consists of what the request said and the
// outcome that the core stored for it, so that a duplicate is answered the
// same.
type movementView struct {
	Record   uint64 `json:"record"`
	Kind     string `json:"kind"`
	Account  string `json:"account"`
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	Reason   string `json:"reason"`
	Balance  string `json:"balance"` // of the account's own money, afterwards
}

func (s *Server) topUp(r *request) error { return s.move(r, charging.KindTopUp, usage.TopUp) }

func (s *Server) adjust(r *request) error { return s.move(r, charging.KindAdjust, usage.Adjustment) }

func (s *Server) move(r *request, kind charging.Kind, shown usage.Kind) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	account, err := r.param("account")
	if err != nil {
		return err
	}
	key, err := r.idempotencyKey()
	if err != nil {
		return err
	}
	var body movementBody
	if err := r.decode(&body); err != nil {
		return err
	}
	decimals := paidDecimals
	if kind == charging.KindAdjust {
		decimals = keptDecimals
	}
	command, err := body.command(account, key, decimals)
	if err != nil {
		return err
	}
	reply, err := s.o.Engine.Do(r.ctx, kind, command)
	if err != nil {
		return err
	}
	if err := refusal(&reply); err != nil {
		return err
	}
	if reply.Replayed {
		r.Response.Header.Set(replayedHeader, "true")
	}
	return r.answer(fasthttp.StatusCreated, movementView{
		Record: reply.Record, Kind: shown.String(), Account: account, Amount: decimal(command.Amount, command.Currency),
		Currency: command.Currency.String(), Reason: command.Reason, Balance: decimal(money.Amount(reply.Amount), command.Currency),
	})
}

// idempotencyKey reads the header that makes a movement safe to repeat.
func (r *request) idempotencyKey() (string, error) {
	all := r.Request.Header.PeekAll(idempotencyKey)
	if len(all) == 0 || len(all[0]) == 0 {
		return "", badParameter("the header %s is missing; send a value of your own that is new for each movement, such as a UUID, "+
			"and the same one when you repeat a request", idempotencyKey)
	}
	if len(all) > 1 {
		return "", badParameter("the header %s is there %d times; send it once", idempotencyKey, len(all))
	}
	key := string(all[0])
	if len(key) > maxKey {
		return "", badParameter("the header %s has %d characters; use 1 to %d", idempotencyKey, len(key), maxKey)
	}
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return "", badParameter("the header %s is not printable ASCII; use letters, digits and punctuation", idempotencyKey)
		}
	}
	return key, nil
}

func (b *movementBody) command(account, key string, decimals precision) (*charging.MoveMoney, error) {
	currency, err := parseCurrency(b.Currency, "use the account's, an ISO 4217 code such as EUR")
	if err != nil {
		return nil, err
	}
	if b.Amount == "" {
		return nil, missing("amount", `write a decimal in quotes, such as "10.00"`)
	}
	amount, err := parseAmount("amount", b.Amount, currency, decimals)
	if err != nil {
		return nil, err
	}
	if amount > balance.MaxAmount || amount < -balance.MaxAmount {
		return nil, invalid("amount", quoted(b.Amount)+" is out of range", "use at most "+decimal(balance.MaxAmount, currency))
	}
	if b.Reason == "" {
		return nil, missing("reason", "use a code such as voucher")
	}
	if !isName(b.Reason, maxReason, "-_.") {
		return nil, invalid("reason", quoted(b.Reason)+" is not a reason code", "use 1 to "+strconv.Itoa(maxReason)+" letters, digits, -, _ and ., such as voucher")
	}
	c := &charging.MoveMoney{Account: account, Amount: amount, Currency: currency, Reason: b.Reason, Key: key}
	c.Digest = digestOf(c)
	return c, nil
}

// digestOf tells two bodies under one key apart. It is taken of the values,
// not of the octets: "1.0" and "1.00" are the same request.
func digestOf(c *charging.MoveMoney) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", int64(c.Amount), c.Currency, c.Reason))
	return binary.BigEndian.Uint64(sum[:])
}

// precision is how fine an amount may be.
type precision uint8

const (
	// paidDecimals are those of the currency: what people pay and agree on.
	paidDecimals precision = iota
	// keptDecimals are the six in which balances are kept. Only an adjustment
	// has them: prices leave parts of a cent in an account, and nothing else
	// could book them out.
	keptDecimals
)

// parseAmount reads a decimal of at most the given precision.
func parseAmount(key, text string, currency money.Currency, decimals precision) (money.Amount, error) {
	most := currency.Exponent()
	if decimals == keptDecimals {
		most = money.Decimals
	}
	amount, err := money.Parse(text, most)
	switch {
	case errors.Is(err, money.ErrPrecision) && decimals == keptDecimals:
		return 0, invalid(key, fmt.Sprintf("%s has more than the %d decimals in which balances are kept", quoted(text), money.Decimals), "round it")
	case errors.Is(err, money.ErrPrecision):
		return 0, invalid(key, fmt.Sprintf("%s has more decimals than %s, which is paid in %d", quoted(text), currency, currency.Exponent()), "round it")
	case err == nil && leadsWithZero(text):
		return 0, invalid(key, quoted(text)+" begins with a zero too many", "leave it out")
	case errors.Is(err, money.ErrRange):
		return 0, invalid(key, quoted(text)+" is out of range", "use at most "+decimal(balance.MaxAmount, currency))
	case err != nil:
		return 0, invalid(key, quoted(text)+" is not an amount", `write a decimal in quotes, such as "10.00"`)
	}
	return amount, nil
}

// leadsWithZero reports whether a decimal has a zero before its first digit, as
// a slip of the keys leaves it: "0100.00" may be meant for 100.00 or for 10100.00.
func leadsWithZero(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return len(digits) > 1 && digits[0] == '0' && digits[1] != '.'
}

func parseCurrency(text, remedy string) (money.Currency, error) {
	if text == "" {
		return 0, missing("currency", remedy)
	}
	currency, err := money.ParseCurrency(text)
	if err != nil {
		return 0, invalid("currency", "unknown currency "+quoted(text), remedy)
	}
	return currency, nil
}

// missing refuses a body without a field that is needed.
func missing(key, remedy string) *problem {
	return invalid(key, "the field is missing or empty", remedy)
}

// quoted shows what a client sent, shortened to what a message can bear.
func quoted(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

func index(key string, n int) string { return key + "[" + strconv.Itoa(n) + "]" }
