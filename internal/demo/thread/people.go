package thread

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// person is a customer of the demo with a line.
type person struct {
	n       int
	account string // the billing account's id
	product string // the line's product
	offer   string
	imsi    string
	msisdn  string
	invoice string // the last one
	open    string // what is open on it
	dueOn   string
	debtor  bool
}

// ref names another entity.
type ref struct {
	ID       string `json:"id"`
	Name     string `json:"name,omitempty"`
	Role     string `json:"role,omitempty"`
	Referred string `json:"@referredType,omitempty"`
}

// amount is money as TM Forum writes it.
type amount struct {
	Unit  string `json:"unit"`
	Value number `json:"value"`
}

// number is a JSON number as it is written.
type number string

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(text []byte) error {
	*n = number(text)
	return nil
}

var (
	givenNames  = []string{"Ada", "Ben", "Cem", "Dana", "Eva", "Finn", "Gül", "Hans", "Ida", "Jan", "Kaya", "Lea"}
	familyNames = []string{"Albers", "Brandt", "Celik", "Dietz", "Ehlers", "Fuchs", "Grote", "Hinz", "Ilic", "Jung", "Kranz"}
	// offers are what new customers order, in turn.
	offers = []string{"mobile-s", "mobile-s", "mobile-m"}
)

// takeOrders has new customers order until ctx ends, a few a second; those that
// are on their way then are awaited by Close.
func (t *Thread) takeOrders(ctx context.Context) error {
	tick := time.NewTicker(orderEvery)
	defer tick.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	failed := make(chan error, 1)
	places := make(chan struct{}, atOnce)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-tick.C:
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case places <- struct{}{}:
		}
		all.Go(func() {
			defer func() { <-places }()
			if err := t.newcomer(ctx, n); err != nil && ctx.Err() == nil {
				select {
				case failed <- fmt.Errorf("customer %d: %w", n, err):
				default:
				}
			}
		})
	}
}

// newcomer becomes a customer, orders a line and uses it when it is active.
func (t *Thread) newcomer(ctx context.Context, n int) error {
	p := &person{n: n, offer: offers[n%len(offers)]}
	if err := t.signUp(ctx, p); err != nil {
		return err
	}
	order, err := t.order(ctx, p, "line", map[string]any{"id": "1", "action": "add", "quantity": 1, "productOffering": ref{ID: p.offer}})
	if err != nil {
		return err
	}
	if err := t.completed(ctx, order); err != nil {
		return err
	}
	return t.welcome(ctx, p)
}

// signUp makes the person a customer with a billing account.
func (t *Thread) signUp(ctx context.Context, p *person) error {
	given, family := givenNames[p.n%len(givenNames)], familyNames[p.n/len(givenNames)%len(familyNames)]
	var party, buyer, account ref
	if err := t.post(ctx, "/tmf-api/party/v4/individual", t.key("party", p.n), map[string]any{
		"givenName": given, "familyName": family,
		"languageAbility": []any{map[string]any{"languageCode": "de", "isFavouriteLanguage": true}},
		"contactMedium": []any{
			map[string]any{"mediumType": "email", "preferred": true, "characteristic": map[string]any{"emailAddress": fmt.Sprintf("customer-%d@demo.example", p.n)}},
			map[string]any{"mediumType": "postalAddress", "characteristic": map[string]any{"street1": fmt.Sprintf("Demostr. %d", p.n+1), "postCode": "10827", "city": "Berlin", "country": "DE"}},
		},
	}, &party); err != nil {
		return err
	}
	if err := t.post(ctx, "/tmf-api/customerManagement/v4/customer", t.key("customer", p.n), map[string]any{
		"engagedParty": ref{ID: party.ID, Referred: "Individual"},
	}, &buyer); err != nil {
		return err
	}
	if err := t.post(ctx, "/tmf-api/accountManagement/v4/billingAccount", t.key("account", p.n), map[string]any{
		"name": given + " " + family, "relatedParty": []any{ref{ID: buyer.ID, Role: "customer", Referred: "Customer"}},
		"accountType": "postpaid", "currency": t.f.Currency, "taxRegion": "DE", "timeZone": "Europe/Berlin",
		"creditLimit": amount{t.f.Currency, "100"},
		"billStructure": map[string]any{"cycleSpecification": map[string]any{
			"name": "monthly", "isRef": false, "billingPeriod": "monthly", "dateShift": 0, "paymentDueDateOffset": 14,
		}},
	}, &account); err != nil {
		return err
	}
	p.account = account.ID
	t.count(func(f *Figures) { f.Customers++ })
	return nil
}

const orderPath = "/tmf-api/productOrderingManagement/v4/productOrder"

// order places an order of one item.
func (t *Thread) order(ctx context.Context, p *person, what string, item map[string]any) (id string, err error) {
	key := t.key(what, p.n)
	var placed struct{ ID, State string }
	err = t.post(ctx, orderPath, key, map[string]any{
		"externalId": key, "billingAccount": ref{ID: p.account}, "productOrderItem": []any{item},
	}, &placed)
	if err == nil {
		t.count(func(f *Figures) {
			f.Orders++
			t.underWay[placed.ID] = true
		})
	}
	return placed.ID, err
}

// completed waits until an order is carried out.
func (t *Thread) completed(ctx context.Context, id string) error {
	return until(ctx, func() (bool, error) {
		var o struct {
			State string
			Note  []struct{ Text string }
		}
		if err := t.get(ctx, orderPath+"/"+id, &o); err != nil {
			return false, err
		}
		switch o.State {
		case "completed":
			t.count(func(f *Figures) {
				f.Completed++
				delete(t.underWay, id)
			})
			return true, nil
		case "failed", "rejected", "cancelled", "partial":
			return false, fmt.Errorf("order %s is %s: %v", id, o.State, o.Note)
		}
		return false, nil
	})
}

// welcome finds what the person got, and has the network know it.
func (t *Thread) welcome(ctx context.Context, p *person) error {
	var products []struct {
		ID                    string
		ProductCharacteristic []struct{ Name, Value string }
	}
	if err := t.get(ctx, "/tmf-api/productInventory/v4/product?billingAccount.id="+p.account, &products); err != nil {
		return err
	}
	if len(products) != 1 {
		return fmt.Errorf("account %s has %d products, not 1", p.account, len(products))
	}
	p.product = products[0].ID
	for _, c := range products[0].ProductCharacteristic {
		switch c.Name {
		case "imsi":
			p.imsi = c.Value
		case "msisdn":
			p.msisdn = c.Value
		}
	}
	if err := t.join(p.imsi, p.msisdn); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.f.Activations++
	t.people = append(t.people, p)
	return nil
}

// active waits until so many lines are active and returns them.
func (t *Thread) active(ctx context.Context, least int) (list []*person, err error) {
	err = until(ctx, func() (bool, error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		list = append([]*person{}, t.people...)
		return len(list) >= least, nil
	})
	return list, err
}

// state waits until a product is in a state.
func (t *Thread) state(ctx context.Context, product, want string) error {
	return until(ctx, func() (bool, error) {
		var p struct{ Status string }
		err := t.get(ctx, "/tmf-api/productInventory/v4/product/"+product, &p)
		return p.Status == want, err
	})
}

// fault tells the simulated subscriber database how to fail; nil: no more.
func (t *Thread) fault(ctx context.Context, body []byte) error {
	method := http.MethodPut
	if body == nil {
		method = http.MethodDelete
	}
	return tell(ctx, method, t.o.HSS+"/admin/faults", body)
}
