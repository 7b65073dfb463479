package provisioning

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
)

// ProductStatus is where a product stands (ProductStatusType of TMF 637).
type ProductStatus string

// The states of a product.
const (
	ProductCreated          ProductStatus = "created"
	ProductPendingActive    ProductStatus = "pendingActive"
	ProductActive           ProductStatus = "active"
	ProductSuspended        ProductStatus = "suspended"
	ProductPendingTerminate ProductStatus = "pendingTerminate"
	ProductTerminated       ProductStatus = "terminated"
	ProductCancelled        ProductStatus = "cancelled" // its order was undone
)

// Product is what a customer has (TMF 637).
type Product struct {
	bun.BaseModel `bun:"table:product,alias:p" json:"-"`

	ID               int64             `bun:",pk,autoincrement" json:"id"`
	OfferingID       int64             `json:"offering_id"` // the version that it was ordered with
	SubscriptionID   int64             `bun:",nullzero" json:"subscription_id,omitempty"`
	BillingAccountID int64             `json:"billing_account_id"`
	Name             string            `json:"name"`
	AddOn            bool              `json:"add_on,omitempty"`
	ChargingOffer    string            `json:"charging_offer,omitempty"`
	Status           ProductStatus     `json:"status"`
	Characteristics  map[string]string `bun:"type:text" json:"characteristics,omitempty"`
	OrderItemID      int64             `bun:",nullzero" json:"order_item_id,omitempty"` // the last that gave it a plan
	CommitmentUntil  instant.Instant   `json:"commitment_until,omitempty"`
	ActivatedAt      instant.Instant   `json:"activated_at,omitempty"`
	TerminatedAt     instant.Instant   `json:"terminated_at,omitempty"`
	CreatedAt        instant.Instant   `json:"created_at"`
	UpdatedAt        instant.Instant   `json:"updated_at"`
}

// ProductPrice is a price of a product, from ValidFrom until before ValidUntil (0: open).
type ProductPrice struct {
	bun.BaseModel `bun:"table:product_price" json:"-"`

	ID        int64 `bun:",pk,autoincrement" json:"id"`
	ProductID int64 `json:"product_id"`
	Price
	ValidFrom  instant.Instant `json:"valid_from"`
	ValidUntil instant.Instant `json:"valid_until,omitempty"`
}

// ProductDiscount is a discount of a product.
type ProductDiscount struct {
	bun.BaseModel `bun:"table:product_discount" json:"-"`

	ID        int64 `bun:",pk,autoincrement" json:"id"`
	ProductID int64 `json:"product_id"`
	Discount
	ValidFrom  instant.Instant `json:"valid_from"`
	ValidUntil instant.Instant `json:"valid_until,omitempty"`
}

// Suspension is a time in which a product is suspended; UntilAt is 0 while it is.
type Suspension struct {
	bun.BaseModel `bun:"table:product_suspension" json:"-"`

	ID        int64           `bun:",pk,autoincrement" json:"id"`
	ProductID int64           `json:"product_id"`
	Reason    string          `json:"reason"`
	FromAt    instant.Instant `json:"from_at"`
	UntilAt   instant.Instant `json:"until_at,omitempty"`
}

// NetworkService is what one element does for a product (TMF 638).
type NetworkService struct {
	bun.BaseModel `bun:"table:service" json:"-"`

	ID             int64             `bun:",pk,autoincrement" json:"id"`
	ProductID      int64             `json:"product_id"`
	SubscriptionID int64             `bun:",nullzero" json:"subscription_id,omitempty"`
	Element        string            `json:"element"`
	Profile        string            `json:"profile,omitempty"`
	Attributes     map[string]string `bun:"type:text" json:"attributes,omitempty"`
	State          string            `json:"state"` // ServiceStateType
	StartedAt      instant.Instant   `json:"started_at,omitempty"`
	EndedAt        instant.Instant   `json:"ended_at,omitempty"`
	UpdatedAt      instant.Instant   `json:"updated_at"`
}

// Product reads a product.
func (s *Service) Product(ctx context.Context, q bun.IDB, id int64) (p Product, err error) {
	p, err = database.Get[Product](ctx, q, id)
	if errors.Is(err, sql.ErrNoRows) {
		return p, refusal.New(refusal.NotFound, "product_unknown", "product.id", "there is no product %d; the inventory of the account lists those there are", id)
	}
	if err != nil {
		return p, fmt.Errorf("product %d: %w", id, err)
	}
	return p, nil
}

// holding is a product with the plan that it has.
type holding struct {
	Product
	Plan Plan
}

// holdings are what the line of an item has: its own product first, then the add-ons; of an item for no line, what the
// account has beside its lines. What earlier items of the order are about to give it counts as well.
func (s *Service) holdings(ctx context.Context, q bun.IDB, o *Order, item *Item) (list []holding, err error) {
	var rows []struct {
		Product `bun:",extend"`
		Plan    *Plan `bun:"plan,type:text"`
	}
	where, of := "p.subscription_id = ?", item.SubscriptionID
	if of == 0 {
		where, of = "p.subscription_id IS NULL AND p.billing_account_id = ?", o.BillingAccountID
	}
	err = q.NewSelect().Model(&rows).ModelTableExpr("product AS p").ColumnExpr("p.*, i.plan").
		Join("LEFT JOIN product_order_item AS i ON i.id = p.order_item_id").
		Where(where, of).
		Where("(p.status IN ('active', 'suspended') OR p.status = 'pendingActive' AND i.order_id = ? AND i.position < ?)", o.ID, item.Position).
		OrderExpr("p.add_on, p.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("products of line %d: %w", item.SubscriptionID, err)
	}
	for k := range rows {
		h := holding{Product: rows[k].Product}
		if rows[k].Plan != nil {
			h.Plan = *rows[k].Plan
		} else if h.Plan, err = s.planByID(ctx, q, h.OfferingID); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, nil
}

// planByID is the plan of a product that no order made.
func (s *Service) planByID(ctx context.Context, q bun.IDB, offering int64) (Plan, error) {
	o, err := s.o.Catalog.OfferingByID(ctx, q, offering)
	if err != nil {
		return Plan{}, err
	}
	return planOf(&o, 0, ""), nil
}

// plans are those of holdings without one product (0: of all).
func plans(list []holding, without int64) (plans []Plan) {
	for k := range list {
		if list[k].ID != without {
			plans = append(plans, list[k].Plan)
		}
	}
	return plans
}

// saveProduct stores a product that was changed, with its audit row and event.
func saveProduct(ctx context.Context, tx *database.Tx, before, after *Product, action string) error {
	after.UpdatedAt = tx.Now()
	if err := tx.Update(ctx, after); err != nil {
		return fmt.Errorf("product %d: %w", after.ID, err)
	}
	id := strconv.FormatInt(after.ID, 10)
	if err := tx.Audit(ctx, "product", id, action, before, after); err != nil {
		return err
	}
	event := "productAttributeValueChangeEvent"
	if before.Status != after.Status {
		event = "productStateChangeEvent"
	}
	return tx.Emit(ctx, database.Event{Type: event, Entity: "product", ID: id, Payload: after})
}
