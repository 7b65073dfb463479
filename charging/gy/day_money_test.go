package gy

import (
	"fmt"
	"time"

	"gyro/balance"
	"gyro/charging/usage"
)

// moneyOut is how much less an account has after a posting, if it is one for usage or a fee: what it owes counts.
func moneyOut(p *balance.Posting) int64 {
	if !p.Denomination.IsMoney() || p.To.Class != balance.Revenue {
		return 0
	}
	return p.Amount
}

// money holds what each account has, less what it owes, against what was paid in by hand and what it has spent.
func (k *dayBooks) money(spent map[string]int64) {
	w := k.w
	for _, id := range w.accounts {
		v, ok := w.shard.state.Account(id)
		if !ok {
			w.t.Fatalf("no account %s", id)
		}
		if has, want := int64(v.Remaining-v.Excess-v.Loan), k.credits[id]-spent[id]; has != want {
			w.t.Fatalf("%v: account %s has %v and owes %v and %v, %d were paid in and %d spent", w.clock.now, id, v.Remaining, v.Excess, v.Loan, k.credits[id], spent[id])
		}
	}
}

// nothingReserved is how a day ends.
func (k *dayBooks) nothingReserved() {
	w := k.w
	if left := w.shard.state.Sessions(0, 10); len(left) != 0 {
		w.t.Fatalf("sessions outlive their supervision: %+v", left)
	}
	for _, id := range w.accounts {
		v, _ := w.shard.state.Account(id)
		for _, b := range v.Buckets {
			if b.Reserved != 0 {
				w.t.Fatalf("account %s, bucket %d: %d reserved for nobody", id, b.ID, b.Reserved)
			}
		}
	}
	if totals := w.shard.state.Stats().Reserved; len(totals) != 0 {
		for _, total := range totals {
			if total.Sum != (balance.Sum{}) {
				w.t.Fatalf("reserved: %+v", totals)
			}
		}
	}
}

// fee checks a fee, which is due once in a period: for the part of the billing cycle that is left when it is paid. That is all
// of it at the midnight that the cycle begins with, unless there was no money then.
func (k *dayBooks) fee(r *usage.Record, renewed map[string]bool) {
	const whole = 2_000_000
	id, wall, paid := string(r.Account), k.w.wall(r.Closed), int64(0)
	for n := range r.Postings {
		paid += moneyOut(&r.Postings[n])
	}
	begin := time.Date(wall.Year(), wall.Month(), int(k.w.d.cycle), 0, 0, 0, 0, wall.Location())
	if wall.Before(begin) {
		begin = begin.AddDate(0, -1, 0)
	}
	end := begin.AddDate(0, 1, 0)
	due := whole * end.Sub(wall).Milliseconds() / end.Sub(begin).Milliseconds()
	period := fmt.Sprintf("%s %v", id, begin)
	if paid < due || paid > due+1 || renewed[period] {
		k.w.t.Fatalf("%v: account %s pays %d for the rest of a month, which costs %d; paid before: %t", wall, id, paid, due, renewed[period])
	}
	renewed[period] = true
}

// midnight is when the billing cycle ends: what is then left of an allowance that nobody has reserved goes on into the next.
func (k *dayBooks) midnight() {
	const most = 3_000_000
	for _, id := range k.w.accounts {
		v, _ := k.w.shard.state.Account(id)
		for _, b := range v.Buckets {
			if b.Allowance == "bundle-data" {
				k.left[id] += b.Remaining - b.Reserved
			}
		}
		k.left[id] = min(k.left[id], most)
	}
}

// rolledOver holds what went on into the next cycle against that; it does so only where the cycle was paid at its beginning.
func (k *dayBooks) rolledOver() {
	w := k.w
	rolled, paid := map[string]int64{}, map[string]bool{}
	w.shard.records(func(r *usage.Record) {
		wall, id := w.wall(r.Closed), string(r.Account)
		switch r.Kind {
		case usage.RollOver:
			rolled[id] += r.Postings[0].Amount
		case usage.Fee:
			paid[id] = paid[id] || wall.Day() == int(w.d.cycle) && wall.Hour() == 0 && wall.Minute() == 0 && wall.Second() < 2
		default:
		}
	})
	for _, id := range w.accounts {
		want := k.left[id]
		if !paid[id] {
			want = 0
		}
		if rolled[id] != want {
			w.t.Fatalf("account %s: %d octets went on into the next cycle instead of %d", id, rolled[id], want)
		}
	}
}

// buckets holds what is left of each account's allowances and money against all postings to and from them.
func (k *dayBooks) buckets() {
	w := k.w
	type kind struct {
		account string
		unit    balance.Denomination
	}
	left := map[kind]int64{}
	w.shard.records(func(r *usage.Record) {
		for n := range r.Postings {
			p := &r.Postings[n]
			if p.From.Class == balance.CustomerBucket {
				left[kind{string(r.Account), p.Denomination}] -= p.Amount
			}
			if p.To.Class == balance.CustomerBucket {
				left[kind{string(r.Account), p.Denomination}] += p.Amount
			}
		}
	})
	for _, id := range w.accounts {
		v, _ := w.shard.state.Account(id)
		for _, b := range v.Buckets {
			left[kind{id, b.Denomination}] -= b.Remaining
		}
	}
	for of, amount := range left {
		if amount != 0 {
			w.t.Fatalf("account %s: its records differ by %d %s from what its buckets hold", of.account, amount, of.unit)
		}
	}
}

// answeredAll: each request was answered but those lost in a crash, and none was refused before it came to the core.
func (k *dayBooks) answeredAll(lost uint64) {
	if c := k.w.server.Counters(); c.Submitted != c.Answered+lost || c.Refused != 0 || c.Spoofed != 0 || c.Unsolicited != 0 {
		k.w.t.Fatalf("requests: %+v", c)
	}
}

func (k *dayBooks) String() string {
	return fmt.Sprintf("%d sessions, %d messages", len(k.sessions), len(k.events))
}
