package provisioning

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
	"gyro/provisioning/workflow"
)

// Place takes an order: it is checked, numbers are reserved, and the job that carries it out is there when Place returns.
// What cannot be understood, names what is not there, or collides with another order is an error and leaves nothing. What
// a rule of the business forbids (eligibility, relations, credit) is kept as a rejected order with its reason, so that the
// one who sells can see and show it; the error is nil then.
//
// The same request again under its ExternalID returns the order that there is.
func (s *Service) Place(ctx context.Context, by database.Actor, r OrderRequest) (o Order, err error) {
	place := func(ctx context.Context, tx *database.Tx) (Order, error) { return s.placeIn(ctx, tx, &r) }
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) (err error) {
		o, err = s.once(ctx, tx, &r, place)
		return err
	})
	if err == nil && o.Version == 1 && o.WakeAt == o.CreatedAt {
		s.placed.put(&o) // its job begins at once
	}
	refused := refusal.Of(err)
	if refused == nil || refused.Kind != refusal.Unprocessable {
		return o, err
	}
	reject := func(ctx context.Context, tx *database.Tx) (Order, error) { return s.reject(ctx, tx, r, refused) }
	err = s.db.Write(ctx, by, func(ctx context.Context, tx *database.Tx) (err error) {
		o, err = s.once(ctx, tx, &r, reject)
		return err
	})
	return o, err
}

// once makes an order of a request with a key, or finds the one that was made of it.
func (s *Service) once(ctx context.Context, tx *database.Tx, r *OrderRequest, do func(ctx context.Context, tx *database.Tx) (Order, error)) (o Order, err error) {
	const scope = "product_order"
	if r.Key == "" {
		return do(ctx, tx)
	}
	replay, first, err := tx.Once(ctx, scope, r.Key, r)
	switch {
	case errors.Is(err, database.ErrKeyReused):
		return o, refusal.New(refusal.Conflict, "key_reused", "Idempotency-Key", "the key %q was used for another order; a new order needs a new key", r.Key)
	case err != nil:
		return o, err
	case !first:
		var id int64
		if err := json.Unmarshal(replay, &id); err != nil {
			return o, fmt.Errorf("the order of key %q: %w", r.Key, err)
		}
		return s.Order(ctx, tx, id)
	}
	if o, err = do(ctx, tx); err != nil {
		return o, err
	}
	return o, tx.Remember(ctx, scope, r.Key, o.ID)
}

// PlaceIn is Place inside a transaction, for programs that order. It keeps no rejected order: every refusal is an error. The
// transaction finds the order whole from then on.
func (s *Service) PlaceIn(ctx context.Context, tx *database.Tx, r OrderRequest) (Order, error) {
	o, err := s.placeIn(ctx, tx, &r)
	if err != nil {
		return Order{}, err
	}
	return o, tx.Flush(ctx)
}

func (s *Service) placeIn(ctx context.Context, tx *database.Tx, r *OrderRequest) (Order, error) {
	if err := r.check(tx.Now()); err != nil {
		return Order{}, err
	}
	if o, found, err := s.repeated(ctx, tx, r); err != nil || found {
		return o, err
	}
	if err := notPast("requestedStartDate", r.StartAt, tx.Now()); err != nil { // behind repeated: its moment was to come when it was taken
		return Order{}, err
	}
	d, err := s.draft(ctx, tx, r)
	if err != nil {
		return Order{}, err
	}
	if err := d.items(ctx, tx, r); err != nil {
		return Order{}, err
	}
	o := d.order
	if err := o.addTasks(ctx, tx); err != nil {
		return Order{}, err
	}
	if err := d.settled(tx); err != nil {
		return Order{}, err
	}
	if err := o.announce(ctx, tx, nil, "place"); err != nil {
		return Order{}, err
	}
	return *o, s.enqueue(ctx, tx, o)
}

// settled works out how the order stands, and corrects what was stored where that is something else than what nearly all
// stand at: acknowledged, and to be looked at now.
func (d *drafting) settled(tx *database.Tx) error {
	o := d.order
	stored, items := *o, slices.Clone(o.Items)
	o.ExpectedCompletionAt = d.expected(tx.Now())
	d.s.settle(o, tx.Now())
	if o.State != stored.State || o.WakeAt != stored.WakeAt || o.ExpectedCompletionAt != stored.ExpectedCompletionAt {
		if err := tx.UpdateLater(o, "state", "wake_at", "expected_completion_at"); err != nil {
			return fmt.Errorf("order %d: %w", o.ID, err)
		}
	}
	for k := range o.Items {
		if o.Items[k].State == items[k].State {
			continue
		}
		if err := tx.UpdateLater(&o.Items[k], changing...); err != nil {
			return fmt.Errorf("item %d of order %d: %w", k+1, o.ID, err)
		}
	}
	return nil
}

// expected is when the order is expected to be done.
func (d *drafting) expected(now instant.Instant) instant.Instant {
	latest := now
	for k := range d.order.Items {
		latest = max(latest, d.order.Items[k].DueAt)
	}
	return cmp.Or(d.order.RequestedCompletionAt, latest.Add(d.s.o.Expected))
}

