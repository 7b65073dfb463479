package balance

import (
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/slab"
)

// MaxParts is how many buckets one reservation or one usage record may draw
// on. A grant that would need more is cut to what this many hold, and the
// gateway asks again: four cover allowance, bonus, promotion and main money,
// and keep the record of a rating group in four cache lines.
const MaxParts = 4

// Parts is a set of amounts on buckets: a reservation, or what was debited.
type Parts struct {
	Amount [MaxParts]int64
	Bucket [MaxParts]slab.Index
}

// Add adds an amount on a bucket; it reports false, and adds nothing, when
// the set is full.
func (p *Parts) Add(bucket slab.Index, amount int64) bool {
	for k := range p.Bucket {
		if p.Bucket[k] == bucket || p.Bucket[k] == 0 {
			p.Bucket[k] = bucket
			p.Amount[k] += amount
			return true
		}
	}
	return false
}

// Book is the buckets of a shard's accounts and its trial balance.
type Book struct {
	Buckets slab.Slab[Bucket]
	Ledger  Ledger
	// LastBucket is the highest bucket id given.
	LastBucket uint64
	// Terms are those of the buckets that have any.
	Terms slab.Slab[Terms]
	// Begun is the earliest end of a validity that a debit let begin; who reads
	// it sets it to zero.
	Begun instant.Instant

	holders map[ident.Name]int // buckets by the allowance that filled them
}

// Open gives an account a bucket and puts it in its place in the order of use.
// The bucket's id, when zero, is assigned.
func (k *Book) Open(a *Account, b Bucket) slab.Index {
	if b.ID == 0 {
		k.LastBucket++
		b.ID = k.LastBucket
	}
	i, record := k.Buckets.New()
	*record = b
	k.insert(a, i)
	if b.Allowance != 0 {
		if k.holders == nil {
			k.holders = map[ident.Name]int{}
		}
		k.holders[b.Allowance]++
	}
	return i
}

// Holders is how many buckets an allowance has filled that are still there.
func (k *Book) Holders(allowance ident.Name) int { return k.holders[allowance] }

// Close takes an account's bucket away. It must hold and reserve nothing.
func (k *Book) Close(a *Account, i slab.Index) {
	if b := k.Buckets.At(i); b.Remaining != 0 || b.Reserved != 0 {
		panic("balance: closing a bucket that holds something")
	}
	for link := &a.Buckets; *link != 0; link = &k.Buckets.At(*link).Next {
		if *link == i {
			*link = k.Buckets.At(i).Next
			if allowance := k.Buckets.At(i).Allowance; allowance != 0 {
				k.holders[allowance]--
			}
			if terms := k.Buckets.At(i).Terms; terms != 0 {
				k.Terms.Free(terms)
			}
			k.Buckets.Free(i)
			return
		}
	}
}

// Main returns the account's own money bucket.
func (k *Book) Main(a *Account) slab.Index {
	for i := a.Buckets; i != 0; i = k.Buckets.At(i).Next {
		if k.Buckets.At(i).Main {
			return i
		}
	}
	return 0
}

// free is what of a bucket is neither used nor reserved; the main bucket's
// includes the credit limit. It may be negative after a limit was lowered.
func (k *Book) free(a *Account, b *Bucket, now instant.Instant) int64 {
	left := b.Remaining - b.Reserved
	if b.Main {
		left += int64(a.CreditLimit)
	}
	if b.Terms != 0 {
		return k.capped(b, now, left)
	}
	return left
}

// pays reports whether a bucket of the given denomination may be drawn on by
// a request.
func pays(b *Bucket, d Denomination, now instant.Instant, filter Filter) bool {
	if b.Denomination != d || !b.Valid(now) {
		return false
	}
	return filter.Pays(b)
}

// Filter tells which buckets pay for the usage at hand.
type Filter interface {
	// Pays reports whether a bucket does, by the allowance that filled it and
	// by whose it is.
	Pays(b *Bucket) bool
	// DayEnd is the end of the calendar day of a moment, for daily caps.
	DayEnd(now instant.Instant) instant.Instant
}

// Available is how much of a denomination the account can reserve for the
// usage that filter stands for, within the room that parts has.
func (k *Book) Available(a *Account, d Denomination, now instant.Instant, filter Filter, parts *Parts) int64 {
	room := *parts
	return k.sum(a, d, now, filter, &room)
}

// Free is Available without the bound of parts.
func (k *Book) Free(a *Account, d Denomination, now instant.Instant, filter Filter) int64 {
	return k.sum(a, d, now, filter, nil)
}

// sum adds up what is free in the buckets that room, unless it is nil, has
// place for. It stops at the highest amount there is.
func (k *Book) sum(a *Account, d Denomination, now instant.Instant, filter Filter, room *Parts) int64 {
	var sum int64
	for i := a.Buckets; i != 0; {
		b := k.Buckets.At(i)
		if free := k.free(a, b, now); free > 0 && pays(b, d, now, filter) && (room == nil || room.Add(i, 0)) {
			if sum += free; sum < 0 {
				return int64(money.Max)
			}
		}
		i = b.Next
	}
	return sum
}

// Reserve sets aside up to want in the order of use, adds what it took to
// parts and returns how much that was.
func (k *Book) Reserve(a *Account, d Denomination, want int64, now instant.Instant, filter Filter, parts *Parts) int64 {
	left := want
	for i := a.Buckets; i != 0 && left > 0; {
		b := k.Buckets.At(i)
		if take := min(k.free(a, b, now), left); take > 0 && pays(b, d, now, filter) && parts.Add(i, take) {
			b.Reserved += take
			left -= take
		}
		i = b.Next
	}
	return want - left
}

// Release frees every reservation in parts.
func (k *Book) Release(parts *Parts) {
	for n, i := range parts.Bucket {
		if i != 0 {
			k.Buckets.At(i).Reserved -= parts.Amount[n]
		}
	}
	*parts = Parts{}
}

// Debit takes up to want of a denomination: first from what parts reserved,
// then from what is free, in the order of use. What it took is added to spent
// and returned; the caller decides what becomes of the rest.
func (k *Book) Debit(a *Account, d Denomination, want int64, now instant.Instant, filter Filter, parts, spent *Parts) int64 {
	left := want
	for n, i := range parts.Bucket {
		if i == 0 || left == 0 {
			break
		}
		b := k.Buckets.At(i)
		if take := min(parts.Amount[n], left); b.Denomination == d && take > 0 && spent.Add(i, take) {
			parts.Amount[n] -= take
			b.Reserved -= take
			b.Remaining -= take
			left -= take
			k.note(a, i, take, now, filter)
		}
	}
	for i := a.Buckets; i != 0 && left > 0; {
		b := k.Buckets.At(i)
		next := b.Next
		if take := min(k.free(a, b, now), left); take > 0 && pays(b, d, now, filter) && spent.Add(i, take) {
			b.Remaining -= take
			left -= take
			k.note(a, i, take, now, filter)
		}
		i = next
	}
	return want - left
}
