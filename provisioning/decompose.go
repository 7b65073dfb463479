package provisioning

import (
	"maps"
	"slices"

	"gyro/provisioning/workflow"
)

// Words of the core and of the office in a Step. What each does is in performCore and in finish.
const (
	corePrepare     = "prepare" // account and subscriber, in state ordered
	coreRemove      = "remove"
	coreActivate    = "activate" // the offer, then state active
	coreSubscribe   = "subscribe"
	coreUnsubscribe = "unsubscribe"
	coreState       = "state"
	coreEnd         = "end" // state terminated, then gone
	officeFinish    = "finish"
)

// States of a subscriber in the core.
const (
	subscriberActive     = "active"
	subscriberBarred     = "suspended-two-way"
	subscriberTerminated = "terminated"
)

// recipe collects the tasks of an item, wave by wave.
type recipe struct {
	tasks []Task
	item  *Item
	first int   // position of the item's first task
	last  []int // what the next wave needs
	wave  []int
}

// begin opens a recipe behind the tasks that the order has already; needs are tasks of other items that come before.
func begin(tasks []Task, item *Item, needs []int) *recipe {
	return &recipe{tasks: tasks, item: item, first: len(tasks) + 1, last: needs}
}

// do adds a task to the wave.
func (r *recipe) do(element, word string, o Operations, noReturn bool) {
	r.tasks = append(r.tasks, Task{
		Position: len(r.tasks) + 1, Name: element + "." + word, Element: element, Operation: o, Needs: slices.Clone(r.last), NoReturn: noReturn,
		Direction: workflow.Forward, State: workflow.Waiting, NotBefore: r.item.DueAt, item: r.item.Position,
	})
	r.wave = append(r.wave, len(r.tasks))
}

// then ends the wave: what follows needs all of it.
func (r *recipe) then() {
	if len(r.wave) > 0 {
		r.last, r.wave = r.wave, nil
	}
}

// finish adds the last task: inventory, pools and messages, in one transaction with the end of the item. What is in the
// inventory is changed by another order, not by undoing this one.
func (r *recipe) finish() []Task {
	r.then()
	r.do(officeElement, officeFinish, Operations{Do: Step{Kind: officeFinish}}, true)
	return r.tasks
}

// situation is what decomposition knows of the line beside the item.
type situation struct {
	plan      Plan   // that the product has now (change of plan, end of an add-on)
	rest      []Plan // of the line's other products, the line's own first
	suspended bool
	// otherReasons keep the line suspended, or have it suspended already: nothing changes in the network.
	otherReasons bool
}

// decompose appends an item's tasks. The order within is the same for all: what can be taken back comes first, what the
// customer pays for or loses comes last.
func decompose(tasks []Task, item *Item, needs []int, s situation) []Task {
	r := begin(tasks, item, needs)
	switch item.Change {
	case Activate:
		r.activate(item.Plan)
	case AddOn:
		r.addOn(item.Plan, s.rest)
	case ChangePlan:
		r.changePlan(s.plan, item.Plan, s.rest)
	case Suspend:
		if !s.otherReasons {
			r.suspend(s.rest, item.Characteristics[reasonWord])
		}
	case Resume:
		if !s.otherReasons {
			r.resume(s.rest, item.Characteristics[reasonWord])
		}
	case Terminate:
		r.terminate(s)
	case EndAddOn:
		r.endAddOn(s.plan, s.rest)
	case NoneAtAll:
	}
	return r.finish()
}

// activate makes a line: the core knows the subscriber first, then the network does, and last it may use and pays.
func (r *recipe) activate(plan Plan) {
	r.do(coreElement, corePrepare, Operations{Do: Step{Kind: corePrepare}, Undo: Step{Kind: coreRemove}}, false)
	r.then()
	r.network(nil, []Plan{plan})
	r.then()
	r.do(coreElement, coreActivate, Operations{Do: Step{Kind: coreActivate, Offer: plan.ChargingOffer, State: subscriberActive}}, true)
}

// effective is what products need of one element together: the later ones decide, attribute by attribute.
func effective(plans []Plan, element string) (sum Resource, needed bool) {
	sum.Element = element
	for _, plan := range plans {
		for _, r := range plan.Resources {
			if r.Element != element {
				continue
			}
			needed = true
			if r.Profile != "" {
				sum.Profile = r.Profile
			}
			for name, value := range r.Attributes {
				if sum.Attributes == nil {
					sum.Attributes = map[string]string{}
				}
				sum.Attributes[name] = value
			}
		}
	}
	return sum, needed
}

// elements are those that products need, in the order in which they name them.
func elements(plans ...Plan) (names []string) {
	for _, plan := range plans {
		for _, r := range plan.Resources {
			if !slices.Contains(names, r.Element) {
				names = append(names, r.Element)
			}
		}
	}
	return names
}

