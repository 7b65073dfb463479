package main

import (
	"context"
	"fmt"
	"time"

	"gyro/charging"
	"gyro/internal/config"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// configureCore journals the settings that decide outcomes, where they differ
// from those in force.
func (n *node) configureCore() error {
	want := settingsOf(&n.cfg.Charging)
	var have charging.Settings
	n.core.engine.View(func(s *charging.State) { have = s.Settings() })
	if have == want {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	reply, err := n.core.engine.Do(ctx, charging.KindConfigure, want)
	if err == nil && reply.Result != charging.Success {
		err = fmt.Errorf("the settings under charging are refused: %s", reply.Detail)
	}
	return err
}

// settingsOf is what a valid configuration says about outcomes.
func settingsOf(c *config.Charging) charging.Settings {
	span := func(d time.Duration) instant.Span { return instant.Span(d.Milliseconds()) }
	amount := func(text string) money.Amount {
		a, err := config.Amount(text)
		if err != nil {
			panic("gyro: the configuration is not validated: " + err.Error())
		}
		return a
	}
	s := charging.DefaultSettings()
	s.Supervision, s.SessionRetention = span(c.Supervision), span(c.SessionRetention)
	s.EventRetention, s.CommandRetention = span(c.EventRetention), span(c.CommandRetention)
	life := &c.LifeCycle
	s.LifeCycle = charging.LifeCycle{
		Ordered: span(life.Ordered), Active: span(life.Active), SuspendedOneWay: span(life.SuspendedOneWay),
		SuspendedTwoWay: span(life.SuspendedTwoWay), Grace: span(life.Grace), ByHand: life.ActivateByHand,
	}
	s.Money = charging.MoneySettings{
		GuessLimit: uint16(c.Voucher.GuessLimit), GuessWindow: span(c.Voucher.GuessWindow), GuessLock: span(c.Voucher.GuessLock),
		TransferLeast: amount(c.Transfer.Least), TransferMost: amount(c.Transfer.Most), TransferDayAmount: amount(c.Transfer.DayAmount),
		TransferDayCount: uint16(c.Transfer.DayCount), TransferFee: amount(c.Transfer.Fee),
		LoanMost: amount(c.Loan.Most), LoanBelow: amount(c.Loan.Below), LoanFee: amount(c.Loan.Fee), LoanTerm: span(c.Loan.Term),
		ApprovalAbove: amount(c.ApprovalAbove), LowBalance: amount(c.LowBalance),
	}
	for k, percent := range c.CreditWarnings {
		s.Money.CreditWarnings[k] = uint8(percent)
	}
	return s
}
