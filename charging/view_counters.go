package charging

import (
	"gyro/balance"
	"gyro/internal/instant"
	"gyro/internal/slab"
	"gyro/rating"
)

// CounterView is a counter of an account or of one of its subscribers.
type CounterView struct {
	Name       string
	Subscriber int    // the account's n-th, from 1; 0 is the account itself
	Used       uint64 // in Unit: octets, seconds, events, or millionths of the currency
	Rated      uint64 // the part of Used that money paid for, in units
	Limit      uint64 // in Unit; 0 is none
	Unit       balance.Denomination
	Until      instant.Instant // the end of its period; 0 never
}

// Counters shows the counters of an account and its subscribers that have
// counted something in their present periods.
func (s *State) Counters(account string) (views []CounterView) {
	i := s.findAccount([]byte(account))
	if i == 0 {
		return nil
	}
	a := s.accounts.At(i)
	plan, _ := s.catalogs.current(a.Catalog)
	views = s.counterViews(views, a, plan, 0, a.Counters)
	for n, who := 1, a.Subscribers; who != 0; n, who = n+1, s.subscribers.At(who).Next {
		views = s.counterViews(views, a, plan, n, s.subscribers.At(who).Counters)
	}
	return views
}

func (s *State) counterViews(views []CounterView, a *account, plan *rating.Plan, n int, first slab.Index) []CounterView {
	for i := first; i != 0; i = s.counts.At(i).Next {
		c := s.counts.At(i)
		if plan == nil || c.Until != 0 && c.Until <= s.now {
			continue
		}
		k, known := plan.Counter(c.ID)
		if !known {
			continue
		}
		spec := plan.CounterAt(k)
		views = append(views, CounterView{
			Name: spec.Name, Subscriber: n, Used: c.Used, Rated: c.Rated, Limit: spec.Limit,
			Unit: a.denominationOf(spec.Unit), Until: c.Until,
		})
	}
	return views
}

// LimitView is a subscriber's limit and how far it is.
type LimitView struct {
	Subscriber int // the account's n-th, from 1
	Counter    string
	Unit       balance.Denomination
	Used, Most uint64          // in Unit: octets, seconds, events, or millionths of the currency
	Until      instant.Instant // the end of the counter's period; 0 never, or nothing was used in it yet
}

// Limits shows the limits of an account's subscribers.
func (s *State) Limits(account string) (views []LimitView) {
	i := s.findAccount([]byte(account))
	if i == 0 {
		return nil
	}
	a := s.accounts.At(i)
	plan, number := s.catalogs.current(a.Catalog)
	for n, who := 1, a.Subscribers; who != 0 && number != 0; n, who = n+1, s.subscribers.At(who).Next {
		sub := s.subscribers.At(who)
		for _, l := range s.limitsOf(sub) {
			k, known := plan.Counter(l.Counter)
			if !known {
				continue
			}
			spec := plan.CounterAt(k)
			view := LimitView{Subscriber: n, Counter: spec.Name, Unit: a.denominationOf(spec.Unit), Most: l.Most}
			if view.Used, _ = s.counted(sub.Counters, l.Counter); view.Used > 0 {
				view.Until = s.counts.At(s.counterAt(sub.Counters, l.Counter)).Until
			}
			views = append(views, view)
		}
	}
	return views
}
