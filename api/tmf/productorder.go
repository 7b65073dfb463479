package tmf

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"gyro/api/access"
	"gyro/api/rest"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/refusal"
	"gyro/provisioning"
	"gyro/provisioning/workflow"

	"github.com/uptrace/bun"
)

// order is TMF622's ProductOrder.
type order struct {
	rest.Entity
	ExternalID              string              `json:"externalId,omitempty"`
	Description             string              `json:"description,omitempty"`
	State                   string              `json:"state,omitempty"`
	BillingAccount          *rest.Ref           `json:"billingAccount,omitempty"`
	RelatedParty            []rest.RelatedParty `json:"relatedParty,omitempty"`
	OrderDate               rest.Time           `json:"orderDate,omitzero"`
	RequestedStartDate      rest.Time           `json:"requestedStartDate,omitzero"`
	RequestedCompletionDate rest.Time           `json:"requestedCompletionDate,omitzero"`
	ExpectedCompletionDate  rest.Time           `json:"expectedCompletionDate,omitzero"`
	CompletionDate          rest.Time           `json:"completionDate,omitzero"`
	// Note says why an order was rejected, undone or failed, what it waits for, and that it is in jeopardy.
	Note             []orderNote `json:"note,omitempty"`
	ProductOrderItem []orderItem `json:"productOrderItem"`
}

type orderNote struct {
	ID   string `json:"id,omitempty"`
	Text string `json:"text"`
}

type orderItem struct {
	ID              string        `json:"id"`
	Action          string        `json:"action"`
	Quantity        int           `json:"quantity,omitempty"` // 1
	State           string        `json:"state,omitempty"`
	ProductOffering *rest.Ref     `json:"productOffering,omitempty"`
	Product         *orderProduct `json:"product,omitempty"`
}

// orderProduct is the product that an item is about. Its characteristic "effective" says when the item takes effect: now,
// cycle_end, or a moment; the rest are the product's own.
type orderProduct struct {
	ID                    string                `json:"id,omitempty"`
	Href                  string                `json:"href,omitempty"`
	Name                  string                `json:"name,omitempty"`
	Status                string                `json:"status,omitempty"`
	ProductCharacteristic []rest.Characteristic `json:"productCharacteristic,omitempty"`
	// ProductRelationship names the product of the line that an add-on is for.
	ProductRelationship []productRelation `json:"productRelationship,omitempty"`
}

type productRelation struct {
	RelationshipType string       `json:"relationshipType"` // reliesOn
	Product          orderProduct `json:"product"`
}

const (
	effective = "effective"
	reliesOn  = "reliesOn"
)

var orderStates = []string{
	string(workflow.Acknowledged), string(workflow.Rejected), string(workflow.Pending), string(workflow.Held), string(workflow.InProgress),
	string(workflow.Cancelled), string(workflow.Completed), string(workflow.Failed), string(workflow.Partial),
	string(workflow.AssessingCancellation), string(workflow.PendingCancellation),
}

// orderReaders are who may look at orders and products.
const orderReaders = access.Sales | access.Care | access.Finance | access.Network | access.Marketing

// productOrders is TMF622's ProductOrder.
func productOrders(s *provisioning.Service) rest.Set {
	return rest.Resource[order]{
		API: rest.TMF622, Path: "productOrder", Type: "ProductOrder", Key: "product_order.id",
		Roles: rest.Roles{Read: orderReaders, Create: access.Sales | access.Care, Patch: access.Sales | access.Care},
		About: "What a billing account wants changed, and how far it has got.",
		Filters: []rest.Filter{
			{Attribute: "state", Column: "product_order.state", Values: orderStates, Sort: true},
			{Attribute: "externalId", Column: "product_order.external_id"},
			{Attribute: "billingAccount.id", Column: "product_order.billing_account_id", Kind: rest.Number},
			{Attribute: "relatedParty.id", Column: "product_order.customer_id", Kind: rest.Number},
			{Attribute: "orderDate", Column: "product_order.created_at", Kind: rest.Instant, Sort: true},
			{Attribute: "expectedCompletionDate", Column: "product_order.expected_completion_at", Kind: rest.Instant, Sort: true},
			{
				Attribute: "productOrderItem.product.id", Column: "i.product_id", Kind: rest.Number,
				Within: "EXISTS (SELECT 1 FROM product_order_item i WHERE i.order_id = product_order.id AND %s)",
			},
		},
		ReadOnly:  []string{"state", "relatedParty", "orderDate", "expectedCompletionDate", "completionDate", "note"},
		Patchable: []string{"description", "requestedStartDate", "requestedCompletionDate"},
		List: func(ctx context.Context, db bun.IDB, q *rest.Query) ([]order, int, error) {
			var rows []provisioning.Order
			total, err := q.Page(ctx, db.NewSelect().Model(&rows))
			if err != nil {
				return nil, total, err
			}
			page, err := orders(ctx, db, s, rows)
			return page, total, err
		},
		Get: func(ctx context.Context, db bun.IDB, id string) (order, error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return order{}, err
			}
			row, err := s.Order(ctx, db, n)
			if err != nil {
				return order{}, err
			}
			return namedOrder(ctx, db, &row)
		},
		Submit: func(ctx context.Context, c *rest.Call, key string, in order) (order, error) {
			r, err := in.request()
			if err != nil {
				return order{}, err
			}
			r.Key = c.Principal().Name + " " + key
			row, err := s.Place(ctx, c.Actor(), r)
			return orderOf(ctx, &row), err
		},
		Patch: func(ctx context.Context, tx *database.Tx, id string, was, wanted order) (order, error) {
			n, err := rest.ParseID(id)
			if err != nil {
				return order{}, err
			}
			row, err := s.AmendIn(ctx, tx, n, amendment(&was, &wanted))
			return orderOf(ctx, &row), err
		},
	}
}

