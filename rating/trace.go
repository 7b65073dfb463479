package rating

// Trace is how a plan comes to its answer for a request: everything that it
// tried, in order, and why that did or did not apply.
type Trace struct {
	Refusal Refusal
	Match   Match
	// Services are those that the request could be for, in catalogue order, up
	// to the one that recognised it.
	Services []Tried
	// Offers are the subscriber's, in order, up to the one that decided.
	Offers []Tried
	// Rules are those of the deciding offer's rate, up to the one that applied.
	Rules []Tried
}

// Tried is a service, an offer or a rule that was tried.
type Tried struct {
	// Index is that of ServiceAt, Offers or RuleAt.
	Index uint32
	// Name is the catalogue's; a rule without one is called by its line.
	Name string
	// Applies is whether everything that was asked for held.
	Applies bool
	// Conditions are what it asks for, in the order in which they are held
	// against the request.
	Conditions []Condition
}

// Condition is one thing that a service, offer or rule asks for.
type Condition struct {
	Key   string // as in a catalogue: zone, calendar, rat
	Asked string // in words: "national or eu"
	Found string // what the request has: "premium"
	Holds bool
}

// Trace classifies a request as Classify does and says how that came about.
func (p *Plan) Trace(r *Request) *Trace {
	t := &Trace{}
	t.Refusal = p.Classify(r, &t.Match)
	return t
}
