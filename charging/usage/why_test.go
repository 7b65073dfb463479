package usage

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

func TestWhyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		octets := func(name string) []byte { return rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, name) }
		number := rapid.Uint64()
		want := Why{
			At: instant.Instant(rapid.Int64Range(0, 1<<50).Draw(t, "at")), APN: octets("apn"), Calling: octets("calling"), Seen: octets("seen"),
			Serving: ident.PLMN(rapid.Uint32().Draw(t, "serving")), Rule: rapid.Uint32().Draw(t, "rule"), Zone: rapid.Uint32().Draw(t, "zone"),
			Visited: rapid.Uint32().Draw(t, "visited"), RAT: rapid.Byte().Draw(t, "rat"), QCI: rapid.Byte().Draw(t, "qci"), Role: rapid.Byte().Draw(t, "role"),
			Flags: WhyFlags(rapid.Byte().Draw(t, "flags")), UsedBefore: number.Draw(t, "used"), BilledBefore: number.Draw(t, "billed"),
			Position: number.Draw(t, "position"), Ahead: money.Amount(rapid.Int64().Draw(t, "ahead")),
		}
		for range rapid.IntRange(0, 8).Draw(t, "offers") {
			want.Offers = append(want.Offers, ident.Name(rapid.Uint32().Draw(t, "offer")))
		}
		for range rapid.IntRange(0, MaxPostings).Draw(t, "postings") {
			want.Left = append(want.Left, rapid.Int64().Draw(t, "left"))
		}
		encoded := want.Append(nil)
		var got Why
		if err := got.Parse(encoded, len(want.Left)); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, parsed\n%+v\nwant\n%+v", err, got, want)
		}
		if got.Parse(encoded, len(want.Left)+1) == nil {
			t.Fatal("one posting more is taken for whole")
		}
		if cut := rapid.IntRange(0, len(encoded)-1).Draw(t, "cut"); got.Parse(encoded[:cut], len(want.Left)) == nil {
			t.Fatalf("the first %d of %d octets are taken for whole", cut, len(encoded))
		}
	})
}
