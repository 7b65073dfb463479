package tmf

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gyro/api/access"
	"gyro/api/client"
	"gyro/api/rest"
	"gyro/billing/payment"
	"gyro/customer"
	"gyro/internal/money"
	"gyro/internal/refusal"

	"github.com/uptrace/bun"
)

// TMF654: balances of billing accounts, live from the charging core. Nothing of
// it is kept in the office.

// balances are the resources of TMF654.
type balances struct {
	customers *customer.Service
	core      Core
	payments  *payment.Service // nil: balances are shown, and nothing is moved
}

// bucketDocument is TMF654's Bucket: money or units that an account has.
type bucketDocument struct {
	rest.Entity
	Name         string           `json:"name,omitempty"`
	UsageType    string           `json:"usageType,omitempty"`
	Status       string           `json:"status,omitempty"`
	IsShared     bool             `json:"isShared"`
	Remaining    *rest.Quantity   `json:"remainingValue,omitempty"`
	Reserved     *rest.Quantity   `json:"reservedValue,omitempty"`
	ValidFor     *rest.TimePeriod `json:"validFor,omitempty"`
	PartyAccount *rest.Ref        `json:"partyAccount,omitempty"`
}

// usageTypes are TMF654's, with what the core counts in.
func usageType(denomination string) string {
	switch denomination {
	case "octets":
		return "data"
	case "seconds":
		return "voice"
	case "events":
		return "sms"
	}
	return "monetary"
}

func quantityOf(q client.Quantity) *rest.Quantity {
	if _, _, money := q.Money(); money {
		return &rest.Quantity{Amount: rest.Decimal(q.Amount), Units: q.Denomination}
	}
	return &rest.Quantity{Amount: rest.Decimal(money.Amount(q.Amount) * money.Unit), Units: q.Denomination}
}

// maxAsked bounds the accounts that one request asks the core for.
const maxAsked = 100

// accounts are the billing accounts that a query is about: the one that it
// names, or all where they are few.
func (b balances) accounts(ctx context.Context, db bun.IDB, q *rest.Query) ([]customer.BillingAccount, error) {
	if text := q.Value("partyAccount.id"); text != "" {
		id, err := rest.ParseID(text)
		if err != nil {
			return nil, nil //nolint:nilerr // no account has it
		}
		a, err := b.customers.Account(ctx, db, id)
		if r := refusal.Of(err); r != nil && r.Kind == refusal.NotFound {
			return nil, nil
		}
		return []customer.BillingAccount{a}, err
	}
	var list []customer.BillingAccount
	err := db.NewSelect().Model(&list).Order("id").Limit(maxAsked + 1).Scan(ctx)
	if err == nil && len(list) > maxAsked {
		err = refusal.New(refusal.Unprocessable, "account_needed", "partyAccount.id", "there are more than %d accounts, and each is asked of the charging core; name one", maxAsked)
	}
	return list, err
}

// live is an account as the core has it; known is false where the core does not
// have it, because nothing was ordered yet.
func (b balances) live(ctx context.Context, a *customer.BillingAccount) (v client.Account, known bool, err error) {
	v, err = b.core.Account(ctx, a.ChargingAccount)
	if client.Refused(err, "account_unknown") {
		return v, false, nil
	}
	return v, err == nil, fromCore(err)
}

// fromCore makes a refusal of what the core answers.
func fromCore(err error) error {
	p, answered := errors.AsType[*client.Problem](err)
	switch {
	case client.Temporary(err):
		return refusal.New(refusal.Unavailable, "charging_unavailable", "", "the charging core does not answer: %v", err)
	case !answered:
		return err
	case p.Status == 404:
		return refusal.New(refusal.NotFound, p.Code, "", "%s", p.Message)
	case p.Status == 409:
		return refusal.New(refusal.Conflict, p.Code, "", "%s", p.Message)
	case p.Status == 422:
		return refusal.New(refusal.Unprocessable, p.Code, "", "%s", p.Message)
	case p.Code == "approval_needed":
		return refusal.New(refusal.Forbidden, p.Code, "", "%s", p.Message)
	}
	return err
}

func balanceAccount(ctx context.Context, a *customer.BillingAccount) *rest.Ref {
	return &rest.Ref{ID: rest.ID(a.ID), Name: a.Name, Href: rest.Href(ctx, rest.TMF666, "billingAccount", rest.ID(a.ID)), ReferredType: "BillingAccount"}
}

func bucketOf(ctx context.Context, a *customer.BillingAccount, k *client.Bucket) bucketDocument {
	d := bucketDocument{
		Entity: rest.Entity{ID: rest.ID(a.ID) + "-" + strconv.FormatUint(k.ID, 10)}, Name: k.Name, UsageType: usageType(k.Remaining.Denomination), Status: "active",
		IsShared: true, Remaining: quantityOf(k.Remaining), Reserved: quantityOf(k.Reserved), PartyAccount: balanceAccount(ctx, a),
	}
	if !k.Valid {
		d.Status = "expired"
	}
	if k.From != 0 {
		d.ValidFor = &rest.TimePeriod{Start: rest.Time(k.From), End: rest.Time(k.Until)}
	}
	return d
}

