package workflow

import (
	"errors"
	"slices"

	"gyro/internal/instant"
)

// Task is what the workflow knows of a task.
type Task struct {
	// Position is its number in the order, from 1 on without gaps: tasks[k].Position is k+1.
	Position int
	// Item is the position of the item that it is for.
	Item int
	// Needs are the positions of the tasks that must be done before it; all of them are smaller than its own.
	Needs []int
	// NoReturn: once this task may have had an effect, its item is not undone any more.
	NoReturn  bool
	Direction Direction
	State     TaskState
	// Attempts counts how often it was begun in its direction.
	Attempts int
	// Effect tells that an attempt on the way forward may have changed something: none has if all were refused.
	Effect bool
	// NotBefore is when it may begin; 0 is at once.
	NotBefore instant.Instant
	// Started is when it was last begun, 0 if never.
	Started instant.Instant
}

// ErrNoReturn says that something has gone too far to be undone.
var ErrNoReturn = errors.New("it has passed the point of no return")

// settled: nothing more is to be waited for, in the direction that it has.
func (t *Task) settled() bool { return t.State == Done || t.State == Skipped || t.State == Dropped }

// touched reports whether the task may have changed something on the way forward.
func (t *Task) touched() bool {
	return t.Direction == Forward && t.State != Skipped && (t.Effect || t.State == Running || t.State == Done)
}

// Ready returns the positions of the tasks that can begin now, and the next moment at which another one can: 0 if only the
// end of what runs, or a person, brings anything about.
func Ready(tasks []Task, now instant.Instant) (ready []int, wake instant.Instant) {
	for k := range tasks {
		t := &tasks[k]
		switch {
		case t.State != Waiting || !free(tasks, t):
		case t.NotBefore <= now:
			ready = append(ready, t.Position)
		default:
			if wake == 0 || t.NotBefore < wake {
				wake = t.NotBefore
			}
		}
	}
	return ready, wake
}

// free reports whether nothing that comes before a task, in its direction, is open.
func free(tasks []Task, t *Task) bool {
	if t.Direction == Forward {
		for _, p := range t.Needs {
			before := &tasks[p-1]
			if before.Direction != Forward || before.State != Done && before.State != Skipped {
				return false
			}
		}
		return true
	}
	for k := range tasks {
		if after := &tasks[k]; slices.Contains(after.Needs, t.Position) && (after.Direction != Back || !after.settled()) {
			return false
		}
	}
	return true
}

// dependants returns the item and all items whose tasks need its tasks, directly or not.
func dependants(tasks []Task, item int) []int {
	items := []int{item}
	for k := range tasks { // needs point backwards, so that one pass finds all
		t := &tasks[k]
		if slices.Contains(items, t.Item) {
			continue
		}
		for _, p := range t.Needs {
			if slices.Contains(items, tasks[p-1].Item) {
				items = append(items, t.Item)
				break
			}
		}
	}
	return items
}

// Irreversible reports whether an item, or one that needs it, has passed the point of no return.
func Irreversible(tasks []Task, item int) bool {
	items := dependants(tasks, item)
	return slices.ContainsFunc(tasks, func(t Task) bool {
		return t.NoReturn && slices.Contains(items, t.Item) && t.touched()
	})
}

// Undo turns an item back, and those that need it: what may have had an effect is undone in reverse order, the rest is dropped. A
// task that is Running must not be turned: how it ended has to be known first, or its time to be over. notBefore holds back
// the undoing of tasks whose last attempt may still be on its way; it gets the task's position.
func Undo(tasks []Task, item int, notBefore func(position int) instant.Instant) ([]int, error) {
	if Irreversible(tasks, item) {
		return nil, ErrNoReturn
	}
	items := dependants(tasks, item)
	for k := range tasks {
		t := &tasks[k]
		if !slices.Contains(items, t.Item) || t.Direction == Back {
			continue
		}
		if t.touched() {
			t.State, t.NotBefore = Waiting, notBefore(t.Position)
		} else {
			t.State, t.NotBefore = Dropped, 0
		}
		t.Direction, t.Attempts, t.Started, t.Effect = Back, 0, 0, false
	}
	return items, nil
}
