package customer

import (
	"cmp"
	"context"
	"errors"

	"github.com/uptrace/bun"

	"gyro/internal/database"
	"gyro/internal/instant"
)

// TicketState is where a ticket stands (TMF 621).
type TicketState string

// The states of a ticket. Closed and cancelled are for good; a resolved one is
// closed, or taken up again.
const (
	Acknowledged TicketState = "acknowledged"
	InProgress   TicketState = "inProgress"
	Pending      TicketState = "pending" // waits for the customer or somebody else
	Resolved     TicketState = "resolved"
	TicketClosed TicketState = "closed"
	Cancelled    TicketState = "cancelled"
)

// nextStates are what a ticket may become.
var nextStates = map[TicketState][]TicketState{
	Acknowledged: {InProgress, Pending, Resolved, Cancelled},
	InProgress:   {Pending, Resolved, Cancelled},
	Pending:      {InProgress, Resolved, Cancelled},
	Resolved:     {InProgress, TicketClosed},
	TicketClosed: nil,
	Cancelled:    nil,
}

// Severity is how bad it is for the customer.
type Severity string

// The severities (TMF 621).
const (
	Minor    Severity = "minor"
	Major    Severity = "major"
	Critical Severity = "critical"
)

// Ticket is something that a customer waits for.
type Ticket struct {
	bun.BaseModel `bun:"table:ticket" json:"-"`

	ID               int64           `bun:",pk,autoincrement" json:"id"`
	CustomerID       int64           `json:"customer_id"`
	BillingAccountID int64           `bun:",nullzero" json:"billing_account_id,omitempty"`
	Kind             string          `json:"kind"` // such as complaint, fault, question
	Severity         Severity        `json:"severity"`
	State            TicketState     `json:"state"`
	Subject          string          `json:"subject"`
	Description      string          `json:"description,omitempty"`
	AssignedTo       string          `json:"assigned_to,omitempty"`
	CreatedAt        instant.Instant `json:"created_at"`
	UpdatedAt        instant.Instant `json:"updated_at"`
	ResolvedAt       instant.Instant `json:"resolved_at,omitempty"` // of the last time
}

// TicketNote is what somebody wrote on a ticket.
type TicketNote struct {
	bun.BaseModel `bun:"table:ticket_note" json:"-"`

	ID       int64           `bun:",pk,autoincrement" json:"id"`
	TicketID int64           `json:"ticket_id"`
	At       instant.Instant `json:"at"`
	Actor    string          `json:"actor"`
	Text     string          `json:"text"`
}

func (t *Ticket) check() error {
	return first(
		checkLine("kind", t.Kind, true), checkLine("subject", t.Subject, true), checkText("description", t.Description),
		checkLine("assigned_to", t.AssignedTo, false),
		oneOf("severity", t.Severity, Minor, Major, Critical),
		oneOf("state", t.State, Acknowledged, InProgress, Pending, Resolved, TicketClosed, Cancelled),
	)
}

// OpenTicket opens a ticket: acknowledged, minor unless it says otherwise.
func (s *Service) OpenTicket(ctx context.Context, by database.Actor, t Ticket) (Ticket, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (Ticket, error) {
		return s.OpenTicketIn(ctx, tx, t)
	})
}

// OpenTicketIn is OpenTicket inside a transaction.
func (s *Service) OpenTicketIn(ctx context.Context, tx *database.Tx, t Ticket) (Ticket, error) {
	t.ID, t.CreatedAt, t.UpdatedAt, t.ResolvedAt = 0, tx.Now(), tx.Now(), 0
	t.State, t.Severity, t.Kind = Acknowledged, cmp.Or(t.Severity, Minor), cmp.Or(t.Kind, "question")
	if err := first(t.check(), s.belongs(ctx, tx, t.CustomerID, t.BillingAccountID)); err != nil {
		return t, err
	}
	if err := insert(ctx, tx, "ticket", &t, &t.ID); err != nil {
		return t, err
	}
	return t, tx.Emit(ctx, database.Event{Type: "troubleTicketCreateEvent", Entity: "ticket", ID: text(t.ID), Payload: t})
}

