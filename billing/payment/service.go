package payment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"gyro/billing/ledger"
	"gyro/billing/payment/provider"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// Core is the charging core, where prepaid balances are. Each call happens once
// for its key, however late it is repeated: since is when it may have been made
// first. A *refusal.Error is final; any other error is tried again.
type Core interface {
	TopUp(ctx context.Context, account, key string, amount money.Amount, currency money.Currency, since instant.Instant) error
	TakeBack(ctx context.Context, account, key string, amount money.Amount, currency money.Currency, since instant.Instant) error
	// Adjust is under the adjustment's name.
	Adjust(ctx context.Context, account string, a *Adjustment, currency money.Currency) error
}

// Options wire a Service.
type Options struct {
	DB *database.DB
	// Provider takes payments; nil: only manual ones are taken.
	Provider provider.Provider
	Verifier provider.Verifier
	Core     Core
	// Moved is told, in the transaction, of an account whose open items a
	// payment changed: dunning lifts what no longer holds. May be nil.
	Moved func(ctx context.Context, tx *database.Tx, account int64) error
	// Letter sends the customer a message, once for its key. May be nil.
	Letter func(ctx context.Context, tx *database.Tx, account int64, template string, data map[string]string, key string) error
	Logger *slog.Logger // nil is slog.Default()
}

// Service takes payments.
type Service struct{ o Options }

// New makes a service.
func New(o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Service{o}
}

// worker is who jobs write as.
var worker = database.Actor{Name: "payments", Role: "system", Via: "job"}

// Request is a payment that is to be made, or that was made.
type Request struct {
	Account int64
	Purpose Purpose // "" is what the account's kind suggests
	Method  Method
	Amount  money.Amount
	// Currency may be empty: the account's.
	Currency string
	// InvoiceID is what the payer names, 0: oldest first.
	InvoiceID int64
	// Token is the provider's name of the means of payment; Method ByProvider.
	Token       string
	Description string
	// ReceivedOn is the value date of a manual payment, YYYY-MM-DD; "" is today.
	ReceivedOn string
	// Key makes the request once. Required.
	Key string
}

// account is what payments need to know of a billing account.
type account struct {
	ID       int64  `bun:"id"`
	Kind     string `bun:"kind"`
	Currency string `bun:"currency"`
	Charging string `bun:"charging_account"`
}

func accountOf(ctx context.Context, q bun.IDB, id int64) (account, error) {
	var rows []account
	if err := q.NewRaw("SELECT id, kind, currency, charging_account FROM billing_account WHERE id = ?", id).Scan(ctx, &rows); err != nil {
		return account{}, fmt.Errorf("billing account %d: %w", id, err)
	}
	if len(rows) == 0 {
		return account{}, refusal.New(refusal.NotFound, "account_unknown", "account", "there is no billing account %d", id)
	}
	return rows[0], nil
}

// Take takes a payment: one through the provider is initiated, which a job goes
// on with; a manual one is settled at once. The same request with the same key
// returns the payment that is there.
func (s *Service) Take(ctx context.Context, tx *database.Tx, r Request) (Payment, error) {
	if r.Key == "" {
		return Payment{}, refusal.New(refusal.Invalid, "key_missing", "key", "a payment needs a key that makes it once")
	}
	a, err := accountOf(ctx, tx.IDB, r.Account)
	if err != nil {
		return Payment{}, err
	}
	if err := s.complete(ctx, tx, &r, a); err != nil {
		return Payment{}, err
	}
	p := Payment{
		Account: r.Account, Purpose: r.Purpose, Method: r.Method, Amount: r.Amount, Currency: r.Currency, State: Initiated, Key: r.Key,
		InvoiceID: r.InvoiceID, Token: r.Token, Description: r.Description, ReceivedOn: r.ReceivedOn, CreatedAt: tx.Now(),
	}
	if was, err := findPayment(ctx, tx.IDB, "key = ?", r.Key); err != nil {
		return Payment{}, err
	} else if was != nil {
		return *was, sameRequest(was, &p)
	}
	// Of two at once the one that comes second is repeated by the database, and finds the first: without the clause
	// PostgreSQL would report its key as a violation of the constraint.
	err = tx.NewRaw(`INSERT INTO payment (billing_account_id, purpose, method, amount, currency, state, key, invoice_id, token, description, received_on, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING RETURNING id`,
		p.Account, p.Purpose, p.Method, p.Amount, p.Currency, p.State, p.Key, optional(p.InvoiceID), p.Token, p.Description, p.ReceivedOn, p.CreatedAt).Scan(ctx, &p.ID)
	if err != nil {
		return Payment{}, fmt.Errorf("new payment: %w", err)
	}
	if err := s.changed(ctx, tx, nil, &p); err != nil {
		return Payment{}, err
	}
	if p.Method == ByProvider {
		return p, tx.Enqueue(ctx, chargeArgs{Payment: p.ID})
	}
	err = s.settle(ctx, tx, &p)
	return p, err
}

