package provisioning

import (
	"maps"
	"sync"
)

// maxPlaced is how many orders are kept in memory until their job begins.
const maxPlaced = 4096

// placed are orders as they were stored a moment ago, for the jobs that carry them out: what is read back from the database
// would be the same. That nobody has changed an order since then is found out where it is saved (errOvertaken).
type placed struct {
	mu     sync.Mutex
	orders map[int64]*Order
}

// put keeps an order whose transaction is committed.
func (p *placed) put(o *Order) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.orders == nil {
		p.orders = map[int64]*Order{}
	}
	if len(p.orders) >= maxPlaced { // nobody carries them out here
		clear(p.orders)
	}
	kept := o.clone()
	for k := range kept.Items {
		kept.Items[k].Characteristics = maps.Clone(kept.Items[k].Characteristics)
	}
	p.orders[o.ID] = kept
}

// take hands an order out, once; nil where there is none.
func (p *placed) take(id int64) *Order {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.orders[id]
	delete(p.orders, id)
	return o
}
