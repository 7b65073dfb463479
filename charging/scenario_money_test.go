package charging_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"gyro/charging"
	"gyro/charging/usage"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// Words of the language for operations on a balance.

var moneyCommands = map[string]func(*script) string{
	"vouchers": (*script).vouchers, "block-vouchers": (*script).blockVouchers, "batches": (*script).batches,
	"redeem": (*script).redeem, "transfer": (*script).transfer, "loan": (*script).loan,
	"write-off": (*script).writeOff, "set-limits": (*script).setLimits, "limits": (*script).limits,
}

// scriptSalt is the shard's salt in scripts.
var scriptSalt = bytes.Repeat([]byte{7}, charging.VoucherSaltSize)

// codeHash stands in for the edge's slow hash: what the core does with a hash
// does not depend on how it was made.
func codeHash(code string) []byte {
	sum := sha256.Sum256(append(bytes.Clone(scriptSalt), code...))
	return sum[:charging.VoucherHashSize]
}

func (s *script) currency() money.Currency {
	currency, err := money.ParseCurrency(s.text("currency", "EUR"))
	if err != nil {
		s.d.Fatalf(s.t, "%v", err)
	}
	return currency
}

func (s *script) key() string {
	s.keys++
	return s.text("key", fmt.Sprintf("key-%d", s.keys))
}

// digestOf tells requests under one key apart by what they say.
func digestOf(v any) uint64 {
	sum := sha256.Sum256(fmt.Append(nil, v))
	return uint64(sum[0])<<8 | uint64(sum[1]) | uint64(sum[2])<<16
}

// vouchers adds codes to a batch: each word of its input is a code, each line a
// part, and the batch has as many as the input unless count= says otherwise.
func (s *script) vouchers() string {
	c := charging.Vouchers{Batch: s.text("batch", "b"), Salt: scriptSalt, Part: s.number("part", 0)}
	lines := strings.Split(strings.TrimSpace(s.d.Input), "\n")
	c.Terms = charging.VoucherTerms{
		Count:  s.number("count", uint32(len(strings.Fields(s.d.Input)))),
		Amount: s.amount("amount", 0), Currency: s.currency(), Catalog: s.text("catalog", ""), Allowance: s.text("allowance", ""),
		ExtendsDays: uint16(s.number("extends-days", 0)), Until: s.moment("until"),
	}
	if s.d.HasArg("salt") {
		c.Salt = []byte(s.text("salt", ""))
	}
	for n, line := range lines {
		c.Part, c.Hashes = s.number("part", 0)+uint32(n), nil
		for code := range strings.FieldsSeq(line) {
			c.Hashes = append(c.Hashes, codeHash(code)...)
		}
		if o := s.do(charging.KindVouchers, c); o.Result != charging.Success {
			return refusal(&o)
		}
	}
	return fmt.Sprintf("batch %s has %d vouchers%s\n", c.Batch, s.answer.Record, replayed(&s.answer))
}

func (s *script) moment(key string) instant.Instant {
	text := s.text(key, "")
	if text == "" {
		return 0
	}
	return s.now.Add(s.span(strings.TrimPrefix(text, "+")))
}

func (s *script) blockVouchers() string {
	c := charging.Vouchers{Batch: s.text("batch", "b"), Block: true, Reason: s.text("reason", "stolen")}
	if c.Reason == "none" {
		c.Reason = ""
	}
	o := s.do(charging.KindVouchers, c)
	if o.Result != charging.Success {
		return refusal(&o)
	}
	return "blocked" + replayed(&o) + "\n"
}

func (s *script) batches() string {
	var b strings.Builder
	for _, v := range s.state.VoucherBatches("", 100) {
		fmt.Fprintf(&b, "%s: %d missing, %d unused, %d used, %d expired, %d blocked", v.Name, v.Missing, v.Unused, v.Used, v.Expired, v.BlockedCount)
		if v.Blocked != 0 {
			fmt.Fprintf(&b, " (%s)", v.Reason)
		}
		b.WriteString("\n")
	}
	return orNone(&b)
}

func (s *script) redeem() string {
	c := charging.Redeem{Account: s.text("account", ""), Hash: codeHash(s.text("code", "")), Key: s.key()}
	c.Digest = digestOf(s.text("code", ""))
	o := s.do(charging.KindRedeem, c)
	return s.moved(&o)
}

func (s *script) transfer() string {
	c := charging.Transfer{
		From: s.text("from", ""), To: s.text("to", ""), Amount: s.amount("amount", 0), Currency: s.currency(),
		Reason: s.text("reason", "gift"), Key: s.key(),
	}
	c.Digest = digestOf(c.To + c.Amount.String())
	o := s.do(charging.KindTransfer, c)
	return s.moved(&o)
}

func (s *script) loan() string {
	return s.lend(charging.Loan{Amount: s.amount("amount", 0), Reason: s.text("reason", "advance")})
}

func (s *script) writeOff() string {
	return s.lend(charging.Loan{
		WriteOff: true, Reason: s.text("reason", ""), AskedBy: s.text("asked-by", ""), ApprovedBy: s.text("approved-by", ""),
	})
}

