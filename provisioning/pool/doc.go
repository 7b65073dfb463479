// Package pool gives out telephone numbers and cards, each to one line at a time.
//
// A resource is available, then reserved for an order, then assigned to the line that the order made; when the line ends it
// rests in quarantine, so that callers of the old owner do not reach the new one, and is available again. An order that
// is undone gives back what it reserved at once: nobody has used it.
package pool
