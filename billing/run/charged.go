package run

import (
	"fmt"
	"strconv"
	"strings"

	"gyro/billing/charge"
)

// What is charged of a price is kept as text: entries separated by semicolons,
// each numbers separated by commas: first day, day behind the last, the period's
// first day and the day behind its last (days since 1970-01-01), invoice, position,
// discounts. It is read and written with every bill of a price, and by nobody
// else; a table of its own would cost the run a row and an index entry a period.

// appendCharged writes it; id turns names of documents into ids.
func appendCharged(b []byte, charged []charge.Charged, id func(int64) int64) []byte {
	for k := range charged {
		c := &charged[k]
		if k > 0 {
			b = append(b, ';')
		}
		b = appendInts(b, int64(c.From), int64(c.Until), int64(c.Period.From), int64(c.Period.Until), id(c.Line.Invoice), int64(c.Line.Position))
		for _, d := range c.Discounts {
			b = strconv.AppendInt(append(b, ','), d, 10)
		}
	}
	return b
}

func appendInts(b []byte, numbers ...int64) []byte {
	for k, n := range numbers {
		if k > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return b
}

func parseCharged(text string) ([]charge.Charged, error) {
	if text == "" {
		return nil, nil
	}
	charged := make([]charge.Charged, 0, strings.Count(text, ";")+1)
	for entry := range strings.SplitSeq(text, ";") {
		var n [6]int64
		var discounts []int64
		k := 0
		for field := range strings.SplitSeq(entry, ",") {
			v, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("what is charged is %q: %w", text, err)
			}
			if k < len(n) {
				n[k] = v
			} else {
				discounts = append(discounts, v)
			}
			k++
		}
		if k < len(n) {
			return nil, fmt.Errorf("what is charged is %q: an entry has %d numbers", text, k)
		}
		charged = append(charged, charge.Charged{
			Span:   charge.Span{From: charge.Day(n[0]), Until: charge.Day(n[1])},
			Period: charge.Span{From: charge.Day(n[2]), Until: charge.Day(n[3])},
			Line:   charge.LineRef{Invoice: n[4], Position: int(n[5])}, Discounts: discounts,
		})
	}
	return charged, nil
}
