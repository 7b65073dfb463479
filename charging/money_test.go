package charging_test

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"gyro/charging"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// worldCodes are the codes of a batch of the world; the last is of none.
func worldCode(batch, n int) string { return fmt.Sprintf("code-%d-%d", batch, n) }

const (
	worldBatches = 3
	worldParts   = 2
	worldCodes   = 3 // in a part
)

// vouchers draws a part of a batch, or a batch's end.
func (w *world) vouchers() charging.Vouchers {
	batch := rapid.IntRange(0, worldBatches-1).Draw(w.t, "batch")
	c := charging.Vouchers{Batch: fmt.Sprintf("batch-%d", batch), Salt: scriptSalt}
	if w.one(8) {
		c.Block, c.Reason = true, "stolen"
		return c
	}
	c.Terms = charging.VoucherTerms{Count: worldParts * worldCodes, Amount: money.Amount(batch+1) * 100_000, Currency: money.EUR, ExtendsDays: uint16(batch)}
	if batch == 1 {
		c.Terms.Catalog, c.Terms.Allowance = "world", "later"
	}
	c.Part = uint32(rapid.IntRange(0, worldParts-1).Draw(w.t, "part"))
	for n := range worldCodes {
		c.Hashes = append(c.Hashes, codeHash(worldCode(batch, int(c.Part)*worldCodes+n))...)
	}
	return c
}

func (w *world) account() string {
	return fmt.Sprintf("account-%d", rapid.IntRange(0, worldAccounts-1).Draw(w.t, "account"))
}

func (w *world) redeem() charging.Redeem {
	w.keys++
	n := rapid.IntRange(0, worldParts*worldCodes).Draw(w.t, "code") // one more than there are
	return charging.Redeem{
		Account: w.account(), Key: fmt.Sprint(w.keys), Digest: uint64(w.keys),
		Hash: codeHash(worldCode(rapid.IntRange(0, worldBatches-1).Draw(w.t, "batch"), n)),
	}
}

func (w *world) transfer() charging.Transfer {
	w.keys++
	return charging.Transfer{
		From: w.account(), To: w.account(), Amount: money.Amount(rapid.Int64Range(1, 200_000).Draw(w.t, "amount")),
		Currency: money.EUR, Reason: "gift", Key: fmt.Sprint(w.keys), Digest: uint64(w.keys),
	}
}

func (w *world) loan() charging.Loan {
	w.keys++
	return charging.Loan{
		Account: w.account(), Amount: money.Amount(rapid.Int64Range(1, 150_000).Draw(w.t, "amount")), Currency: money.EUR,
		Reason: "advance", WriteOff: w.one(3), Key: fmt.Sprint(w.keys), Digest: uint64(w.keys),
	}
}

func (w *world) limits() charging.SetLimits {
	w.keys++
	account := rapid.IntRange(0, worldAccounts-1).Draw(w.t, "account")
	c := charging.SetLimits{
		Account: fmt.Sprintf("account-%d", account), Key: fmt.Sprint(w.keys), Digest: uint64(w.keys),
		Subscriber: charging.IdentitySpec{Kind: ident.IMSI, Value: worldIMSI(account)},
	}
	for _, counter := range []string{"own-data", "own-money"} {
		if w.one(2) {
			c.Limits = append(c.Limits, charging.MemberLimit{Counter: counter, Most: rapid.Uint64Range(0, 40_000_000).Draw(w.t, "most")})
		}
	}
	return c
}