// buckets of some accounts.
func (b balances) buckets(ctx context.Context, accounts []customer.BillingAccount) ([]bucketDocument, error) {
	list := []bucketDocument{}
	for n := range accounts {
		v, known, err := b.live(ctx, &accounts[n])
		if err != nil {
			return nil, err
		}
		for k := range v.Buckets {
			if known {
				list = append(list, bucketOf(ctx, &accounts[n], &v.Buckets[k]))
			}
		}
	}
	return list, nil
}

var byAccount = []rest.Filter{{Attribute: "partyAccount.id", Kind: rest.Number}}

const balanceReaders = access.Care | access.Finance | access.Sales | access.Administrator

// bucket is TMF654's Bucket.
func (b balances) bucket() rest.Set {
	return rest.Resource[bucketDocument]{
		API: rest.TMF654, Path: "bucket", Type: "Bucket", About: "Money and units that billing accounts have in the charging core, now.",
		Roles: rest.Roles{Read: balanceReaders}, Filters: byAccount,
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]bucketDocument, int, error) {
			accounts, err := b.accounts(ctx, db, q)
			if err != nil {
				return nil, 0, err
			}
			list, err := b.buckets(ctx, accounts)
			page, total := rest.Slice(q, list)
			return page, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (bucketDocument, error) {
			account, err := b.accountOf(ctx, db, id, "bucket")
			if err != nil {
				return bucketDocument{}, err
			}
			list, err := b.buckets(ctx, []customer.BillingAccount{account})
			for n := range list {
				if list[n].ID == id {
					return list[n], nil
				}
			}
			return bucketDocument{}, orNotFound(err, "bucket", id)
		},
	}
}

// accountOf is the billing account in an id of the form ACCOUNT-NUMBER.
func (b balances) accountOf(ctx context.Context, db bun.IDB, id, what string) (customer.BillingAccount, error) {
	account, number, found := strings.Cut(id, "-")
	n, err := rest.ParseID(account)
	if _, wrong := strconv.ParseUint(number, 10, 63); !found || err != nil || wrong != nil {
		return customer.BillingAccount{}, orNotFound(nil, what, strconv.Quote(id))
	}
	a, err := b.customers.Account(ctx, db, n)
	if r := refusal.Of(err); r != nil && r.Kind == refusal.NotFound {
		err = orNotFound(nil, what, id)
	}
	return a, err
}

// accumulatedDocument is TMF654's AccumulatedBalance: an account's own money.
type accumulatedDocument struct {
	rest.Entity
	Name         string         `json:"name,omitempty"`
	Description  string         `json:"description,omitempty"`
	Total        *rest.Quantity `json:"totalBalance,omitempty"`
	Bucket       []rest.Ref     `json:"bucket"`
	PartyAccount *rest.Ref      `json:"partyAccount,omitempty"`
}

// accumulated is TMF654's AccumulatedBalance.
func (b balances) accumulated() rest.Set {
	document := func(ctx context.Context, a *customer.BillingAccount) (d accumulatedDocument, known bool, err error) {
		v, known, err := b.live(ctx, a)
		if err != nil || !known {
			return d, false, err
		}
		of := v.Currency.String()
		d = accumulatedDocument{
			Entity: rest.Entity{ID: rest.ID(a.ID)}, Name: "money", Bucket: []rest.Ref{}, PartyAccount: balanceAccount(ctx, a),
			Description: fmt.Sprintf("%s %s is available, the credit limit included", v.Available.Format(v.Currency.Exponent()), of),
			Total:       &rest.Quantity{Amount: rest.Decimal(v.Remaining - v.Excess), Units: of},
		}
		for k := range v.Buckets {
			if _, _, is := v.Buckets[k].Remaining.Money(); is {
				id := rest.ID(a.ID) + "-" + strconv.FormatUint(v.Buckets[k].ID, 10)
				d.Bucket = append(d.Bucket, rest.Ref{ID: id, Name: v.Buckets[k].Name, Href: rest.Href(ctx, rest.TMF654, "bucket", id), ReferredType: "Bucket"})
			}
		}
		return d, true, nil
	}
	return rest.Resource[accumulatedDocument]{
		API: rest.TMF654, Path: "accumulatedBalance", Type: "AccumulatedBalance", About: "The own money of billing accounts in the charging core, now; below zero it is owed.",
		Roles: rest.Roles{Read: balanceReaders}, Filters: byAccount,
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]accumulatedDocument, int, error) {
			accounts, err := b.accounts(ctx, db, q)
			list := []accumulatedDocument{}
			for n := range accounts {
				d, known, wrong := document(ctx, &accounts[n])
				if err = errors.Join(err, wrong); known {
					list = append(list, d)
				}
			}
			page, total := rest.Slice(q, list)
			return page, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (accumulatedDocument, error) {
			a, err := b.accountOf(ctx, db, id+"-0", "balance")
			if err != nil {
				return accumulatedDocument{}, err
			}
			d, known, err := document(ctx, &a)
			if err == nil && !known {
				err = orNotFound(nil, "balance", id)
			}
			return d, err
		},
	}
}