// check looks at the request alone.
func (r *OrderRequest) check(now instant.Instant) error {
	switch {
	case len(r.Items) == 0:
		return invalid("items_missing", "productOrderItem", "an order has at least one item")
	case len(r.Items) > MaxItems:
		return invalid("items_too_many", "productOrderItem", "an order has at most %d items, not %d; divide it", MaxItems, len(r.Items))
	case len(r.ExternalID) > maxExternal:
		return invalid("external_id_long", "externalId", "at most %d characters", maxExternal)
	case r.StartAt != 0 && r.StartAt > now.Add(maxAhead):
		return invalid("start_too_far", "requestedStartDate", "%s is more than a year ahead; order it later", r.StartAt)
	case r.CompleteBy != 0 && r.CompleteBy <= max(now, r.StartAt):
		return invalid("completion_past", "requestedCompletionDate", "%s is over before the order begins", r.CompleteBy)
	}
	return nil
}

// sameNow is how far back a moment is taken for now: a program that wants an order to begin at once may write its own now.
const sameNow = 5 * instant.Minute

// notPast refuses a moment that is over. Nothing is done, or charged, as of a moment in the past: elements and the core have
// no past, and bills that were made for it are made anew.
func notPast(field string, at, now instant.Instant) error {
	if at == 0 || at >= now.Add(-sameNow) {
		return nil
	}
	return invalid("date_past", field, "%s is over; leave it out to begin at once. What should have been charged since then is put right on the bill (gyro invoice charge, credit or rebill)", at)
}

// digest tells two requests apart.
func (r *OrderRequest) digest() (string, error) {
	text, err := json.Marshal(r)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// repeated finds the order that the request has made already.
func (s *Service) repeated(ctx context.Context, tx *database.Tx, r *OrderRequest) (o Order, found bool, err error) {
	if r.ExternalID == "" {
		return o, false, nil
	}
	digest, err := r.digest()
	if err != nil {
		return o, false, err
	}
	var id int64
	var was string
	err = tx.QueryRowContext(ctx, "SELECT id, request FROM product_order WHERE billing_account_id = ? AND external_id = ? AND external_id <> ''", r.AccountID, r.ExternalID).Scan(&id, &was)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return o, false, nil
	case err != nil:
		return o, false, fmt.Errorf("order %q: %w", r.ExternalID, err)
	case was != digest:
		return o, false, refusal.New(refusal.Conflict, "external_id_used", "externalId", "order %d of the account is called %q already and asks for something else; give this one another name", id, r.ExternalID)
	}
	o, err = s.Order(ctx, tx, id)
	return o, true, err
}

// drafting is an order on its way into the books.
type drafting struct {
	s        *Service
	order    *Order
	account  customer.BillingAccount
	customer customer.Customer
	newLine  int64         // the line that an earlier item makes
	last     map[int64]int // by line: the position of the last item that changes it
	found    situation     // of the line of the item at hand
}

// draft makes an order without items, which is not stored yet.
func (s *Service) draft(ctx context.Context, tx *database.Tx, r *OrderRequest) (*drafting, error) {
	account, err := s.o.Customers.Account(ctx, tx, r.AccountID)
	if err != nil {
		return nil, err
	}
	owner, err := s.o.Customers.Customer(ctx, tx, account.CustomerID)
	if err != nil {
		return nil, err
	}
	digest, err := r.digest()
	if err != nil {
		return nil, err
	}
	o := &Order{
		ExternalID: r.ExternalID, BillingAccountID: account.ID, CustomerID: owner.ID, State: workflow.Acknowledged, Description: r.Description,
		Request: digest, PlacedBy: tx.By().Name, RequestedStartAt: r.StartAt, RequestedCompletionAt: r.CompleteBy,
		WakeAt: tx.Now(), CreatedAt: tx.Now(), UpdatedAt: tx.Now(), Version: 1,
	}
	o.ExpectedCompletionAt = cmp.Or(r.CompleteBy, max(tx.Now(), r.StartAt).Add(s.o.Expected))
	return &drafting{s: s, order: o, account: account, customer: owner, last: map[int64]int{}}, nil
}

// store gives the order its number: once an item has passed the checks that need none.
func (d *drafting) store(ctx context.Context, tx *database.Tx) error {
	if d.order.ID != 0 {
		return nil
	}
	if err := tx.Insert(ctx, d.order); err != nil {
		return fmt.Errorf("new order: %w", err)
	}
	return nil
}

// items checks and stores the items, with the tasks of those that begin at once.
func (d *drafting) items(ctx context.Context, tx *database.Tx, r *OrderRequest) error {
	for k := range r.Items {
		if err := tx.Flush(ctx); err != nil { // an item is held against what those before it give
			return err
		}
		if err := d.item(ctx, tx, r, k); err != nil {
			return at(err, k)
		}
	}
	return nil
}

// at says in which item a refusal arose.
func at(err error, k int) error {
	if refused := refusal.Of(err); refused != nil {
		moved := *refused
		moved.Field = itemField(k)
		if refused.Field != "" {
			moved.Field += "." + refused.Field
		}
		return &moved
	}
	return err
}

