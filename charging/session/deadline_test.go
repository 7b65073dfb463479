package session

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gyro/internal/instant"
	"gyro/internal/slab"
)

// supervised is a session of the slow model.
type supervised struct {
	index    slab.Index
	number   uint64
	deadline instant.Instant
}

// TestDeadlinesAgainstList holds the wheel against a list that is searched
// whole, with time that stands still, creeps and leaps beyond the wheel, with
// deadlines that move both ways, and with wheels that begin anew from a
// checkpoint.
func TestDeadlinesAgainstList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, now := &Set{}, instant.Instant(1_800_000_000_000)
		var list []supervised
		visited := int64(0)
		for step := range rapid.IntRange(1, 80).Draw(t, "steps") {
			deadline := now.Add(instant.Span(rapid.Int64Range(-2_000, 30_000_000).Draw(t, "deadline")))
			if rapid.Bool().Draw(t, "soon") {
				deadline = now.Add(instant.Span(rapid.Int64Range(0, 3_000).Draw(t, "soon by")))
			}
			pick := 0
			if len(list) > 0 {
				pick = rapid.IntRange(0, len(list)-1).Draw(t, "pick")
			}
			switch what := rapid.IntRange(0, 6).Draw(t, "what"); {
			case what <= 1:
				i, r := set.Open(fmt.Appendf(nil, "session-%d", step), 0, 0)
				r.Deadline = deadline
				set.Schedule(i, now)
				if visited == 0 {
					visited = second(now)
				}
				list = append(list, supervised{i, r.Number, deadline})
			case what == 2 && len(list) > 0:
				set.Supervise(list[pick].index, deadline, now)
				list[pick].deadline = deadline
			case what == 3 && len(list) > 0:
				set.Close(list[pick].index)
				list = slices.Delete(list, pick, pick+1)
			case what == 4:
				set = reloaded(set, list, now)
			default:
				longest := rapid.SampledFrom([]int64{0, 1_000, 5_000, 20_000_000}).Draw(t, "longest")
				now = now.Add(instant.Span(rapid.Int64Range(0, longest).Draw(t, "pause")))
				list = expire(t, set, list, now, &visited)
			}
		}
	})
}

// reloaded is the set as a checkpoint restores it.
func reloaded(set *Set, list []supervised, now instant.Instant) *Set {
	fresh := &Set{LastNumber: set.LastNumber}
	fresh.Deadlines.Resume(set.Deadlines.Visited())
	for k := range list {
		old := set.Sessions.At(list[k].index)
		i, r := fresh.Open(set.Octets.Get(old.ID), 0, old.Number)
		r.Deadline = old.Deadline
		fresh.Schedule(i, now)
		list[k].index = i
	}
	return fresh
}

// expire compares what the wheel finds with the list, and closes it.
func expire(t *rapid.T, set *Set, list []supervised, now instant.Instant, visited *int64) (left []supervised) {
	limit := rapid.IntRange(1, 6).Draw(t, "limit")
	var due []supervised
	for _, s := range list {
		// A second that was visited is not looked at again.
		if s.deadline <= now && *visited < second(now) {
			due = append(due, s)
		}
	}
	slices.SortFunc(due, func(a, b supervised) int {
		return cmp.Or(cmp.Compare(a.deadline, b.deadline), cmp.Compare(a.number, b.number))
	})
	if *visited != 0 {
		*visited = max(*visited, second(now))
	}
	due = due[:min(limit, len(due))]
	if len(due) > 0 && !set.AnyDue(now) {
		t.Fatalf("%d sessions are due at %v, AnyDue denies it", len(due), now)
	}
	found := set.Due(now, limit, nil)
	if len(found) != len(due) {
		t.Fatalf("%d sessions are found due at %v, want %d", len(found), now, len(due))
	}
	for k, i := range found {
		if i != due[k].index {
			t.Fatalf("session %d is due in place of %d", set.Sessions.At(i).Number, due[k].number)
		}
		set.Close(i)
	}
	return slices.DeleteFunc(list, func(s supervised) bool { return slices.Contains(due, s) })
}
