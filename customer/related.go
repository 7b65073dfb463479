package customer

import (
	"context"

	"github.com/uptrace/bun"
)

// What belongs to the rows of a page, read at once.

// ContactsOf are the contact media of parties, by party.
func (s *Service) ContactsOf(ctx context.Context, q bun.IDB, parties []int64) (map[int64][]ContactMedium, error) {
	return grouped(ctx, q, "party_id", parties, func(m *ContactMedium) int64 { return m.PartyID }, "preferred DESC, id")
}

// AccountsOf are the billing accounts of customers, by customer.
func (s *Service) AccountsOf(ctx context.Context, q bun.IDB, customers []int64) (map[int64][]BillingAccount, error) {
	return grouped(ctx, q, "customer_id", customers, func(a *BillingAccount) int64 { return a.CustomerID }, "id")
}

// PartiesOf are parties by number.
func (s *Service) PartiesOf(ctx context.Context, q bun.IDB, ids []int64) (map[int64]Party, error) {
	return byNumber(ctx, q, ids, func(p *Party) int64 { return p.ID })
}

// CustomersOf are customers by number.
func (s *Service) CustomersOf(ctx context.Context, q bun.IDB, ids []int64) (map[int64]Customer, error) {
	return byNumber(ctx, q, ids, func(c *Customer) int64 { return c.ID })
}

// AccountsByID are billing accounts by number.
func (s *Service) AccountsByID(ctx context.Context, q bun.IDB, ids []int64) (map[int64]BillingAccount, error) {
	return byNumber(ctx, q, ids, func(a *BillingAccount) int64 { return a.ID })
}

func byNumber[T any](ctx context.Context, q bun.IDB, ids []int64, number func(*T) int64) (map[int64]T, error) {
	all, err := grouped(ctx, q, "id", ids, number, "id")
	one := make(map[int64]T, len(all))
	for id, rows := range all {
		one[id] = rows[0]
	}
	return one, err
}

func grouped[T any](ctx context.Context, q bun.IDB, column string, ids []int64, key func(*T) int64, order string) (map[int64][]T, error) {
	if len(ids) == 0 {
		return nil, nil //nolint:nilnil // an empty map to read from
	}
	var rows []T
	if err := q.NewSelect().Model(&rows).Where("? IN (?)", bun.Ident(column), bun.List(ids)).OrderExpr(order).Scan(ctx); err != nil {
		return nil, err
	}
	groups := map[int64][]T{}
	for k := range rows {
		groups[key(&rows[k])] = append(groups[key(&rows[k])], rows[k])
	}
	return groups, nil
}
