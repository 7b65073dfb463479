package element

import "container/heap"

// A fifo is a queue that reuses its room.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) push(item T) {
	if q.head > len(q.items)/2 && q.head > 64 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

func (q *fifo[T]) pop() (T, bool) {
	item, ok := q.peek()
	if ok {
		var zero T
		q.items[q.head] = zero
		q.head++
	}
	return item, ok
}

func (q *fifo[T]) peek() (T, bool) {
	if q.head == len(q.items) {
		var zero T
		return zero, false
	}
	return q.items[q.head], true
}

func (q *fifo[T]) empty() bool { return q.head == len(q.items) }

// deadlines orders sessions by the time at which their first quota expires. A session is in it at most once.
type deadlines struct{ sessions []*session }

// set moves a session to its deadline, or takes it out if it has none.
func (d *deadlines) set(s *session) {
	switch {
	case s.deadline.IsZero():
		d.remove(s)
	case s.heapAt < 0:
		heap.Push(d, s)
	default:
		heap.Fix(d, s.heapAt)
	}
}

func (d *deadlines) remove(s *session) {
	if s.heapAt >= 0 {
		heap.Remove(d, s.heapAt)
	}
}

func (d *deadlines) first() *session {
	if len(d.sessions) == 0 {
		return nil
	}
	return d.sessions[0]
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (d *deadlines) Len() int { return len(d.sessions) }

// Less orders by deadline.
func (d *deadlines) Less(i, j int) bool {
	return d.sessions[i].deadline.Before(d.sessions[j].deadline)
}

// Swap keeps each session's place up to date.
func (d *deadlines) Swap(i, j int) {
	d.sessions[i], d.sessions[j] = d.sessions[j], d.sessions[i]
	d.sessions[i].heapAt, d.sessions[j].heapAt = i, j
}

// Push adds a session at the end.
func (d *deadlines) Push(x any) {
	s := x.(*session)
	s.heapAt = len(d.sessions)
	d.sessions = append(d.sessions, s)
}

// Pop takes the last session out.
func (d *deadlines) Pop() any {
	last := len(d.sessions) - 1
	s := d.sessions[last]
	d.sessions[last], d.sessions = nil, d.sessions[:last]
	s.heapAt = -1
	return s
}
