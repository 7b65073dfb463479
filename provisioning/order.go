package provisioning

import (
	"strconv"

	"github.com/uptrace/bun"

	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/provisioning/workflow"
)

// Order is what a billing account wants changed (TMF 622).
type Order struct {
	bun.BaseModel `bun:"table:product_order,alias:product_order" json:"-"`

	ID int64 `bun:",pk,autoincrement" json:"id"`
	// ExternalID is the caller's own name of the order, unique within the account; empty is none.
	ExternalID       string         `json:"external_id,omitempty"`
	BillingAccountID int64          `json:"billing_account_id"`
	CustomerID       int64          `json:"customer_id"`
	State            workflow.State `json:"state"`
	Reason           string         `json:"reason,omitempty"` // of the state: why it was rejected, what it waits for
	Description      string         `json:"description,omitempty"`
	// Request is the digest of what was asked, by which a repetition under the same ExternalID is known.
	Request  string `json:"-"`
	PlacedBy string `json:"placed_by"`
	// RequestedStartAt is when the order is to begin; 0 is at once.
	RequestedStartAt      instant.Instant `json:"requested_start_at,omitempty"`
	RequestedCompletionAt instant.Instant `json:"requested_completion_at,omitempty"`
	ExpectedCompletionAt  instant.Instant `json:"expected_completion_at,omitempty"`
	Jeopardy              bool            `json:"jeopardy,omitempty"` // it misses, or will miss, its expected completion
	CreatedAt             instant.Instant `json:"created_at"`
	UpdatedAt             instant.Instant `json:"updated_at"`
	StartedAt             instant.Instant `json:"started_at,omitempty"`
	CompletedAt           instant.Instant `json:"completed_at,omitempty"`
	WakeAt                instant.Instant `json:"wake_at,omitempty"` // when the workflow looks at it next; 0 is not by itself
	// CancellationID is the wish to cancel it that is being carried out; 0 is none.
	CancellationID int64 `bun:",nullzero" json:"cancellation_id,omitempty"`
	Version        int64 `json:"version"`

	Items []Item `bun:"-" json:"items,omitempty"`
	Tasks []Task `bun:"-" json:"tasks,omitempty"`
}

// Action is what TMF 622 calls the action of an item (OrderItemActionType).
type Action string

// The actions.
const (
	Add      Action = "add"
	Modify   Action = "modify"
	Delete   Action = "delete"
	NoChange Action = "noChange"
)

// Change is what an action comes to.
type Change string

// The changes.
const (
	Activate   Change = "activate" // a new line
	AddOn      Change = "add_on"   // something for a line that is there
	ChangePlan Change = "change_plan"
	Suspend    Change = "suspend" // a line with all that it has
	Resume     Change = "resume"
	Terminate  Change = "terminate"  // a line with all that it has
	EndAddOn   Change = "end_add_on" // the line stays
	NoneAtAll  Change = "none"
)

// Item is one thing that an order changes.
type Item struct {
	bun.BaseModel `bun:"table:product_order_item" json:"-"`

	ID       int64          `bun:",pk,autoincrement" json:"id"`
	OrderID  int64          `json:"order_id"`
	Position int            `json:"position"` // from 1 on
	Action   Action         `json:"action"`
	Change   Change         `json:"change"`
	State    workflow.State `json:"state"`
	Reason   string         `json:"reason,omitempty"`
	// OfferingID is what is ordered, 0 where nothing is; ProductID is what is changed, or what comes of it.
	OfferingID      int64             `bun:",nullzero" json:"offering_id,omitempty"`
	ProductID       int64             `bun:",nullzero" json:"product_id,omitempty"`
	SubscriptionID  int64             `bun:",nullzero" json:"subscription_id,omitempty"`
	DueAt           instant.Instant   `json:"due_at,omitempty"` // 0 is at once
	Characteristics map[string]string `bun:"type:text" json:"characteristics,omitempty"`
	Plan            Plan              `bun:"type:text" json:"plan"`
	Line            Line              `bun:"type:text" json:"line"`

	waits bool // it was asked for WhenFree; only while it is placed
}

// Line is by which names others know a line.
type Line struct {
	MSISDN string `json:"msisdn,omitempty"`
	IMSI   string `json:"imsi,omitempty"`
	ICCID  string `json:"iccid,omitempty"`
	// Account is the charging core's.
	Account     string       `json:"account,omitempty"`
	Kind        string       `json:"kind,omitempty"`
	Currency    string       `json:"currency,omitempty"`
	CreditLimit money.Amount `json:"credit_limit,omitempty"`
	CycleDay    int          `json:"cycle_day,omitempty"`
}

// Task is what one system has to do for an item.
type Task struct {
	bun.BaseModel `bun:"table:order_task" json:"-"`

	ID         int64              `bun:",pk,autoincrement" json:"id"`
	OrderID    int64              `json:"order_id"`
	ItemID     int64              `json:"item_id"`
	Position   int                `json:"position"` // in the order, from 1 on
	Name       string             `json:"name"`     // such as hss.create
	Element    string             `json:"element"`  // hss, pcrf, core or office
	Operation  Operations         `bun:"type:text" json:"operation"`
	Needs      []int              `bun:"type:text" json:"needs,omitempty"`
	NoReturn   bool               `json:"no_return,omitempty"`
	Direction  workflow.Direction `json:"direction"`
	State      workflow.TaskState `json:"state"`
	Attempts   int                `json:"attempts,omitempty"`
	Effect     bool               `json:"effect,omitempty"` // an attempt may have changed something
	NotBefore  instant.Instant    `json:"not_before,omitempty"`
	StartedAt  instant.Instant    `json:"started_at,omitempty"`
	FinishedAt instant.Instant    `json:"finished_at,omitempty"`
	// CauseCode and Cause say how the last attempt failed, Suggestion what a person may do about it.
	CauseCode  string `json:"cause_code,omitempty"`
	Cause      string `json:"cause,omitempty"`
	Suggestion string `json:"suggestion,omitempty"`
	ResolvedBy string `json:"resolved_by,omitempty"` // who retried, skipped or completed it by hand

	item int // the position of its item
}