func amendment(was, wanted *order) (a provisioning.Amendment) {
	if was.Description != wanted.Description {
		a.Description = &wanted.Description
	}
	if start := instant.Instant(wanted.RequestedStartDate); wanted.RequestedStartDate != was.RequestedStartDate {
		a.StartAt = &start
	}
	if by := instant.Instant(wanted.RequestedCompletionDate); wanted.RequestedCompletionDate != was.RequestedCompletionDate {
		a.CompleteBy = &by
	}
	return a
}

// request reads what a client sent.
func (in *order) request() (r provisioning.OrderRequest, err error) {
	if in.BillingAccount == nil {
		return r, refusal.New(refusal.Invalid, "invalid_value", "billingAccount.id", "it is missing; say for which billing account the order is")
	}
	if r.AccountID, err = rest.ParseRef("billingAccount.id", in.BillingAccount.ID); err != nil {
		return r, err
	}
	r.ExternalID, r.Description = in.ExternalID, in.Description
	r.StartAt, r.CompleteBy = instant.Instant(in.RequestedStartDate), instant.Instant(in.RequestedCompletionDate)
	for k := range in.ProductOrderItem {
		field := "productOrderItem[" + strconv.Itoa(k) + "]"
		item, err := in.ProductOrderItem[k].request(field)
		if err != nil {
			return r, err
		}
		r.Items = append(r.Items, item)
	}
	return r, nil
}

func (in *orderItem) request(field string) (r provisioning.ItemRequest, err error) {
	switch {
	case in.State != "":
		return r, refusal.New(refusal.Invalid, "read_only", field+".state", "it is the server's to say; leave it out")
	case in.Quantity > 1:
		return r, refusal.New(refusal.Invalid, "invalid_value", field+".quantity", "%d: write an item for each one", in.Quantity)
	}
	r = provisioning.ItemRequest{Action: provisioning.Action(in.Action), Characteristics: map[string]string{}}
	if in.ProductOffering != nil {
		r.Offering = in.ProductOffering.ID
	}
	p := in.Product
	if p == nil {
		return r, nil
	}
	r.Status = p.Status
	if p.ID != "" {
		if r.ProductID, err = rest.ParseRef(field+".product.id", p.ID); err != nil {
			return r, err
		}
	}
	for n := range p.ProductRelationship {
		if p.ProductRelationship[n].RelationshipType != reliesOn {
			return r, refusal.New(refusal.Invalid, "invalid_value", field+".product.productRelationship.relationshipType", "%q is not kept here; there is %s", p.ProductRelationship[n].RelationshipType, reliesOn)
		}
		if r.ProductID, err = rest.ParseRef(field+".product.productRelationship.product.id", p.ProductRelationship[n].Product.ID); err != nil {
			return r, err
		}
	}
	for n := range p.ProductCharacteristic {
		if err := takeCharacteristic(&r, field+".product.productCharacteristic", &p.ProductCharacteristic[n]); err != nil {
			return r, err
		}
	}
	return r, nil
}

// takeCharacteristic takes one over: effective is about the item, the rest about the product.
func takeCharacteristic(r *provisioning.ItemRequest, field string, c *rest.Characteristic) error {
	var value string
	if err := json.Unmarshal(c.Value, &value); err != nil {
		return refusal.New(refusal.Invalid, "invalid_value", field, "%s is no text; write the value of %q in quotes", c.Value, c.Name)
	}
	if c.Name != effective {
		r.Characteristics[c.Name] = value
		return nil
	}
	switch r.When = provisioning.When(value); r.When {
	case provisioning.Now, provisioning.CycleEnd:
		return nil
	case provisioning.OnDate, provisioning.WhenFree: // by their words neither can be asked for: a date is a moment, and only programs wait
	}
	at, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return refusal.New(refusal.Invalid, "invalid_value", field+"."+effective, "%q is no moment at which an item takes effect; write now, cycle_end or a moment such as 2026-12-01T00:00:00Z", value)
	}
	r.When, r.At = provisioning.OnDate, instant.Of(at)
	return nil
}

