package workflow

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gyro/internal/instant"
)

// plan draws tasks of up to three items, of which later ones may need earlier ones.
func plan(t *rapid.T) []Task {
	var tasks []Task
	items := rapid.IntRange(1, 3).Draw(t, "items")
	for item := 1; item <= items; item++ {
		for range rapid.IntRange(1, 5).Draw(t, "tasks") {
			task := Task{Position: len(tasks) + 1, Item: item, State: Waiting, Direction: Forward}
			for _, before := range tasks {
				if rapid.IntRange(0, 2).Draw(t, "needs") == 0 {
					task.Needs = append(task.Needs, before.Position)
				}
			}
			task.NoReturn = rapid.IntRange(0, 4).Draw(t, "no return") == 0
			tasks = append(tasks, task)
		}
	}
	return tasks
}

// TestEveryOrderEndsFinishedOrUndone drives random plans with random failures, skips and cancellations: nothing begins
// before what it needs, nothing is undone before what needs it, nothing is undone behind the point of no return, and
// there is always something that can be done next.
func TestEveryOrderEndsFinishedOrUndone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks, now := plan(t), instant.Instant(1)
		done := map[int]bool{} // what has an effect in the world
		for step := 0; ; step++ {
			if step > 10_000 {
				t.Fatalf("does not end: %+v", tasks)
			}
			if item := rapid.IntRange(0, 60).Draw(t, "cancel"); item > 0 && item <= tasks[len(tasks)-1].Item {
				gone := Irreversible(tasks, item)
				if _, err := Undo(tasks, item, func(int) instant.Instant { return now + 5 }); gone != errors.Is(err, ErrNoReturn) {
					t.Fatalf("irreversible %v, undoing says %v", gone, err)
				}
			}
			ready, wake := Ready(tasks, now)
			if len(ready) == 0 {
				if fallen := slices.IndexFunc(tasks, func(t Task) bool { return t.State == Fallout }); fallen >= 0 {
					byHand(t, tasks, &tasks[fallen], done)
					continue
				}
				if wake == 0 {
					break
				}
				if wake <= now {
					t.Fatalf("to be woken at %d, which is over at %d", wake, now)
				}
				now = wake
				continue
			}
			one := &tasks[ready[rapid.IntRange(0, len(ready)-1).Draw(t, "which")]-1]
			begin(t, tasks, one, now)
			switch rapid.IntRange(0, 3).Draw(t, "outcome") {
			case 0:
				one.Effect = true
				one.State, one.NotBefore = Waiting, now.Add(DefaultPolicy.Backoff(one.Attempts))
				if one.Attempts > 3 {
					one.State = Fallout
				}
			case 1: // refused: nothing has come of it
				one.State = Fallout
			default:
				one.State, one.Effect, done[one.Position] = Done, true, one.Direction == Forward
			}
		}
		ends(t, tasks, now, done)
	})
}

func begin(t *rapid.T, tasks []Task, one *Task, now instant.Instant) {
	for _, other := range tasks {
		switch {
		case one.Direction == Forward && slices.Contains(one.Needs, other.Position) && other.State != Done && other.State != Skipped:
			t.Fatalf("%d begins before %d is done: %+v", one.Position, other.Position, tasks)
		case one.Direction == Back && slices.Contains(other.Needs, one.Position) && !other.settled():
			t.Fatalf("%d is undone before %d: %+v", one.Position, other.Position, tasks)
		}
	}
	if one.Direction == Back && one.NoReturn {
		t.Fatalf("%d has no return and is undone: %+v", one.Position, tasks)
	}
	one.Attempts, one.Started = one.Attempts+1, now
}

// byHand is a person at the fallout queue.
func byHand(t *rapid.T, tasks []Task, fallen *Task, done map[int]bool) {
	switch rapid.SampledFrom([]string{"retry", "complete", "skip", "cancel"}).Draw(t, "by hand") {
	case "retry":
		fallen.State, fallen.NotBefore = Waiting, 0
	case "complete":
		fallen.State, done[fallen.Position] = Done, fallen.Direction == Forward
	case "skip":
		fallen.State, done[fallen.Position] = Skipped, false
	case "cancel":
		if fallen.Direction == Forward {
			_, _ = Undo(tasks, fallen.Item, func(int) instant.Instant { return 0 }) // refused behind the point of no return
		}
	}
}

func ends(t *rapid.T, tasks []Task, now instant.Instant, done map[int]bool) {
	var states []State
	for item := 1; item <= tasks[len(tasks)-1].Item; item++ {
		state := ItemState(tasks, item, now, false)
		states = append(states, state)
		for _, task := range tasks {
			if task.Item != item || task.State == Skipped {
				continue
			}
			if (state == Completed) != done[task.Position] {
				t.Fatalf("item %d is %s, and task %d done: %v: %+v", item, state, task.Position, done[task.Position], tasks)
			}
		}
		if state != Completed && state != Failed {
			t.Fatalf("item %d ends %s: %+v", item, state, tasks)
		}
	}
	if order := OrderState(states); !order.Final() {
		t.Fatalf("the order of items %v ends %s", states, order)
	}
}

func TestOrderStates(t *testing.T) {
	for _, c := range []struct {
		items []State
		want  State
	}{
		{[]State{Completed, Completed}, Completed},
		{[]State{Completed, Failed}, Partial},
		{[]State{Cancelled, Completed}, Partial},
		{[]State{Cancelled, Failed}, Failed},
		{[]State{Cancelled}, Cancelled},
		{[]State{InProgress, Held}, InProgress},
		{[]State{PendingCancellation, Held}, Held},
		{[]State{PendingCancellation, Completed}, PendingCancellation},
		{[]State{Pending, Completed}, Pending},
		{[]State{Pending, Acknowledged}, Acknowledged},
	} {
		if got := OrderState(c.items); got != c.want {
			t.Errorf("%v: %s, want %s", c.items, got, c.want)
		}
	}
}

func TestAFinalStateIsTheLastOne(t *testing.T) {
	for state := range transitions {
		for _, next := range transitions[state] {
			if state.Final() {
				t.Errorf("%s is final, and %s follows", state, next)
			}
			if !state.May(next) || next.Final() && next.May(InProgress) {
				t.Errorf("%s to %s", state, next)
			}
		}
	}
	if Completed.May(Held) || !Held.May(Held) || State("").May("") {
		t.Error("a state that cannot follow may")
	}
}

func TestWaitsDoubleUpToTheMost(t *testing.T) {
	p := Policy{First: instant.Second, Most: 10 * instant.Second}
	for attempts, want := range map[int]instant.Span{1: 1, 2: 2, 3: 4, 4: 8, 5: 10, 60: 10} {
		if got := p.Backoff(attempts); got != want*instant.Second {
			t.Errorf("after %d attempts %d ms, want %d s", attempts, got, want)
		}
	}
}
