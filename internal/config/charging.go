package config

import (
	"fmt"
	"strings"
	"time"

	"gyro/internal/money"
)

// Charging are the settings that decide outcomes; they are journalled. Amounts
// are decimals in the currency of the account at hand.
type Charging struct {
	Supervision      time.Duration `koanf:"supervision"`
	SessionRetention time.Duration `koanf:"session_retention"`
	EventRetention   time.Duration `koanf:"event_retention"`
	CommandRetention time.Duration `koanf:"command_retention"`
	LifeCycle        LifeCycle     `koanf:"life_cycle"`
	Voucher          Voucher       `koanf:"voucher"`
	Transfer         Transfer      `koanf:"transfer"`
	Loan             Loan          `koanf:"loan"`
	// ApprovalAbove is the highest adjustment that one person decides alone; 0
	// is any.
	ApprovalAbove string `koanf:"approval_above"`
	// LowBalance is the money below which an account is warned that names no
	// threshold of its own; 0 is never.
	LowBalance string `koanf:"low_balance"`
	// CreditWarnings are percentages of a credit limit, ascending.
	CreditWarnings []int `koanf:"credit_warnings"`
}

// LifeCycle is how long subscribers stay in each state of their life before
// time leads to the next; 0 is for ever.
type LifeCycle struct {
	Ordered         time.Duration `koanf:"ordered"`
	Active          time.Duration `koanf:"active"`
	SuspendedOneWay time.Duration `koanf:"suspended_one_way"`
	SuspendedTwoWay time.Duration `koanf:"suspended_two_way"`
	Grace           time.Duration `koanf:"grace"`
	// ActivateByHand keeps ordered subscribers from becoming active by their
	// first use.
	ActivateByHand bool `koanf:"activate_by_hand"`
}

// Voucher is how wrong codes are kept from being tried.
type Voucher struct {
	GuessLimit  int           `koanf:"guess_limit"`
	GuessWindow time.Duration `koanf:"guess_window"`
	GuessLock   time.Duration `koanf:"guess_lock"`
}

// Transfer bounds what accounts send each other; 0 is no bound.
type Transfer struct {
	Least     string `koanf:"least"`
	Most      string `koanf:"most"`
	DayAmount string `koanf:"day_amount"`
	DayCount  int    `koanf:"day_count"`
	Fee       string `koanf:"fee"`
}

// Loan is who gets money in advance, and how much; a Most of 0 is nobody.
type Loan struct {
	Most  string        `koanf:"most"`
	Below string        `koanf:"below"`
	Fee   string        `koanf:"fee"`
	Term  time.Duration `koanf:"term"`
}

// chargingDefaults are the defaults below charging.
func chargingDefaults(defaults map[string]any) {
	for key, value := range map[string]any{
		"supervision": "2h", "session_retention": "5m", "event_retention": "1h", "command_retention": "24h",
		"life_cycle.ordered": "0s", "life_cycle.active": "0s", "life_cycle.suspended_one_way": "0s",
		"life_cycle.suspended_two_way": "0s", "life_cycle.grace": "0s", "life_cycle.activate_by_hand": false,
		"voucher.guess_limit": 5, "voucher.guess_window": "1h", "voucher.guess_lock": "24h",
		"transfer.least": "0", "transfer.most": "0", "transfer.day_amount": "0", "transfer.day_count": 0, "transfer.fee": "0",
		"loan.most": "0", "loan.below": "0", "loan.fee": "0", "loan.term": "720h",
		"approval_above": "0", "low_balance": "0", "credit_warnings": []any{80, 100},
	} {
		defaults["charging."+key] = value
	}
}

// Amounts are the settings that are amounts of money, by key.
func (c *Charging) Amounts() map[string]string {
	return map[string]string{
		"charging.transfer.least": c.Transfer.Least, "charging.transfer.most": c.Transfer.Most,
		"charging.transfer.day_amount": c.Transfer.DayAmount, "charging.transfer.fee": c.Transfer.Fee,
		"charging.loan.most": c.Loan.Most, "charging.loan.below": c.Loan.Below, "charging.loan.fee": c.Loan.Fee,
		"charging.approval_above": c.ApprovalAbove, "charging.low_balance": c.LowBalance,
	}
}

// maxAmount bounds an amount of the settings, far beyond any operator's.
const maxAmount = 1_000_000_000 * money.Unit

// AnyCurrency stands in the result of Amounts for every currency that is not named.
const AnyCurrency = "*"

