package balance

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// only pays from the named allowances, and under 0 from money that is of none.
type only map[ident.Name]bool

func (o only) Pays(b *Bucket) bool { return o[b.Allowance] }

// DayEnd makes a day of 100 moments.
func (o only) DayEnd(now instant.Instant) instant.Instant { return (now/100 + 1) * 100 }

// pile is a bucket of the slow model.
type pile struct {
	index  slab.Index
	bucket Bucket
}

// hold is a reservation or a debit of the slow model: amounts in the order in
// which they were taken.
type hold struct {
	piles   []*pile
	amounts []int64
}

func (h *hold) add(p *pile, amount int64) bool {
	if at := slices.Index(h.piles, p); at >= 0 {
		h.amounts[at] += amount
		return true
	}
	if len(h.piles) == MaxParts {
		return false
	}
	h.piles, h.amounts = append(h.piles, p), append(h.amounts, amount)
	return true
}

// shelf is an account of the slow model.
type shelf struct {
	limit int64
	piles []*pile
	now   instant.Instant
	pays  only
}

func (s *shelf) sort() {
	slices.SortFunc(s.piles, func(x, y *pile) int {
		a, b := x.bucket, y.bucket
		never := func(b Bucket) instant.Instant {
			if b.Until == 0 {
				return 1 << 62
			}
			return b.Until
		}
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(never(a), never(b)), cmp.Compare(a.ID, b.ID))
	})
}

// free is what a pile can give of a denomination.
func (s *shelf) free(p *pile, d Denomination) int64 {
	b := &p.bucket
	if b.Denomination != d || s.now < b.From || b.Until != 0 && s.now >= b.Until || !s.pays[b.Allowance] {
		return 0
	}
	left := b.Remaining - b.Reserved
	if b.Main {
		left += s.limit
	}
	return max(left, 0)
}

func (s *shelf) reserve(d Denomination, want int64, h *hold) (got int64) {
	for _, p := range s.piles {
		if take := min(s.free(p, d), want-got); take > 0 && h.add(p, take) {
			p.bucket.Reserved += take
			got += take
		}
	}
	return got
}

func (s *shelf) debit(d Denomination, want int64, h, spent *hold) (got int64) {
	for k, p := range h.piles {
		if take := min(h.amounts[k], want-got); p.bucket.Denomination == d && take > 0 && spent.add(p, take) {
			h.amounts[k] -= take
			p.bucket.Reserved -= take
			p.bucket.Remaining -= take
			got += take
		}
	}
	for _, p := range s.piles {
		if take := min(s.free(p, d), want-got); take > 0 && spent.add(p, take) {
			p.bucket.Remaining -= take
			got += take
		}
	}
	return got
}

const (
	reservations  = 3
	denominations = 2
)

// bookCheck runs a book and the slow model side by side.
type bookCheck struct {
	t       *rapid.T
	book    Book
	account Account
	shelf   shelf
	parts   [reservations]Parts
	holds   [reservations]hold
}

// TestBookAgainstModel: reservations, debits, releases, expiry, order of use.
func TestBookAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &bookCheck{t: t, account: Account{Currency: money.EUR}, shelf: shelf{now: 100, pays: only{0: true, 1: true, 2: true}}}
		if rapid.Bool().Draw(t, "overdraft") {
			c.account.CreditLimit, c.shelf.limit = 50, 50
		}
		c.open(Bucket{Denomination: 978, Priority: MainPriority, Main: true, Remaining: rapid.Int64Range(0, 200).Draw(t, "main")})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			c.step()
			c.compare()
		}
	})
}

func (c *bookCheck) open(b Bucket) {
	i := c.book.Open(&c.account, b)
	c.shelf.piles = append(c.shelf.piles, &pile{i, *c.book.Buckets.At(i)})
	c.shelf.sort()
}

