package element

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHistogramQuantiles holds the histogram against sorted observations.
func TestHistogramQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	var all []uint64
	for range 20_000 {
		us := rng.Uint64N(1 << (1 + rng.IntN(40)))
		h.Observe(us)
		all = append(all, min(us, 1<<32-1))
	}
	slices.Sort(all)
	for _, permille := range []uint64{1, 100, 500, 900, 990, 999, 1000} {
		exact := all[(uint64(len(all))*permille+999)/1000-1]
		if got := h.QuantileUS(permille); got < exact || got > exact+exact/16 {
			t.Errorf("quantile %d: %d, exact %d", permille, got, exact)
		}
	}
	if h.MaxUS() != all[len(all)-1] || h.Count() != 20_000 {
		t.Errorf("max %d, count %d", h.MaxUS(), h.Count())
	}
	for i := 1; i < histogramBuckets; i++ {
		if histogramIndex(histogramUpper(i)) != i || histogramIndex(histogramUpper(i-1)+1) != i {
			t.Fatalf("bucket %d does not begin after %d and end at %d", i, histogramUpper(i-1), histogramUpper(i))
		}
	}
}

// TestHistogramSince takes the observations between two states of a histogram, which are those of a third one.
func TestHistogramSince(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var all, recent Histogram
	all.Observe(60_000_000)
	for range 1000 {
		all.Observe(1000 + rng.Uint64N(100_000))
	}
	earlier := all
	for range 500 {
		us := rng.Uint64N(10_000)
		all.Observe(us)
		recent.Observe(us)
	}
	got := all.Since(&earlier)
	// Exact but for the end of a bucket, where recent knows its longest one.
	near := func(got, want uint64) bool { return got >= want && got <= want+want/16 }
	if got.Count() != 500 || !near(got.QuantileUS(500), recent.QuantileUS(500)) || !near(got.QuantileUS(990), recent.QuantileUS(990)) {
		t.Errorf("%d observed, p50 %d, p99 %d; want 500, %d, %d", got.Count(), got.QuantileUS(500), got.QuantileUS(990), recent.QuantileUS(500), recent.QuantileUS(990))
	}
	if !near(got.MaxUS(), recent.MaxUS()) {
		t.Errorf("max %d, want %d to its bucket", got.MaxUS(), recent.MaxUS())
	}
	if same := all.Since(&all); same.Count() != 0 || same.MaxUS() != 0 {
		t.Errorf("since itself: %d observed", same.Count())
	}
	if other := recent.Since(&all); other != recent {
		t.Error("another histogram was subtracted")
	}
}

// TestReportMerge merges through JSON, as a supervisor of several processes does.
func TestReportMerge(t *testing.T) {
	filled := func(seed uint64) Report {
		rng := rand.New(rand.NewPCG(seed, 0))
		r := newReport(PGW, "pgw.example")
		v := reflect.ValueOf(&r).Elem()
		for _, field := range v.Fields() {
			if field.Kind() == reflect.Uint64 {
				field.SetUint(1 + rng.Uint64N(1000))
			}
		}
		r.AnswersByResult[2001], r.RefusalsByCause[uint32(4010+seed)] = rng.Uint64N(100), 1
		for range 100 {
			r.Latency.Observe(rng.Uint64N(100_000))
		}
		r.Used.Octets, r.At = rng.Uint64(), time.Unix(int64(seed), 0).UTC()
		r.Used.Octets >>= 1
		return r
	}
	a, b := filled(1), filled(2)
	merged := roundTrip(t, a)
	other := roundTrip(t, b)
	merged.Merge(&other)
	v, av, bv := reflect.ValueOf(merged), reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range v.NumField() { // a counter that Merge forgets shows here
		if v.Field(i).Kind() == reflect.Uint64 && v.Field(i).Uint() != av.Field(i).Uint()+bv.Field(i).Uint() {
			t.Errorf("%s: %d", v.Type().Field(i).Name, v.Field(i).Uint())
		}
	}
	want := a.Latency
	want.Merge(&b.Latency)
	if merged.Latency != want || merged.Latency.Count() != 200 {
		t.Error("latencies differ after JSON and merge")
	}
	if merged.AnswersByResult[2001] != a.AnswersByResult[2001]+b.AnswersByResult[2001] || len(merged.RefusalsByCause) != 2 {
		t.Errorf("results %v, refusals %v", merged.AnswersByResult, merged.RefusalsByCause)
	}
	if merged.Element != "pgw" || !merged.At.Equal(b.At) || merged.Used.Octets != a.Used.Octets+b.Used.Octets {
		t.Errorf("merged %+v", merged)
	}
}