// moneySettings draws settings that come into play.
func (w *world) moneySettings(m *charging.MoneySettings) {
	m.GuessLimit, m.GuessWindow, m.GuessLock = uint16(rapid.IntRange(1, 3).Draw(w.t, "guesses")), instant.Day, instant.Hour
	m.TransferFee = money.Amount(rapid.Int64Range(0, 2_000).Draw(w.t, "fee"))
	m.TransferDayCount = uint16(rapid.IntRange(0, 3).Draw(w.t, "transfers"))
	m.LoanMost, m.LoanBelow = 100_000, money.Amount(rapid.Int64Range(0, 400_000).Draw(w.t, "below"))
	m.LoanFee, m.LoanTerm = money.Amount(rapid.Int64Range(0, 5_000).Draw(w.t, "loan fee")), instant.Hour
	m.LowBalance = money.Amount(rapid.Int64Range(0, 200_000).Draw(w.t, "low"))
	m.CreditWarnings = [charging.WarningSteps]uint8{30, 60, 100}
}

// operation draws any operation on a balance.
func (h *historian) operation(t *rapid.T) (charging.Kind, any) {
	switch rapid.IntRange(0, 11).Draw(t, "operation") {
	case 0, 1:
		return charging.KindVouchers, h.vouchers()
	case 2, 3, 4:
		return charging.KindRedeem, h.redeem()
	case 5, 6:
		return charging.KindTransfer, h.transfer()
	case 7, 8:
		return charging.KindLoan, h.loan()
	case 9:
		kind, c := h.money()
		if kind == charging.KindTopUp {
			c.ExtendsDays = 3
			c.Bonus = &charging.Bonus{Promotion: "weekend", Amount: money.Amount(rapid.Int64Range(1, 50_000).Draw(t, "bonus")), Days: uint16(rapid.IntRange(0, 1).Draw(t, "days"))}
		}
		return kind, c
	case 10:
		return charging.KindSetLimits, h.limits()
	}
	settings := h.state.Settings()
	h.moneySettings(&settings.Money)
	return charging.KindConfigure, settings
}

// operate applies an operation on a balance, to be sent again later.
func (h *historian) operate(t *rapid.T) {
	kind, v := h.operation(t)
	c := command(t, kind, v)
	if o := h.apply(h.now, c)[0]; o.Result == charging.Success && kind != charging.KindConfigure {
		h.done = append(h.done, answered{c, o})
	}
}

// purseModel keeps what operations do to one account in the dumbest way.
type purseModel struct {
	main, loan  money.Amount
	wrong       int
	lockedUntil instant.Instant
	sent        int
}

// moneyModel is all accounts and vouchers.
type moneyModel struct {
	accounts map[string]*purseModel
	codes    map[string]int // amount in tenths of a unit, 0 used up
	blocked  map[string]bool
	parts    map[string]int
	settings charging.MoneySettings
	now      instant.Instant
}

// come is money that comes in: the loan is paid back first.
func (p *purseModel) come(amount money.Amount) {
	paid := min(p.loan, amount)
	p.loan -= paid
	p.main += amount - paid
}

func (m *moneyModel) transfer(c *charging.Transfer) charging.Result {
	from, to := m.accounts[c.From], m.accounts[c.To]
	switch {
	case c.From == c.To:
		return charging.Invalid
	case from.loan > 0, m.settings.TransferDayCount > 0 && from.sent >= int(m.settings.TransferDayCount):
		return charging.TransferRefused
	case from.main < c.Amount+m.settings.TransferFee:
		return charging.InsufficientBalance
	}
	from.main -= c.Amount + m.settings.TransferFee
	from.sent++
	to.come(c.Amount)
	return charging.Success
}

func (m *moneyModel) lend(c *charging.Loan) charging.Result {
	p := m.accounts[c.Account]
	switch {
	case c.WriteOff && p.loan == 0, !c.WriteOff && (p.loan > 0 || p.main >= m.settings.LoanBelow || c.Amount > m.settings.LoanMost):
		return charging.LoanRefused
	case c.WriteOff:
		p.loan = 0
	default:
		p.loan = c.Amount + m.settings.LoanFee
		p.main += c.Amount
	}
	return charging.Success
}

