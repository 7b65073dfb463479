package charge

// Cycle is how often, and on which day of the month, an account is billed.
type Cycle struct {
	// Day is the day of the month on which a cycle begins, 1 to 28.
	Day int
	// Months is a cycle's length: 1, 3, 6 or 12. Cycles of several months begin
	// in January, and so on from there.
	Months int
}

// month counts the months of a grid that begins on a day of the month: the
// number of the one that a day lies in.
func month(d Day, dayOfMonth int) int {
	year, m, day := d.Civil()
	n := year*12 + m - 1
	if day < dayOfMonth {
		n--
	}
	return n
}

func monthStart(n, dayOfMonth int) Day {
	return Date(floorDiv(n, 12), n-floorDiv(n, 12)*12+1, dayOfMonth)
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Of returns the cycle that a day lies in.
func (c Cycle) Of(d Day) Span { return grid{c.Day, c.Months, 0}.cell(d) }

// grid divides time into periods of months that begin on a day of the month;
// anchor is the number of a month with which one begins.
type grid struct{ dayOfMonth, months, anchor int }

func (g grid) cell(d Day) Span {
	first := g.anchor + floorDiv(month(d, g.dayOfMonth)-g.anchor, g.months)*g.months
	return Span{monthStart(first, g.dayOfMonth), monthStart(first+g.months, g.dayOfMonth)}
}

// gridOf returns the periods of a price: as long as the price says, beginning
// with the account's cycle day, the first of them around the price's first day. A
// yearly fee therefore renews in the month in which it was bought, on a bill's day.
func gridOf(c Cycle, p *Price) grid {
	return grid{c.Day, max(p.Months, 1), month(p.From, c.Day)}
}

// AfterCycles returns the day behind so many cycles, the one that a day lies in being the first.
func AfterCycles(c Cycle, d Day, cycles int) Day {
	for range cycles {
		d = c.Of(d).Until
	}
	return d
}
