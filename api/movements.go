package api

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gyro/balance"
	"gyro/charging"
	"gyro/charging/engine"
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

// settledReason is why a settlement is made that does not say it.
const settledReason = "billed"

// moneyBody is an amount and why it moves: what every movement takes.
type moneyBody struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	Reason   string `json:"reason"`
}

// movementView answers a movement. It consists of what the request said and the
// outcome that the core stored for it, so that a duplicate is answered the
// same.
type movementView struct {
	Record   uint64 `json:"record"`
	Kind     string `json:"kind"`
	Account  string `json:"account"`
	To       string `json:"to,omitempty"` // of a transfer
	Amount   string `json:"amount,omitempty"`
	Currency string `json:"currency"`
	Reason   string `json:"reason,omitempty"`
	Balance  string `json:"balance"` // of the account's own money, afterwards
}

// change is a change of an account as a request states it: something that must
// happen once, however often the request is sent.
type change struct {
	kind charging.Kind
	// body is what the request's is decoded into.
	body any
	// command makes the core's command of it.
	command func(account, key string) (any, error)
	// view is the answer. It may say what the request said and what is in the
	// reply, which the core stores, so that a duplicate is answered the same.
	view func(account string, reply *engine.Reply) any
}

// carryOut gives the core a command; one that it refuses is an error.
func (s *Server) carryOut(r *request, kind charging.Kind, command any) (engine.Reply, error) {
	reply, err := s.o.Engine.Do(r.ctx, kind, command)
	if err == nil {
		err = refusal(&reply)
	}
	return reply, err
}

// change carries a change out once.
func (s *Server) change(r *request, c *change) error {
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
	if err := r.decode(c.body); err != nil {
		return err
	}
	command, err := c.command(account, key)
	if err != nil {
		return err
	}
	reply, err := s.carryOut(r, c.kind, command)
	if err != nil {
		return err
	}
	if reply.Replayed {
		r.Response.Header.Set(replayedHeader, "true")
	}
	return r.answer(fasthttp.StatusCreated, c.view(account, &reply))
}

// movement is a change that moves money.
type movement struct {
	kind  charging.Kind
	shown usage.Kind
	body  any
	// command also fills in what the answer repeats of the request.
	command func(account, key string) (command any, view movementView, err error)
}

func (s *Server) move(r *request, m *movement) error {
	var view movementView
	return s.change(r, &change{m.kind, m.body, func(account, key string) (command any, err error) {
		command, view, err = m.command(account, key)
		return command, err
	}, func(account string, reply *engine.Reply) any {
		view.Record, view.Kind, view.Account = reply.Record, m.shown.String(), account
		view.Currency, view.Balance = money.Currency(reply.Currency).String(), balanceOf(reply)
		return view
	}})
}

// topUpBody is what a top-up takes.
type topUpBody struct {
	moneyBody
	// ExtendsDays is how many days it makes the account's subscribers valid.
	ExtendsDays uint16     `json:"extends_days"`
	Bonus       *bonusBody `json:"bonus"`
}

// bonusBody is money that comes with a top-up.
type bonusBody struct {
	Promotion string `json:"promotion"`
	Amount    string `json:"amount"`
	Days      uint16 `json:"days"`
}

func (s *Server) topUp(r *request) error {
	var body topUpBody
	return s.move(r, &movement{charging.KindTopUp, usage.TopUp, &body, func(account, key string) (any, movementView, error) {
		c, view, err := body.command(account, key, paidDecimals)
		if err != nil {
			return nil, view, err
		}
		c.ExtendsDays = body.ExtendsDays
		if c.Bonus, err = body.Bonus.command(c.Currency); err != nil {
			return nil, view, err
		}
		c.Digest = digestOf(*c)
		return c, view, nil
	}})
}