func (m *moneyModel) redeem(c *charging.Redeem) charging.Result {
	p := m.accounts[c.Account]
	if m.now < p.lockedUntil {
		return charging.GuessesLocked
	}
	amount, known := m.codes[string(c.Hash)]
	batch := "batch-" + string(rune('0'+amount/100))
	switch {
	case !known:
		if p.wrong++; p.wrong == int(m.settings.GuessLimit) {
			p.wrong, p.lockedUntil = 0, m.now.Add(m.settings.GuessLock)
		}
		return charging.VoucherUnknown
	case amount%100 == 0:
		return charging.VoucherUsed
	case m.blocked[batch], m.parts[batch] < worldParts:
		return charging.VoucherBlocked
	}
	m.codes[string(c.Hash)] = amount / 100 * 100
	p.come(money.Amount(amount%100) * 100_000)
	return charging.Success
}

func (m *moneyModel) vouchers(c *charging.Vouchers) charging.Result {
	batch := int(c.Batch[len(c.Batch)-1] - '0')
	switch {
	case c.Block && m.parts[c.Batch] == 0:
		return charging.VoucherUnknown
	case c.Block:
		m.blocked[c.Batch] = true
		return charging.Success
	case int(c.Part) < m.parts[c.Batch]:
		return charging.Success // again
	case int(c.Part) > m.parts[c.Batch]:
		return charging.Invalid
	case m.blocked[c.Batch]:
		return charging.VoucherBlocked
	}
	m.parts[c.Batch]++
	for n := 0; n < len(c.Hashes); n += charging.VoucherHashSize {
		m.codes[string(c.Hashes[n:n+charging.VoucherHashSize])] = batch*100 + batch + 1
	}
	return charging.Success
}

// TestMoneyAgainstModel holds operations on balances, in any order, with
// restarts and copies in between, against books kept in the dumbest way.
func TestMoneyAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &historian{shard: newShard(t), now: 1_800_000_000_000, world: world{t: t, requests: map[string]uint32{}}}
		m := moneyModel{accounts: map[string]*purseModel{}, codes: map[string]int{}, blocked: map[string]bool{}, parts: map[string]int{}, now: h.now}
		settings := charging.DefaultSettings()
		h.moneySettings(&settings.Money)
		m.settings = settings.Money
		h.apply(h.now, command(t, charging.KindConfigure, settings), publication(t, "world", worldCatalog))
		for k := range worldAccounts {
			account := fmt.Sprintf("account-%d", k)
			h.apply(h.now, command(t, charging.KindPutAccount, charging.PutAccount{
				Account: account, Currency: money.EUR, Kind: 1, Offers: []string{"payg"},
			}))
			m.accounts[account] = &purseModel{}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			h.bothOperate(t, &m)
			for account, want := range m.accounts {
				v, _ := h.state.Account(account)
				if main := v.Buckets[len(v.Buckets)-1]; money.Amount(main.Remaining) != want.main || v.Loan != want.loan {
					t.Fatalf("%s has %d and owes %s, the model %s and %s", account, main.Remaining, v.Loan, want.main, want.loan)
				}
			}
		}
		h.books()
		h.metamorphic()
	})
}

// bothOperate lets the core and the model do the same. The history stays
// within one day, as the model's count of transfers does.
func (h *historian) bothOperate(t *rapid.T, m *moneyModel) {
	var want charging.Result
	var kind charging.Kind
	var v any
	switch rapid.IntRange(0, 10).Draw(t, "step") {
	case 0:
		h.restart()
		return
	case 1:
		h.duplicate(t)
		return
	case 2:
		if h.now < 1_800_000_000_000+instant.Instant(2*instant.Hour) {
			h.now = h.now.Add(40 * instant.Minute)
			m.now = h.now
			h.tick()
		}
		return
	case 3, 4:
		c := h.vouchers()
		kind, v, want = charging.KindVouchers, c, m.vouchers(&c)
	case 5, 6, 7:
		c := h.redeem()
		kind, v, want = charging.KindRedeem, c, m.redeem(&c)
	case 8:
		c := h.transfer()
		kind, v, want = charging.KindTransfer, c, m.transfer(&c)
	case 9:
		c := h.loan()
		kind, v, want = charging.KindLoan, c, m.lend(&c)
	case 10:
		_, c := h.money()
		c.Amount = max(c.Amount, -c.Amount) + 1
		kind, v, want = charging.KindTopUp, c, charging.Success
		m.accounts[c.Account].come(c.Amount)
	}
	sent := command(t, kind, v)
	got := h.apply(h.now, sent)[0]
	if got.Result != want {
		t.Fatalf("%+v: %s (%s), the model says %s", v, resultName(got.Result), got.Detail, resultName(want))
	}
	if got.Result == charging.Success {
		h.done = append(h.done, answered{sent, got})
	}
}

