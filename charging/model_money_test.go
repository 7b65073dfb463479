package charging_test

import "gyro/charging"

// topUp and adjust move money of an account.
func (m *model) topUp(account string, amount int64) {
	p := m.payers[account]
	m.forfeit(p)
	settled := min(p.excess, amount)
	p.main().remaining += amount - settled
	p.excess -= settled
}

func (m *model) adjust(account string, amount int64) charging.Result {
	p := m.payers[account]
	m.forfeit(p)
	if amount == 0 {
		return charging.Invalid
	}
	if k := p.main(); amount < 0 && -amount > k.remaining-p.reserved(k)+p.limit {
		return charging.InsufficientBalance
	}
	p.main().remaining += amount
	return charging.Success
}

// settle takes an amount towards zero; whoever has no credit is not billed.
func (m *model) settle(account string, amount int64) charging.Result {
	p := m.payers[account]
	m.forfeit(p)
	k := p.main()
	switch after := k.remaining - p.excess + amount; {
	case p.limit == 0:
		return charging.SettlementRefused
	case amount == 0:
		return charging.Invalid
	case amount > 0 && after > 0, amount < 0 && (after < 0 || k.remaining-p.reserved(k)+p.limit+amount < 0):
		return charging.SettlementRefused
	}
	settled := min(p.excess, max(amount, 0))
	k.remaining += amount - settled
	p.excess -= settled
	return charging.Success
}