// Operations are what a task does, and what undoes it.
type Operations struct {
	Do   Step `json:"do"`
	Undo Step `json:"undo,omitzero"`
}

// Step is one way of a task: what is to be done in an element or in the charging core.
type Step struct {
	Kind       string            `json:"kind,omitempty"` // an OperationKind, or a word of the core or the office
	Profile    string            `json:"profile,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Offer      string            `json:"offer,omitempty"`    // of the charging plan
	Replaces   string            `json:"replaces,omitempty"` // the offer whose place it takes
	State      string            `json:"state,omitempty"`    // of the subscriber in the core
	Reason     string            `json:"reason,omitempty"`
}

// Systems that are no network elements.
const (
	coreElement   = "core"
	officeElement = "office"
)

// key names what a task does to others, for ever: the moment of the order keeps the orders of two databases apart.
func (o *Order) key(t *Task) string {
	key := "o" + strconv.FormatInt(o.ID, 10) + "-" + strconv.FormatInt(int64(o.CreatedAt), 36) + "-t" + strconv.Itoa(t.Position)
	if t.Direction == workflow.Back {
		key += "-back"
	}
	return key
}

// item returns the item of a position.
func (o *Order) item(position int) *Item { return &o.Items[position-1] }

// graph is what the workflow sees of the tasks.
func (o *Order) graph() []workflow.Task {
	tasks := make([]workflow.Task, len(o.Tasks))
	for k := range o.Tasks {
		t := &o.Tasks[k]
		tasks[k] = workflow.Task{
			Position: t.Position, Item: t.item, Needs: t.Needs, NoReturn: t.NoReturn, Direction: t.Direction, State: t.State,
			Attempts: t.Attempts, Effect: t.Effect, NotBefore: t.NotBefore, Started: t.StartedAt,
		}
	}
	return tasks
}

// take takes over what the workflow decided about the tasks.
func (o *Order) take(tasks []workflow.Task) {
	for k := range o.Tasks {
		t, w := &o.Tasks[k], &tasks[k]
		if t.Direction != w.Direction {
			t.CauseCode, t.Cause, t.Suggestion, t.ResolvedBy, t.FinishedAt = "", "", "", "", 0
		}
		t.Direction, t.State, t.Attempts, t.Effect, t.NotBefore, t.StartedAt = w.Direction, w.State, w.Attempts, w.Effect, w.NotBefore, w.Started
	}
}

// OrderRequest asks for an order.
type OrderRequest struct {
	// Key makes a repetition of the request return the order that there is; empty lets it be another order. ExternalID does
	// the same within an account.
	Key         string `json:"-"`
	ExternalID  string
	AccountID   int64 // the billing account
	Description string
	Items       []ItemRequest
	// StartAt is when the order is to begin; 0 is at once. CompleteBy is when it is wanted to be done; 0 leaves it open.
	StartAt    instant.Instant
	CompleteBy instant.Instant
}

// When says at which moment an item takes effect.
type When string

// The moments.
const (
	Now      When = "now" // also the empty word
	CycleEnd When = "cycle_end"
	OnDate   When = "date" // at ItemRequest.At
	// WhenFree is now, or when the order has ended that is changing the line. What the line has then is what counts: if the
	// product has ended, or is in the wanted state, nothing is left to do. It is for modifications and ends of lines.
	WhenFree When = "when_free"
)

// ItemRequest asks for one change.
//
//   - Add with an offering that is no add-on makes a line. Characteristics msisdn, iccid: the number and card that are
//     wanted; number_pool, card_pool: where to draw them from.
//   - Add with an add-on gives it to the line of ProductID, or to the line that an earlier item of the order makes.
//   - Modify with an Offering changes the plan of ProductID; with Status suspended or active it suspends or resumes its
//     line, for the reason in the characteristic reason (request, where left out): who resumes must name the same.
//   - Delete ends ProductID: the line with all that it has, or an add-on. While a commitment runs it is refused unless the
//     characteristic waive_commitment is true.
type ItemRequest struct {
	Action   Action
	Offering string // id or name
	// ProductID is the product that is meant.
	ProductID       int64
	Status          string
	Characteristics map[string]string
	When            When
	At              instant.Instant
}

// Characteristics that mean something to orders.
const (
	wantedNumber    = "msisdn"
	wantedCard      = "iccid"
	numberPool      = "number_pool"
	cardPool        = "card_pool"
	reasonWord      = "reason"
	waiveCommitment = "waive_commitment"
	couponWord      = "coupon"
)

// characteristics are all of them. Another one is refused: a misspelt coupon would be kept, and the full price billed.
var characteristics = []string{wantedNumber, wantedCard, numberPool, cardPool, reasonWord, waiveCommitment, couponWord}
