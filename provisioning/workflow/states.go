package workflow

import "slices"

// State is the state of an order or of an item (ProductOrderStateType, ProductOrderItemStateType of TMF 622).
type State string

// The states.
const (
	Acknowledged State = "acknowledged" // accepted, not begun
	Rejected     State = "rejected"     // refused by a rule of the business
	Pending      State = "pending"      // waits for its date
	Held         State = "held"         // waits for a person
	InProgress   State = "inProgress"
	Cancelled    State = "cancelled" // undone because somebody wished it
	Completed    State = "completed"
	Failed       State = "failed"  // undone because something failed
	Partial      State = "partial" // some items are completed, the others undone (orders only)
	// AssessingCancellation is while it is found out whether there is a way back.
	AssessingCancellation State = "assessingCancellation"
	PendingCancellation   State = "pendingCancellation" // is being undone
)

// Final reports whether a state is the last one.
func (s State) Final() bool {
	switch s {
	case Rejected, Cancelled, Completed, Failed, Partial:
		return true
	case Acknowledged, Pending, Held, InProgress, AssessingCancellation, PendingCancellation:
	}
	return false
}

// transitions lists what may follow a state.
var transitions = map[State][]State{
	"":                    {Acknowledged, Rejected},
	Acknowledged:          {Pending, Held, InProgress, AssessingCancellation, Completed},
	Pending:               {InProgress, Held, AssessingCancellation, Completed, Partial},
	InProgress:            {Pending, Held, AssessingCancellation, PendingCancellation, Completed, Failed, Partial},
	Held:                  {InProgress, Pending, AssessingCancellation, PendingCancellation, Completed, Failed, Partial, Cancelled},
	AssessingCancellation: {Pending, Held, InProgress, PendingCancellation, Cancelled, Acknowledged, Completed, Failed, Partial},
	PendingCancellation:   {Pending, Held, InProgress, Cancelled, Failed, Partial},
}

// May reports whether a state may follow another one. Every state may stay.
func (s State) May(next State) bool {
	if s == next {
		return s != ""
	}
	return slices.Contains(transitions[s], next)
}

// Then is the state that tasks make of an order or item that was in state s: one that has waited is pending until somebody
// begins it, also when its date has come; it is not acknowledged anew.
func (s State) Then(next State) State {
	if next == Acknowledged && s != "" && s != Acknowledged && s != AssessingCancellation {
		return Pending
	}
	return next
}

// TaskState is the state of a task in its direction.
type TaskState string

// The states of a task.
const (
	Waiting TaskState = "waiting"
	Running TaskState = "running"   // begun; how it ended is not known yet
	Done    TaskState = "done"      // in direction Back: undone
	Fallout TaskState = "fallout"   // waits for a person
	Skipped TaskState = "skipped"   // a person decided that it is not needed
	Dropped TaskState = "cancelled" // the item went back before it was begun
)

// Direction is where a task goes.
type Direction string

// The directions.
const (
	Forward Direction = "forward"
	Back    Direction = "back"
)
