package provisioning

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gyro/catalog"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
	"gyro/provisioning/pool"
)

// fill finds out what an item comes to, and makes what belongs to it at once: the line of a new one, with its number and
// card.
func (d *drafting) fill(ctx context.Context, tx *database.Tx, asked *ItemRequest, item *Item) error {
	for _, name := range slices.Sorted(maps.Keys(asked.Characteristics)) {
		if !slices.Contains(characteristics, name) {
			return invalid("characteristic_unknown", "product.productCharacteristic", "%q means nothing to an order; there are %s", name, strings.Join(characteristics, ", "))
		}
	}
	if asked.Action == NoChange {
		item.Change, item.ProductID = NoneAtAll, asked.ProductID
		if asked.ProductID == 0 {
			return nil
		}
		_, err := d.owned(ctx, tx, asked.ProductID)
		return err
	}
	if d.account.Status == customer.AccountClosed || d.customer.Status == customer.Closed {
		return unprocessable("account_closed", "", "billing account %d is closed; order for another one", d.account.ID)
	}
	switch asked.Action {
	case Add:
		return d.fillAdd(ctx, tx, asked, item)
	case Modify:
		return d.fillModify(ctx, tx, asked, item)
	case Delete:
		return d.fillDelete(ctx, tx, asked, item)
	case NoChange:
	}
	return invalid("action_unknown", "action", "%q is not add, modify, delete or noChange", asked.Action)
}

// offered finds what is ordered and holds it against what does not depend on the line.
func (d *drafting) offered(ctx context.Context, tx *database.Tx, asked *ItemRequest, item *Item) error {
	if asked.Offering == "" {
		return invalid("offering_missing", "productOffering.id", "say which offering is ordered")
	}
	when := max(tx.Now(), item.DueAt)
	o, err := d.s.o.Catalog.Sold(ctx, tx, asked.Offering, when)
	if err != nil {
		return err
	}
	if err := d.eligible(&o, when); err != nil {
		return err
	}
	coupon := asked.Characteristics[couponWord]
	item.Plan, item.OfferingID = planOf(&o, tx.Now(), coupon), o.ID
	if coupon != "" && !slices.ContainsFunc(o.Discounts, func(c catalog.Discount) bool { return c.Coupon == coupon && c.Open(tx.Now(), coupon) }) {
		return unprocessable("coupon_unknown", "productCharacteristic", "%s has no coupon %q now; leave it out, or correct it", o.Display(), coupon)
	}
	return d.credit(ctx, tx)
}

// eligible checks the rules of the catalogue.
func (d *drafting) eligible(o *catalog.Offering, when instant.Instant) error {
	const field = "productOffering.id"
	switch {
	case !o.Orderable(when):
		return unprocessable("offering_not_orderable", field, "%s (version %d, %s) cannot be ordered for %s; choose one that is sold then", o.Display(), o.Version, o.Status, when)
	case string(o.Kind) != string(d.account.Kind):
		return unprocessable("offering_kind", field, "%s is %s, and account %d is %s; choose an offering or an account of the same kind", o.Display(), o.Kind, d.account.ID, d.account.Kind)
	case o.Currency != d.account.Currency:
		return unprocessable("offering_currency", field, "%s is priced in %s, and account %d is kept in %s", o.Display(), o.Currency, d.account.ID, d.account.Currency)
	case !o.Eligible(string(d.customer.Segment)):
		return unprocessable("segment_not_eligible", field, "%s is for %s customers; customer %d is %s", o.Display(), o.Segments, d.customer.ID, d.customer.Segment)
	case d.account.Status != customer.AccountActive || d.customer.Status == customer.Suspended:
		return unprocessable("account_suspended", "", "billing account %d is suspended; nothing new is sold to it until that is lifted", d.account.ID)
	}
	return nil
}

// credit refuses those who owe too much.
func (d *drafting) credit(ctx context.Context, tx *database.Tx) error {
	if d.s.o.Overdue == nil {
		return nil
	}
	overdue, err := d.s.o.Overdue(ctx, tx, d.account.ID)
	if err != nil {
		return fmt.Errorf("what account %d owes: %w", d.account.ID, err)
	}
	if overdue > d.s.o.MostOverdue {
		return unprocessable("overdue_debt", "", "billing account %d owes %s %s that is overdue; nothing new is sold to it before it has paid", d.account.ID, overdue, d.account.Currency)
	}
	return nil
}

