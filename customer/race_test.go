package customer

import (
	"context"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/database/dbtest"
	"gyro/internal/refusal"
)

// company is a customer without accounts.
func company(t *testing.T, s *Service) Customer {
	t.Helper()
	party, err := s.CreateParty(t.Context(), careDesk, Party{Kind: Organization, LegalName: "Nord AG"})
	if err != nil {
		t.Fatal(err)
	}
	owner, err := s.CreateCustomer(t.Context(), careDesk, Customer{PartyID: party.ID})
	if err != nil {
		t.Fatal(err)
	}
	return owner
}

// TestNoCircleIsClosedFromTwoSides: of two transactions that each close one half
// of a circle, of payers or of parents, at the same moment, one is refused.
func TestNoCircleIsClosedFromTwoSides(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		s := New(db)
		owner := company(t, s)
		for round := range 20 {
			var ids [2]int64
			for k := range ids {
				a, err := s.CreateAccount(t.Context(), careDesk, BillingAccount{CustomerID: owner.ID, Currency: "EUR", TaxRegion: "DE"})
				if err != nil {
					t.Fatal(err)
				}
				ids[k] = a.ID
			}
			var both sync.WaitGroup
			var errs [2]error
			for k := range ids {
				both.Go(func() {
					_, errs[k] = s.ChangeAccount(t.Context(), careDesk, ids[k], func(a *BillingAccount) error {
						if other := ids[1-k]; round%2 == 0 {
							a.PayerID = other
						} else {
							a.ParentID = other
						}
						return nil
					})
				})
			}
			both.Wait()
			if (errs[0] == nil) == (errs[1] == nil) || !refusal.Is(errs[0], "hierarchy_circle") && !refusal.Is(errs[1], "hierarchy_circle") {
				t.Fatalf("round %d: %v and %v, want one hierarchy_circle", round, errs[0], errs[1])
			}
		}
	})
}

// TestOneNumberOneLine: of two lines that take a number at the same moment, one
// gets it.
func TestOneNumberOneLine(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		s := New(db)
		opened, err := s.Open(t.Context(), careDesk, Opening{
			Party: Party{Kind: Individual, FamilyName: "Lang"}, Account: BillingAccount{Currency: "EUR", TaxRegion: "DE"},
		})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		errs := make([]error, 8)
		for k := range errs {
			all.Go(func() {
				errs[k] = db.Write(t.Context(), careDesk, func(ctx context.Context, tx *database.Tx) error {
					_, err := s.PutSubscription(ctx, tx, Subscription{BillingAccountID: opened.Account.ID, MSISDN: "491720000001", Status: LineOrdered})
					return err
				})
			})
		}
		all.Wait()
		taken := 0
		for _, err := range errs {
			if err == nil {
				taken++
			} else if !refusal.Is(err, "msisdn_taken") && !refusal.Is(err, "line_taken") {
				t.Error(err)
			}
		}
		if taken != 1 {
			t.Errorf("%d lines have the number: %v", taken, errs)
		}
	})
}

// TestNoCircleIsClosedFromManySides: of transactions that each add an edge of a circle through several accounts at the same moment,
// where chains of payers lead from one edge to the next, at least one is refused, and none is left waiting for another.
func TestNoCircleIsClosedFromManySides(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, db *database.DB) {
		s := New(db)
		owner := company(t, s)
		for round := range 10 {
			edges := 2 + round%3
			heads, tails := make([]int64, edges), make([]int64, edges) // the head is paid for by the tail
			for k := range edges {
				for _, id := range []*int64{&tails[k], &heads[k]} {
					a := BillingAccount{CustomerID: owner.ID, Currency: "EUR", TaxRegion: "DE"}
					if id == &heads[k] {
						a.PayerID = tails[k]
					}
					a, err := s.CreateAccount(t.Context(), careDesk, a)
					if err != nil {
						t.Fatal(err)
					}
					*id = a.ID
				}
			}
			var all sync.WaitGroup
			errs := make([]error, edges)
			for k := range edges {
				all.Go(func() {
					_, errs[k] = s.ChangeAccount(t.Context(), careDesk, tails[k], func(a *BillingAccount) error {
						a.PayerID = heads[(k+1)%edges]
						return nil
					})
				})
			}
			all.Wait()
			refused := 0
			for k, err := range errs {
				if refusal.Is(err, "hierarchy_circle") {
					refused++
				} else if err != nil {
					t.Errorf("round %d: edge %d: %v", round, k, err)
				}
			}
			if refused == 0 {
				t.Fatalf("round %d: a circle of %d edges is closed", round, edges)
			}
			err := db.Read(t.Context(), func(ctx context.Context, q bun.IDB) error {
				_, err := s.Payer(ctx, q, heads[0])
				return err
			})
			if err != nil {
				t.Errorf("round %d: nobody pays in the end: %v", round, err)
			}
		}
	})
}
