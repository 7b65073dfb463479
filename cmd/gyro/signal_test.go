package main

import (
	"testing"
	"time"
)

// TestStopWish gives signals at moments after the first one and looks at what they bring about.
func TestStopWish(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1_795_420_800, 0)
	for name, tt := range map[string]struct {
		after []time.Duration
		want  string
	}{
		"one":                   {[]time.Duration{0}, "drain"},
		"its copy":              {[]time.Duration{0, 3 * time.Millisecond}, "drain"},
		"copies":                {[]time.Duration{0, 0, sameSignal - 1}, "drain"},
		"a second wish":         {[]time.Duration{0, sameSignal}, "drain exit"},
		"copy and second wish":  {[]time.Duration{0, time.Millisecond, 5 * time.Second}, "drain exit"},
		"copies do not add up":  {[]time.Duration{0, 900 * time.Millisecond, 1100 * time.Millisecond}, "drain exit"},
		"a second wish, copied": {[]time.Duration{0, 2 * time.Second, 2 * time.Second}, "drain exit exit"},
	} {
		now, got := begin, ""
		say := func(word string) func() {
			return func() {
				if got != "" {
					got += " "
				}
				got += word
			}
		}
		wish := stopWish{now: func() time.Time { return now }, drain: say("drain"), exit: say("exit")}
		for _, after := range tt.after {
			now = begin.Add(after)
			wish.signalled()
		}
		if got != tt.want {
			t.Errorf("%s (%v): %q, want %q", name, tt.after, got, tt.want)
		}
	}
}
