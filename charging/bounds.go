package charging

import (
	"math/bits"

	"gyro/internal/ident"
	"gyro/internal/instant"
)

// bounded reports whether a request keeps the limits that the state relies on.
// The edge refuses what does not, with the AVP at fault; here it is refused
// once more, because what is in the journal already cannot be sent back, and
// a request that stopped the process would stop every replay as well.
func (c *CreditControl) bounded() bool {
	if c.Type < Initial || c.Type > Event || c.Action > PriceEnquiry ||
		len(c.SessionID) == 0 || len(c.SessionID) > MaxSessionID ||
		len(c.OriginHost) > MaxName || len(c.APN) > MaxName || len(c.Called) > MaxName ||
		len(c.Calling) > MaxName || len(c.Equipment) > MaxName || c.recipients() > MaxAlso+1 {
		return false
	}
	for _, number := range c.Also {
		if len(number) > ident.MaxIdentity {
			return false
		}
	}
	for i := range c.Services {
		s := &c.Services[i]
		if !s.Requested.bounded() {
			return false
		}
		for k := range s.ReportCount {
			if !s.Reports[k].bounded() {
				return false
			}
		}
	}
	return true
}

func (u *Units) bounded() bool {
	return max(u.Seconds, u.Total, u.Input, u.Output, u.Events) <= MaxUnits && u.Money >= 0 && u.Money <= MaxUnits
}

// plus is a+b, or the highest count where that does not fit: a sum of reports
// that wrapped around would be usage that disappears.
func plus(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return ^uint64(0)
	}
	return sum
}

// maxSetting bounds every setting: an answer kept for longer than a year, or a
// session supervised for longer, is a mistake in the unit.
const maxSetting = 366 * instant.Day

// valid reports whether settings can be in force.
func (c *Settings) valid() bool {
	for _, span := range [...]instant.Span{c.Supervision, c.SessionRetention, c.EventRetention, c.CommandRetention} {
		if span < instant.Second || span > maxSetting {
			return false
		}
	}
	return c.LifeCycle.valid()
}

// configure puts settings in force.
func (s *State) configure(c *Settings, o *Outcome) {
	if !c.valid() {
		o.refuse(Invalid, "each setting must be from a second to 366 days; a state of a subscriber's life lasts 0 (for ever) or as long, at most 3660 days: supervision %d ms, session retention %d ms, event retention %d ms, command retention %d ms, life %+v",
			c.Supervision, c.SessionRetention, c.EventRetention, c.CommandRetention, c.LifeCycle)
		return
	}
	if refusal := c.Money.refusal(); refusal != "" {
		o.refuse(Invalid, "%s", refusal)
		return
	}
	s.settings = *c
}
