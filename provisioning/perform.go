package provisioning

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gyro/api/client"
	"gyro/internal/money"
	"gyro/provisioning/workflow"
)

// perform makes one attempt at a task, in its direction.
func (s *Service) perform(ctx context.Context, o *Order, t *Task) error {
	step := t.Operation.Do
	if t.Direction == workflow.Back {
		step = t.Operation.Undo
	}
	if step.Kind == "" {
		return nil // nothing undoes it
	}
	line := &o.item(t.item).Line
	if t.Element == coreElement {
		return s.performCore(ctx, line, &step, o.key(t))
	}
	element := s.elements[t.Element]
	if element == nil {
		return &ElementError{Code: "element_unknown", Message: "the element " + t.Element + " is not connected; name its address in the configuration"}
	}
	return element.Apply(ctx, Operation{
		Key: o.key(t), Kind: OperationKind(step.Kind), IMSI: line.IMSI, MSISDN: line.MSISDN, Profile: step.Profile, Attributes: step.Attributes,
	})
}

// performCore does a step in the charging core.
func (s *Service) performCore(ctx context.Context, line *Line, step *Step, key string) error {
	subscriber := "imsi:" + line.IMSI
	var err error
	switch step.Kind {
	case corePrepare:
		err = s.prepare(ctx, line)
	case coreRemove:
		err = s.o.Core.RemoveSubscriber(ctx, line.Account, subscriber)
	case coreActivate:
		if err = s.subscribe(ctx, line, step, key+"-offer"); err == nil {
			if err = s.setState(ctx, line, step, key); err != nil && step.Offer != "" {
				return &halfDone{coreError(err)}
			}
		}
	case coreSubscribe:
		err = s.subscribe(ctx, line, step, key)
	case coreUnsubscribe:
		err = s.unsubscribe(ctx, line, step, key)
	case coreState:
		err = s.setState(ctx, line, step, key)
	case coreEnd:
		if err = s.setState(ctx, line, step, key); err == nil || client.Refused(err, "subscriber_unknown") || client.Refused(err, "account_unknown") {
			if err = s.o.Core.RemoveSubscriber(ctx, line.Account, subscriber); err != nil {
				return &halfDone{coreError(err)}
			}
		}
	default:
		err = fmt.Errorf("the core has no step %q", step.Kind)
	}
	return coreError(err)
}

func (s *Service) prepare(ctx context.Context, line *Line) error {
	currency, err := money.ParseCurrency(line.Currency)
	if err != nil {
		return &ElementError{Code: "currency_unknown", Message: err.Error()}
	}
	return s.o.Core.AddSubscriber(ctx, line.Account, client.AccountSpec{
		Currency: currency, Kind: line.Kind, CreditLimit: line.CreditLimit, CycleDay: line.CycleDay,
	}, client.SubscriberSpec{IMSI: line.IMSI, MSISDN: line.MSISDN, State: "ordered"})
}

func (s *Service) setState(ctx context.Context, line *Line, step *Step, key string) error {
	return s.o.Core.SetSubscriberState(ctx, line.Account, key, client.StateChange{
		Subscriber: "imsi:" + line.IMSI, State: step.State, Reason: reasonCode(step.Reason),
	})
}

// reasonCode is a reason as the core takes it: a word of letters, digits, -, _ and full stops.
func reasonCode(reason string) string {
	if reason == "" {
		return "order"
	}
	code := []byte(reason)
	for k, c := range code {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			code[k] = '_'
		}
	}
	return string(code[:min(len(code), 64)])
}

// subscribe gives the line an offer. The core remembers keys for a day; after that an offer that the line has says that it
// was given.
func (s *Service) subscribe(ctx context.Context, line *Line, step *Step, key string) error {
	if step.Offer == "" {
		return nil
	}
	_, err := s.o.Core.Subscribe(ctx, line.Account, key, client.Subscription{
		Offer: step.Offer, Subscriber: "imsi:" + line.IMSI, Replaces: step.Replaces,
	})
	return s.unless(ctx, err, line, func(offers []string) bool {
		return slices.Contains(offers, step.Offer) && (step.Replaces == "" || !slices.Contains(offers, step.Replaces))
	})
}

func (s *Service) unsubscribe(ctx context.Context, line *Line, step *Step, key string) error {
	_, err := s.o.Core.Unsubscribe(ctx, line.Account, key, client.EndOfSubscription{
		Offer: step.Offer, Subscriber: "imsi:" + line.IMSI, WaiveCommitment: true, // the order has been checked against it
	})
	return s.unless(ctx, err, line, func(offers []string) bool { return !slices.Contains(offers, step.Offer) })
}

// unless forgives a refusal where the line has what was wanted already.
func (s *Service) unless(ctx context.Context, err error, line *Line, wanted func(offers []string) bool) error {
	if !client.Final(err) {
		return err
	}
	account, lookup := s.o.Core.Account(ctx, line.Account)
	if lookup != nil {
		return err // what was refused counts
	}
	for k := range account.Subscribers {
		if account.Subscribers[k].IMSI == line.IMSI && wanted(account.Subscribers[k].Offers) {
			return nil
		}
	}
	return err
}

// coreError turns an error of the core into one of an element.
func coreError(err error) error {
	var problem *client.Problem
	switch {
	case err == nil:
		return nil
	case errors.As(err, &problem):
		busy := problem.Code == "subscriber_busy" || problem.Code == "account_busy"
		return &ElementError{Temporary: busy || !client.Final(err), Code: problem.Code, Message: "core: " + problem.Message}
	case client.Temporary(err), errors.Is(err, context.DeadlineExceeded):
		return &ElementError{Temporary: true, Code: "no_answer", Message: "core: " + err.Error()}
	}
	return err
}
