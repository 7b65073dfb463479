package balance

import (
	"gyro/internal/instant"
	"gyro/internal/slab"
)

// Terms are what only some buckets have, beside the bucket so that the others
// stay small.
type Terms struct {
	// Validity begins with the first debit of the bucket, which sets Until and
	// makes Validity zero.
	Validity instant.Span
	// Cap is the most that is debited in one calendar day, 0 any amount. Used
	// is what was debited in the day that ends at Day.
	Cap, Used int64
	Day       instant.Instant
	// Subscription is the number of the subscription that granted the bucket.
	Subscription uint64
	// Rolled is how often the bucket's content was carried into another cycle.
	Rolled uint8
}

// IsZero reports whether there are none.
func (t *Terms) IsZero() bool { return *t == Terms{} }

// OpenWith is Open for a bucket with terms.
func (k *Book) OpenWith(a *Account, b Bucket, t Terms) slab.Index {
	if !t.IsZero() {
		var record *Terms
		b.Terms, record = k.Terms.New()
		*record = t
	}
	return k.Open(a, b)
}

// TermsOf returns a bucket's terms, zero where it has none.
func (k *Book) TermsOf(b *Bucket) Terms {
	if b.Terms == 0 {
		return Terms{}
	}
	return *k.Terms.At(b.Terms)
}

// capped is what the daily cap leaves of a free amount. What is reserved counts
// as used: it may be.
func (k *Book) capped(b *Bucket, now instant.Instant, free int64) int64 {
	t := k.Terms.At(b.Terms)
	if t.Cap == 0 {
		return free
	}
	used := t.Used
	if now >= t.Day {
		used = 0
	}
	return min(free, t.Cap-used-b.Reserved)
}

// note counts a debit towards the day's cap and lets validity begin.
func (k *Book) note(a *Account, i slab.Index, take int64, now instant.Instant, filter Filter) {
	b := k.Buckets.At(i)
	if b.Terms == 0 {
		return
	}
	t := k.Terms.At(b.Terms)
	if t.Cap > 0 {
		if now >= t.Day {
			t.Used, t.Day = 0, filter.DayEnd(now)
		}
		t.Used += take
	}
	if t.Validity > 0 {
		b.Until, t.Validity = now.Add(t.Validity), 0
		k.reorder(a, i)
		if k.Begun == 0 || b.Until < k.Begun {
			k.Begun = b.Until
		}
	}
}

// End lets the validity of an account's bucket end at a moment.
func (k *Book) End(a *Account, i slab.Index, at instant.Instant) {
	k.Buckets.At(i).Until = at
	k.reorder(a, i)
}

// InOrder reports whether an account's buckets are in the order of use: the one
// in which they are read from a checkpoint.
func (k *Book) InOrder(a *Account) bool {
	for i := a.Buckets; i != 0; i = k.Buckets.At(i).Next {
		if next := k.Buckets.At(i).Next; next != 0 && !k.Buckets.At(i).before(k.Buckets.At(next)) {
			return false
		}
	}
	return true
}

// reorder puts a bucket whose validity changed in its place in the order of use.
func (k *Book) reorder(a *Account, i slab.Index) {
	b := k.Buckets.At(i)
	for link := &a.Buckets; *link != 0; link = &k.Buckets.At(*link).Next {
		if *link == i {
			*link = b.Next
			break
		}
	}
	k.insert(a, i)
}

// insert links a bucket into the order of use.
func (k *Book) insert(a *Account, i slab.Index) {
	b := k.Buckets.At(i)
	link := &a.Buckets
	for *link != 0 && k.Buckets.At(*link).before(b) {
		link = &k.Buckets.At(*link).Next
	}
	b.Next, *link = *link, i
}
