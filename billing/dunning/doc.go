// Package dunning asks for what is overdue, step by step: reminders, fees,
// suspension, termination, write-off, as a policy says that is data.
//
// An account that owes something overdue has one open case. A check of it takes
// at most one step, in one transaction with all that the step does: the letter
// and the order are rows and jobs of the same transaction, and the step itself
// is a unique row. So a step happens once, however often a run is repeated or
// killed, and what comes between two steps is never less than the policy says,
// also when no run took place for a month.
//
// A run looks at one account after the other, up to fifty in one transaction with how far
// it is (record.go, run.go): a kill leaves it where it was, its job goes on, and its figures are
// exact. Whoever cannot be dunned is parked with the reason, in the run's own
// progress, for the next run to try again. At most one run is open: a second one
// could do no more than look at the same accounts.
//
// What is in dispute is not dunned, nor is an account whose customer promised to
// pay (a hold) before that day has passed. Credit is used up first. As soon as
// less than the policy's minimum is overdue the case is closed, and a suspension
// is lifted by an order: the job that places it is a row of the payment's own
// transaction, and is tried again while another order is at work on the lines.
//
// Orders, letters and fees belong to others: the package declares what it needs
// of them.
package dunning