func (s *script) lend(c charging.Loan) string {
	c.Account, c.Currency = s.text("account", ""), s.currency()
	c.Digest, c.Key = digestOf(c), s.key()
	o := s.do(charging.KindLoan, c)
	return s.moved(&o)
}

// bonus reads what comes with a top-up.
func (s *script) bonus() *charging.Bonus {
	amount := s.amount("bonus", 0)
	if amount == 0 {
		return nil
	}
	return &charging.Bonus{Amount: amount, Promotion: s.text("promotion", "promotion"), Days: uint16(s.number("bonus-days", 0))}
}

// configureMoney reads the settings of the operations on a balance.
func (s *script) configureMoney(m *charging.MoneySettings) {
	for key, amount := range map[string]*money.Amount{
		"transfer-least": &m.TransferLeast, "transfer-most": &m.TransferMost, "transfer-day-amount": &m.TransferDayAmount,
		"transfer-fee": &m.TransferFee, "loan-most": &m.LoanMost, "loan-below": &m.LoanBelow, "loan-fee": &m.LoanFee,
		"approval-above": &m.ApprovalAbove, "low-balance": &m.LowBalance,
	} {
		*amount = s.amount(key, *amount)
	}
	for key, span := range map[string]*instant.Span{"guess-window": &m.GuessWindow, "guess-lock": &m.GuessLock, "loan-term": &m.LoanTerm} {
		if text := s.text(key, ""); text != "" {
			*span = s.span(text)
		}
	}
	m.GuessLimit = uint16(s.number("guess-limit", uint32(m.GuessLimit)))
	m.TransferDayCount = uint16(s.number("transfer-day-count", uint32(m.TransferDayCount)))
	if s.d.HasArg("credit-warnings") {
		m.CreditWarnings = [charging.WarningSteps]uint8{}
		for n, text := range s.list("credit-warnings") {
			percent, err := strconv.ParseUint(text, 10, 8)
			if err != nil {
				s.d.Fatalf(s.t, "%v", err)
			}
			m.CreditWarnings[n] = uint8(percent)
		}
	}
}

// operationWords are what a record says of an operation on a balance.
func operationWords(r *usage.Record) (words string) {
	if r.Kind.IsUsage() {
		return ""
	}
	if len(r.Other) > 0 {
		words += ", with " + string(r.Other)
	}
	if (r.Kind == usage.Notice || r.Kind == usage.Grant || r.Kind == usage.Adjustment && len(r.AskedBy) > 0 || bytes.HasPrefix(r.Reason, []byte("voucher "))) && len(r.Reason) > 0 {
		words += ", " + string(r.Reason)
	}
	if len(r.AskedBy) > 0 {
		words += ", asked by " + string(r.AskedBy)
	}
	if len(r.ApprovedBy) > 0 {
		words += ", approved by " + string(r.ApprovedBy)
	}
	if len(r.Subscriber) > 0 {
		words += ", of " + string(r.Subscriber)
	}
	return words
}

// debts are what an account owes and is kept from.
func debts(v *charging.AccountView) (words string) {
	if v.Loan != 0 {
		words += fmt.Sprintf(", owes %s for a loan", v.Loan)
	}
	if v.LoanDue != 0 {
		words += fmt.Sprintf(" due %s", v.LoanDue)
	}
	if v.RedeemLocked != 0 {
		words += fmt.Sprintf(", redeems no voucher until %s", v.RedeemLocked)
	}
	return words
}

// setLimits sets the limits of a subscriber: each line of the input is a
// counter and the most of it, in its unit or in money.
func (s *script) setLimits() string {
	c := charging.SetLimits{Account: s.text("account", ""), Key: s.key()}
	for _, kind := range identityKinds {
		if value := s.text(kind.String(), ""); value != "" {
			c.Subscriber = charging.IdentitySpec{Kind: kind, Value: value}
		}
	}
	for line := range strings.Lines(s.d.Input) {
		name, most, _ := strings.Cut(strings.TrimSpace(line), " ")
		u := s.units([]string{most})
		c.Limits = append(c.Limits, charging.MemberLimit{Counter: name, Most: u.Total + u.Seconds + u.Events + uint64(u.Money)})
	}
	c.Digest = digestOf(c.Limits)
	o := s.do(charging.KindSetLimits, c)
	if o.Result != charging.Success {
		return refusal(&o)
	}
	return "ok" + replayed(&o) + "\n"
}

// limits shows the limits of an account's subscribers.
func (s *script) limits() string {
	var b strings.Builder
	for _, v := range s.state.Limits(s.text("account", "")) {
		fmt.Fprintf(&b, "subscriber %d: %s of %s %s", v.Subscriber, quantity(int64(v.Used), v.Unit), quantity(int64(v.Most), v.Unit), v.Counter)
		if v.Until != 0 {
			fmt.Fprintf(&b, ", until %s", v.Until)
		}
		b.WriteString("\n")
	}
	return orNone(&b)
}
