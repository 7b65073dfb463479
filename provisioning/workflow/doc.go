// Package workflow decides what happens next in an order: which of its tasks can begin, what a failure leads to, in which
// order things are undone, and what state that makes of the items and of the order (TMF 622). It is pure: it looks at a
// list of tasks and a moment, and changes nothing but that list.
//
// An item goes forward, task by task, until all are done, or back, until all that was begun is undone. Items that need
// another item's tasks go back with it. A task beyond which there is no way back says so; from there on an item can only
// be finished.
package workflow
