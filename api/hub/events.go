package hub

import (
	"slices"
	"strings"
)

// resources are the names that events begin with, by the number of the API that they belong to.
var resources = map[int][]string{
	620: {"catalog", "category", "productOffering", "productOfferingPrice", "productSpecification"},
	622: {"productOrder", "cancelProductOrder"},
	629: {"customer"},
	632: {"individual", "organization"},
	635: {"usage", "usageSpecification"},
	637: {"product"},
	654: {"bucket", "accumulatedBalance", "topupBalance", "adjustBalance", "transferBalance", "reserveBalance"},
	666: {"billingAccount", "partyAccount", "settlementAccount", "financialAccount", "billFormat", "billingCycleSpecification"},
	676: {"payment", "refund"},
	678: {"customerBill", "appliedCustomerBillingRate", "customerBillOnDemand"},
}

// happenings are what the names of events end with.
var happenings = []string{
	"AttributeValueChangeEvent", "StateChangeEvent", "StatusChangeEvent", "CreateEvent", "DeleteEvent", "InformationRequiredEvent",
	"BatchEvent", "FailureEvent", "CancelEvent", "ChangeEvent", "ResolvedEvent",
}

// split takes the name of an event apart: customerStateChangeEvent is of the resource customer. API is 0 for what belongs to none.
func split(eventType string) (api int, resource string) {
	name := eventType
	if name != "" {
		name = strings.ToLower(name[:1]) + name[1:]
	}
	for _, happening := range happenings {
		resource, found := strings.CutSuffix(name, happening)
		if !found {
			continue
		}
		for number, names := range resources {
			if slices.Contains(names, resource) {
				return number, resource
			}
		}
	}
	return 0, ""
}
