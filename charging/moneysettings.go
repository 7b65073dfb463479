package charging

import (
	"gyro/balance"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// WarningSteps is how many steps of a credit limit can have a warning.
const WarningSteps = 4

// MoneySettings are those of the operations on a balance. Amounts are in the
// currency of the account at hand; zero has the meaning that the field says.
type MoneySettings struct {
	// GuessLimit wrong voucher codes of one account within GuessWindow lock the
	// account out of redeeming for GuessLock.
	GuessLimit  uint16       `json:"guess_limit"`
	GuessWindow instant.Span `json:"guess_window_ms"`
	GuessLock   instant.Span `json:"guess_lock_ms"`

	// TransferLeast and TransferMost bound one transfer, TransferDayAmount and
	// TransferDayCount what one account sends in a day of its catalogue's time
	// zone; 0 is no bound. TransferFee is what the sender pays for each.
	TransferLeast     money.Amount `json:"transfer_least"`
	TransferMost      money.Amount `json:"transfer_most"`
	TransferDayAmount money.Amount `json:"transfer_day_amount"`
	TransferDayCount  uint16       `json:"transfer_day_count"`
	TransferFee       money.Amount `json:"transfer_fee"`

	// LoanMost is the highest loan; 0 is none at all. A prepaid account is given
	// one when its money is below LoanBelow, and owes LoanFee besides. A loan
	// not paid back within LoanTerm (0: it has no term) is recorded as overdue.
	LoanMost  money.Amount `json:"loan_most"`
	LoanBelow money.Amount `json:"loan_below"`
	LoanFee   money.Amount `json:"loan_fee"`
	LoanTerm  instant.Span `json:"loan_term_ms"`

	// ApprovalAbove is the highest adjustment, and the highest loan written off,
	// that one person may decide alone; 0 is any.
	ApprovalAbove money.Amount `json:"approval_above"`

	// LowBalance is where the money of an account without credit limit is low; 0
	// is never. CreditWarnings are the parts of a credit limit in percent,
	// ascending, whose use is recorded; 0 is no step.
	LowBalance     money.Amount        `json:"low_balance"`
	CreditWarnings [WarningSteps]uint8 `json:"credit_warnings_percent"`
}

// defaultMoneySettings let people mistype a code a few times, give no loans,
// and warn where a credit limit ends.
func defaultMoneySettings() MoneySettings {
	return MoneySettings{
		GuessLimit: 5, GuessWindow: instant.Hour, GuessLock: instant.Day,
		LoanTerm: 30 * instant.Day, CreditWarnings: [WarningSteps]uint8{80, 100},
	}
}

// refusal says what is wrong with settings, or nothing.
func (m *MoneySettings) refusal() string {
	for _, amount := range [...]money.Amount{
		m.TransferLeast, m.TransferMost, m.TransferDayAmount, m.TransferFee, m.LoanMost, m.LoanBelow, m.LoanFee, m.ApprovalAbove, m.LowBalance,
	} {
		if amount < 0 || amount > balance.MaxAmount/4 {
			return "an amount of the settings is below zero or out of range"
		}
	}
	switch {
	case m.GuessLimit == 0 || m.GuessWindow < instant.Second || m.GuessWindow > maxSetting || m.GuessLock < instant.Second || m.GuessLock > maxSetting:
		return "wrong voucher codes are limited: at least 1, within a second to 366 days, locked for as long"
	case m.TransferMost > 0 && m.TransferLeast > m.TransferMost:
		return "the least transfer is above the most"
	case m.LoanTerm < 0 || m.LoanTerm > maxSetting:
		return "the term of a loan is at most 366 days"
	}
	last := uint8(0)
	for _, percent := range m.CreditWarnings {
		if percent != 0 && (percent <= last || percent > 100) {
			return "the steps of the credit limit ascend from 1 to 100 percent"
		}
		last = max(last, percent)
	}
	return ""
}

func days(n uint16) instant.Span { return instant.Span(n) * instant.Day }