// TestReportString shows every answer under its Result-Code.
func TestReportString(t *testing.T) {
	r := newReport(PGW, "pgw.example")
	if line := r.String(); !strings.Contains(line, " answers 0 refused mscc 0 latency_us ") {
		t.Errorf("without answers: %s", line)
	}
	r.AnswersTotal, r.AnswersByResult = 12, map[uint32]uint64{5030: 3, 2001: 8, 4012: 1}
	r.RefusalsByCause = map[uint32]uint64{4010: 2}
	if line := r.String(); !strings.Contains(line, " answers 12 (2001 8, 4012 1, 5030 3) refused mscc 2 (4010 2) latency_us ") {
		t.Errorf("with answers: %s", line)
	}
}

func roundTrip(t *testing.T, r Report) Report {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var out Report
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHistogramRejectsForeignBuckets(t *testing.T) {
	var h Histogram
	for _, in := range []string{`{"buckets":[[32,1]]}`, `{"buckets":[[4294967296,1]]}`, `{"buckets":3}`} {
		if err := json.Unmarshal([]byte(in), &h); err == nil {
			t.Errorf("%s was accepted", in)
		}
	}
}

func TestPacer(t *testing.T) {
	start := time.Unix(0, 0)
	for _, rate := range []int{1, 3, 19, 20, 1000, maxRate} {
		p := newPacer(rate, start)
		now, taken := start, 0
		for now.Sub(start) < 10*time.Second {
			p.advance(now)
			for p.ready() {
				p.take()
				taken++
			}
			now = now.Add(p.wait())
		}
		if want := 10 * rate; taken < want-rate/100 || taken > want+1 {
			t.Errorf("rate %d: %d tokens in 10 s", rate, taken)
		}
		p.advance(now.Add(time.Hour))
		burst := 0
		for ; p.ready(); burst++ {
			p.take()
		}
		if burst > max(rate/20, 1) {
			t.Errorf("rate %d: burst of %d after idleness", rate, burst)
		}
	}
}

func TestOptionsValidate(t *testing.T) {
	good := Options{Kind: PGW}
	good.EnsureDefaults()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, set := range map[string]func(*Options){
		"element":       func(o *Options) { o.Kind = "hss" },
		"style":         func(o *Options) { o.Style = "loud" },
		"rate":          func(o *Options) { o.Rate = maxRate + 1 },
		"in-flight":     func(o *Options) { o.InFlight = -1 },
		"retransmit":    func(o *Options) { o.RetransmitPermille = 1001 },
		"RFC 3539":      func(o *Options) { o.Watchdog = time.Second },
		"not a decimal": func(o *Options) { o.IMSIBase = "00101x" },
		"does not fit":  func(o *Options) { o.MSISDNBase, o.Subscribers = "4999", 9000 },
		"more than 15":  func(o *Options) { o.IMSIBase = "0010100000000001" },
		"destination":   func(o *Options) { o.Destinations = []string{"+4930"} },
	} {
		o := good
		set(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
	if got, err := addDecimal("00198", 2); err != nil || got != "00200" {
		t.Errorf("00198 + 2 = %q, %v", got, err)
	}
}
