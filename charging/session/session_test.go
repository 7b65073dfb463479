package session

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gyro/internal/instant"
)

// TestAnswersAgainstMap proves that a request number that was answered never
// looks fresh again, in whatever order the numbers came.
func TestAnswersAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set Set
		_, r := set.Open([]byte("session"), 0, 0)
		answered := map[uint32]string{}
		var order []uint32 // of the answers
		highest := uint32(0)
		most := rapid.SampledFrom([]uint32{12, 3 * Window, 1<<32 - 1}).Draw(t, "most")
		for range rapid.IntRange(1, 30).Draw(t, "requests") {
			number, digest := rapid.Uint32Range(0, most).Draw(t, "number"), rapid.Uint64Range(1, 2).Draw(t, "digest")
			want, known := answered[number]
			outcome := fmt.Sprintf("outcome of %d with %d", number, digest)
			got, ref := r.Answered(number, digest)
			switch {
			case got == Duplicate && (!known || want != outcome || string(set.Octets.Get(ref)) != outcome):
				t.Fatalf("%d with %d is a duplicate of %q, answered was %q", number, digest, set.Octets.Get(ref), want)
			case got == Mismatch && (!known || want == outcome):
				t.Fatalf("%d with %d mismatches, answered was %q", number, digest, want)
			case got == Fresh && known:
				t.Fatalf("%d is fresh, though it was answered with %q", number, want)
			case got == Forgotten && !known:
				t.Fatalf("%d was never answered and counts as such", number)
			case got == TooOld && number+Window > highest:
				t.Fatalf("%d is too old, the highest is %d", number, highest)
			case got == Fresh:
				set.Store(r, number, digest, []byte(outcome))
				answered[number], order, highest = outcome, append(order, number), max(highest, number)
			}
		}
		for _, number := range order[max(0, len(order)-StoredAnswers):] {
			if got, _ := r.Answered(number, 1); got != Duplicate && got != Mismatch {
				t.Fatalf("of %v, %d is no longer known", order, number)
			}
		}
		if last := r.Last(); last == nil || last.Number != order[len(order)-1] {
			t.Fatalf("the last of %v is %+v", order, last)
		}
	})
}

// TestGroupsAgainstList adds, finds and removes rating groups.
func TestGroupsAgainstList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set Set
		i, r := set.Open([]byte("session"), 0, 0)
		var list []Group
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			key := Group{RatingGroup: rapid.Uint32Range(0, 30).Draw(t, "rg"), HasRatingGroup: rapid.Bool().Draw(t, "has")}
			key.ServiceID, key.HasServiceID = rapid.Uint32Range(0, 1).Draw(t, "sid"), key.HasRatingGroup
			at := slices.IndexFunc(list, func(g Group) bool { return g == key })
			found := set.Group(r, &key)
			switch {
			case (at >= 0) != (found != 0):
				t.Fatalf("%+v: found at %d, in the list at %d", key, found, at)
			case found == 0:
				if _, ok := set.AddGroup(r, key); ok != (len(list) < MaxGroups) {
					t.Fatalf("group %d added: %v", len(list)+1, ok)
				} else if ok {
					list = append(list, key)
				}
			case rapid.IntRange(0, 3).Draw(t, "remove") == 0:
				set.RemoveGroup(r, found)
				list = slices.Delete(list, at, at+1)
			}
		}
		k := 0
		for g := r.Groups; g != 0; g = set.Groups.At(g).Next {
			if set.Groups.At(g).RatingGroup != list[k].RatingGroup {
				t.Fatalf("group %d is %d instead of %d", k, set.Groups.At(g).RatingGroup, list[k].RatingGroup)
			}
			k++
		}
		set.Schedule(i, 1000)
		set.Close(i)
		if k != len(list) || set.Groups.Len() != 0 || set.Sessions.Len() != 0 {
			t.Fatalf("%d of %d groups; after closing %d groups and %d sessions are left", k, len(list), set.Groups.Len(), set.Sessions.Len())
		}
	})
}

