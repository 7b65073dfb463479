package customer

import (
	"context"
	"errors"
	"slices"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/refusal"
)

// maxLevels bounds a hierarchy: a group, its companies, their branches and
// departments take half of it. Every bill follows the payers up to the top.
const maxLevels = 8

// Payer is the account that pays the bills of an account: itself, or the one at
// the end of the chain of payers.
func (s *Service) Payer(ctx context.Context, q bun.IDB, id int64) (BillingAccount, error) {
	a, err := s.Account(ctx, q, id)
	for range maxLevels {
		if err != nil || a.PayerID == 0 {
			return a, err
		}
		a, err = s.Account(ctx, q, a.PayerID)
	}
	if err == nil {
		err = forbidden("chain_too_long", "payer_id", "more than %d accounts pay for each other above account %d; shorten the chain", maxLevels, id)
	}
	return a, err
}

// checkHierarchy refuses a parent or payer that an account cannot have: one in
// a circle, too far up, another customer's without a word about it, closed, or
// for a payer one of another currency or without bills.
//
// The accounts above are written, unchanged: two transactions that would each
// close one half of a circle then change the same rows, and one of them begins
// again and sees the other's half.
func (s *Service) checkHierarchy(ctx context.Context, tx *database.Tx, before, a *BillingAccount) error {
	parents, err := s.above(ctx, tx, a.ID, a.ParentID, "parent_id", func(b *BillingAccount) int64 { return b.ParentID })
	if err != nil {
		return err
	}
	payers, err := s.above(ctx, tx, a.ID, a.PayerID, "payer_id", func(b *BillingAccount) int64 { return b.PayerID })
	if err != nil {
		return err
	}
	if err := whose(before, a, parents, payers); err != nil {
		return err
	}
	if len(payers) == 0 {
		return s.hold(ctx, tx, parents)
	}
	switch payer := &payers[0]; {
	case a.Kind == Prepaid:
		return forbidden("payer_of_prepaid", "payer_id", "a prepaid account has no bills that another could pay; leave it out")
	case payer.Kind == Prepaid:
		return forbidden("payer_prepaid", "payer_id", "account %d is prepaid and pays no bills; choose a postpaid one", payer.ID)
	case payer.Currency != a.Currency:
		return forbidden("payer_currency", "payer_id", "account %d is in %s, this one in %s; choose a payer of the same currency", payer.ID, payer.Currency, a.Currency)
	case payer.Status == AccountClosed:
		return forbidden("payer_closed", "payer_id", "account %d is closed; choose an open one", payer.ID)
	}
	return s.hold(ctx, tx, append(parents, payers...))
}

// whose refuses a new parent or payer that is another customer's account, unless
// that is said expressly: one digit amiss would have a stranger pay the bills, be
// dunned for them, and suspended. A customer of whom an account is above this one
// may pay for it: that was said when the hierarchy was made.
func whose(before, a *BillingAccount, parents, payers []BillingAccount) error {
	const says = "account %d is of customer %d, this one of customer %d; choose another account, or say that another customer's is meant: otherCustomer, --other-customer on the command line"
	if len(parents) > 0 && a.ParentID != before.ParentID && !a.OthersParent && parents[0].CustomerID != a.CustomerID {
		return forbidden("parent_of_another_customer", "parent_id", says, a.ParentID, parents[0].CustomerID, a.CustomerID)
	}
	if len(payers) == 0 || a.PayerID == before.PayerID || a.OthersPayer || payers[0].CustomerID == a.CustomerID {
		return nil
	}
	if slices.ContainsFunc(parents, func(p BillingAccount) bool { return p.CustomerID == payers[0].CustomerID }) {
		return nil
	}
	return forbidden("payer_of_another_customer", "payer_id", says, a.PayerID, payers[0].CustomerID, a.CustomerID)
}

// above follows parents or payers from the first one on, to the top.
func (s *Service) above(ctx context.Context, q bun.IDB, of, next int64, field string, step func(*BillingAccount) int64) (chain []BillingAccount, err error) {
	for next != 0 {
		if next == of {
			return nil, forbidden("hierarchy_circle", field, "account %d would be above itself; choose another", of)
		}
		if len(chain) == maxLevels-1 {
			return nil, forbidden("chain_too_long", field, "a hierarchy has at most %d levels; choose an account further up", maxLevels)
		}
		a, err := s.Account(ctx, q, next)
		if refused := refusal.Of(err); refused != nil {
			refused.Field = field
		}
		if err != nil {
			return nil, err
		}
		chain, next = append(chain, a), step(&a)
	}
	return chain, nil
}

// hold makes other transactions that look at the same accounts wait, or begin
// again.
func (s *Service) hold(ctx context.Context, tx *database.Tx, accounts []BillingAccount) error {
	if len(accounts) == 0 {
		return nil
	}
	ids := make([]int64, len(accounts))
	for k := range accounts {
		ids[k] = accounts[k].ID
	}
	_, err := tx.NewUpdate().Table("billing_account").Set("updated_at = updated_at").Where("id IN (?)", bun.List(ids)).Exec(ctx)
	return err
}

// Node is an account with those below it.
type Node struct {
	Account BillingAccount `json:"account"`
	Below   []Node         `json:"below,omitempty"`
}

// errTooMany ends a walk through a hierarchy that nobody could look at.
var errTooMany = errors.New("too many")

// maxNodes bounds the tree that Hierarchy shows.
const maxNodes = 1000

// Hierarchy is an account with all those below it, by parents.
func (s *Service) Hierarchy(ctx context.Context, q bun.IDB, id int64) (Node, error) {
	a, err := s.Account(ctx, q, id)
	if err != nil {
		return Node{}, err
	}
	left := maxNodes
	root := Node{Account: a}
	err = s.below(ctx, q, &root, maxLevels, &left)
	if errors.Is(err, errTooMany) {
		return Node{}, forbidden("hierarchy_too_large", "billing_account.id", "more than %d accounts are below account %d; ask for one further down", maxNodes, id)
	}
	return root, err
}

func (s *Service) below(ctx context.Context, q bun.IDB, n *Node, levels int, left *int) error {
	if levels == 0 {
		return nil
	}
	var children []BillingAccount
	if err := q.NewSelect().Model(&children).Where("parent_id = ?", n.Account.ID).Order("id").Limit(int64(*left) + 1).Scan(ctx); err != nil {
		return err
	}
	if *left -= len(children); *left < 0 {
		return errTooMany
	}
	for k := range children {
		child := Node{Account: children[k]}
		if err := s.below(ctx, q, &child, levels-1, left); err != nil {
			return err
		}
		n.Below = append(n.Below, child)
	}
	return nil
}
