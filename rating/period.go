package rating

import "fmt"

// Period is a length of time in the calendar: one of both is zero. A month is
// what the calendar says, 28 to 31 days.
type Period struct{ Days, Months uint16 }

// IsZero reports whether the period is none.
func (p Period) IsZero() bool { return p == Period{} }

// String writes the period as catalogues do.
func (p Period) String() string {
	switch {
	case p.Months == 1:
		return "1 month"
	case p.Months > 0:
		return fmt.Sprintf("%d months", p.Months)
	case p.Days == 1:
		return "1 day"
	}
	return fmt.Sprintf("%d days", p.Days)
}