func optional(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// complete fills in what the account says and refuses what cannot be.
func (s *Service) complete(ctx context.Context, tx *database.Tx, r *Request, a account) error {
	if r.Currency == "" {
		r.Currency = a.Currency
	}
	if r.Purpose == "" {
		r.Purpose = Bills
		if a.Kind == "prepaid" {
			r.Purpose = TopUp
		}
	}
	currency, err := money.ParseCurrency(r.Currency)
	if err != nil || r.Currency != a.Currency {
		return refusal.New(refusal.Unprocessable, "currency_differs", "amount.unit", "account %d is kept in %s, not in %q", a.ID, a.Currency, r.Currency)
	}
	if _, err := provider.ToMinor(r.Amount, currency); err != nil || r.Amount <= 0 {
		return refusal.New(refusal.Invalid, "amount_invalid", "amount", "%s %s cannot be paid: give an amount above zero with at most %d decimals", r.Amount, r.Currency, currency.Exponent())
	}
	switch {
	case r.Purpose != Bills && r.Purpose != TopUp:
		return refusal.New(refusal.Invalid, "purpose_unknown", "purpose", "%q: a payment is for bills or a top_up", r.Purpose)
	case r.Purpose == TopUp && a.Kind != "prepaid":
		return refusal.New(refusal.Unprocessable, "account_postpaid", "purpose", "account %d is postpaid: what is paid goes to its bills", a.ID)
	case r.Method != ByProvider && r.Method != BankTransfer && r.Method != CashInHand:
		return refusal.New(refusal.Invalid, "method_unknown", "paymentMethod", "%q: use provider, bank_transfer or cash", r.Method)
	case r.Method != ByProvider && r.Token != "":
		// Who sends a token means that its card is charged: nothing may be booked as received in its place.
		return refusal.New(refusal.Invalid, "token_unused", "paymentMethod", "%s charges no card or mandate, and a token of one was given: use provider, or leave the token out", r.Method)
	case r.Method == ByProvider && s.o.Provider == nil:
		return refusal.New(refusal.Unavailable, "no_provider", "paymentMethod", "no payment provider is configured; take the payment by bank_transfer or cash")
	case r.Method == ByProvider && r.Token == "":
		return refusal.New(refusal.Invalid, "token_missing", "paymentMethod", "a payment through the provider needs the token of the card or mandate")
	case r.Method == ByProvider:
		// Before anything is stored: a number of a card given in place of its token must not come to rest here.
		if wrong, found := errors.AsType[*provider.Error](provider.CheckToken(r.Token)); found {
			return refusal.New(refusal.Invalid, wrong.Code, "paymentMethod", "%s", wrong.Message)
		}
	}
	return s.completeDates(ctx, tx, r)
}

func (s *Service) completeDates(ctx context.Context, tx *database.Tx, r *Request) error {
	today := ledger.Day(tx.Now())
	if r.ReceivedOn == "" || r.Method == ByProvider {
		r.ReceivedOn = today
	}
	if _, err := time.Parse(time.DateOnly, r.ReceivedOn); err != nil || r.ReceivedOn > today {
		return refusal.New(refusal.Invalid, "date_invalid", "paymentDate", "%q is no day up to today; write it as %s", r.ReceivedOn, today)
	}
	if r.InvoiceID == 0 {
		return nil
	}
	receivable, err := ledger.GetReceivable(ctx, tx.IDB, r.InvoiceID)
	if err == nil && receivable.Account != r.Account {
		err = refusal.New(refusal.Unprocessable, "account_differs", "paymentItem.item", "invoice %s is account %d's", receivable.Number, receivable.Account)
	}
	return err
}

func sameRequest(was, p *Payment) error {
	if was.Account != p.Account || was.Purpose != p.Purpose || was.Method != p.Method || was.Amount != p.Amount || was.Currency != p.Currency || was.InvoiceID != p.InvoiceID {
		return refusal.New(refusal.Conflict, "key_reused", "key", "key %q was used for %s of %s %s on account %d; a new payment needs a new key", was.Key, was.Name(), was.Amount, was.Currency, was.Account)
	}
	return nil
}

// settle books a payment as received, in the transaction that learns of it.
func (s *Service) settle(ctx context.Context, tx *database.Tx, p *Payment) error {
	before := *p
	p.State, p.SettledAt, p.Failure = Settled, tx.Now(), ""
	if p.Purpose == TopUp {
		p.Core = CoreWaiting
	}
	on := p.ReceivedOn
	if p.Method == ByProvider {
		on = ledger.Day(tx.Now())
		p.ReceivedOn = on
	}
	credit, err := ledger.TakeIn(ctx, tx, clearing(p.Method), p.ID, p.Account, p.Amount, p.Currency, on)
	if err != nil {
		return err
	}
	if err := s.save(ctx, tx, &before, p); err != nil {
		return err
	}
	if err := s.letter(ctx, tx, p.Account, "payment_received", p.Name(), map[string]string{
		"reference": p.Name(), "amount": p.Amount.String() + " " + p.Currency,
	}); err != nil {
		return err
	}
	if p.Purpose == TopUp {
		return tx.Enqueue(ctx, topUpArgs{Payment: p.ID})
	}
	return s.apply(ctx, tx, p, credit, on)
}

// apply uses the money: for the invoice that the payer named, then oldest first.
func (s *Service) apply(ctx context.Context, tx *database.Tx, p *Payment, credit ledger.Credit, on string) error {
	if p.InvoiceID != 0 {
		r, err := ledger.GetReceivable(ctx, tx.IDB, p.InvoiceID)
		if err != nil {
			return err
		}
		if amount := min(r.Open, credit.Open); amount > 0 {
			if _, err := ledger.Allocate(ctx, tx, credit, r.InvoiceID, amount, on); err != nil {
				return err
			}
		}
	}
	return s.use(ctx, tx, p.Account, on)
}

// use settles what is open from what credit there is, and tells dunning.
func (s *Service) use(ctx context.Context, tx *database.Tx, account int64, on string) error {
	if err := ledger.Settle(ctx, tx, account, on); err != nil {
		return err
	}
	return s.moved(ctx, tx, account)
}

func (s *Service) moved(ctx context.Context, tx *database.Tx, account int64) error {
	if s.o.Moved == nil {
		return nil
	}
	return s.o.Moved(ctx, tx, account)
}

// clearing is the account that money of a method comes into, and goes out of.
func clearing(m Method) string {
	switch m {
	case BankTransfer:
		return ledger.Bank
	case CashInHand:
		return ledger.Cash
	case ByProvider:
	}
	return ledger.ProviderClearing
}

func (s *Service) letter(ctx context.Context, tx *database.Tx, account int64, template, key string, data map[string]string) error {
	if s.o.Letter == nil {
		return nil
	}
	return s.o.Letter(ctx, tx, account, template, data, template+"-"+key)
}

// save writes what may change of a payment.
func (s *Service) save(ctx context.Context, tx *database.Tx, before, p *Payment) error {
	var reference any
	if p.Provider != "" {
		reference = p.Provider
	}
	_, err := tx.ExecContext(ctx, `UPDATE payment SET state = ?, provider_reference = ?, failure = ?, refunded = ?, charged_back = ?, provider_version = ?,
		core_state = ?, received_on = ?, settled_at = ? WHERE id = ?`,
		p.State, reference, p.Failure, p.Refunded, p.ChargedBack, p.Version, p.Core, p.ReceivedOn, p.SettledAt, p.ID)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name(), err)
	}
	return s.changed(ctx, tx, before, p)
}

// view is what the audit trail and events tell of a payment: no token.
func view(p *Payment) any {
	if p == nil {
		return nil
	}
	return map[string]any{
		"id": strconv.FormatInt(p.ID, 10), "account": p.Account, "purpose": p.Purpose, "method": p.Method, "amount": p.Amount.In(p.Currency), "currency": p.Currency,
		"state": p.State, "failure": p.Failure, "refunded": p.Refunded.In(p.Currency), "chargedBack": p.ChargedBack.In(p.Currency), "core": p.Core, "reference": p.Provider,
	}
}

// changed leaves the audit row and, where others care, the event.
func (s *Service) changed(ctx context.Context, tx *database.Tx, before, p *Payment) error {
	id := strconv.FormatInt(p.ID, 10)
	action, event := "change", ""
	switch {
	case before == nil:
		action, event = "create", "paymentCreateEvent"
	case before.State != p.State:
		event = "paymentStateChangeEvent"
	}
	if err := tx.Audit(ctx, "payment", id, action, view(before), view(p)); err != nil || event == "" {
		return err
	}
	return tx.Emit(ctx, database.Event{Type: event, Entity: "payment", ID: id, Payload: view(p)})
}