// TestVouchersInBulk: a batch of 100,000 comes in parts, none of which is more
// work than a slice of a checkpoint; the checkpoint writes it in many steps,
// requests in between see all of it, and a code is found in it after a restart.
func TestVouchersInBulk(t *testing.T) {
	const count = 100_000
	s := newShard(t)
	s.apply(1_800_000_000_000, command(t, charging.KindPutAccount, charging.PutAccount{Account: "anna", Currency: money.EUR, Kind: 1}))
	for part, made := uint32(0), 0; made < count; part++ {
		c := charging.Vouchers{
			Batch: "large", Salt: scriptSalt, Part: part,
			Terms: charging.VoucherTerms{Count: count, Amount: money.Unit, Currency: money.EUR},
		}
		for ; made < count && len(c.Hashes) < charging.MaxVouchers*charging.VoucherHashSize; made++ {
			c.Hashes = append(c.Hashes, codeHash(fmt.Sprint("code-", made))...)
		}
		if o := s.apply(1_800_000_000_000, command(t, charging.KindVouchers, c))[0]; o.Result != charging.Success {
			t.Fatal(o.Detail)
		}
	}
	redeem := func(n int) charging.Result {
		c := charging.Redeem{Account: "anna", Hash: codeHash(fmt.Sprint("code-", n)), Key: fmt.Sprint(n), Digest: uint64(n)}
		return s.apply(1_800_000_000_000, command(t, charging.KindRedeem, c))[0].Result
	}
	for _, n := range []int{0, 4095, 4096, 99_998} {
		if got := redeem(n); got != charging.Success {
			t.Fatalf("code %d: %s", n, resultName(got))
		}
	}
	s.begin()
	steps := 0
	for ; !s.running.Step(); steps++ {
		if got := redeem(10_000 + steps); got != charging.Success {
			t.Fatalf("while a checkpoint is written: %s", resultName(got))
		}
	}
	if steps < count/charging.MaxVouchers/8 {
		t.Errorf("the checkpoint takes %d steps: each writes too much", steps)
	}
	s.running = nil
	loaded, err := charging.Load(s.store)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := loaded.VoucherBatch("large"); v.Used != 4 || v.Unused != count-4 {
		t.Errorf("the checkpoint has %+v, not what there was at its index", v)
	}
	s.restart()
	batch, serial, record, ok := s.state.Voucher(codeHash("code-99998"))
	if !ok || batch != "large" || serial != 99_999 || record == 0 {
		t.Errorf("voucher %s/%d, record %d, %v", batch, serial, record, ok)
	}
	if got := redeem(99_998); got != charging.Success || !s.outcomes[0].Replayed {
		t.Errorf("the copy of a redemption: %s", resultName(got))
	}
	if v, _ := s.state.VoucherBatch("large"); int(v.Used) != 4+steps || int(v.Unused) != count-4-steps {
		t.Errorf("%+v after %d redemptions", v, 4+steps)
	}
	if !bytes.Equal(s.state.VoucherSalt(), scriptSalt) {
		t.Error("the salt is lost")
	}
	s.books()
}
