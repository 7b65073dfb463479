package tmf

import (
	"context"
	"strconv"
	"strings"

	"gyro/api/access"
	"gyro/api/client"
	"gyro/api/rest"
	"gyro/billing/payment"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// actionDocument is what TMF654's TopupBalance, AdjustBalance and
// BalanceActionHistory have in common: a movement of an account's own money. Its
// id is ACCOUNT-RECORD.
type actionDocument struct {
	rest.Entity
	Description  string         `json:"description,omitempty"`
	Reason       string         `json:"reason,omitempty"`
	Status       string         `json:"status,omitempty"`
	UsageType    string         `json:"usageType,omitempty"`
	ConfirmedAt  rest.Time      `json:"confirmationDate,omitzero"`
	Amount       *rest.Quantity `json:"amount,omitempty"`
	Bucket       *rest.Ref      `json:"bucket,omitempty"`
	PartyAccount *rest.Ref      `json:"partyAccount,omitempty"`
	// Receiver is required of BalanceActionHistory: whose money it is.
	Receiver *rest.Ref `json:"receiverLogicalResource,omitempty"`
}

// actions are the kinds of record that are no usage, by resource.
var (
	topUpKinds   = map[string]bool{"top-up": true}
	adjustKinds  = map[string]bool{"adjustment": true}
	historyKinds = map[string]bool{"top-up": true, "adjustment": true, "settlement": true, "transfer": true, "loan": true, "repayment": true, "fee": true, "expiry": true}
)

// actionOf is a record of the core as an action; found is false where it moves
// none of the account's own money.
func actionOf(ctx context.Context, a *customer.BillingAccount, p *client.Posted) (d actionDocument, found bool) {
	own := "customer:" + a.ChargingAccount + "/main"
	sum, of, bucket := money.Amount(0), "", uint64(0)
	for n := range p.Legs {
		l := &p.Legs[n]
		amount, currency, is := l.Quantity.Money()
		switch {
		case !is:
		case l.To == own:
			sum, of, bucket = sum+amount, currency.String(), l.Bucket
		case l.From == own:
			sum, of, bucket = sum-amount, currency.String(), l.Bucket
		}
	}
	if of == "" {
		return d, false
	}
	id := rest.ID(a.ID) + "-" + strconv.FormatUint(bucket, 10)
	return actionDocument{
		Entity: rest.Entity{ID: rest.ID(a.ID) + "-" + strconv.FormatUint(p.Record, 10)}, Description: p.Kind, Reason: p.Reason, Status: "completed",
		UsageType: "monetary", ConfirmedAt: rest.Time(p.At), Amount: &rest.Quantity{Amount: rest.Decimal(sum), Units: of},
		Bucket:       &rest.Ref{ID: id, Href: rest.Href(ctx, rest.TMF654, "bucket", id), ReferredType: "Bucket"},
		PartyAccount: balanceAccount(ctx, a),
	}, true
}

// actions lists the movements of some kinds of accounts, those of each the
// newest first, as many as one page of the core has.
func (b balances) actions(ctx context.Context, accounts []customer.BillingAccount, kinds map[string]bool) ([]actionDocument, error) {
	list := []actionDocument{}
	for n := range accounts {
		page, err := b.core.Postings(ctx, accounts[n].ChargingAccount, 0, client.MaxPage)
		if client.Refused(err, "account_unknown") {
			continue
		}
		if err != nil {
			return nil, fromCore(err)
		}
		for k := range page.Postings {
			if d, found := actionOf(ctx, &accounts[n], &page.Postings[k]); found && kinds[page.Postings[k].Kind] {
				list = append(list, d)
			}
		}
	}
	return list, nil
}

// action declares a resource of movements.
func (b balances) action(path, kind, about string, kinds map[string]bool, finish func(*actionDocument)) rest.Resource[actionDocument] {
	return rest.Resource[actionDocument]{
		API: rest.TMF654, Path: path, Type: kind, About: about, Roles: rest.Roles{Read: balanceReaders}, Filters: byAccount,
		ReadOnly: []string{"status", "confirmationDate", "receiverLogicalResource"},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]actionDocument, int, error) {
			accounts, err := b.accounts(ctx, db, q)
			if err != nil {
				return nil, 0, err
			}
			list, err := b.actions(ctx, accounts, kinds)
			for n := range list {
				finish(&list[n])
			}
			page, total := rest.Slice(q, list)
			return page, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (actionDocument, error) {
			account, err := b.accountOf(ctx, db, id, "action")
			if err != nil {
				return actionDocument{}, err
			}
			list, err := b.actions(ctx, []customer.BillingAccount{account}, kinds)
			for n := range list {
				if list[n].ID == id {
					finish(&list[n])
					return list[n], nil
				}
			}
			return actionDocument{}, orNotFound(err, "action", id)
		},
	}
}

