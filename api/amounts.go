package api

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"gyro/balance"
	"gyro/charging"
	"gyro/charging/engine"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// decimal is money with at least the decimals in which its currency is paid,
// and at most six.
func decimal(a money.Amount, c money.Currency) string { return a.Format(c.Exponent()) }

// denominated is an amount of any denomination: money as a decimal, units as
// an integer.
func denominated(v int64, d balance.Denomination) string {
	if d.IsMoney() {
		return decimal(money.Amount(v), money.Currency(d))
	}
	return strconv.FormatInt(v, 10)
}

// denominatedSum is denominated for a total, which may leave 63 bits.
func denominatedSum(s balance.Sum, d balance.Denomination) string {
	if v, ok := s.Int64(); ok {
		return denominated(v, d)
	}
	total := new(big.Int).Lsh(big.NewInt(s.High), 64)
	total.Add(total, new(big.Int).SetUint64(s.Low))
	if !d.IsMoney() {
		return total.String()
	}
	sign := ""
	if total.Sign() < 0 {
		sign = "-"
		total.Neg(total)
	}
	whole, fraction := total.QuoRem(total, big.NewInt(int64(money.Unit)), new(big.Int))
	digits := fmt.Sprintf("%06d", fraction.Int64())
	exponent := money.Currency(d).Exponent()
	digits = digits[:exponent] + strings.TrimRight(digits[exponent:], "0")
	if digits == "" {
		return sign + whole.String()
	}
	return sign + whole.String() + "." + digits
}

// moment is a time, or empty where none is set.
func moment(i instant.Instant) string {
	if i == 0 {
		return ""
	}
	return i.String()
}

// balanceOf is what a reply says of the account's own money.
func balanceOf(reply *engine.Reply) string {
	return decimal(money.Amount(reply.Amount), money.Currency(reply.Currency))
}

// leg is one posting: what the account from loses, the account to gains.
type leg struct {
	From         string `json:"from"`
	To           string `json:"to"`
	Bucket       uint64 `json:"bucket,omitempty"` // the customer's
	Amount       string `json:"amount"`
	Denomination string `json:"denomination"`
}

// labels finds the word for a short name.
type labels func(ident.Name) string

// legs names the accounts of postings that one customer has a part in.
func legs(postings []balance.Posting, account string, label labels) []leg {
	list := make([]leg, 0, len(postings))
	for n := range postings {
		p := &postings[n]
		list = append(list, leg{
			From: ledgerAccount(&p.From, account, label), To: ledgerAccount(&p.To, account, label),
			Bucket: max(p.From.Bucket, p.To.Bucket),
			Amount: denominated(p.Amount, p.Denomination), Denomination: p.Denomination.String(),
		})
	}
	return list
}

// ledgerAccount is the name of a ledger account: its class and what it
// concerns. A customer's own money is customer:ACCOUNT/main, an allowance
// customer:ACCOUNT/ALLOWANCE.
func ledgerAccount(a *balance.LedgerAccount, account string, label labels) string {
	switch a.Class {
	case balance.CustomerBucket:
		if a.Name == 0 {
			return a.Class.String() + ":" + account + "/" + mainBucket
		}
		return a.Class.String() + ":" + account + "/" + wordFor(a.Name, label)
	case balance.CustomerExcess, balance.CustomerLoan:
		return a.Class.String() + ":" + account
	case balance.Revenue, balance.Consumed, balance.Funding, balance.Adjustments, balance.Granted, balance.Expired, balance.Transit:
	}
	return classAccount(a.Class, a.Name, label)
}

// Names of buckets that no allowance of a catalogue fills.
const (
	mainBucket  = "main"  // the account's own money
	bonusBucket = "bonus" // money that came with a top-up
)

// classAccount is the name of a ledger account of the operator.
func classAccount(class balance.Class, name ident.Name, label labels) string {
	if name == 0 {
		return class.String()
	}
	return class.String() + ":" + wordFor(name, label)
}

// wordFor is the word for a name. One that nobody knows the word of is shown
// as its number: two of them stay apart.
func wordFor(name ident.Name, label labels) string {
	if word := label(name); word != "" {
		return word
	}
	return fmt.Sprintf("#%08x", uint32(name))
}

// reasonLabels adds reasons to the words of the catalogues.
func reasonLabels(state *charging.State, reasons ...string) labels {
	return func(name ident.Name) string {
		for _, reason := range reasons {
			if ident.NameOf(reason) == name {
				return reason
			}
		}
		return state.Label(name)
	}
}
