package customer

import (
	"strings"
	"testing"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/money"
)

// TestLimitsInTheAuditTrail are written in the decimals of their currency.
func TestLimitsInTheAuditTrail(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		s := New(db)
		owner := company(t, s)
		for currency, limits := range map[string][2]string{"EUR": {"50.00", "75.50"}, "JPY": {"500", "7000"}, "KWD": {"50.000", "7.125"}} {
			amounts := [2]money.Amount{}
			for k, text := range limits {
				var err error
				if amounts[k], err = money.Parse(text, money.Decimals); err != nil {
					t.Fatal(err)
				}
			}
			a, err := s.CreateAccount(t.Context(), careDesk, BillingAccount{CustomerID: owner.ID, Currency: currency, TaxRegion: "DE", CreditLimit: amounts[0]})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.ChangeAccount(t.Context(), careDesk, a.ID, func(a *BillingAccount) error { a.CreditLimit = amounts[1]; return nil }); err != nil {
				t.Fatal(err)
			}
			trail, err := db.AuditTrail(t.Context(), "billing_account", text(a.ID), 0, 10)
			if err != nil || len(trail) != 2 {
				t.Fatal(trail, err)
			}
			for what, row := range map[string][2]string{
				"created": {string(trail[0].After), limits[0]}, "before": {string(trail[1].Before), limits[0]}, "after": {string(trail[1].After), limits[1]},
			} {
				if strings.Count(row[0], `"credit_limit":`) != 1 || !strings.Contains(row[0], `"credit_limit":"`+row[1]+`"`) || !strings.Contains(row[0], `"currency":"`+currency+`"`) {
					t.Errorf("%s: %s, want %s %s", what, row[0], row[1], currency)
				}
			}
		}
	})
}
