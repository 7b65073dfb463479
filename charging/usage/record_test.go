package usage_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"gyro/balance"
	"gyro/charging/usage"
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/internal/money"
)

// drawRecord draws any record that the core could write.
func drawRecord(t *rapid.T) *usage.Record {
	octets := func(name string) []byte { return rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, name) }
	number := rapid.Uint64()
	small := rapid.Uint32()
	r := &usage.Record{
		SessionID: octets("session"), Account: octets("account"), Subscriber: octets("subscriber"), Called: octets("called"),
		Reason: octets("reason"), Why: octets("why"), Other: octets("other"), AskedBy: octets("asked"),
		ApprovedBy: octets("approved"), Postings: []balance.Posting{}, Sequence: number.Draw(t, "sequence"), Previous: number.Draw(t, "previous"),
		SubSession: number.Draw(t, "sub"), Opened: instant.Instant(rapid.Int64Range(0, 1<<45).Draw(t, "opened")),
		Used: number.Draw(t, "used"), Billed: number.Draw(t, "billed"), Rated: number.Draw(t, "rated"),
		Charged: money.Amount(rapid.Int64().Draw(t, "charged")), Excess: money.Amount(rapid.Int64().Draw(t, "excess")),
		RatingGroup: small.Draw(t, "rg"), ServiceID: small.Draw(t, "sid"), Context: small.Draw(t, "context"), Requests: small.Draw(t, "requests"),
		Plan: small.Draw(t, "plan"), Rate: small.Draw(t, "rate"), Service: ident.Name(small.Draw(t, "service")),
		Offer: ident.Name(small.Draw(t, "offer")), Unit: balance.Denomination(rapid.Uint16().Draw(t, "unit")),
		Currency: money.Currency(rapid.Uint16().Draw(t, "currency")), Kind: usage.Kind(rapid.Byte().Draw(t, "kind")),
		Cause: usage.Cause(rapid.Byte().Draw(t, "cause")), Flags: usage.Flags(rapid.Byte().Draw(t, "flags")),
	}
	r.Closed = r.Opened.Add(instant.Span(rapid.Int64Range(0, 1<<40).Draw(t, "lasting")))
	for range rapid.IntRange(0, usage.MaxPostings).Draw(t, "postings") {
		side := func(name string) balance.LedgerAccount {
			return balance.LedgerAccount{
				Bucket: number.Draw(t, name), Name: ident.Name(small.Draw(t, name)), Class: balance.Class(rapid.Byte().Draw(t, name)),
			}
		}
		r.Postings = append(r.Postings, balance.Posting{
			From: side("from"), To: side("to"), Amount: rapid.Int64().Draw(t, "amount"),
			Denomination: balance.Denomination(rapid.Uint16().Draw(t, "denomination")),
		})
	}
	return r
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecord(t)
		encoded := want.Append([]byte("before"))[len("before"):]
		got := usage.Record{Postings: make([]balance.Posting, 3)}
		if err := got.Decode(encoded); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&got, want) {
			t.Fatalf("decoded\n%+v\nwant\n%+v", got, *want)
		}
		cut := rapid.IntRange(0, len(encoded)-1).Draw(t, "cut")
		if err := got.Decode(encoded[:cut]); err == nil {
			t.Fatalf("the first %d of %d octets are taken for a record", cut, len(encoded))
		}
		if err := got.Decode(append(encoded, 0)); err == nil {
			t.Fatal("an octet too much is ignored")
		}
	})
}

// FuzzRecord decodes arbitrary octets: never a panic, and what decodes encodes
// to something that decodes to the same.
func FuzzRecord(f *testing.F) {
	f.Add((&usage.Record{SessionID: []byte("s"), Postings: []balance.Posting{{Amount: 1}}, Opened: 5, Closed: 9}).Append(nil))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, src []byte) {
		var first, second usage.Record
		if first.Decode(src) != nil {
			return
		}
		encoded := first.Append(nil)
		if err := second.Decode(encoded); err != nil {
			t.Fatalf("%v after encoding %+v", err, first)
		}
		if again := second.Append(nil); string(again) != string(encoded) {
			t.Fatalf("encoded\n%x\nthen\n%x", encoded, again)
		}
	})
}
