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

// settle takes what was billed, whatever the balance is: what it takes beyond the limit is owed. Whoever has no credit
// is not billed.
func (m *model) settle(account string, amount int64) charging.Result {
	p := m.payers[account]
	m.forfeit(p)
	k := p.main()
	switch {
	case p.limit == 0:
		return charging.SettlementRefused
	case amount == 0:
		return charging.Invalid
	case amount > 0:
		settled := min(p.excess, amount)
		k.remaining += amount - settled
		p.excess -= settled
	default:
		taken := min(-amount, max(0, k.remaining-p.reserved(k)+p.limit))
		k.remaining -= taken
		p.excess += -amount - taken
	}
	return charging.Success
}