// related checks the relations between what a line is to have and what it has. without is a product that goes.
func related(plan Plan, has []holding, without int64) error {
	const field = "productOffering.id"
	for k := range has {
		other := &has[k]
		if other.ID == without {
			continue
		}
		if slices.Contains(plan.Excludes, other.Plan.Offering) || slices.Contains(other.Plan.Excludes, plan.Offering) {
			return unprocessable("offering_excluded", field, "%s does not go together with %s, which the line has", plan.Name, other.Name)
		}
		if plan.AddOn && other.Plan.Offering == plan.Offering {
			return unprocessable("offering_held", field, "the line has %s already", other.Name)
		}
	}
	for _, needed := range plan.Requires {
		if !slices.ContainsFunc(has, func(h holding) bool { return h.ID != without && h.Plan.Offering == needed }) {
			return unprocessable("offering_required", field, "%s needs %s, which the line does not have; order that first, or both in one order", plan.Name, needed)
		}
	}
	return nil
}

// stillRequired refuses to take away what another product of the line needs.
func stillRequired(gone string, by string, has []holding, without int64) error {
	for k := range has {
		if h := &has[k]; h.ID != without && slices.Contains(h.Plan.Requires, gone) && gone != by {
			return unprocessable("offering_needed", "product.id", "%s of the line needs %s; end that first", h.Name, gone)
		}
	}
	return nil
}

func (d *drafting) fillAdd(ctx context.Context, tx *database.Tx, asked *ItemRequest, item *Item) error {
	if err := d.offered(ctx, tx, asked, item); err != nil {
		return err
	}
	if item.Plan.AddOn {
		item.Change = AddOn
		return d.onLine(ctx, tx, asked, item)
	}
	item.Change = Activate
	if err := related(item.Plan, nil, 0); err != nil {
		return err
	}
	return d.openLine(ctx, tx, item)
}

// give makes the product of an item that adds one.
func (d *drafting) give(ctx context.Context, tx *database.Tx, item *Item) error {
	p := Product{
		ID: item.ProductID, OfferingID: item.OfferingID, SubscriptionID: item.SubscriptionID, BillingAccountID: d.account.ID, Name: item.Plan.Name, AddOn: item.Plan.AddOn,
		ChargingOffer: item.Plan.ChargingOffer, Status: ProductPendingActive, Characteristics: item.Characteristics, OrderItemID: item.ID,
		CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
	}
	if err := tx.InsertLater(&p); err != nil {
		return fmt.Errorf("new product: %w", err)
	}
	id := strconv.FormatInt(p.ID, 10)
	if err := tx.Audit(ctx, "product", id, "create", nil, p); err != nil {
		return err
	}
	return tx.Emit(ctx, database.Event{Type: "productCreateEvent", Entity: "product", ID: id, Payload: p})
}

// onLine finds the line that an add-on is for.
func (d *drafting) onLine(ctx context.Context, tx *database.Tx, asked *ItemRequest, item *Item) error {
	if asked.ProductID == 0 && d.newLine != 0 {
		made := d.order.item(d.last[d.newLine])
		item.SubscriptionID, item.Line = d.newLine, made.Line
		return nil
	}
	if asked.ProductID == 0 && len(item.Plan.Resources) == 0 && item.Plan.ChargingOffer == "" {
		return nil // something of the account, which no line needs to know
	}
	if asked.ProductID == 0 {
		return invalid("line_missing", "product.productRelationship", "%s is for a line; name the product of the line, or order one before it", item.Plan.Name)
	}
	base, err := d.owned(ctx, tx, asked.ProductID)
	if err != nil {
		return err
	}
	if item.SubscriptionID = base.SubscriptionID; base.SubscriptionID == 0 {
		return unprocessable("line_missing", "product.productRelationship", "product %d is of the account, not of a line; name the product of a line", base.ID)
	}
	return d.identify(ctx, tx, item)
}

// owned reads a product of the account.
func (d *drafting) owned(ctx context.Context, tx *database.Tx, id int64) (Product, error) {
	if id == 0 {
		return Product{}, invalid("product_missing", "product.id", "say which product is meant")
	}
	p, err := d.s.Product(ctx, tx, id)
	if err == nil && p.BillingAccountID != d.account.ID {
		err = refusal.New(refusal.NotFound, "product_unknown", "product.id", "account %d has no product %d; it belongs to another one", d.account.ID, id)
	}
	return p, err
}