// network brings the elements from what the line's products needed to what they will need. What an element is not needed
// for any more is left to leave.
func (r *recipe) network(before, after []Plan) {
	for _, element := range elements(after...) {
		old, had := effective(before, element)
		wanted, _ := effective(after, element)
		switch {
		case !had:
			r.do(element, string(OperationCreate), Operations{Do: stepOf(OperationCreate, wanted), Undo: Step{Kind: string(OperationDelete)}}, false)
		case old.Profile != wanted.Profile || !maps.Equal(old.Attributes, wanted.Attributes):
			r.do(element, string(OperationModify), Operations{Do: stepOf(OperationModify, wanted), Undo: stepOf(OperationModify, old)}, false)
		}
	}
}

// leave takes the line out of elements that its products needed and will not need.
func (r *recipe) leave(before, after []Plan, noReturn bool) {
	for _, element := range elements(before...) {
		if _, needed := effective(after, element); needed {
			continue
		}
		old, _ := effective(before, element)
		r.do(element, string(OperationDelete), Operations{Do: Step{Kind: string(OperationDelete)}, Undo: stepOf(OperationCreate, old)}, noReturn)
	}
}

func stepOf(kind OperationKind, r Resource) Step {
	return Step{Kind: string(kind), Profile: r.Profile, Attributes: r.Attributes}
}

// addOn gives a line something more.
func (r *recipe) addOn(plan Plan, rest []Plan) {
	r.network(rest, slices.Concat(rest, []Plan{plan}))
	r.then()
	if plan.ChargingOffer != "" {
		r.do(coreElement, coreSubscribe, Operations{Do: Step{Kind: coreSubscribe, Offer: plan.ChargingOffer}}, true)
	}
}

// endAddOn ends its offer in the core, and gives the elements what the line needs without it.
func (r *recipe) endAddOn(plan Plan, rest []Plan) {
	before := slices.Concat(rest, []Plan{plan})
	r.network(before, rest)
	r.then()
	if plan.ChargingOffer != "" {
		r.do(coreElement, coreUnsubscribe, Operations{Do: Step{Kind: coreUnsubscribe, Offer: plan.ChargingOffer}}, true)
		r.then()
	}
	r.leave(before, rest, false)
}

// changePlan brings the elements to the new profiles, then the core to the new offer.
func (r *recipe) changePlan(old, plan Plan, rest []Plan) {
	before, after := slices.Concat([]Plan{old}, rest), slices.Concat([]Plan{plan}, rest)
	r.network(before, after)
	r.then()
	switch plan.ChargingOffer {
	case old.ChargingOffer:
	case "":
		r.do(coreElement, coreUnsubscribe, Operations{Do: Step{Kind: coreUnsubscribe, Offer: old.ChargingOffer}}, true)
	default:
		r.do(coreElement, coreSubscribe, Operations{Do: Step{Kind: coreSubscribe, Offer: plan.ChargingOffer, Replaces: old.ChargingOffer}}, true)
	}
	r.then()
	r.leave(before, after, false)
}

// suspend bars in the core first, which ends what is open, then in the network.
func (r *recipe) suspend(plans []Plan, reason string) {
	r.do(coreElement, "bar", barring(subscriberBarred, subscriberActive, reason), false)
	r.then()
	for _, element := range elements(plans...) {
		r.do(element, string(OperationSuspend), Operations{Do: Step{Kind: string(OperationSuspend)}, Undo: Step{Kind: string(OperationResume)}}, false)
	}
}

// resume is suspend the other way round: who may use again finds the network ready.
func (r *recipe) resume(plans []Plan, reason string) {
	for _, element := range elements(plans...) {
		r.do(element, string(OperationResume), Operations{Do: Step{Kind: string(OperationResume)}, Undo: Step{Kind: string(OperationSuspend)}}, false)
	}
	r.then()
	r.do(coreElement, "unbar", barring(subscriberActive, subscriberBarred, reason), false)
}

func barring(state, back, reason string) Operations {
	return Operations{Do: Step{Kind: coreState, State: state, Reason: reason}, Undo: Step{Kind: coreState, State: back, Reason: reason}}
}

// terminate bars the line while there is a way back, then takes it out of the network and the core.
func (r *recipe) terminate(s situation) {
	if !s.suspended { // a suspended line is barred
		r.do(coreElement, "bar", barring(subscriberBarred, subscriberActive, "termination"), false)
		r.then()
	}
	r.leave(s.rest, nil, true)
	r.then()
	r.do(coreElement, coreEnd, Operations{Do: Step{Kind: coreEnd, State: subscriberTerminated, Reason: "termination"}}, true)
}