// orders are the documents of some orders.
func orders(ctx context.Context, db bun.IDB, s *provisioning.Service, rows []provisioning.Order) ([]order, error) {
	ids := make([]int64, len(rows))
	for k := range rows {
		ids[k] = rows[k].ID
	}
	items, err := s.ItemsOf(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	if err := nameProducts(ctx, db, items); err != nil {
		return nil, err
	}
	page := make([]order, len(rows))
	for k := range rows {
		rows[k].Items = items[rows[k].ID]
		page[k] = orderOf(ctx, &rows[k])
	}
	return page, nil
}

// namedOrder is the document of one order.
func namedOrder(ctx context.Context, db bun.IDB, o *provisioning.Order) (order, error) {
	err := nameProducts(ctx, db, map[int64][]provisioning.Item{o.ID: o.Items})
	return orderOf(ctx, o), err
}

// nameProducts gives items that change what is there the name of that.
func nameProducts(ctx context.Context, db bun.IDB, items map[int64][]provisioning.Item) error {
	var nameless []int64
	for _, list := range items {
		for k := range list {
			if item := &list[k]; item.Plan.Name == "" && item.ProductID != 0 {
				nameless = append(nameless, item.ProductID)
			}
		}
	}
	if len(nameless) == 0 {
		return nil
	}
	var products []provisioning.Product
	if err := db.NewSelect().Model(&products).Column("id", "name").Where("id IN (?)", bun.List(nameless)).Scan(ctx); err != nil {
		return fmt.Errorf("products of orders: %w", err)
	}
	names := map[int64]string{}
	for k := range products {
		names[products[k].ID] = products[k].Name
	}
	for _, list := range items {
		for k := range list {
			if item := &list[k]; item.Plan.Name == "" {
				item.Plan.Name = names[item.ProductID]
			}
		}
	}
	return nil
}

func orderOf(ctx context.Context, o *provisioning.Order) order {
	account, owner := rest.ID(o.BillingAccountID), rest.ID(o.CustomerID)
	v := order{
		Entity: rest.Entity{ID: rest.ID(o.ID)}, ExternalID: o.ExternalID, Description: o.Description, State: string(o.State),
		BillingAccount: &rest.Ref{ID: account, Href: rest.Href(ctx, rest.TMF666, "billingAccount", account), ReferredType: "BillingAccount"},
		RelatedParty: []rest.RelatedParty{
			{ID: owner, Href: rest.Href(ctx, rest.TMF629, "customer", owner), Role: "customer", ReferredType: "Customer"},
		},
		OrderDate: rest.Time(o.CreatedAt), RequestedStartDate: rest.Time(o.RequestedStartAt), RequestedCompletionDate: rest.Time(o.RequestedCompletionAt),
		ExpectedCompletionDate: rest.Time(o.ExpectedCompletionAt), CompletionDate: rest.Time(o.CompletedAt), ProductOrderItem: []orderItem{},
	}
	if o.Reason != "" {
		v.Note = append(v.Note, orderNote{ID: "reason", Text: o.Reason})
	}
	if o.Jeopardy {
		v.Note = append(v.Note, orderNote{ID: "jeopardy", Text: "the order misses its expected completion"})
	}
	for k := range o.Items {
		v.ProductOrderItem = append(v.ProductOrderItem, itemOf(ctx, &o.Items[k]))
	}
	return v
}

func itemOf(ctx context.Context, item *provisioning.Item) orderItem {
	v := orderItem{ID: strconv.Itoa(item.Position), Action: string(item.Action), Quantity: 1, State: string(item.State)}
	if item.OfferingID != 0 {
		id := rest.ID(item.OfferingID)
		v.ProductOffering = &rest.Ref{ID: id, Href: rest.Href(ctx, rest.TMF620, "productOffering", id), Name: item.Plan.Name, ReferredType: "ProductOffering"}
	}
	p := orderProduct{Name: item.Plan.Name}
	if item.ProductID != 0 {
		p.ID = rest.ID(item.ProductID)
		p.Href = rest.Href(ctx, rest.TMF637, "product", p.ID)
	}
	switch item.Change {
	case provisioning.Suspend:
		p.Status = string(provisioning.ProductSuspended)
	case provisioning.Resume:
		p.Status = string(provisioning.ProductActive)
	case provisioning.Activate, provisioning.AddOn, provisioning.ChangePlan, provisioning.Terminate, provisioning.EndAddOn, provisioning.NoneAtAll:
	}
	all := maps.Clone(item.Characteristics)
	for name, value := range map[string]string{"msisdn": item.Line.MSISDN, "imsi": item.Line.IMSI, "iccid": item.Line.ICCID} {
		if value != "" {
			all[name] = value
		}
	}
	if item.DueAt != 0 {
		all[effective] = item.DueAt.String()
	}
	p.ProductCharacteristic = texts(all)
	v.Product = &p
	return v
}

// texts are characteristics whose values are texts, by name.
func texts(all map[string]string) (list []rest.Characteristic) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value, _ := json.Marshal(all[name]) // a string has a JSON
		list = append(list, rest.Characteristic{Name: name, ValueType: "string", Value: value})
	}
	return list
}
