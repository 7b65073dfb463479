package provisioning

import (
	"context"
	"errors"
	"log/slog"

	"github.com/uptrace/bun"

	"gyro/catalog"
	"gyro/customer"
	"gyro/internal/database"
	"gyro/internal/instant"
	"gyro/internal/money"
	"gyro/internal/refusal"
	"gyro/provisioning/workflow"
)

// Options say what orders are carried out with, and by which rules.
type Options struct {
	DB        *database.DB
	Customers *customer.Service
	Catalog   *catalog.Service
	Core      Core
	Elements  []Element
	// Patience is how patient to be with a system, by its name (hss, pcrf, core); workflow.DefaultPolicy where there is none.
	Patience map[string]workflow.Policy
	// Overdue is what an account owes that is overdue; nil: nobody keeps account of it. Who owes more than MostOverdue
	// gets nothing new.
	Overdue     func(ctx context.Context, q bun.IDB, account int64) (money.Amount, error)
	MostOverdue money.Amount
	// InDebt reports whether the lines of an account are suspended, or ended, for a debt; nil: nobody's are. What is to
	// come into use then waits.
	InDebt func(ctx context.Context, q bun.IDB, account int64) (bool, error)
	// CycleEnd is the end of the billing cycle that an account is in at a moment; nil: nothing can be ordered for then.
	CycleEnd func(a customer.BillingAccount, at instant.Instant) (instant.Instant, error)
	// Quarantine is how long a number rests when its line has ended; 0 is 90 days.
	Quarantine instant.Span
	// Expected is how long an order is expected to take; 0 is 15 minutes.
	Expected instant.Span
	Logger   *slog.Logger // nil is slog.Default()
}

// MaxItems is how many items one order may have.
const MaxItems = 200

// Other limits of one order.
const (
	maxAhead    = 366 * instant.Day // how far ahead an order can be dated
	maxExternal = 128
)

// Service takes orders and carries them out.
type Service struct {
	o        Options
	db       *database.DB
	elements map[string]Element
	group    *group
	placed   placed
}

// New makes a service. Its jobs run when RegisterJobs has named them and the database runs jobs.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Customers == nil || o.Catalog == nil || o.Core == nil {
		return nil, errors.New("provisioning: a database, customers, a catalogue and a charging core are needed")
	}
	if o.Quarantine == 0 {
		o.Quarantine = 90 * instant.Day
	}
	if o.Expected == 0 {
		o.Expected = 15 * instant.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Service{o: o, db: o.DB, elements: map[string]Element{}, group: newGroup(o.DB)}
	for _, e := range o.Elements {
		if s.elements[e.Name()] != nil || e.Name() == coreElement || e.Name() == officeElement {
			return nil, errors.New("provisioning: two systems are called " + e.Name())
		}
		s.elements[e.Name()] = e
	}
	return s, nil
}

// policy is how patient to be with a system.
func (s *Service) policy(element string) workflow.Policy {
	if p, known := s.o.Patience[element]; known {
		return p
	}
	return workflow.DefaultPolicy
}

// worker is who writes what the workflow does by itself.
var worker = database.Actor{Name: "provisioning", Role: "system", Via: "job"}

func unprocessable(code, field, format string, args ...any) error {
	return refusal.New(refusal.Unprocessable, code, field, format, args...)
}

func invalid(code, field, format string, args ...any) error {
	return refusal.New(refusal.Invalid, code, field, format, args...)
}
