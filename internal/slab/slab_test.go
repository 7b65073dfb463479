package slab

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// TestTableAgainstMap inserts, finds and removes at random, with hashes drawn
// from a small range so that runs collide and wrap.
func TestTableAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table Table
		model := map[Index]uint64{}
		next := Index(1)
		for range rapid.IntRange(1, 3000).Draw(t, "steps") {
			if len(model) == 0 || rapid.IntRange(0, 2).Draw(t, "op") > 0 {
				hash := uint64(rapid.IntRange(1000, 1040).Draw(t, "tag"))<<32 | 7
				table.Insert(hash, next)
				model[next] = hash
				next++
				continue
			}
			victim := Index(rapid.IntRange(1, int(next)-1).Draw(t, "victim"))
			if hash, ok := model[victim]; ok {
				table.Remove(hash, victim)
				delete(model, victim)
			}
		}
		if table.Len() != len(model) {
			t.Fatalf("length %d, want %d", table.Len(), len(model))
		}
		for i, hash := range model {
			found := false
			for p := table.Find(hash); p.Next(); {
				found = found || p.Index() == i
			}
			if !found {
				t.Fatalf("record %d lost", i)
			}
		}
	})
}

func TestSlabReusesFreedRecords(t *testing.T) {
	var s Slab[[4]uint64]
	a, record := s.New()
	record[0] = 42
	b, _ := s.New()
	s.Free(a)
	c, again := s.New()
	if c != a || again[0] != 0 || b == a || s.Len() != 2 {
		t.Fatalf("a=%d b=%d c=%d first word %d, length %d", a, b, c, again[0], s.Len())
	}
}

func TestArenaKeepsEveryLength(t *testing.T) {
	var arena Arena
	refs := make([]Ref, MaxRun+1)
	for n := range refs {
		refs[n] = arena.Put(bytes.Repeat([]byte{byte(n)}, n))
	}
	for n, r := range refs {
		if got := arena.Get(r); len(got) != n || (n > 0 && (got[0] != byte(n) || got[n-1] != byte(n))) {
			t.Fatalf("length %d came back as %d octets", n, len(got))
		}
	}
	r := arena.Replace(refs[10], []byte("shorter"))
	if r != refs[10] || string(arena.Get(r)) != "shorter" {
		t.Fatal("a run that fits its class moved")
	}
	if r = arena.Replace(r, make([]byte, 500)); len(arena.Get(r)) != 500 {
		t.Fatal("a grown run lost octets")
	}
	if again := arena.Put([]byte("x")); again != refs[10] {
		t.Fatal("a freed run was not reused")
	}
}
