package provisioning

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/datadriven"
	"github.com/uptrace/bun"

	"gyro/customer"
	"gyro/internal/instant"
	"gyro/provisioning/pool"
)

// inventoryStep shows what an account has.
func (s *script) inventoryStep(d *datadriven.TestData) (out string, err error) {
	err = s.db.Read(s.t.Context(), func(ctx context.Context, q bun.IDB) error {
		var b strings.Builder
		if err := s.inventory(ctx, q, s.number(d, "account", 1), &b); err != nil {
			return err
		}
		out = b.String()
		return nil
	})
	return out, err
}

func (s *script) inventory(ctx context.Context, q bun.IDB, account int64, b *strings.Builder) error {
	lines, _, err := s.o.Customers.Subscriptions(ctx, q, customer.LineFilter{AccountID: account}, customer.Page{})
	if err != nil {
		return err
	}
	for k := range lines {
		fmt.Fprintf(b, "line %d %s %s %s\n", lines[k].ID, lines[k].Status, lines[k].MSISDN, lines[k].IMSI)
	}
	var products []Product
	if err := q.NewSelect().Model(&products).Where("p.billing_account_id = ?", account).Order("p.id").Scan(ctx); err != nil {
		return err
	}
	for _, p := range products {
		fmt.Fprintf(b, "product %d %s: %s", p.ID, p.Name, p.Status)
		if p.SubscriptionID != 0 {
			fmt.Fprintf(b, " on line %d", p.SubscriptionID)
		}
		if p.CommitmentUntil != 0 {
			fmt.Fprintf(b, ", committed until %s", p.CommitmentUntil)
		}
		b.WriteByte('\n')
		if err := s.details(ctx, q, p.ID, b); err != nil {
			return err
		}
	}
	return nil
}

func (s *script) details(ctx context.Context, q bun.IDB, product int64, b *strings.Builder) error {
	var prices []ProductPrice
	var discounts []ProductDiscount
	var suspensions []Suspension
	var services []NetworkService
	for _, list := range []any{&prices, &discounts, &suspensions, &services} {
		if err := q.NewSelect().Model(list).Where("product_id = ?", product).Order("id").Scan(ctx); err != nil {
			return err
		}
	}
	for _, p := range prices {
		fmt.Fprintf(b, "  price %s %s %s %s%s\n", p.Name, p.Type, p.Amount, p.Currency, validity(p.ValidFrom, p.ValidUntil))
	}
	for _, p := range discounts {
		fmt.Fprintf(b, "  discount %s %d/1000000 of %s for %d cycles%s\n", p.Name, p.Rate, p.AppliesTo, p.Cycles, validity(p.ValidFrom, p.ValidUntil))
	}
	for _, p := range suspensions {
		fmt.Fprintf(b, "  suspended (%s)%s\n", p.Reason, validity(p.FromAt, p.UntilAt))
	}
	for _, p := range services {
		fmt.Fprintf(b, "  service %s %s %s\n", p.Element, p.Profile, p.State)
	}
	return nil
}

func validity(from, until instant.Instant) string {
	s := " from " + from.Time().Format("2006-01-02 15:04:05")
	if until != 0 {
		s += " until " + until.Time().Format("2006-01-02 15:04:05")
	}
	return s
}

func (s *script) elementsStep(*datadriven.TestData) (string, error) {
	return s.elements["hss"].list() + s.elements["pcrf"].list(), nil
}

// chargingStep shows an account of the core.
func (s *script) chargingStep(d *datadriven.TestData) (string, error) {
	a, err := s.core.Charging.Account(s.t.Context(), text(d, "account", "ba-1"))
	if err != nil {
		return "", err
	}
	out := fmt.Sprintf("%s %s, limit %s, remaining %s\n", a.Account, a.Kind, a.CreditLimit, a.Remaining)
	for k := range a.Subscribers {
		sub := &a.Subscribers[k]
		out += fmt.Sprintf("  %s %s %s %v\n", sub.IMSI, sub.MSISDN, sub.State, sub.Offers)
	}
	return out, nil
}

func (s *script) poolsStep(*datadriven.TestData) (out string, err error) {
	err = s.db.Read(s.t.Context(), func(ctx context.Context, q bun.IDB) error {
		levels, err := pool.Levels(ctx, q)
		for _, l := range levels {
			out += fmt.Sprintf("%s %s %s %d\n", l.Resource, l.Pool, l.State, l.Count)
		}
		return err
	})
	return out, err
}

func (s *script) auditStep(d *datadriven.TestData) (string, error) {
	rows, err := s.db.AuditTrail(s.t.Context(), text(d, "entity", "product_order"), text(d, "id", "1"), 0, 1000)
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%s %s %s: %s -> %s\n", clock(r.At), r.Actor.Name, r.Action, r.Before, r.After)
	}
	return b.String(), err
}

func (s *script) eventsStep(*datadriven.TestData) (string, error) {
	events, err := s.db.Events(s.t.Context(), 0, 1000)
	var b strings.Builder
	for _, e := range events {
		if strings.HasPrefix(e.Type, "product") && e.Entity != "catalog" {
			if slices.Contains([]string{"product", "product_order"}, e.Entity) {
				fmt.Fprintf(&b, "%s %s\n", e.Type, e.ID)
			}
		}
	}
	return b.String(), err
}