func (b balances) history() rest.Set {
	return b.action("balanceActionHistory", "BalanceActionHistory", "What moved the own money of billing accounts, usage apart: the newest thousand records of each.", historyKinds,
		func(d *actionDocument) { d.Receiver = &rest.Ref{ID: d.PartyAccount.ID, Name: d.PartyAccount.Name} })
}

// topUps is TMF654's TopupBalance. Each is a payment that was made at a counter,
// so that the journal has it as the core does.
func (b balances) topUps() rest.Set {
	r := b.action("topupBalance", "TopupBalance", "Money that was paid at a cash desk (reason cash) or by bank_transfer: a payment of the office, which brings it to the balance. Payments through the provider top up by themselves.", topUpKinds, func(*actionDocument) {})
	if b.payments == nil {
		return r
	}
	r.Roles.Create = access.Finance
	r.Submit = func(ctx context.Context, c *rest.Call, key string, in actionDocument) (actionDocument, error) {
		return b.move(ctx, c, key, in, func(a *customer.BillingAccount, amount money.Amount, of money.Currency) (moved, error) {
			method := payment.Method(orElse(in.Reason, string(payment.CashInHand)))
			if method != payment.CashInHand && method != payment.BankTransfer {
				return moved{}, refusal.New(refusal.Unprocessable, "invalid_value", "reason", "%q: money is paid in cash or by bank_transfer; what nobody has paid, such as a bonus, is an adjustment (adjustBalance)", in.Reason)
			}
			var p payment.Payment
			err := c.DB().Write(ctx, c.Actor(), func(ctx context.Context, tx *database.Tx) (err error) {
				p, err = b.payments.Take(ctx, tx, payment.Request{
					Account: a.ID, Purpose: payment.TopUp, Method: method, Amount: amount, Currency: of.String(), Description: in.Description, Key: actionKey(c, key),
				})
				return err
			})
			if err != nil {
				return moved{}, err
			}
			if p, err = b.payments.BringIn(ctx, p.ID); err != nil {
				return moved{}, fromCore(err)
			}
			if p.Core == payment.CoreRefused {
				return moved{}, refusal.New(refusal.Conflict, "top_up_refused", "", "%s: %s; the money is the customer's credit: refund the payment", p.Name(), p.Failure)
			}
			return moved{client.TopUpKind, p.Name(), p.SettledAt}, nil
		})
	}
	return r
}

// adjustments is TMF654's AdjustBalance.
func (b balances) adjustments() rest.Set {
	r := b.action("adjustBalance", "AdjustBalance", "Money that is added or taken for a reason. Above the threshold a second person has to approve. What a prepaid balance gets is booked as goodwill.", adjustKinds, func(*actionDocument) {})
	if b.payments == nil {
		return r
	}
	r.Roles.Create = access.Finance
	r.Submit = func(ctx context.Context, c *rest.Call, key string, in actionDocument) (actionDocument, error) {
		return b.move(ctx, c, key, in, func(a *customer.BillingAccount, amount money.Amount, of money.Currency) (moved, error) {
			if err := access.FourEyes(ctx, amount, of.String()); err != nil {
				return moved{}, err
			}
			wanted := payment.Adjustment{Account: a.ID, Amount: amount, Currency: of.String(), Reason: orElse(in.Reason, "correction"), Key: actionKey(c, key)}
			if approver := access.ApproverOf(ctx); approver.Name != "" {
				wanted.AskedBy, wanted.ApprovedBy = nameForCore(c.Principal().Name), nameForCore(approver.Name)
			}
			err := c.DB().Write(ctx, c.Actor(), func(ctx context.Context, tx *database.Tx) (err error) {
				wanted, err = b.payments.Adjust(ctx, tx, wanted)
				return err
			})
			if err != nil {
				return moved{}, err
			}
			if wanted, err = b.payments.CarryOut(ctx, wanted.ID); err != nil {
				return moved{}, fromCore(err)
			}
			if wanted.State == payment.AdjustmentRefused {
				return moved{}, refusal.New(refusal.Conflict, "adjustment_refused", "", "%s", wanted.Failure)
			}
			return moved{client.AdjustmentKind, wanted.Name(), wanted.CreatedAt}, nil
		})
	}
	return r
}