// Amounts reads a setting that is an amount of money by currency: one for all, such as "100", or "EUR=100, JPY=15000,
// *=100", where * is every other currency and must be there, so that none is forgotten.
func Amounts(text string) (map[string]money.Amount, error) {
	if !strings.Contains(text, "=") {
		amount, err := Amount(text)
		return map[string]money.Amount{AnyCurrency: amount}, err
	}
	amounts := map[string]money.Amount{}
	for pair := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		if _, err := money.ParseCurrency(name); err != nil && name != AnyCurrency {
			return nil, fmt.Errorf("%q: %w, or %s for all that are not named", strings.TrimSpace(pair), err, AnyCurrency)
		}
		if _, twice := amounts[name]; twice {
			return nil, fmt.Errorf("%q: %s is there twice", text, name)
		}
		amount, err := Amount(number)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		amounts[name] = amount
	}
	if _, others := amounts[AnyCurrency]; !others {
		return nil, fmt.Errorf("%q does not say what holds for other currencies; add %s=AMOUNT, or %s=0 for no limit", text, AnyCurrency, AnyCurrency)
	}
	return amounts, nil
}

// Amount reads a setting that is an amount of money.
func Amount(text string) (money.Amount, error) {
	amount, err := money.Parse(strings.TrimSpace(text), money.Decimals)
	if err != nil || amount < 0 || amount > maxAmount {
		return 0, fmt.Errorf("%q is not an amount of money from 0 to %s; write a decimal such as \"10.00\"", text, maxAmount)
	}
	return amount, nil
}

// maxSetting is the longest time that a setting can be.
const maxSetting = 366 * 24 * time.Hour

func (c *Charging) validate(bad func(string, string, ...any)) {
	for key, d := range map[string]time.Duration{
		"charging.supervision": c.Supervision, "charging.session_retention": c.SessionRetention,
		"charging.event_retention": c.EventRetention, "charging.command_retention": c.CommandRetention,
		"charging.voucher.guess_window": c.Voucher.GuessWindow, "charging.voucher.guess_lock": c.Voucher.GuessLock,
	} {
		if d < time.Second {
			bad(key, "%s is too short; at least 1s", d)
		}
		if d > maxSetting {
			bad(key, "%s is too long; at most %s, 366 days", d, maxSetting)
		}
	}
	c.LifeCycle.validate(bad)
	if d := c.Loan.Term; d < 0 || d > maxSetting {
		bad("charging.loan.term", "%s is not from 0s, which is no term, to %s, 366 days", d, maxSetting)
	}
	amounts := map[string]money.Amount{}
	for key, text := range c.Amounts() {
		amount, err := Amount(text)
		if amounts[key] = amount; err != nil {
			bad(key, "%v", err)
		}
	}
	if most := amounts["charging.transfer.most"]; most > 0 && amounts["charging.transfer.least"] > most {
		bad("charging.transfer.least", "%s is above charging.transfer.most, %s", c.Transfer.Least, c.Transfer.Most)
	}
	for key, n := range map[string]int{"charging.voucher.guess_limit": c.Voucher.GuessLimit - 1, "charging.transfer.day_count": c.Transfer.DayCount} {
		if n < 0 || n >= 1<<16-1 {
			bad(key, "is out of range: a guess limit is 1 to 65535, a count of transfers 0, which is no bound, to 65534")
		}
	}
	c.validateWarnings(bad)
}

// maxStay is the longest that a state of a subscriber's life can last.
const maxStay = 3660 * 24 * time.Hour

func (l *LifeCycle) validate(bad func(string, string, ...any)) {
	for key, d := range map[string]time.Duration{
		"ordered": l.Ordered, "active": l.Active, "suspended_one_way": l.SuspendedOneWay,
		"suspended_two_way": l.SuspendedTwoWay, "grace": l.Grace,
	} {
		if d < 0 || d > maxStay || d > 0 && d < time.Second {
			bad("charging.life_cycle."+key, "%s is neither 0s, which is for ever, nor from 1s to %s, ten years", d, maxStay)
		}
	}
}

// maxWarnings is how many steps of a credit limit can have a warning.
const maxWarnings = 4

func (c *Charging) validateWarnings(bad func(string, string, ...any)) {
	last := 0
	for _, percent := range c.CreditWarnings {
		if percent <= last || percent > 100 || len(c.CreditWarnings) > maxWarnings {
			bad("charging.credit_warnings", "%v are not at most %d percentages from 1 to 100, ascending", c.CreditWarnings, maxWarnings)
			return
		}
		last = percent
	}
}