func (b *bonusBody) command(currency money.Currency) (*charging.Bonus, error) {
	if b == nil {
		return nil, nil
	}
	if !isName(b.Promotion, maxReason, "-_.") {
		return nil, invalid("bonus.promotion", quoted(b.Promotion)+" is not a name", "use 1 to "+strconv.Itoa(maxReason)+" letters, digits, -, _ and .")
	}
	amount, err := parseAmount("bonus.amount", b.Amount, currency, paidDecimals)
	if err != nil {
		return nil, err
	}
	return &charging.Bonus{Promotion: b.Promotion, Amount: amount, Days: b.Days}, nil
}

// adjustmentBody is what an adjustment takes. Who asks for it and who approved
// it are named in the body only where nobody is authenticated.
type adjustmentBody struct {
	moneyBody
	approvalBody
}

func (s *Server) adjust(r *request) error {
	var body adjustmentBody
	return s.move(r, &movement{charging.KindAdjust, usage.Adjustment, &body, func(account, key string) (any, movementView, error) {
		c, view, err := body.moneyBody.command(account, key, keptDecimals)
		if err != nil {
			return nil, view, err
		}
		if c.AskedBy, c.ApprovedBy, err = s.approval(r, &body.approvalBody); err != nil {
			return nil, view, err
		}
		c.Digest = digestOf(*c)
		return c, view, nil
	}})
}

// settle takes what was billed elsewhere off what an account owes.
func (s *Server) settle(r *request) error {
	var body moneyBody
	return s.move(r, &movement{charging.KindSettle, usage.Settlement, &body, func(account, key string) (any, movementView, error) {
		if body.Reason == "" {
			body.Reason = settledReason
		}
		c, view, err := body.command(account, key, keptDecimals)
		if err != nil {
			return nil, view, err
		}
		c.Digest = digestOf(*c)
		return c, view, nil
	}})
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

func (b *moneyBody) command(account, key string, decimals precision) (*charging.MoveMoney, movementView, error) {
	amount, currency, err := b.money(decimals)
	if err != nil {
		return nil, movementView{}, err
	}
	return &charging.MoveMoney{Account: account, Amount: amount, Currency: currency, Reason: b.Reason, Key: key}, b.view(amount, currency), nil
}

// view is what the answer repeats.
func (b *moneyBody) view(amount money.Amount, currency money.Currency) movementView {
	return movementView{Amount: decimal(amount, currency), Reason: b.Reason}
}

// money reads the amount and its currency and checks the reason.
func (b *moneyBody) money(decimals precision) (money.Amount, money.Currency, error) {
	currency, err := parseCurrency(b.Currency, "use the account's, an ISO 4217 code such as EUR")
	if err != nil {
		return 0, 0, err
	}
	if b.Amount == "" {
		return 0, 0, missing("amount", `write a decimal in quotes, such as "10.00"`)
	}
	amount, err := parseAmount("amount", b.Amount, currency, decimals)
	if err != nil {
		return 0, 0, err
	}
	if amount > balance.MaxAmount || amount < -balance.MaxAmount {
		return 0, 0, invalid("amount", quoted(b.Amount)+" is out of range", "use at most "+decimal(balance.MaxAmount, currency))
	}
	return amount, currency, checkReason(b.Reason)
}

func checkReason(reason string) error {
	if reason == "" {
		return missing("reason", "use a code such as voucher")
	}
	if !isName(reason, maxReason, "-_.") {
		return invalid("reason", quoted(reason)+" is not a reason code", "use 1 to "+strconv.Itoa(maxReason)+" letters, digits, -, _ and ., such as voucher")
	}
	return nil
}

// digestOf tells two requests under one key apart. It is taken of the command,
// not of the octets that came: "1.0" and "1.00" are the same request. Key and
// Digest must not be set yet, or be the same in both.
func digestOf(command any) uint64 {
	text, err := json.Marshal(command)
	if err != nil {
		panic("api: a command cannot be encoded: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:])
}

// precision is how fine an amount may be.
type precision uint8

const (
	// paidDecimals are those of the currency: what people pay and agree on.
	paidDecimals precision = iota
	// keptDecimals are the six in which balances are kept. Adjustments and
	// settlements have them: prices leave parts of a cent in an account, and
	// nothing else could book them out.
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
