package api

import (
	"encoding/base64"
	"fmt"

	"gyro/charging"
	"gyro/charging/engine"
	"gyro/charging/usage"
	"gyro/internal/money"
	"gyro/internal/voucher"

	"github.com/valyala/fasthttp"
)

// batchesPath is where batches of vouchers are.
const batchesPath = "/charging/v1/voucher-batches"

// termsBody says what each voucher of a batch is worth.
type termsBody struct {
	Count       uint32 `json:"count"`
	Amount      string `json:"amount,omitempty"`
	Currency    string `json:"currency,omitempty"`
	Catalog     string `json:"catalog,omitempty"`
	Allowance   string `json:"allowance,omitempty"`
	ExtendsDays uint16 `json:"extends_days,omitempty"`
	Until       string `json:"until,omitempty"`
}

// partBody is a part of a batch: the hashes of some of its codes. The codes
// stay with whoever made them.
type partBody struct {
	Terms termsBody `json:"terms"`
	Salt  string    `json:"salt"` // Base64, as the hashes
	Part  uint32    `json:"part"`
	// Hashes are charging.MaxVouchers at most, each of 16 octets, all in one Base64 text.
	Hashes string `json:"hashes"`
}

// batchView is a batch as it is now.
type batchView struct {
	Batch   string    `json:"batch"`
	Terms   termsBody `json:"terms"`
	Created string    `json:"created"`
	Blocked string    `json:"blocked,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	// NextPart is the number of the part that is missing, while one is.
	NextPart *int   `json:"next_part,omitempty"`
	Missing  uint32 `json:"missing"`
	Unused   uint32 `json:"unused"`
	Used     uint32 `json:"used"`
	Expired  uint32 `json:"expired"`
	Voided   uint32 `json:"voided"` // unused when the batch was blocked
}

func batchOf(v *charging.VoucherBatchView) batchView {
	view := batchView{
		Batch: v.Name, Terms: termsOf(&v.Terms), Created: moment(v.Created), Reason: v.Reason,
		Missing: v.Missing, Unused: v.Unused, Used: v.Used, Expired: v.Expired, Voided: v.BlockedCount,
	}
	if v.Blocked != 0 {
		view.Blocked = moment(v.Blocked)
	}
	if v.Missing > 0 {
		view.NextPart = &v.Parts
	}
	return view
}

func termsOf(t *charging.VoucherTerms) termsBody {
	b := termsBody{Count: t.Count, Catalog: t.Catalog, Allowance: t.Allowance, ExtendsDays: t.ExtendsDays}
	if t.Amount != 0 {
		b.Amount, b.Currency = decimal(t.Amount, t.Currency), t.Currency.String()
	}
	if t.Until != 0 {
		b.Until = moment(t.Until)
	}
	return b
}

func (b *termsBody) terms() (t charging.VoucherTerms, err error) {
	t = charging.VoucherTerms{Count: b.Count, Catalog: b.Catalog, Allowance: b.Allowance, ExtendsDays: b.ExtendsDays}
	if b.Amount != "" {
		if t.Currency, err = parseCurrency(b.Currency, "use an ISO 4217 code such as EUR"); err != nil {
			return t, err
		}
		if t.Amount, err = parseAmount("terms.amount", b.Amount, t.Currency, paidDecimals); err != nil {
			return t, err
		}
	}
	t.Until, err = parseMoment("terms.until", b.Until)
	return t, err
}

// voucherSalt shows what the shard's codes are hashed with: a new salt until
// the first batch has set one.
func (s *Server) voucherSalt(r *request) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	var salt []byte
	s.o.Engine.View(func(state *charging.State) { salt = state.VoucherSalt() })
	return r.answer(fasthttp.StatusOK, struct {
		Salt string `json:"salt"` // "" before the first batch, which sets it
	}{base64.StdEncoding.EncodeToString(salt)})
}

func (s *Server) voucherBatches(r *request) error {
	after, err := r.only("after", "the next of the previous answer")
	if err != nil {
		return err
	}
	var found []charging.VoucherBatchView
	s.o.Engine.View(func(state *charging.State) { found = state.VoucherBatches(after, defaultPage) })
	view := struct {
		Batches []batchView `json:"batches"`
		Next    *string     `json:"next"`
	}{Batches: []batchView{}}
	for n := range found {
		view.Batches = append(view.Batches, batchOf(&found[n]))
	}
	if len(found) == defaultPage {
		view.Next = &found[len(found)-1].Name
	}
	return r.answer(fasthttp.StatusOK, view)
}

func (s *Server) voucherBatch(r *request) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	name, err := r.param("batch")
	if err != nil {
		return err
	}
	return s.answerBatch(r, name)
}

// changeBatch carries a change of a batch out and shows the batch.
func (s *Server) changeBatch(r *request, c *charging.Vouchers) error {
	reply, err := s.carryOut(r, charging.KindVouchers, c)
	switch {
	case err != nil && reply.Result == charging.Contradiction: // batches have no idempotency keys
		return refuse(fasthttp.StatusConflict, "voucher_batch_conflict", "%s", reply.Detail)
	case err != nil:
		return err
	}
	return s.answerBatch(r, c.Batch)
}

func (s *Server) answerBatch(r *request, name string) error {
	var view charging.VoucherBatchView
	known := false
	s.o.Engine.View(func(state *charging.State) { view, known = state.VoucherBatch(name) })
	if !known {
		return refuse(fasthttp.StatusNotFound, "voucher_batch_unknown", "there is no batch of vouchers %s", quoted(name))
	}
	return r.answer(fasthttp.StatusOK, batchOf(&view))
}

// addVouchers adds a part of a batch. It may be sent again: a part that is
// there is not added twice.
func (s *Server) addVouchers(r *request) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	name, err := r.param("batch")
	if err != nil {
		return err
	}
	if !isName(name, charging.MaxBatchName, "-_.") {
		return refuse(fasthttp.StatusUnprocessableEntity, "invalid_value", "batch %s: use 1 to %d letters, digits, -, _ and .", quoted(name), charging.MaxBatchName)
	}
	var body partBody
	if err := r.decode(&body); err != nil {
		return err
	}
	c := &charging.Vouchers{Batch: name, Part: body.Part}
	if c.Terms, err = body.Terms.terms(); err != nil {
		return err
	}
	if c.Salt, err = parseOctets("salt", body.Salt, charging.VoucherSaltSize, charging.VoucherSaltSize); err != nil {
		return err
	}
	if c.Hashes, err = parseOctets("hashes", body.Hashes, charging.VoucherHashSize, charging.MaxVouchers*charging.VoucherHashSize); err != nil {
		return err
	}
	return s.changeBatch(r, c)
}

// parseOctets reads Base64 of whole elements of a size.
func parseOctets(key, text string, size, most int) ([]byte, error) {
	octets, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(octets) == 0 || len(octets)%size != 0 || len(octets) > most {
		return nil, invalid(key, "it is not Base64 of "+fmt.Sprint(size)+" octets each", fmt.Sprintf("at most %d octets are taken", most))
	}
	return octets, nil
}

// blockVouchers ends a batch: what is unused can no longer be redeemed.
func (s *Server) blockVouchers(r *request) error {
	if err := r.noQuery(); err != nil {
		return err
	}
	name, err := r.param("batch")
	if err != nil {
		return err
	}
	var body struct {
		Reason string `json:"reason"`
	}
	if err := r.decode(&body); err != nil {
		return err
	}
	if err := checkReason(body.Reason); err != nil {
		return err
	}
	return s.changeBatch(r, &charging.Vouchers{Batch: name, Block: true, Reason: body.Reason})
}

// redemptionBody is what a customer types.
type redemptionBody struct {
	Code string `json:"code"`
}

// redemptionView answers it.
type redemptionView struct {
	Record   uint64 `json:"record"`
	Kind     string `json:"kind"`
	Account  string `json:"account"`
	Currency string `json:"currency"`
	Balance  string `json:"balance"` // of the account's own money, afterwards
	// Batch is the voucher's; what follows is what it was worth.
	Batch       string `json:"batch,omitempty"`
	Amount      string `json:"amount,omitempty"`
	Catalog     string `json:"catalog,omitempty"`
	Allowance   string `json:"allowance,omitempty"`
	ExtendsDays uint16 `json:"extends_days,omitempty"`
}

// hash hashes a code. Those who wait for it are bounded, or tries of codes would take all the room that there is for requests.
func (s *Server) hash(r *request, code string, salt []byte) ([]byte, error) {
	select {
	case s.redeeming <- struct{}{}:
		defer s.redeeming.give()
	default:
		return nil, refuse(fasthttp.StatusServiceUnavailable, "busy", "%d codes of vouchers are being looked at, the most there may be; try again", cap(s.redeeming))
	}
	if err := s.hashing.take(r.ctx); err != nil {
		return nil, err
	}
	defer s.hashing.give()
	return voucher.Hash(code, salt), nil
}

// redeem uses a voucher up. The code is hashed here and goes no further.
func (s *Server) redeem(r *request) error {
	var body redemptionBody
	var hash []byte
	return s.change(r, &change{charging.KindRedeem, &body, func(account, key string) (any, error) {
		code, err := voucher.Normalise(body.Code)
		if err != nil {
			return nil, invalid("code", err.Error(), "type the digits of the voucher")
		}
		var salt []byte
		s.o.Engine.View(func(state *charging.State) { salt = state.VoucherSalt() })
		if salt == nil {
			salt = make([]byte, charging.VoucherSaltSize) // there are no vouchers: whatever the hash, it is a wrong guess
		}
		if hash, err = s.hash(r, code, salt); err != nil {
			return nil, err
		}
		c := &charging.Redeem{Account: account, Hash: hash, Key: key}
		c.Digest = digestOf(*c)
		return c, nil
	}, func(account string, reply *engine.Reply) any {
		view := redemptionView{
			Record: reply.Record, Kind: usage.TopUp.String(), Account: account,
			Currency: money.Currency(reply.Currency).String(), Balance: balanceOf(reply),
		}
		s.o.Engine.View(func(state *charging.State) { // a batch and its terms never change and stay for ever
			batch, _, _, _ := state.Voucher(hash)
			if b, ok := state.VoucherBatch(batch); ok {
				t := termsOf(&b.Terms)
				view.Batch, view.Amount, view.Catalog, view.Allowance, view.ExtendsDays = batch, t.Amount, t.Catalog, t.Allowance, t.ExtendsDays
			}
		})
		return view
	}})
}
