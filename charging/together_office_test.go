package charging_test

import (
	"fmt"
	"math"

	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// office lets somebody move money, redeem, limit, or bar.
func (c *jumble) office(t tester) {
	name, amount := c.some(), money.Amount(1+c.r.Int64N(800_000))
	switch c.r.IntN(10) {
	case 0, 1:
		v := charging.MoveMoney{Account: name, Amount: amount, Currency: money.EUR, Reason: "cash", Key: c.key(), ExtendsDays: uint16(c.r.IntN(20))}
		if c.one(3) {
			v.Bonus = &charging.Bonus{Promotion: "weekend", Amount: amount / 10, Days: uint16(c.r.IntN(3))}
		}
		c.do(t, charging.KindTopUp, v)
	case 2:
		c.do(t, charging.KindAdjust, charging.MoveMoney{Account: name, Amount: amount - 500_000, Currency: money.EUR, Reason: "goodwill", Key: c.key()})
	case 3:
		c.do(t, charging.KindTransfer, charging.Transfer{From: name, To: c.some(), Amount: amount / 4, Currency: money.EUR, Reason: "gift", Key: c.key()})
	case 4:
		c.do(t, charging.KindLoan, charging.Loan{Account: name, Amount: amount/3 + 1, Currency: money.EUR, Reason: "advance", Key: c.key(), WriteOff: c.one(4)})
	case 5:
		v := charging.SetLimits{Account: name, Subscriber: c.who(), Key: c.key()}
		for _, counter := range []string{"own-data", "own-money"} {
			if c.one(2) {
				v.Limits = append(v.Limits, charging.MemberLimit{Counter: counter, Most: c.r.Uint64N(30_000_000)})
			}
		}
		c.do(t, charging.KindSetLimits, v)
	case 6:
		batch := fmt.Sprint("batch-", c.r.IntN(12))
		terms := charging.VoucherTerms{Count: 2, Amount: 300_000, Currency: money.EUR}
		if len(batch)%2 == 0 {
			terms = charging.VoucherTerms{Count: 2, Catalog: "world", Allowance: pick(c, "later", "soon", "minutes", "daily-3", "slow"), ExtendsDays: 3}
		}
		v := charging.Vouchers{Batch: batch, Salt: scriptSalt, Terms: terms, Block: c.one(10), Reason: "stolen"}
		v.Hashes = append(codeHash(batch+"0"), codeHash(batch+"1")...)
		c.apply(c.now, command(t, charging.KindVouchers, v))
	case 7:
		code := codeHash(fmt.Sprintf("batch-%d%d", c.r.IntN(12), c.r.IntN(2)))
		c.do(t, charging.KindRedeem, charging.Redeem{Account: name, Hash: code, Key: c.key()})
	case 8:
		v := charging.SetSubscriber{Account: name, Subscriber: c.who(), State: pick(c, charging.Active, charging.Active, charging.SuspendedOneWay, charging.SuspendedTwoWay, charging.Terminated), Key: c.key()}
		if c.one(2) && v.State != charging.Terminated {
			v.Until, v.Then = c.now.Add(instant.Span(1+c.r.Int64N(50))*instant.Hour), charging.Active
		}
		c.do(t, charging.KindSetSubscriber, v)
	case 9:
		if c.one(2) {
			c.close(t, name)
			return
		}
		c.apply(c.now, command(t, charging.KindPeerRestart, charging.RestartPeer{OriginHost: "gateway", Before: c.now}))
	}
}

// close pays an account out and deletes it, sessions or not.
func (c *jumble) close(t tester, name string) {
	v, _ := c.state.Account(name)
	for _, b := range v.Buckets {
		if b.Main && b.Remaining != 0 {
			c.do(t, charging.KindAdjust, charging.MoveMoney{Account: name, Amount: money.Amount(-b.Remaining), Currency: money.EUR, Reason: "paid out", Key: c.key()})
		}
	}
	c.apply(c.now, command(t, charging.KindDeleteAccount, charging.DeleteAccount{Account: name, Abort: c.one(2)}))
}

// offers lets somebody subscribe, change plans, or end an offer.
func (c *jumble) offers(t tester) {
	var whose *charging.IdentitySpec
	if c.one(3) {
		who := c.who()
		whose = &who
	}
	all := []string{"monthly", "daily", "behind", "extra", "payg", "many", "bundle"}
	if c.one(3) {
		c.do(t, charging.KindUnsubscribe, charging.Unsubscribe{
			Account: c.some(), Subscriber: whose, Offer: pick(c, all...), AtCycleEnd: c.one(3), Waive: c.one(2), Key: c.key(),
		})
		return
	}
	v := charging.Subscribe{Account: c.some(), Subscriber: whose, Offer: pick(c, all...), Key: c.key()}
	if c.one(3) {
		v.Replaces, v.AtCycleEnd = pick(c, all...), c.one(2)
	}
	c.do(t, charging.KindSubscribe, v)
}

// put draws any form of an account, with subscribers that others may have.
func (c *jumble) put(k int) charging.PutAccount {
	v := charging.PutAccount{
		Account: fmt.Sprintf("account-%d", k), Currency: money.EUR, Kind: uint8(1 + c.r.IntN(3)),
		CycleDay: uint8(c.r.IntN(29)), LowBalance: money.Amount(c.r.Int64N(100_000)),
	}
	if v.Kind != 1 {
		v.CreditLimit = money.Amount(c.r.Int64N(300_000))
	}
	for n, imsi := range jumbleIMSIs {
		if n%worldAccounts == k && !c.one(8) || c.one(12) {
			v.Subscribers = append(v.Subscribers, charging.SubscriberSpec{
				Identities: []charging.IdentitySpec{{Kind: ident.IMSI, Value: worldIMSI(imsi)}}, State: charging.SubscriberState(c.r.IntN(3)),
			})
		}
	}
	for _, offer := range []string{"monthly", "daily", "behind", "extra", "many", "bundle"} {
		if c.one(4) {
			v.Offers = append(v.Offers, offer)
		}
	}
	if !c.one(12) {
		v.Offers = append(v.Offers, "payg")
	}
	return v
}

// absurd draws a command with values that no edge lets through, as a journal
// could hold them all the same.
func (c *jumble) absurd(t tester) {
	amount := pick[money.Amount](c, math.MinInt64, -1, 0, 1, math.MaxInt64)
	moment := pick[instant.Instant](c, math.MinInt64, -1, 0, 1, 1<<53, math.MaxInt64)
	small := pick[uint16](c, 0, 1, 255, 65_535)
	name := c.some()
	kind, v := charging.Kind(0), any(nil)
	switch c.r.IntN(12) {
	case 0:
		kind, v = charging.KindTopUp, charging.MoveMoney{
			Account: name, Amount: amount, Currency: money.EUR, Key: c.key(), ExtendsDays: small, Bonus: &charging.Bonus{Promotion: "p", Amount: amount, Days: small},
		}
	case 1:
		kind, v = charging.KindAdjust, charging.MoveMoney{Account: name, Amount: amount, Currency: money.EUR, Key: c.key()}
	case 2:
		kind, v = charging.KindTransfer, charging.Transfer{From: name, To: c.some(), Amount: amount, Currency: money.EUR, Key: c.key()}
	case 3:
		kind, v = charging.KindLoan, charging.Loan{Account: name, Amount: amount, Currency: money.EUR, Key: c.key()}
	case 4:
		kind, v = charging.KindSetSubscriber, charging.SetSubscriber{
			Account: name, Subscriber: c.who(), State: charging.SubscriberState(small), Until: moment, Then: charging.SubscriberState(small >> 8), Key: c.key(),
		}
	case 5:
		kind, v = charging.KindSetLimits, charging.SetLimits{
			Account: name, Subscriber: c.who(), Key: c.key(), Limits: []charging.MemberLimit{{Counter: "own-data", Most: uint64(amount)}},
		}
	case 6:
		p := publish(t, "world", c.version("world"))
		p.At = moment
		kind, v = charging.KindPublish, p
	case 7:
		kind, v = charging.KindVouchers, charging.Vouchers{
			Batch: "absurd", Salt: scriptSalt, Part: uint32(small), Hashes: codeHash(c.key()),
			Terms: charging.VoucherTerms{Count: uint32(small), Amount: amount, Currency: money.EUR, Until: moment},
		}
	case 8:
		p := c.put(0)
		p.CreditLimit, p.LowBalance, p.CycleDay, p.Kind = amount, amount, uint8(small), uint8(small)
		kind, v = charging.KindPutAccount, p
	case 9:
		settings := c.state.Settings()
		settings.Money.LoanMost, settings.Money.TransferFee, settings.LifeCycle.Active = amount, amount, instant.Span(moment)
		kind, v = charging.KindConfigure, settings
	case 10:
		kind, v = charging.KindRedeem, charging.Redeem{Account: name, Hash: make([]byte, small%40), Key: c.key()}
	case 11:
		kind, v = charging.KindSubscribe, charging.Subscribe{
			Account: name, Subscriber: &charging.IdentitySpec{Kind: ident.Kind(small)}, Offer: "", Replaces: "payg", AtCycleEnd: true, Key: c.key(),
		}
	}
	c.apply(c.now, command(t, kind, v))
}