// identify takes over the names of a line that is there.
func (d *drafting) identify(ctx context.Context, tx *database.Tx, item *Item) error {
	if item.SubscriptionID == 0 {
		return nil
	}
	line, err := d.s.o.Customers.Subscription(ctx, tx, item.SubscriptionID)
	item.Line.MSISDN, item.Line.IMSI, item.Line.ICCID = line.MSISDN, line.IMSI, line.ICCID
	return err
}

// openLine reserves a number and a card and makes the line.
func (d *drafting) openLine(ctx context.Context, tx *database.Tx, item *Item) (err error) {
	if err := d.store(ctx, tx); err != nil {
		return err
	}
	line := customer.Subscription{BillingAccountID: d.account.ID, Status: customer.LineOrdered}
	if from := pooled(item.Characteristics[numberPool], item.Plan.NumberPool); from != "" {
		if line.MSISDN, err = pool.ReserveNumber(ctx, tx, from, item.Characteristics[wantedNumber], d.order.ID); err != nil {
			return inField(err, "product.productCharacteristic.msisdn")
		}
	}
	if from := pooled(item.Characteristics[cardPool], item.Plan.CardPool); from != "" {
		card, err := pool.ReserveCard(ctx, tx, from, item.Characteristics[wantedCard], d.order.ID)
		if err != nil {
			return inField(err, "product.productCharacteristic.iccid")
		}
		line.ICCID, line.IMSI = card.ICCID, card.IMSI
	}
	if line.IMSI == "" {
		return unprocessable("card_missing", "productOffering.id", "the specification of %s has no card, so that no element could know the line; correct the catalogue", item.Plan.Name)
	}
	if line, err = d.s.o.Customers.PutSubscription(ctx, tx, line); err != nil {
		return err
	}
	item.SubscriptionID, d.newLine = line.ID, line.ID
	item.Line.MSISDN, item.Line.IMSI, item.Line.ICCID = line.MSISDN, line.IMSI, line.ICCID
	return nil
}

func pooled(wanted, specified string) string {
	if wanted != "" {
		return wanted
	}
	return specified
}

func inField(err error, field string) error {
	if refused := refusal.Of(err); refused != nil {
		moved := *refused
		moved.Field = field
		return &moved
	}
	return err
}

func (d *drafting) fillModify(ctx context.Context, tx *database.Tx, asked *ItemRequest, item *Item) error {
	p, err := d.owned(ctx, tx, asked.ProductID)
	if err != nil {
		return err
	}
	item.ProductID, item.SubscriptionID = p.ID, p.SubscriptionID
	switch {
	case asked.Offering != "" && asked.Status != "":
		return invalid("two_changes", "product", "change the plan or the status of a product in one item, not both")
	case asked.Offering != "":
		item.Change = ChangePlan
		if err := d.offered(ctx, tx, asked, item); err != nil {
			return err
		}
	case asked.Status == string(ProductSuspended), asked.Status == string(ProductActive):
		if p.AddOn {
			return unprocessable("add_on_not_suspendable", "product.id", "%s goes with its line; suspend or resume the product of the line", p.Name)
		}
		if item.Change = Resume; asked.Status == string(ProductSuspended) {
			item.Change = Suspend
		}
		item.OfferingID = p.OfferingID
		item.Characteristics = withReason(item.Characteristics)
	default:
		return invalid("change_missing", "product", "say what becomes of product %d: another offering, or the status active or suspended", p.ID)
	}
	return d.identify(ctx, tx, item)
}

// Reasons of suspensions that mean something.
const (
	// ReasonRequest is the customer's own wish: what is suspended and resumed without a reason.
	ReasonRequest = "request"
	// ReasonDebt is a suspension by dunning.
	ReasonDebt = "debt"
)

func withReason(c map[string]string) map[string]string {
	if strings.TrimSpace(c[reasonWord]) != "" {
		return c
	}
	with := map[string]string{reasonWord: ReasonRequest}
	for name, value := range c {
		if name != reasonWord {
			with[name] = value
		}
	}
	return with
}

func (d *drafting) fillDelete(ctx context.Context, tx *database.Tx, asked *ItemRequest, item *Item) error {
	p, err := d.owned(ctx, tx, asked.ProductID)
	if err != nil {
		return err
	}
	item.ProductID, item.SubscriptionID, item.OfferingID = p.ID, p.SubscriptionID, p.OfferingID
	if item.Change = Terminate; p.AddOn {
		item.Change = EndAddOn
	}
	return d.identify(ctx, tx, item)
}
