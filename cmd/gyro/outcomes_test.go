package main

import (
	"testing"

	"gyro/charging"
	"gyro/internal/config"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// TestSettingsOfDefaults: a configuration that says nothing changes nothing.
func TestSettingsOfDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := settingsOf(&c.Charging), charging.DefaultSettings(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestSettingsOf: each key below charging has its place in the settings.
func TestSettingsOf(t *testing.T) {
	t.Parallel()
	keys := map[string]any{
		"charging.supervision": "1h", "charging.session_retention": "2m", "charging.event_retention": "3m", "charging.command_retention": "4m",
		"charging.life_cycle.ordered": "1h", "charging.life_cycle.active": "2h", "charging.life_cycle.suspended_one_way": "3h",
		"charging.life_cycle.suspended_two_way": "4h", "charging.life_cycle.grace": "5h", "charging.life_cycle.activate_by_hand": true,
		"charging.voucher.guess_limit": 6, "charging.voucher.guess_window": "7m", "charging.voucher.guess_lock": "8m",
		"charging.transfer.least": "0.09", "charging.transfer.most": "10.5", "charging.transfer.day_amount": "11", "charging.transfer.day_count": 12,
		"charging.transfer.fee": "0.000013", "charging.loan.most": "14", "charging.loan.below": "15", "charging.loan.fee": "16", "charging.loan.term": "17h",
		"charging.approval_above": "18", "charging.low_balance": "19", "charging.credit_warnings": []any{20, 21, 22},
	}
	c, err := config.Load("", nil, keys)
	if err != nil {
		t.Fatal(err)
	}
	want := charging.DefaultSettings()
	want.Supervision, want.SessionRetention = instant.Hour, 2*instant.Minute
	want.EventRetention, want.CommandRetention = 3*instant.Minute, 4*instant.Minute
	want.LifeCycle = charging.LifeCycle{
		Ordered: instant.Hour, Active: 2 * instant.Hour, SuspendedOneWay: 3 * instant.Hour, SuspendedTwoWay: 4 * instant.Hour,
		Grace: 5 * instant.Hour, ByHand: true,
	}
	want.Money = charging.MoneySettings{
		GuessLimit: 6, GuessWindow: 7 * instant.Minute, GuessLock: 8 * instant.Minute,
		TransferLeast: 90_000, TransferMost: 10_500_000, TransferDayAmount: 11 * money.Unit, TransferDayCount: 12, TransferFee: 13,
		LoanMost: 14 * money.Unit, LoanBelow: 15 * money.Unit, LoanFee: 16 * money.Unit, LoanTerm: 17 * instant.Hour,
		ApprovalAbove: 18 * money.Unit, LowBalance: 19 * money.Unit, CreditWarnings: [charging.WarningSteps]uint8{20, 21, 22},
	}
	if got := settingsOf(&c.Charging); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
