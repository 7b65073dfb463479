package provisioning

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
)

// ItemsOf are the items of some orders, by order.
func (s *Service) ItemsOf(ctx context.Context, q bun.IDB, orders []int64) (map[int64][]Item, error) {
	of := map[int64][]Item{}
	if len(orders) == 0 {
		return of, nil
	}
	var list []Item
	if err := q.NewSelect().Model(&list).Where("order_id IN (?)", bun.List(orders)).Order("order_id", "position").Scan(ctx); err != nil {
		return nil, fmt.Errorf("items of orders: %w", err)
	}
	for k := range list {
		of[list[k].OrderID] = append(of[list[k].OrderID], list[k])
	}
	return of, nil
}

// Costs are what some products cost and have cost, and what is taken off, by product.
func (s *Service) Costs(ctx context.Context, q bun.IDB, products []int64) (map[int64][]ProductPrice, error) {
	of := map[int64][]ProductPrice{}
	if len(products) == 0 {
		return of, nil
	}
	var list []ProductPrice
	if err := q.NewSelect().Model(&list).Where("product_id IN (?)", bun.List(products)).Order("product_id", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("prices of products: %w", err)
	}
	for k := range list {
		of[list[k].ProductID] = append(of[list[k].ProductID], list[k])
	}
	return of, nil
}

// Services are what the network does for some products, by product.
func (s *Service) Services(ctx context.Context, q bun.IDB, products []int64) (map[int64][]NetworkService, error) {
	of := map[int64][]NetworkService{}
	if len(products) == 0 {
		return of, nil
	}
	var list []NetworkService
	if err := q.NewSelect().Model(&list).Where("product_id IN (?) AND state <> 'terminated'", bun.List(products)).Order("product_id", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("services of products: %w", err)
	}
	for k := range list {
		of[list[k].ProductID] = append(of[list[k].ProductID], list[k])
	}
	return of, nil
}

// LinesOf are the names of the lines that some products are on, by subscription.
func (s *Service) LinesOf(ctx context.Context, q bun.IDB, subscriptions []int64) (map[int64]Line, error) {
	of := map[int64]Line{}
	if len(subscriptions) == 0 {
		return of, nil
	}
	rows, err := q.QueryContext(ctx, q.NewSelect().Table("subscription").Column("id", "msisdn", "imsi", "iccid").Where("id IN (?)", bun.List(subscriptions)).String())
	if err != nil {
		return nil, fmt.Errorf("lines of products: %w", err)
	}
	defer func() { _ = rows.Close() }() // only read
	for rows.Next() {
		var id int64
		var l Line
		if err := rows.Scan(&id, &l.MSISDN, &l.IMSI, &l.ICCID); err != nil {
			return nil, err
		}
		of[id] = l
	}
	return of, rows.Err()
}
