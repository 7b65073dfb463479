package gy

import (
	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// office is what people do to accounts, all day.
func (w *day) office() {
	w.clock.in(w.dice.span(10*instant.Second, 4*instant.Minute), func() {
		if w.clock.now >= w.ends {
			return
		}
		id := w.accounts[w.dice.IntN(len(w.accounts))]
		switch w.dice.IntN(13) {
		case 10:
			w.adjust(id)
		case 11, 12:
			w.loan(id)
		case 0, 1, 2, 3, 4:
			w.topUp(id, w.dice.between(2, 12)*1_000_000)
		case 5:
			w.voucher(id)
		case 6, 7:
			w.transfer(id, w.accounts[w.dice.IntN(len(w.accounts))])
		default:
			w.bar(w.people[w.dice.IntN(len(w.people))])
		}
		w.office()
	})
}

func (w *day) topUp(id string, amount int64) {
	c := charging.MoveMoney{Account: id, Currency: money.EUR, Amount: money.Amount(amount), Reason: "cash", Key: w.key()}
	copies := 1
	if w.dice.chance(100) {
		copies = 2 // the cash desk is not sure
	}
	for n := range copies {
		w.shard.do(charging.KindTopUp, c, func(o *charging.Outcome) {
			if o.Result != charging.Success || o.Replayed != (n > 0) {
				w.t.Fatalf("top-up: %+v", o)
			}
			if n == 0 {
				w.books.credits[id] += amount
				w.count("top-ups")
			}
		})
	}
}

func (w *day) voucher(id string) {
	code := w.codes[w.dice.IntN(len(w.codes))] // some are tried again
	w.shard.do(charging.KindRedeem, charging.Redeem{Account: id, Hash: hashOf(code), Key: w.key()}, func(o *charging.Outcome) {
		switch o.Result {
		case charging.Success:
			w.books.credits[id] += 3_000_000
			w.count("vouchers")
		case charging.VoucherUsed, charging.GuessesLocked:
			w.count("vouchers refused")
		default:
			w.t.Fatalf("voucher: %+v", o)
		}
	})
}

func (w *day) transfer(from, to string) {
	amount := w.dice.between(1, 300) * 10_000
	c := charging.Transfer{From: from, To: to, Amount: money.Amount(amount), Currency: money.EUR, Reason: "gift", Key: w.key()}
	w.shard.do(charging.KindTransfer, c, func(o *charging.Outcome) {
		if o.Result != charging.Success {
			w.count("transfers refused")
			return
		}
		w.books.credits[from] -= amount // the fee is revenue, as what is used is
		w.books.credits[to] += amount
		w.count("transfers")
	})
}

// adjust gives or takes what a person says, but not what is reserved.
func (w *day) adjust(id string) {
	amount := w.dice.between(-100, 100) * 10_000
	c := charging.MoveMoney{Account: id, Amount: money.Amount(amount), Currency: money.EUR, Reason: "goodwill", Key: w.key()}
	w.shard.do(charging.KindAdjust, c, func(o *charging.Outcome) {
		if o.Result != charging.Success {
			w.count("adjustments refused")
			return
		}
		w.books.credits[id] += amount
		w.count("adjustments")
	})
}

// loan lends money, which is owed with a fee: the account has no more than before.
func (w *day) loan(id string) {
	c := charging.Loan{Account: id, Amount: money.Amount(w.dice.between(1, 5) * 1_000_000), Currency: money.EUR, Reason: "loan", Key: w.key()}
	w.shard.do(charging.KindLoan, c, func(o *charging.Outcome) {
		if o.Result != charging.Success {
			w.count("loans refused")
			return
		}
		w.count("loans")
	})
}

// bar suspends a subscriber for a while: its sessions are to end.
func (w *day) bar(who *daySubscriber) {
	if who.barred {
		return
	}
	who.barred = true
	w.count("barred")
	set := func(state charging.SubscriberState) {
		w.must(charging.KindSetSubscriber, charging.SetSubscriber{
			Account: who.account, Subscriber: charging.IdentitySpec{Kind: ident.IMSI, Value: who.imsi}, State: state, Reason: "stolen", Key: w.key(),
		})
	}
	set(charging.SuspendedTwoWay)
	w.clock.in(w.dice.span(instant.Minute, 40*instant.Minute), func() {
		who.barred = false
		set(charging.Active)
	})
}
