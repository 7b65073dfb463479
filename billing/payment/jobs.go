package payment

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"gyro/billing/ledger"
	"gyro/billing/payment/provider"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
)

// The jobs of payments. Their names and fields stay: rows of them may wait.
type (
	chargeArgs struct {
		Payment int64 `json:"payment"`
	}
	topUpArgs struct {
		Payment int64 `json:"payment"`
	}
	refundArgs struct {
		Refund int64 `json:"refund"`
	}
	takeBackArgs struct {
		Refund int64 `json:"refund"`
	}
	chargebackArgs struct {
		Payment int64 `json:"payment"`
		Version int64 `json:"version"`
	}
	eventArgs struct {
		Event int64 `json:"event"`
	}
)

// Kind implements database.JobArgs.
func (chargeArgs) Kind() string { return "payment_charge" }

// Kind implements database.JobArgs.
func (topUpArgs) Kind() string { return "payment_top_up" }

// Kind implements database.JobArgs.
func (refundArgs) Kind() string { return "payment_refund" }

// Kind implements database.JobArgs.
func (takeBackArgs) Kind() string { return "payment_take_back" }

// Kind implements database.JobArgs.
func (chargebackArgs) Kind() string { return "payment_chargeback" }

// Kind implements database.JobArgs.
func (eventArgs) Kind() string { return "payment_event" }

// Register names the workers of the jobs. None is ever given up: money that is on
// its way somewhere has to arrive, or to be refused.
func (s *Service) Register(jobs *database.Jobs) {
	again, forever := database.Backoff(instant.Second, 10*instant.Minute), database.Forever()
	database.RegisterJob(jobs, func(ctx context.Context, a chargeArgs, _ database.JobInfo) error { return s.charge(ctx, a.Payment) }, again, forever)
	database.RegisterJob(jobs, func(ctx context.Context, a topUpArgs, _ database.JobInfo) error { return s.topUp(ctx, a.Payment) }, again, forever)
	database.RegisterJob(jobs, func(ctx context.Context, a refundArgs, _ database.JobInfo) error { return s.payOut(ctx, a.Refund) }, again, forever)
	database.RegisterJob(jobs, func(ctx context.Context, a takeBackArgs, _ database.JobInfo) error { return s.takeBack(ctx, a.Refund) }, again, forever)
	database.RegisterJob(jobs, func(ctx context.Context, a chargebackArgs, _ database.JobInfo) error { return s.coreChargeback(ctx, a) }, again, forever)
	database.RegisterJob(jobs, func(ctx context.Context, a adjustArgs, _ database.JobInfo) error {
		_, err := s.CarryOut(ctx, a.Adjustment)
		return err
	}, again, forever)
	database.RegisterJob(jobs, func(ctx context.Context, a eventArgs, _ database.JobInfo) error { return s.process(ctx, a.Event) }, again, forever)
}

// read loads something on a snapshot of its own.
func read[T any](ctx context.Context, db *database.DB, get func(ctx context.Context, q bun.IDB) (T, error)) (v T, err error) {
	err = db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
		v, err = get(ctx, q)
		return err
	})
	return v, err
}

func (s *Service) payment(ctx context.Context, id int64) (Payment, error) {
	return read(ctx, s.o.DB, func(ctx context.Context, q bun.IDB) (Payment, error) { return Get(ctx, q, id) })
}

// charge asks the provider for the money of a payment that is initiated.
func (s *Service) charge(ctx context.Context, id int64) error {
	p, err := s.payment(ctx, id)
	if err != nil || p.State != Initiated {
		return err
	}
	currency, err := money.ParseCurrency(p.Currency)
	if err != nil {
		return err
	}
	if s.o.Provider == nil {
		return errors.New("no payment provider is configured")
	}
	c, err := s.o.Provider.Charge(ctx, provider.ChargeRequest{Key: p.Name(), Token: p.Token, Amount: p.Amount, Currency: currency, Reference: p.Name(), Description: p.Description})
	if err != nil && !provider.Permanent(err) {
		return err
	}
	refused := err
	return s.o.DB.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		if refused == nil {
			_, err := s.absorb(ctx, tx, &c, nil)
			return err
		}
		p, err := Get(ctx, tx.IDB, id)
		if err != nil || p.State != Initiated {
			return err
		}
		before := p
		p.State, p.Failure = Failed, codeOf(refused)
		if err := s.letter(ctx, tx, p.Account, "payment_failed", p.Name(), map[string]string{
			"reference": p.Name(), "amount": p.Amount.String() + " " + p.Currency, "reason": p.Failure,
		}); err != nil {
			return err
		}
		return s.save(ctx, tx, &before, &p)
	})
}

// core calls the charging core for an account; refused is its final no.
func (s *Service) core(ctx context.Context, id int64, currency string, call func(account string, c money.Currency) error) (refused error, err error) {
	a, err := read(ctx, s.o.DB, func(ctx context.Context, q bun.IDB) (account, error) { return accountOf(ctx, q, id) })
	if err != nil {
		return nil, err
	}
	c, err := money.ParseCurrency(currency)
	if err != nil {
		return nil, err
	}
	if s.o.Core == nil {
		return nil, errors.New("no charging core is configured")
	}
	err = call(a.Charging, c)
	if refusal.Of(err) != nil {
		return err, nil
	}
	return nil, err
}

// BringIn moves a payment that is a settled top-up to the balance in the core,
// once. It is the job's, for those who do not want to wait for it; whether the
// core took it is in the payment's Core.
func (s *Service) BringIn(ctx context.Context, id int64) (Payment, error) {
	if err := s.topUp(ctx, id); err != nil {
		return Payment{}, err
	}
	return s.payment(ctx, id)
}