// remembered is a retained answer of the slow model.
type remembered struct {
	queue             Queue
	key               string
	sub, alias        uint64
	digest            uint64
	until, aliasUntil instant.Instant
	outcome           string
}

// TestMemoryAgainstList holds retained answers against a list.
func TestMemoryAgainstList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Memory
		var list []remembered
		now := instant.Instant(1_000_000)
		retention := [queues]instant.Span{5 * instant.Second, 60 * instant.Second, 600 * instant.Second}
		for step := range rapid.IntRange(1, 100).Draw(t, "steps") {
			key := fmt.Sprintf("key-%d", rapid.IntRange(0, 8).Draw(t, "key"))
			sub := rapid.Uint64Range(0, 1).Draw(t, "sub")
			alias, digest := rapid.Uint64Range(0, 3).Draw(t, "alias")<<32, rapid.Uint64Range(0, 2).Draw(t, "digest")
			now = now.Add(instant.Span(rapid.Int64Range(0, 8_000).Draw(t, "pause")))
			alive := slices.DeleteFunc(slices.Clone(list), func(r remembered) bool { return r.until <= now })
			compareMemory(t, &m, alive, key, sub, alias, digest, now)
			switch {
			case rapid.IntRange(0, 4).Draw(t, "forget") == 0:
				limit := rapid.IntRange(0, 5).Draw(t, "limit")
				m.Forget(now, limit)
				list = forget(list, now, limit)
			case !slices.ContainsFunc(alive, func(r remembered) bool { return r.key == key && r.sub == sub }):
				q := Queue(rapid.IntRange(0, int(queues)-1).Draw(t, "queue"))
				r := remembered{q, key, sub, alias, digest, now.Add(retention[q]), now.Add(4 * instant.Second), fmt.Sprint(step)}
				m.Keep(q, []byte(key), Retained{
					Digest: digest, Until: r.until, Hash: Hash([]byte(key), sub), Alias: alias, AliasUntil: r.aliasUntil, Sub: sub,
				}, []byte(r.outcome))
				list = append(list, r)
			}
			if m.Len() != len(list) {
				t.Fatalf("%d answers are retained, want %d", m.Len(), len(list))
			}
		}
	})
}

// forget drops the oldest of each queue in turn, as long as they are expired.
func forget(list []remembered, now instant.Instant, limit int) []remembered {
	for q := range queues {
		for limit > 0 {
			at := slices.IndexFunc(list, func(r remembered) bool { return r.queue == q })
			if at < 0 || list[at].until > now {
				break
			}
			list = slices.Delete(list, at, at+1)
			limit--
		}
	}
	return list
}

func compareMemory(t *rapid.T, m *Memory, alive []remembered, key string, sub, alias, digest uint64, now instant.Instant) {
	at := slices.IndexFunc(alive, func(r remembered) bool { return r.key == key && r.sub == sub })
	found := m.Find(Hash([]byte(key), sub), []byte(key), sub, now)
	if (at >= 0) != (found != nil) || found != nil && string(m.Outcome(found)) != alive[at].outcome {
		t.Fatalf("%s: found %+v, in the list at %d", key, found, at)
	}
	if alias == 0 {
		return
	}
	matches := slices.DeleteFunc(slices.Clone(alive), func(r remembered) bool {
		return r.alias != alias || r.digest != digest || r.aliasUntil <= now
	})
	other := m.FindAlias(alias, digest, now)
	if (len(matches) > 0) != (other != nil) {
		t.Fatalf("alias %x: found %+v, the list has %d", alias, other, len(matches))
	}
	if other != nil && !slices.ContainsFunc(matches, func(r remembered) bool { return r.outcome == string(m.Outcome(other)) }) {
		t.Fatalf("alias %x: found %q", alias, m.Outcome(other))
	}
}
