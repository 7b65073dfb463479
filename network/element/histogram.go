package element

import (
	"encoding/json"
	"fmt"
	"math/bits"
)

// A latency below histogramLinear microseconds has a bucket of its own; above, every power of two is cut into
// histogramLinear buckets, so that a quantile is wrong by at most 1/16 of itself.
const (
	histogramLinear  = 16
	histogramMaxBits = 32 // 2^32 us = 71 minutes, beyond any Tx timer
	histogramBuckets = (histogramMaxBits - 3) * histogramLinear
)

// Histogram counts durations in microseconds in log-linear buckets of integers. Two histograms can be merged without
// loss. The zero value is empty.
type Histogram struct {
	counts [histogramBuckets]uint64
	count  uint64
	maxUS  uint64
}

// Observe counts one duration of us microseconds.
func (h *Histogram) Observe(us uint64) {
	us = min(us, 1<<histogramMaxBits-1)
	h.counts[histogramIndex(us)]++
	h.count++
	h.maxUS = max(h.maxUS, us)
}

// Count returns how many durations were observed.
func (h *Histogram) Count() uint64 { return h.count }

// MaxUS returns the longest duration observed in microseconds.
func (h *Histogram) MaxUS() uint64 { return h.maxUS }

// QuantileUS returns an upper bound of the duration in microseconds that permille of 1000 observations do not exceed;
// 0 if nothing was observed.
func (h *Histogram) QuantileUS(permille uint64) uint64 {
	if h.count == 0 {
		return 0
	}
	rank := max((h.count*min(permille, 1000)+999)/1000, 1)
	var seen uint64
	for i, n := range h.counts {
		seen += n
		if seen >= rank {
			return min(histogramUpper(i), h.maxUS)
		}
	}
	return h.maxUS
}

// Merge adds the observations of other.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.count += other.count
	h.maxUS = max(h.maxUS, other.maxUS)
}

// Since returns what was observed after earlier, a state of the same histogram, was taken. The longest of these
// observations is known to its bucket only, as a quantile is. If earlier holds more than h, it is of another histogram, and
// the result is h.
func (h *Histogram) Since(earlier *Histogram) (recent Histogram) {
	for i, n := range h.counts {
		if n < earlier.counts[i] {
			return *h
		}
		if recent.counts[i] = n - earlier.counts[i]; recent.counts[i] > 0 {
			recent.maxUS = min(histogramUpper(i), h.maxUS)
		}
		recent.count += recent.counts[i]
	}
	return recent
}

// histogramJSON is the form of a Histogram on the wire. A bucket is [upper bound in microseconds, count]; empty ones
// are left out.
type histogramJSON struct {
	Count   uint64      `json:"count"`
	P50US   uint64      `json:"p50_us"`
	P99US   uint64      `json:"p99_us"`
	MaxUS   uint64      `json:"max_us"`
	Buckets [][2]uint64 `json:"buckets"`
}

// MarshalJSON writes the quantiles for people and the buckets for a supervisor that merges.
func (h Histogram) MarshalJSON() ([]byte, error) {
	out := histogramJSON{
		Count: h.count, P50US: h.QuantileUS(500), P99US: h.QuantileUS(990), MaxUS: h.maxUS, Buckets: [][2]uint64{},
	}
	for i, n := range h.counts {
		if n > 0 {
			out.Buckets = append(out.Buckets, [2]uint64{histogramUpper(i), n})
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON restores what MarshalJSON wrote. A bucket bound that no histogram has is an error.
func (h *Histogram) UnmarshalJSON(data []byte) error {
	var in histogramJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*h = Histogram{maxUS: in.MaxUS}
	for _, bucket := range in.Buckets {
		if bucket[0] >= 1<<histogramMaxBits || histogramUpper(histogramIndex(bucket[0])) != bucket[0] {
			return fmt.Errorf("histogram: %d us is not the upper bound of a bucket", bucket[0])
		}
		h.counts[histogramIndex(bucket[0])] += bucket[1]
		h.count += bucket[1]
	}
	return nil
}

func histogramIndex(us uint64) int {
	if us < histogramLinear {
		return int(us)
	}
	exponent := bits.Len64(us) - 1
	return (exponent-3)*histogramLinear + int(us>>(exponent-4)&(histogramLinear-1))
}

func histogramUpper(index int) uint64 {
	if index < histogramLinear {
		return uint64(index)
	}
	exponent, sub := index/histogramLinear+3, uint64(index%histogramLinear)
	return (histogramLinear+sub+1)<<(exponent-4) - 1
}
