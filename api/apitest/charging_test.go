package apitest_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"gyro/api/apitest"
	"gyro/api/client"
	"gyro/charging"
	"gyro/internal/coretest"
	"gyro/internal/instant"
	"gyro/internal/money"
)

func source(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../../testdata/api/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// must returns a value of a call that has to succeed.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const euro = money.Unit

// TestAccountOfOneMonth is what the office does with a postpaid account: it is
// created, uses, is billed and settled, and its books close.
func TestAccountOfOneMonth(t *testing.T) {
	s := apitest.Start(t)
	c, ctx := s.Charging, t.Context()
	published := must[client.Catalog](t)(c.Publish(ctx, "demo", client.Publication{Source: source(t)}))
	if !published.New || published.Version != 1 || published.Currency != money.EUR || published.Published != instant.Of(coretest.Began) {
		t.Errorf("%+v", published)
	}
	account := must[client.Account](t)(c.PutAccount(ctx, "ba-1", client.AccountSpec{
		Currency: money.EUR, Kind: "postpaid", CreditLimit: 50 * euro, CycleDay: 15,
		Subscribers: []client.SubscriberSpec{{IMSI: "001010000000001", MSISDN: "491720000001"}}, Offers: []string{"payg"},
	}))
	if account.CreditLimit != 50*euro || account.Available != 50*euro || account.CycleDay != 15 || account.Currency != money.EUR ||
		len(account.Subscribers) != 1 || account.Subscribers[0].State != "active" || account.Created != s.Now() {
		t.Errorf("%+v", account)
	}
	use(t, s.Core, 1_234_567)

	page := must[client.UsagePage](t)(c.Usage(ctx, 0, 10))
	if len(page.Records) != 1 || page.Next != page.Last {
		t.Fatalf("%+v", page)
	}
	used := page.Records[0]
	if used.Account != "ba-1" || used.Used != 1_234_567 || used.Billed != 1_300_000 || used.Charged != 13_000 || used.Currency != money.EUR ||
		used.Service != "internet" || used.Offer != "payg" || used.RatingGroup == nil || *used.RatingGroup != 10 || len(used.Postings) != 1 {
		t.Errorf("%+v", used)
	}
	why := must[client.Explanation](t)(c.Explanation(ctx, used.Record))
	if why.Decided == nil || why.Decided.Rule != "per-megabyte" || why.Cost != used.Charged || len(why.Words) == 0 || len(why.Document) == 0 {
		t.Errorf("%+v", why)
	}

	for range 2 { // the job was killed after the first
		settled := must[client.Movement](t)(c.Settle(ctx, "ba-1", "invoice-1", client.Settlement{Amount: used.Charged, Currency: money.EUR}))
		if settled.Balance != 0 || settled.Amount != used.Charged || settled.Kind != "settlement" || settled.Reason != "billed" {
			t.Errorf("%+v", settled)
		}
	}
	if m, found, err := c.Moved(ctx, "ba-1", client.SettlementKind, "invoice-1", 0); err != nil || !found || m.Legs[0].From != "funding:billed" || m.Legs[0].Quantity.String() != "0.013 EUR" {
		t.Error(m, found, err)
	}
	if m, found, err := c.Moved(ctx, "ba-1", client.SettlementKind, "invoice-2", 0); err != nil || found {
		t.Error(m, found, err)
	}
	if m, found, err := c.Moved(ctx, "ba-1", client.TopUpKind, "invoice-1", 0); err != nil || found {
		t.Error("a top-up has keys of its own:", m, found, err)
	}
	books := must[client.Books](t)(c.Books(ctx))
	if !books.Balanced || books.Difference["EUR"] != "0.00" || total(books, "funding:billed") != "-13000" || total(books, "revenue:internet") != "13000" {
		t.Errorf("%+v", books)
	}
	if gone := must[bool](t)(c.DeleteAccount(ctx, "ba-1", false)); !gone {
		t.Error("the account is still there")
	}
	if _, err := c.Account(ctx, "ba-1"); !client.Refused(err, "account_unknown") {
		t.Error(err)
	}
}

func total(b client.Books, account string) string {
	for _, t := range b.Totals {
		if t.Account == account {
			return t.Amount.String()
		}
	}
	return "none"
}

// TestPrepaid is what the office does with a prepaid account.
func TestPrepaid(t *testing.T) {
	s := apitest.Start(t)
	c, ctx := s.Charging, t.Context()
	must[client.Catalog](t)(c.Publish(ctx, "demo", client.Publication{Source: source(t)}))
	must[client.Account](t)(c.PutAccount(ctx, "ba-2", client.AccountSpec{
		Currency: money.EUR, Kind: "prepaid", Subscribers: []client.SubscriberSpec{{IMSI: "001010000000001", State: "ordered"}}, Offers: []string{"payg"},
	}))
	top := client.TopUp{Amount: 10 * euro, Currency: money.EUR, Reason: "card", Bonus: &client.Bonus{Promotion: "summer", Amount: 2 * euro, Days: 30}}
	if m := must[client.Movement](t)(c.TopUp(ctx, "ba-2", "p-1", top)); m.Balance != 10*euro {
		t.Errorf("%+v", m)
	}
	if m := must[client.Movement](t)(c.Adjust(ctx, "ba-2", "a-1", client.Adjustment{Amount: -1, Currency: money.EUR, Reason: "correction"})); m.Balance != 10*euro-1 {
		t.Errorf("%+v", m)
	}
	change := client.StateChange{Subscriber: "imsi:001010000000001", State: "suspended-one-way", Until: s.Now().Add(instant.Day), Then: "active", Reason: "holiday"}
	if err := c.SetSubscriberState(ctx, "ba-2", "s-1", change); err != nil {
		t.Error(err)
	}
	if sub := must[client.Subscribed](t)(c.Subscribe(ctx, "ba-2", "o-1", client.Subscription{Offer: "data-5gb"})); sub.Balance != 10*euro-1 {
		t.Errorf("%+v", sub)
	}
	account := must[client.Account](t)(c.Account(ctx, "ba-2"))
	if len(account.Buckets) != 3 || account.Subscribers[0].State != "suspended-one-way" || account.Subscribers[0].Until != change.Until || len(account.Offers) != 2 {
		t.Errorf("%+v", account)
	}
	for _, b := range account.Buckets {
		if b.Name == "data-5gb" && (b.Remaining.Amount != 5_000_000_000 || b.Remaining.Denomination != "octets" || b.Until == 0) {
			t.Errorf("%+v", b)
		}
	}
	must[client.Subscribed](t)(c.Unsubscribe(ctx, "ba-2", "o-2", client.EndOfSubscription{Offer: "data-5gb"}))
	if page := must[client.NoticePage](t)(c.Notices(ctx, 0, 10)); len(page.Notices) != 2 || page.Notices[0].Reason != "ordered to suspended-one-way: holiday" || page.Notices[0].Account != "ba-2" || page.Notices[0].At != s.Now() {
		t.Errorf("%+v", page)
	}
	if _, err := c.Usage(ctx, 0, 0); err == nil {
		t.Error("a page of nothing")
	}
}

// TestCatalogs publishes versions, now and for later.
func TestCatalogs(t *testing.T) {
	s := apitest.Start(t)
	c, ctx := s.Charging, t.Context()
	if _, err := c.Catalog(ctx, "demo", 0); !client.Refused(err, "catalog_unknown") {
		t.Error(err)
	}
	must[client.Catalog](t)(c.Publish(ctx, "demo", client.Publication{Source: source(t)}))
	if again := must[client.Catalog](t)(c.Publish(ctx, "demo", client.Publication{Source: source(t)})); again.New || again.Version != 1 {
		t.Errorf("%+v", again)
	}
	dearer := []byte(strings.Replace(string(source(t)), "amount: 0.004,", "amount: 0.005,", 1))
	later := s.Now().Add(instant.Day)
	next := must[client.Catalog](t)(c.Publish(ctx, "demo", client.Publication{Source: dearer, At: later, Reauthorise: true}))
	if !next.New || next.Version != 2 || next.Published != later || len(next.Changes) != 1 || next.Changes[0].Subject != "price" {
		t.Errorf("%+v", next)
	}
	list := must[[]client.Catalog](t)(c.Catalogs(ctx))
	if len(list) != 1 || list[0].Version != 1 || list[0].Next == nil || list[0].Next.Version != 2 || list[0].Next.TakesEffect != later {
		t.Errorf("%+v", list)
	}
	if inForce := must[client.Source](t)(c.Catalog(ctx, "demo", 0)); inForce.Version != 1 || string(inForce.Source) != string(source(t)) {
		t.Errorf("%d", inForce.Version)
	}
	if waits := must[client.Source](t)(c.Catalog(ctx, "demo", 2)); string(waits.Source) != string(dearer) {
		t.Errorf("%d", waits.Version)
	}
	_, err := c.Publish(ctx, "demo", client.Publication{Source: []byte("currency: EURO")})
	if p, is := errors.AsType[*client.Problem](err); !is || p.Code != "catalog_invalid" || len(p.Details) == 0 || client.Temporary(err) {
		t.Error(err)
	}
}

// TestTemporary: what may be answered later, and what never will.
func TestTemporary(t *testing.T) {
	s := apitest.Start(t)
	c := s.Charging
	s.API.SetReady(false)
	if _, err := c.Account(t.Context(), "ba-1"); !client.Temporary(err) || !client.Refused(err, "not_ready") {
		t.Error(err)
	}
	s.API.SetReady(true)
	if _, err := c.Account(t.Context(), "ba-1"); client.Temporary(err) || err == nil {
		t.Error(err)
	}
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Account(cut, "ba-1"); !client.Temporary(err) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := client.NewCharging("http://"+l.Addr().String(), "")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := nobody.Books(t.Context()); !client.Temporary(err) {
		t.Error(err)
	}
	mute := client.NewCharging(c.Server, "")
	mute.HTTP = &http.Client{Timeout: 50 * time.Millisecond}
	release := s.Journal.Hold()
	_, err = mute.PutAccount(t.Context(), "ba-1", client.AccountSpec{Currency: money.EUR, Kind: "prepaid"})
	release()
	if !client.Temporary(err) {
		t.Error(err)
	}
}

// use has the subscriber use data of rating group 10.
func use(t *testing.T, core *coretest.Core, octets uint64) {
	t.Helper()
	r := coretest.Request{Session: "s;1", IMSI: "001010000000001", Kind: charging.Initial, Group: 10, Want: octets}
	if o := core.Exchange(t, r); o.Result != charging.Success {
		t.Fatalf("%+v", o)
	}
	r.Kind, r.Number, r.Want, r.Used = charging.Termination, 1, 0, octets
	if o := core.Exchange(t, r); o.Result != charging.Success {
		t.Fatalf("%+v", o)
	}
}
