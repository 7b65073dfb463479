package thread

import (
	"context"
	"time"
)

// Orders that an element refuses: so many, with a status that is for people.
const (
	refusals      = 3
	refusalStatus = 422
)

// refuseOrders has the subscriber database refuse some orders, which fall out;
// when it is well again, they are tried once more and go on.
func (t *Thread) refuseOrders(ctx context.Context) error {
	if err := t.fault(ctx, marshal(map[string]any{"refuse": 1000, "refuse_status": refusalStatus, "limit": refusals})); err != nil {
		return err
	}
	retried := map[string]bool{}
	err := until(ctx, func() (bool, error) {
		waiting, err := t.fallout(ctx)
		for _, task := range waiting {
			if retried[task] || err != nil {
				continue
			}
			retried[task] = true
			t.count(func(f *Figures) { f.Fallout++ })
			if err = t.post(ctx, falloutPath+"/"+task+"/retry", t.key("retry-"+task, 0), map[string]any{"note": "the subscriber database is well again"}, nil); err == nil {
				t.count(func(f *Figures) { f.Retried++ })
			}
		}
		return len(retried) == refusals, err
	})
	if err != nil {
		return err
	}
	return t.fault(ctx, nil)
}

const falloutPath = "/office/v1/fallout"

// fallout is the numbers of the tasks that wait for people.
func (t *Thread) fallout(ctx context.Context) (tasks []string, err error) {
	var page struct {
		Items []struct{ ID string }
	}
	err = t.get(ctx, falloutPath, &page)
	for n := range page.Items {
		tasks = append(tasks, page.Items[n].ID)
	}
	return tasks, err
}

// suspension is how long the demo's customer who goes on a journey is away.
const suspension = time.Second

// changeLines has one customer change the plan, and another suspend the line and
// resume it.
func (t *Thread) changeLines(ctx context.Context) error {
	people, err := t.active(ctx, 3)
	if err != nil {
		return err
	}
	var changes *person
	for _, p := range people {
		if p.offer == "mobile-s" {
			changes = p
		}
	}
	if changes == nil {
		changes = people[0]
	}
	if err := t.modify(ctx, changes, "plan", map[string]any{"productOffering": ref{ID: "mobile-m"}, "product": ref{ID: changes.product}}); err != nil {
		return err
	}
	changes.offer = "mobile-m"
	t.count(func(f *Figures) { f.PlanChanges++ })
	travels := people[0]
	if travels == changes {
		travels = people[1]
	}
	if err := t.modify(ctx, travels, "suspend", map[string]any{"product": map[string]any{"id": travels.product, "status": "suspended"}}); err != nil {
		return err
	}
	t.count(func(f *Figures) { f.Suspended++ })
	if err := pause(ctx, suspension); err != nil {
		return err
	}
	if err := t.modify(ctx, travels, "resume", map[string]any{"product": map[string]any{"id": travels.product, "status": "active"}}); err != nil {
		return err
	}
	t.count(func(f *Figures) { f.Resumed++ })
	return nil
}

// modify orders a change of a line and waits until it is carried out.
func (t *Thread) modify(ctx context.Context, p *person, what string, item map[string]any) error {
	item["id"], item["action"] = "1", "modify"
	order, err := t.order(ctx, p, what, item)
	if err != nil {
		return err
	}
	return t.completed(ctx, order)
}
