package thread

import (
	"context"
	"errors"
	"time"
)

// Orders that an element refuses: at least so many, with a status that is for
// people.
const (
	refusals      = 2
	refusalStatus = 422
)

// refuseOrders has the subscriber database refuse orders, which fall out; when it
// is well again, they are tried once more and go on.
func (t *Thread) refuseOrders(ctx context.Context) (err error) {
	if err := t.fault(ctx, marshal(map[string]any{"refuse": 1000, "refuse_status": refusalStatus})); err != nil {
		return err
	}
	fallen := map[string]bool{}
	err = until(ctx, func() (bool, error) {
		waiting, err := t.fallout(ctx)
		for _, task := range waiting {
			fallen[task] = true
		}
		t.count(func(f *Figures) { f.Fallout = len(fallen) })
		return len(fallen) >= refusals, err
	})
	// Also when the time is up: nobody is to find the element broken.
	err = errors.Join(err, t.fault(context.WithoutCancel(ctx), nil))
	if err != nil {
		return err
	}
	return t.retryFallout(ctx)
}

// retryFallout tries every task once more that waits for people, until none does.
func (t *Thread) retryFallout(ctx context.Context) error {
	return until(ctx, func() (bool, error) {
		waiting, err := t.fallout(ctx)
		if err != nil {
			return false, err
		}
		for _, task := range waiting {
			err := t.post(ctx, falloutPath+"/"+task+"/retry", "", map[string]any{"note": "the subscriber database is well again"}, nil)
			if err != nil {
				return false, err
			}
			t.count(func(f *Figures) {
				f.Retried++
				f.Fallout = max(f.Fallout, f.Retried)
			})
		}
		return len(waiting) == 0, nil
	})
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
