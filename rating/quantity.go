package rating

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"gyro/internal/instant"
	"gyro/internal/money"
)

// factor is a unit of measure in a catalogue and how many base units it has.
type factor struct {
	suffix string
	count  uint64
}

// The units of measure. MB is 10^6 octets, as in every tariff sheet, and MiB
// is 2^20. The base unit stands last.
var (
	octetFactors = []factor{
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"TiB", 1 << 40},
		{"KB", 1e3},
		{"kB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"TB", 1e12},
		{"", 1},
		{"B", 1},
	}
	secondFactors = []factor{{"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}, {"", 1}, {"s", 1}}
	eventFactors  = []factor{{"", 1}}
)

// Remedies for a quantity that cannot be read.
const (
	octetRemedy  = "write octets such as 100KB, 1.5GB (decimal), 10MiB (binary) or 1024"
	secondRemedy = "write a time such as 60s, 1.5m, 2h, 30d or a number of seconds"
	eventRemedy  = "write a whole number"
)

func (u Unit) factors() ([]factor, string) {
	switch u {
	case Octets:
		return octetFactors, octetRemedy
	case Seconds:
		return secondFactors, secondRemedy
	case Events, Money:
	}
	return eventFactors, eventRemedy
}

// parseQuantity reads a count of units such as "1.5GB". The result is whole:
// a quantity that is no whole number of base units is refused.
func parseQuantity(text string, factors []factor) (uint64, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	suffix := text[len(digits):]
	digits = strings.TrimRight(digits, " ")
	for _, f := range factors {
		if f.suffix != suffix {
			continue
		}
		return scale(text, digits, f.count)
	}
	return 0, fmt.Errorf("%s has the unknown unit %s", quote(text), quote(suffix))
}

// scale multiplies a decimal such as 1.5 by count; the product must be whole.
func scale(text, digits string, count uint64) (uint64, error) {
	wholeDigits, fractionDigits, dotted := strings.Cut(digits, ".")
	whole, err := strconv.ParseUint(wholeDigits, 10, 64)
	fraction := money.Amount(0)
	if err == nil && dotted {
		fraction, err = money.Parse("0."+fractionDigits, money.Decimals)
	}
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is too large", quote(text))
	}
	if err != nil {
		return 0, fmt.Errorf("%s is not a quantity", quote(text))
	}
	high, product := bits.Mul64(whole, count)
	if high != 0 || product > MaxUnits {
		return 0, fmt.Errorf("%s is too large", quote(text))
	}
	part, _ := money.MulDiv(fraction, count, uint64(money.Unit), money.Down) // below count
	if exact, _ := money.MulDiv(fraction, count, uint64(money.Unit), money.Up); exact != part {
		return 0, fmt.Errorf("%s is not a whole number of units", quote(text))
	}
	if product += uint64(part); product > MaxUnits {
		return 0, fmt.Errorf("%s is too large", quote(text))
	}
	return product, nil
}

// formatQuantity writes a count in the largest decimal unit of measure that
// divides it, for test results.
func formatQuantity(n uint64, unit Unit) string {
	factors, _ := unit.factors()
	best := factors[len(factors)-1] // the base unit
	for _, f := range factors {
		if f.count > best.count && n != 0 && n%f.count == 0 && !strings.HasSuffix(f.suffix, "iB") {
			best = f
		}
	}
	return strconv.FormatUint(n/best.count, 10) + best.suffix
}

// maxSpan bounds validities and holding times; more than any contract lasts.
const maxSpan = 100 * 366 * instant.Day

// units reads f as a count of a unit, at least least.
func (s *source) units(f field, unit Unit, least uint64) (uint64, bool) {
	text, ok := s.text(f)
	if !ok {
		return 0, false
	}
	factors, remedy := unit.factors()
	n, err := parseQuantity(text, factors)
	if err != nil {
		s.fail(f, err.Error(), remedy)
		return 0, false
	}
	if n < least {
		s.fail(f, fmt.Sprintf("%s is too small", quote(text)), fmt.Sprintf("at least %d is needed", least))
		return 0, false
	}
	return n, true
}

// span reads f as a length of time.
func (s *source) span(f field) instant.Span {
	n, _ := s.units(f, Seconds, 0)
	if n > uint64(maxSpan/instant.Second) {
		s.fail(f, "the time is too long", "at most 36600d is allowed; leave the key out for no limit")
		return 0
	}
	return instant.Span(n) * instant.Second
}

// amount reads f as an amount of money that is not negative.
func (s *source) amount(f field) (money.Amount, bool) {
	text, ok := s.text(f)
	if !ok {
		return 0, false
	}
	amount, err := money.Parse(text, money.Decimals)
	if err != nil {
		s.fail(f, err.Error(), "write an amount such as 9.99, with at most 6 decimal places")
		return 0, false
	}
	if amount < 0 {
		s.fail(f, quote(text)+" is negative", "a price is zero or more; a credit is a posting, not a price")
		return 0, false
	}
	return amount, true
}

// integer reads f as a whole number from low to high.
func (s *source) integer(f field, low, high int64) (int64, bool) {
	text, ok := s.text(f)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		s.fail(f, quote(text)+" is not in range", fmt.Sprintf("write a whole number from %d to %d", low, high))
		return 0, false
	}
	return n, true
}

// boolean reads f as true or false.
func (s *source) boolean(f field) bool {
	k, _ := s.oneOf(f, "true", "false")
	return k == 0
}

// oneOf reads f as one of some words and returns which.
func (s *source) oneOf(f field, words ...string) (int, bool) {
	text, ok := s.text(f)
	if !ok {
		return -1, false
	}
	for k, word := range words {
		if text == word {
			return k, true
		}
	}
	s.fail(f, quote(text)+" is not known here", suggestion(text, words))
	return -1, false
}
