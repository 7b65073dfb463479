package workflow

import "gyro/internal/instant"

// ItemState is what an item's tasks make of it. wished tells that it goes back because somebody wished it, not because
// something failed.
func ItemState(tasks []Task, item int, now instant.Instant, wished bool) State {
	s := sum(tasks, item, now)
	switch {
	case s.all == 0:
		return Completed
	case s.back > 0 && s.settled == s.all:
		if wished {
			return Cancelled
		}
		return Failed
	case s.settled == s.all:
		return Completed
	case s.running > 0 || s.ready > 0:
		if s.back > 0 {
			return PendingCancellation
		}
		if s.begun == 0 {
			return Acknowledged
		}
		return InProgress
	case s.fallout > 0:
		return Held
	case s.back > 0:
		return PendingCancellation
	case s.begun == 0 && s.later > 0:
		return Pending
	case s.begun == 0:
		return Acknowledged
	}
	return InProgress
}

type tally struct{ all, back, settled, running, ready, later, fallout, begun int }

func sum(tasks []Task, item int, now instant.Instant) (s tally) {
	for k := range tasks {
		t := &tasks[k]
		if t.Item != item {
			continue
		}
		s.all++
		if t.Direction == Back {
			s.back++
		}
		if t.Attempts > 0 || t.State == Done || t.State == Skipped {
			s.begun++
		}
		switch {
		case t.settled():
			s.settled++
		case t.State == Running:
			s.running++
		case t.State == Fallout:
			s.fallout++
		case t.NotBefore > now:
			s.later++
		case free(tasks, t):
			s.ready++
		}
	}
	return s
}

// OrderState is what the states of its items make of an order.
func OrderState(items []State) State {
	count := map[State]int{}
	final := 0
	for _, s := range items {
		count[s]++
		if s.Final() {
			final++
		}
	}
	switch {
	case final == len(items) && count[Completed] == len(items):
		return Completed
	case final == len(items) && count[Completed] > 0:
		return Partial
	case final == len(items) && count[Failed] > 0:
		return Failed
	case final == len(items):
		return Cancelled
	case count[InProgress] > 0:
		return InProgress
	case count[Held] > 0:
		return Held
	case count[PendingCancellation] > 0:
		return PendingCancellation
	case count[Acknowledged] > 0 && count[Completed] == 0:
		return Acknowledged
	case count[Pending] > 0:
		return Pending
	}
	return InProgress
}
