package adapter

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gyro/provisioning"
)

// SubscriberData provisions an HSS. Attributes that it knows:
//
//	apn              access point names, separated by commas; the first is the default
//	ambr_up_kbps     aggregate maximum bit rates in kilobits a second; both or none
//	ambr_down_kbps
type SubscriberData struct{ *element }

// NewSubscriberData returns an adapter for the HSS at o.URL.
func NewSubscriberData(o Options) (*SubscriberData, error) {
	e, err := newElement("hss", o)
	if err != nil {
		return nil, err
	}
	return &SubscriberData{e}, nil
}

// Apply implements provisioning.Element.
func (s *SubscriberData) Apply(ctx context.Context, op provisioning.Operation) error {
	if err := s.checkAll(&op, "apn", "ambr_up_kbps", "ambr_down_kbps"); err != nil {
		return err
	}
	up, err := s.rate(&op, "ambr_up_kbps")
	if err != nil {
		return err
	}
	down, err := s.rate(&op, "ambr_down_kbps")
	if err != nil {
		return err
	}
	if (up == nil) != (down == nil) {
		return s.invalid("ambr_up_kbps and ambr_down_kbps go together: give both or none")
	}
	described := document{
		"imsi": op.IMSI, "msisdn": text(op.MSISDN), "profile": op.Profile, "authenticationPresent": true,
		"apns": words(op.Attributes["apn"]), "ambr": nil,
	}
	if up != nil {
		described["ambr"] = document{"uplink": up, "downlink": down}
	}
	const path = "/nudr-dr/v2/subscription-data/imsi-"
	return s.apply(ctx, plan(&op, path+op.IMSI, described, "subscriberStatus", "SERVICE_GRANTED", "OPERATOR_DETERMINED_BARRING"))
}

// Policy provisions a PCRF. Attributes that it knows:
//
//	max_up_kbps, max_down_kbps   the sessions' bandwidth in kilobits a second
//	filters                      names of rules, separated by commas, such as slow-lane
type Policy struct{ *element }

// NewPolicy returns an adapter for the PCRF at o.URL.
func NewPolicy(o Options) (*Policy, error) {
	e, err := newElement("pcrf", o)
	if err != nil {
		return nil, err
	}
	return &Policy{e}, nil
}

// Apply implements provisioning.Element.
func (p *Policy) Apply(ctx context.Context, op provisioning.Operation) error {
	if err := p.checkAll(&op, "max_up_kbps", "max_down_kbps", "filters"); err != nil {
		return err
	}
	up, err := p.rate(&op, "max_up_kbps")
	if err != nil {
		return err
	}
	down, err := p.rate(&op, "max_down_kbps")
	if err != nil {
		return err
	}
	described := document{
		"imsi": op.IMSI, "msisdn": text(op.MSISDN), "profile": op.Profile,
		"maxBrUl": up, "maxBrDl": down, "filters": words(op.Attributes["filters"]),
	}
	const path, resource = "/nudr-dr/v2/policy-data/ues/imsi-", "/sm-data"
	return p.apply(ctx, plan(&op, path+op.IMSI+resource, described, "status", "ACTIVE", "SUSPENDED"))
}

// rate is an attribute in kilobits a second as a BitRate (TS 29.571, 5.5.2), nil if it is not given.
func (e *element) rate(op *provisioning.Operation, name string) (any, error) {
	value := op.Attributes[name]
	if value == "" {
		return nil, nil //nolint:nilnil // a member that is not there is nil in a document
	}
	kbps, err := strconv.ParseUint(value, 10, 32)
	if err != nil || kbps == 0 {
		return nil, e.invalid("%s is %q: whole kilobits a second, from 1 to 4294967295; correct the specification", name, value)
	}
	return strconv.FormatUint(kbps, 10) + " Kbps", nil
}

// checkAll is check, and that the operation has nothing that the element would not see.
func (e *element) checkAll(op *provisioning.Operation, attributes ...string) error {
	if err := e.check(op); err != nil {
		return err
	}
	if !known(op.Kind) {
		return e.invalid("operation %q is unknown", op.Kind)
	}
	for _, name := range slices.Sorted(maps.Keys(op.Attributes)) {
		if !slices.Contains(attributes, name) {
			return e.invalid("attribute %s is unknown; it takes %s: correct the specification", name, strings.Join(attributes, ", "))
		}
	}
	describes := op.Kind == provisioning.OperationCreate || op.Kind == provisioning.OperationModify
	if describes && op.Profile == "" {
		return e.invalid("%s needs a profile: give the specification one", op.Kind)
	}
	return nil
}

// words splits a list at its commas; an empty one is none. The type is what JSON decodes to.
func words(list string) any {
	var found []any
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word != "" {
			found = append(found, word)
		}
	}
	if found == nil {
		return nil
	}
	return found
}