// TicketChange is what somebody does to a ticket; what is empty stays.
type TicketChange struct {
	State      TicketState
	Severity   Severity
	AssignedTo string
	Note       string // is added
}

// ChangeTicket changes a ticket.
func (s *Service) ChangeTicket(ctx context.Context, by database.Actor, id int64, change TicketChange) (Ticket, error) {
	return write(ctx, s, by, func(ctx context.Context, tx *database.Tx) (Ticket, error) {
		return s.ChangeTicketIn(ctx, tx, id, change)
	})
}

// ChangeTicketIn is ChangeTicket inside a transaction.
func (s *Service) ChangeTicketIn(ctx context.Context, tx *database.Tx, id int64, change TicketChange) (Ticket, error) {
	before, err := s.Ticket(ctx, tx, id)
	if err != nil {
		return before, err
	}
	after := before
	after.State, after.Severity = cmp.Or(change.State, before.State), cmp.Or(change.Severity, before.Severity)
	after.AssignedTo, after.UpdatedAt = cmp.Or(change.AssignedTo, before.AssignedTo), tx.Now()
	if err := first(after.check(), checkText("note", change.Note), mayTurn(&before, after.State)); err != nil {
		return before, err
	}
	if after.State == Resolved && before.State != Resolved {
		after.ResolvedAt = tx.Now()
	}
	if err := update(ctx, tx, "ticket", id, "change", before, &after); err != nil {
		return before, err
	}
	err = errors.Join(s.annotate(ctx, tx, id, change.Note), s.turned(ctx, tx, &before, &after))
	return after, err
}

// mayTurn refuses a state that does not follow from the present one.
func mayTurn(t *Ticket, to TicketState) error {
	next := nextStates[t.State]
	switch {
	case to == t.State:
		return nil
	case len(next) == 0:
		return forbidden("ticket_closed", "state", "ticket %d is %s for good; open another one", t.ID, t.State)
	}
	if oneOf("state", to, next...) != nil {
		return forbidden("state_not_reachable", "state", "a ticket that is %s does not become %s; next are %v", t.State, to, next)
	}
	return nil
}

func (s *Service) annotate(ctx context.Context, tx *database.Tx, id int64, note string) error {
	if note == "" {
		return nil
	}
	n := TicketNote{TicketID: id, At: tx.Now(), Actor: tx.By().Name, Text: note}
	return insert(ctx, tx, "ticket_note", &n, &n.ID)
}

func (s *Service) turned(ctx context.Context, tx *database.Tx, before, after *Ticket) error {
	if before.State == after.State {
		return nil
	}
	return tx.Emit(ctx, database.Event{Type: "troubleTicketStateChangeEvent", Entity: "ticket", ID: text(after.ID), Payload: *after})
}

// Ticket reads a ticket.
func (s *Service) Ticket(ctx context.Context, q bun.IDB, id int64) (Ticket, error) {
	return byID[Ticket](ctx, q, id, "ticket", "ticket.id")
}

// TicketNotes are what was written on a ticket, the oldest first.
func (s *Service) TicketNotes(ctx context.Context, q bun.IDB, id int64) (notes []TicketNote, err error) {
	err = q.NewSelect().Model(&notes).Where("ticket_id = ?", id).Order("id").Limit(MaxLimit).Scan(ctx)
	return notes, err
}

// TicketFilter narrows a list of tickets down; what is empty does not.
type TicketFilter struct {
	CustomerID int64
	State      TicketState
	AssignedTo string
}

// Tickets lists tickets in the order of their ids, and counts the whole list.
func (s *Service) Tickets(ctx context.Context, q bun.IDB, f TicketFilter, page Page) (rows []Ticket, total int, err error) {
	query := q.NewSelect()
	if f.CustomerID != 0 {
		query.Where("customer_id = ?", f.CustomerID)
	}
	if f.State != "" {
		query.Where("state = ?", f.State)
	}
	if f.AssignedTo != "" {
		query.Where("assigned_to = ?", f.AssignedTo)
	}
	total, err = list(ctx, query, &rows, page)
	return rows, total, err
}
