package adapter

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gyro/provisioning"
)

// SubscriberData provisions an HSS. Attributes that it knows:
//
//	apns            access point names, separated by commas; the first is the default
//	ambr_uplink     aggregate maximum bit rates, such as 50 Mbps; both or none
//	ambr_downlink
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
	if err := s.checkAll(&op, "apns", "ambr_uplink", "ambr_downlink"); err != nil {
		return err
	}
	up, down := op.Attributes["ambr_uplink"], op.Attributes["ambr_downlink"]
	if (up == "") != (down == "") {
		return s.invalid("ambr_uplink %q and ambr_downlink %q: give both or none", up, down)
	}
	described := document{
		"imsi": op.IMSI, "msisdn": text(op.MSISDN), "profile": op.Profile, "authenticationPresent": true,
		"apns": words(op.Attributes["apns"]), "ambr": nil,
	}
	if up != "" {
		described["ambr"] = document{"uplink": up, "downlink": down}
	}
	const path = "/nudr-dr/v2/subscription-data/imsi-"
	return s.apply(ctx, plan(&op, path+op.IMSI, described, "subscriberStatus", "SERVICE_GRANTED", "OPERATOR_DETERMINED_BARRING"))
}

// Policy provisions a PCRF. Attributes that it knows:
//
//	uplink, downlink   the sessions' bandwidth, such as 50 Mbps
//	filters            names of rules, separated by commas, such as slow-lane
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
	if err := p.checkAll(&op, "uplink", "downlink", "filters"); err != nil {
		return err
	}
	described := document{
		"imsi": op.IMSI, "msisdn": text(op.MSISDN), "profile": op.Profile,
		"maxBrUl": text(op.Attributes["uplink"]), "maxBrDl": text(op.Attributes["downlink"]), "filters": words(op.Attributes["filters"]),
	}
	const path, resource = "/nudr-dr/v2/policy-data/ues/imsi-", "/sm-data"
	return p.apply(ctx, plan(&op, path+op.IMSI+resource, described, "status", "ACTIVE", "SUSPENDED"))
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