// actionKey is a client's key among those of payments and adjustments: what another client sends under the same key is
// another movement.
func actionKey(c *rest.Call, key string) string {
	return "balance-action " + c.Principal().Name + " " + key
}

// moved names a movement in the core.
type moved struct {
	kind, key string
	since     instant.Instant
}

// nameForCore is the name of a person or a program in the characters that the
// core keeps.
func nameForCore(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.@ ", r) {
			return r
		}
		return '-'
	}, name)
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// keyed holds a key to one request: the core has keys for each account, and the
// office has them for each client. It reports whether the request was carried out before.
func keyed(ctx context.Context, c *rest.Call, key string, in actionDocument) (before bool, err error) {
	err = c.DB().Write(ctx, c.Actor(), func(ctx context.Context, tx *database.Tx) error {
		replay, _, err := tx.Once(ctx, c.Scope(), key, in)
		before = len(replay) > 0
		return err
	})
	return before, err
}

// move carries a movement out and answers with its record. Where the core does
// not answer, the movement is taken down and goes on by itself; the same request
// again tells what became of it.
func (b balances) move(ctx context.Context, c *rest.Call, key string, in actionDocument,
	carryOut func(a *customer.BillingAccount, amount money.Amount, of money.Currency) (moved, error),
) (actionDocument, error) {
	if in.UsageType != "" && in.UsageType != "monetary" {
		return in, refusal.New(refusal.Unprocessable, "invalid_value", "usageType", "%q cannot be moved by hand; use monetary", in.UsageType)
	}
	if in.Amount == nil || in.PartyAccount == nil {
		return in, refusal.New(refusal.Invalid, "invalid_value", "amount", "amount and partyAccount are needed, such as {\"amount\":{\"amount\":10.00,\"units\":\"EUR\"},\"partyAccount\":{\"id\":\"1\"}}")
	}
	amount, of, err := (&rest.Money{Unit: in.Amount.Units, Value: in.Amount.Amount}).Amount("amount")
	if err != nil {
		return in, err
	}
	number, err := rest.ParseRef("partyAccount.id", in.PartyAccount.ID)
	if err != nil {
		return in, err
	}
	var account customer.BillingAccount
	err = c.Read(ctx, func(ctx context.Context, q rest.Reader) (err error) {
		account, err = b.customers.Account(ctx, q, number)
		return err
	})
	if err != nil {
		return in, err
	}
	if _, err := b.core.Account(ctx, account.ChargingAccount); err != nil { // before any money is taken for it
		return in, fromCore(err)
	}
	before, err := keyed(ctx, c, key, in)
	if err != nil {
		return in, err
	}
	m, err := carryOut(&account, amount, of)
	if err != nil {
		return in, err
	}
	posted, found, err := b.core.Moved(ctx, account.ChargingAccount, m.kind, m.key, m.since)
	if err != nil {
		return in, fromCore(err)
	}
	d, shown := actionOf(ctx, &account, &posted)
	if !found || !shown {
		return in, orNotFound(nil, "action", m.key)
	}
	if before {
		return d, nil
	}
	return d, c.DB().Write(ctx, c.Actor(), func(ctx context.Context, tx *database.Tx) error { return tx.Remember(ctx, c.Scope(), key, m.key) })
}