func (c *bookCheck) step() {
	t := c.t
	k := rapid.IntRange(0, reservations-1).Draw(t, "reservation")
	d := rapid.SampledFrom([]Denomination{978, Octets}).Draw(t, "denomination")
	want := rapid.Int64Range(0, 300).Draw(t, "want")
	switch rapid.IntRange(0, 7).Draw(t, "step") {
	case 0:
		b := Bucket{
			Denomination: d, Allowance: ident.Name(rapid.Uint32Range(0, 3).Draw(t, "allowance")),
			Priority: int16(rapid.IntRange(1, 3).Draw(t, "priority")), Remaining: rapid.Int64Range(0, 80).Draw(t, "amount"),
			From: instant.Instant(rapid.Int64Range(90, 120).Draw(t, "from")), Until: instant.Instant(rapid.Int64Range(110, 200).Draw(t, "until")),
		}
		if rapid.Bool().Draw(t, "unbounded") {
			b.Until = 0
		}
		c.open(b)
	case 1:
		c.shelf.now += instant.Instant(rapid.Int64Range(0, 20).Draw(t, "pause"))
		c.shelf.pays = only{0: rapid.IntRange(0, 3).Draw(t, "money") > 0, 1: rapid.Bool().Draw(t, "pays"), 2: true}
	case 2:
		c.book.Release(&c.parts[k])
		for n, p := range c.holds[k].piles {
			p.bucket.Reserved -= c.holds[k].amounts[n]
		}
		c.holds[k] = hold{}
	case 3, 4:
		c.reserve(k, d, want)
	case 5:
		c.closeEmpty()
	default:
		c.debit(k, d, want)
	}
}

func (c *bookCheck) reserve(k int, d Denomination, want int64) {
	available := c.book.Available(&c.account, d, c.shelf.now, c.shelf.pays, &c.parts[k])
	got := c.book.Reserve(&c.account, d, want, c.shelf.now, c.shelf.pays, &c.parts[k])
	if expected := c.shelf.reserve(d, want, &c.holds[k]); got != expected {
		c.t.Fatalf("%d of %d %s reserved, the model has %d", got, want, d, expected)
	}
	if got != min(available, want) {
		c.t.Fatalf("%d available, of %d wanted %d were reserved", available, want, got)
	}
}

func (c *bookCheck) debit(k int, d Denomination, want int64) {
	var spent Parts
	var spentHold hold
	got := c.book.Debit(&c.account, d, want, c.shelf.now, c.shelf.pays, &c.parts[k], &spent)
	if expected := c.shelf.debit(d, want, &c.holds[k], &spentHold); got != expected {
		c.t.Fatalf("%d of %d %s debited, the model has %d", got, want, d, expected)
	}
	sum := int64(0)
	for n, p := range spentHold.piles {
		if spent.Bucket[n] != p.index || spent.Amount[n] != spentHold.amounts[n] {
			c.t.Fatalf("spent %+v, the model has %v", spent, spentHold.amounts)
		}
		sum += spent.Amount[n]
	}
	if sum != got {
		c.t.Fatalf("%d taken, the parts sum to %d", got, sum)
	}
}

// closeEmpty closes a bucket that holds and reserves nothing.
func (c *bookCheck) closeEmpty() {
	for at, p := range c.shelf.piles {
		named := slices.ContainsFunc(c.holds[:], func(h hold) bool { return slices.Contains(h.piles, p) })
		if p.bucket.Remaining == 0 && p.bucket.Reserved == 0 && !p.bucket.Main && !named {
			c.book.Close(&c.account, p.index)
			c.shelf.piles = slices.Delete(c.shelf.piles, at, at+1)
			return
		}
	}
}

func (c *bookCheck) compare() {
	i := c.account.Buckets
	for _, p := range c.shelf.piles {
		if i != p.index {
			c.t.Fatalf("bucket %d comes where %d should", i, p.index)
		}
		b := *c.book.Buckets.At(i)
		i, b.Next = b.Next, 0
		want := p.bucket
		want.Next = 0
		if b != want {
			c.t.Fatalf("bucket\n%+v\nthe model has\n%+v", b, want)
		}
	}
	if i != 0 {
		c.t.Fatalf("bucket %d is one too many", i)
	}
	for k := range c.holds {
		for n, p := range c.holds[k].piles {
			if c.parts[k].Bucket[n] != p.index || c.parts[k].Amount[n] != c.holds[k].amounts[n] {
				c.t.Fatalf("reservation %d: %+v, the model has %v", k, c.parts[k], c.holds[k].amounts)
			}
		}
	}
	if main := c.book.Main(&c.account); !c.book.Buckets.At(main).Main {
		c.t.Fatal("the main bucket is lost")
	}
	c.compareFree()
}

func (c *bookCheck) compareFree() {
	for _, d := range [denominations]Denomination{978, Octets} {
		var want int64
		for _, p := range c.shelf.piles {
			want += c.shelf.free(p, d)
		}
		if got := c.book.Free(&c.account, d, c.shelf.now, c.shelf.pays); got != want {
			c.t.Fatalf("%d %s are free, the model has %d", got, d, want)
		}
	}
}