// topUp brings a payment to the balance in the core.
func (s *Service) topUp(ctx context.Context, id int64) error {
	p, err := s.payment(ctx, id)
	if err != nil || p.Core != CoreWaiting {
		return err
	}
	refused, err := s.core(ctx, p.Account, p.Currency, func(account string, c money.Currency) error {
		return s.o.Core.TopUp(ctx, account, p.Name(), p.Amount, c, p.SettledAt)
	})
	if err != nil {
		return err
	}
	return s.o.DB.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		p, err := Get(ctx, tx.IDB, id)
		if err != nil || p.Core != CoreWaiting {
			return err
		}
		before := p
		if refused != nil {
			p.Core, p.Failure = CoreRefused, refused.Error()
			return s.save(ctx, tx, &before, &p)
		}
		p.Core = CoreDone
		credit, err := ledger.CreditOf(ctx, tx.IDB, ledger.SourcePayment, p.ID)
		if err != nil {
			return err
		}
		if err := ledger.Withdraw(ctx, tx, credit.ID, p.Amount); err != nil {
			return err
		}
		if err := ledger.Post(ctx, tx, ledger.Move(ledger.KindTopUp, p.Name(), "top-up-"+p.Name(), ledger.Day(tx.Now()),
			ledger.CustomerCredit, ledger.PrepaidBalances, p.Account, p.Amount, p.Currency)); err != nil {
			return err
		}
		return s.save(ctx, tx, &before, &p)
	})
}

// takeBack takes a top-up that is refunded back in the core; then it is payable.
func (s *Service) takeBack(ctx context.Context, id int64) error {
	r, err := read(ctx, s.o.DB, func(ctx context.Context, q bun.IDB) (Refund, error) { return GetRefund(ctx, q, id) })
	if err != nil || r.State != RefundRequested {
		return err
	}
	refused, err := s.core(ctx, r.Account, r.Currency, func(account string, c money.Currency) error {
		return s.o.Core.TakeBack(ctx, account, r.Name(), r.Amount, c, r.CreatedAt)
	})
	if err != nil {
		return err
	}
	return s.o.DB.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		r, err := GetRefund(ctx, tx.IDB, id)
		if err != nil || r.State != RefundRequested {
			return err
		}
		p, err := Get(ctx, tx.IDB, r.PaymentID)
		if err != nil {
			return err
		}
		if refused != nil {
			return s.refundFailed(ctx, tx, &p, &r, refused.Error())
		}
		if err := s.fund(ctx, tx, &p, &r, ledger.PrepaidBalances); err != nil {
			return err
		}
		if p.Method != ByProvider {
			return s.refundSettled(ctx, tx, &p, &r)
		}
		return tx.Enqueue(ctx, refundArgs{Refund: r.ID})
	})
}

// payOut asks the provider to give a refund back.
func (s *Service) payOut(ctx context.Context, id int64) error {
	r, err := read(ctx, s.o.DB, func(ctx context.Context, q bun.IDB) (Refund, error) { return GetRefund(ctx, q, id) })
	if err != nil || r.State != RefundFunded {
		return err
	}
	p, err := s.payment(ctx, r.PaymentID)
	if err != nil {
		return err
	}
	if s.o.Provider == nil {
		return errors.New("no payment provider is configured")
	}
	answer, err := s.o.Provider.Refund(ctx, provider.RefundRequest{Key: r.Name(), Charge: p.Provider, Amount: r.Amount, Reason: r.Reason})
	if err != nil && !provider.Permanent(err) {
		return err
	}
	refused := err
	return s.o.DB.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		p, err := Get(ctx, tx.IDB, r.PaymentID)
		if err != nil {
			return err
		}
		if refused == nil {
			_, err = s.absorbRefund(ctx, tx, &p, &answer)
			return err
		}
		r, err := GetRefund(ctx, tx.IDB, id)
		if err != nil || r.State != RefundFunded {
			return err
		}
		return s.refundFailed(ctx, tx, &p, &r, codeOf(refused))
	})
}

// codeOf is the provider's word for a refusal.
func codeOf(err error) string {
	if refused := (*provider.Error)(nil); errors.As(err, &refused) {
		return refused.Code
	}
	return err.Error()
}

// coreChargeback takes the core's part of a chargeback, or gives it again.
func (s *Service) coreChargeback(ctx context.Context, a chargebackArgs) error {
	find := func(ctx context.Context, q bun.IDB) (Chargeback, error) {
		var rows []Chargeback
		err := q.NewRaw("SELECT "+chargebackColumns+" FROM chargeback WHERE payment_id = ? AND provider_version = ? AND core_state = 'waiting'", a.Payment, a.Version).Scan(ctx, &rows)
		if err != nil || len(rows) == 0 {
			return Chargeback{}, err
		}
		return rows[0], nil
	}
	cb, err := read(ctx, s.o.DB, find)
	if err != nil || cb.PaymentID == 0 {
		return err
	}
	key := fmt.Sprintf("%s-%s-%d", cb.Name(), cb.State, cb.Version)
	refused, err := s.core(ctx, cb.Account, cb.Currency, func(account string, c money.Currency) error {
		if cb.State == "won" {
			return s.o.Core.TopUp(ctx, account, key, cb.FromCore, c, cb.CreatedAt)
		}
		return s.o.Core.TakeBack(ctx, account, key, cb.FromCore, c, cb.CreatedAt)
	})
	if err != nil {
		return err
	}
	return s.o.DB.Write(ctx, worker, func(ctx context.Context, tx *database.Tx) error {
		cb, err := find(ctx, tx.IDB)
		if err != nil || cb.PaymentID == 0 {
			return err
		}
		return s.coreAnswered(ctx, tx, &cb, refused != nil)
	})
}
