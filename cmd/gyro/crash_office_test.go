package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"gyro/internal/money"
	"gyro/internal/voucher"
)

// counters serve customers of an office while the program is killed: each redeems vouchers, sends money to another customer,
// and takes and ends an offer, one after the other, and repeats what was not answered until it is.
type counters struct {
	t       testing.TB
	o       *office
	cancel  context.CancelFunc
	running sync.WaitGroup
	clerks  []*clerk
}

// clerk is at one counter; what it counts was acknowledged.
type clerk struct {
	account, receiver  string
	codes              []string
	cycles             uint64
	redeemed, replayed uint64
	first              accountState // after the first cycle, before any kill
}

const (
	crashClerks     = 2
	crashCodes      = 200 // a clerk
	crashVoucher    = "1.00"
	crashGift       = "0.30"
	crashCycleEvery = 60 * time.Millisecond
)

// startCounters opens the customers' accounts, makes a batch of vouchers, and lets each clerk do everything once before the
// first kill: what one round comes to is known from that.
func startCounters(t testing.TB, o *office) *counters {
	c := &counters{t: t, o: o}
	var codes []string
	for n := range crashClerks {
		k := &clerk{account: fmt.Sprintf("clerk-%d", n), receiver: fmt.Sprintf("receiver-%d", n)}
		o.account(k.account, "prepaid", "0.00", `["payg"]`, crashSubscribers+100+2*n)
		o.account(k.receiver, "prepaid", "0.00", `["payg"]`, crashSubscribers+101+2*n)
		for m := range crashCodes {
			k.codes = append(k.codes, fmt.Sprintf("%016d", 4_711_000_000_000_000+n*crashCodes+m))
		}
		codes = append(codes, k.codes...)
		c.clerks = append(c.clerks, k)
	}
	salt := []byte("salt of vouchers")
	var hashes []byte
	for _, code := range codes {
		hashes = append(hashes, voucher.Hash(code, salt)...)
	}
	o.must(http.MethodPost, "/charging/v1/voucher-batches/crash/parts", "application/json", fmt.Appendf(nil,
		`{"terms":{"count":%d,"amount":%q,"currency":"EUR"},"salt":%q,"part":0,"hashes":%q}`,
		len(codes), crashVoucher, base64.StdEncoding.EncodeToString(salt), base64.StdEncoding.EncodeToString(hashes)), nil)
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	t.Cleanup(c.stop)
	for _, k := range c.clerks {
		if !c.serve(k) {
			t.Fatal("not even one round was served")
		}
		k.first = o.state(k.account)
		c.running.Go(func() { c.work(ctx, k) })
	}
	return c
}

// work serves rounds until it is told to stop or has no voucher left; the round at hand is finished first.
func (c *counters) work(ctx context.Context, k *clerk) {
	pause := time.NewTicker(crashCycleEvery)
	defer pause.Stop()
	for ctx.Err() == nil && int(k.cycles) < len(k.codes) && c.serve(k) {
		<-pause.C
	}
}

// serve is one round: a voucher comes in, a part of it goes out again, an offer is taken and ended.
func (c *counters) serve(k *clerk) bool {
	key := fmt.Sprintf("%s-%d", k.account, k.cycles)
	for n, step := range []struct{ path, body string }{
		{"/redemptions", fmt.Sprintf(`{"code":%q}`, k.codes[k.cycles])},
		{"/transfers", fmt.Sprintf(`{"to":%q,"amount":%q,"currency":"EUR","reason":"gift"}`, k.receiver, crashGift)},
		{"/subscriptions", `{"offer":"data-5gb"}`},
		{"/subscriptions/end", `{"offer":"data-5gb"}`},
	} {
		if !c.acknowledged(k, step.path, step.body, fmt.Sprint(key, "-", n)) {
			return false
		}
	}
	k.redeemed++
	k.cycles++
	return true
}

// acknowledged repeats a command until it is answered with success.
func (c *counters) acknowledged(k *clerk, path, body, key string) bool {
	pause := time.NewTicker(voucherEvery)
	defer pause.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-pause.C {
		r, err := c.o.do(context.Background(), http.MethodPost, "/charging/v1/accounts/"+k.account+path, "application/json", []byte(body), "Idempotency-Key", key)
		switch {
		case err != nil || r.status == http.StatusServiceUnavailable:
		case r.status/100 == 2:
			if r.header.Get("Idempotent-Replayed") == "true" {
				k.replayed++
			}
			return true
		default:
			c.t.Errorf("%s %s %s: status %d: %s", k.account, path, key, r.status, r.body)
			return false
		}
	}
	c.t.Errorf("%s %s %s is not acknowledged", k.account, path, key)
	return false
}

func (c *counters) stop() {
	c.cancel()
	c.running.Wait()
}

// check holds what the customers have against what was acknowledged: each command is there, once.
func (c *counters) check() {
	c.t.Helper()
	used, replayed := uint64(0), uint64(0)
	for _, k := range c.clerks {
		sent := amountOf(c.t, crashGift) * money.Amount(k.cycles)
		if got, want := c.o.state(k.receiver), sent.Format(2); got.Remaining != want || got.Records != k.cycles {
			c.t.Errorf("%s has %s in %d records, want %s of %d gifts", k.receiver, got.Remaining, got.Records, want, k.cycles)
		}
		want := amountOf(c.t, k.first.Remaining) * money.Amount(k.cycles)
		if got := c.o.state(k.account); got.Remaining != want.Format(2) || got.Records != k.first.Records*k.cycles {
			c.t.Errorf("%s has %s in %d records, want %s in %d after %d rounds", k.account, got.Remaining, got.Records,
				want.Format(2), k.first.Records*k.cycles, k.cycles)
		}
		used, replayed = used+k.redeemed, replayed+k.replayed
	}
	var batch struct{ Used, Unused uint64 }
	c.o.must(http.MethodGet, "/charging/v1/voucher-batches/crash", "", nil, &batch)
	if batch.Used != used || batch.Unused != crashClerks*crashCodes-used || used <= crashClerks {
		c.t.Errorf("of the vouchers %d are used and %d unused; %d redemptions were acknowledged", batch.Used, batch.Unused, used)
	}
	c.t.Logf("rounds at the counters acknowledged %d (a voucher, a transfer, an offer taken and ended), %d commands had been applied before their answer was lost; each is there once",
		used, replayed)
}

func amountOf(t testing.TB, text string) money.Amount {
	t.Helper()
	amount, err := money.Parse(text, 2)
	if err != nil {
		t.Fatal(err)
	}
	return amount
}