func (d *drafting) item(ctx context.Context, tx *database.Tx, r *OrderRequest, k int) error {
	asked := &r.Items[k]
	due, err := d.due(tx.Now(), r, asked)
	if err != nil {
		return err
	}
	item := Item{
		Position: k + 1, Action: asked.Action, State: workflow.Acknowledged, DueAt: due, Characteristics: asked.Characteristics,
		waits: asked.When == WhenFree && asked.Action != Add,
		Line: Line{
			Account: d.account.ChargingAccount, Kind: string(d.account.Kind), Currency: d.account.Currency,
			CreditLimit: d.account.CreditLimit, CycleDay: d.account.CycleDay,
		},
	}
	if item.Characteristics == nil {
		item.Characteristics = map[string]string{}
	}
	if err := d.fill(ctx, tx, asked, &item); err != nil {
		return err
	}
	if err := d.alone(ctx, tx, &item); err != nil {
		return err
	}
	if err := d.store(ctx, tx); err != nil {
		return err
	}
	item.OrderID = d.order.ID
	if item.ID, err = tx.NewID(ctx, "product_order_item"); err != nil {
		return err
	}
	gives := item.Change == Activate || item.Change == AddOn
	if gives {
		if item.ProductID, err = tx.NewID(ctx, "product"); err != nil {
			return err
		}
	}
	d.order.Items = append(d.order.Items, item)
	placed := &d.order.Items[k]
	if err := d.begin(ctx, tx, placed); err != nil {
		return err
	}
	if err := tx.InsertLater(placed); err != nil {
		return fmt.Errorf("item %d of order %d: %w", placed.Position, d.order.ID, err)
	}
	if gives {
		return d.give(ctx, tx, placed)
	}
	return nil
}

// effectiveField is the field that says when an item takes effect.
const effectiveField = "product.productCharacteristic.effective"

// due is when an item takes effect, 0 for at once.
func (d *drafting) due(now instant.Instant, r *OrderRequest, asked *ItemRequest) (due instant.Instant, err error) {
	switch asked.When {
	case "", Now, WhenFree:
		due = r.StartAt
	case OnDate:
		if due = asked.At; due == 0 {
			return 0, invalid("date_missing", effectiveField, "say at which date the item takes effect")
		}
		if err := notPast(effectiveField, due, now); err != nil {
			return 0, err
		}
	case CycleEnd:
		if d.s.o.CycleEnd == nil {
			return 0, invalid("cycle_unknown", effectiveField, "billing cycles are not known here; name a date")
		}
		if due, err = d.s.o.CycleEnd(d.account, max(now, r.StartAt)); err != nil {
			return 0, err
		}
	default:
		return 0, invalid("when_unknown", effectiveField, "%q is not now, when_free, cycle_end or date", asked.When)
	}
	if due > now.Add(maxAhead) {
		return 0, invalid("date_too_far", effectiveField, "%s is more than a year ahead; order it later", due)
	}
	if due <= now {
		due = 0
	}
	return due, nil
}

// reject keeps an order that a rule forbids, so that it can be seen.
func (s *Service) reject(ctx context.Context, tx *database.Tx, r OrderRequest, why *refusal.Error) (Order, error) {
	d, err := s.draft(ctx, tx, &r)
	if err != nil {
		return Order{}, err
	}
	o := d.order
	o.State, o.Reason, o.WakeAt, o.ExpectedCompletionAt = workflow.Rejected, rejectedFor(why, len(r.Items)), 0, 0
	if err := d.store(ctx, tx); err != nil {
		return Order{}, err
	}
	for k := range r.Items {
		item := Item{
			OrderID: o.ID, Position: k + 1, Action: r.Items[k].Action, Change: NoneAtAll, State: workflow.Rejected,
			ProductID: r.Items[k].ProductID, Characteristics: r.Items[k].Characteristics,
		}
		if item.Characteristics == nil {
			item.Characteristics = map[string]string{}
		}
		if item.Plan.Offering = r.Items[k].Offering; len(why.Field) > 0 {
			item.Reason = rejectedBecause(why, k)
		}
		if err := tx.Insert(ctx, &item); err != nil {
			return Order{}, fmt.Errorf("item %d of order %d: %w", k+1, o.ID, err)
		}
		o.Items = append(o.Items, item)
	}
	return *o, o.announce(ctx, tx, nil, "reject")
}

// rejectedBecause is the refusal's message where it is about the item.
func rejectedBecause(why *refusal.Error, k int) string {
	if strings.HasPrefix(why.Field, itemField(k)) {
		return why.Message
	}
	return ""
}

// rejectedFor is why an order is rejected, as people read it: with the number of the item where there are several, and not
// with the field of a document.
func rejectedFor(why *refusal.Error, items int) string {
	for k := range items {
		if items > 1 && rejectedBecause(why, k) != "" {
			return fmt.Sprintf("item %d: %s", k+1, why.Message)
		}
	}
	return why.Message
}

func itemField(k int) string { return fmt.Sprintf("productOrderItem[%d]", k) }
