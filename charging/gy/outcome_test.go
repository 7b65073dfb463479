package gy

import (
	"strings"
	"testing"
	"time"

	"gyro/charging"
	"gyro/internal/instant"
	"gyro/rating"
)

// readOutcome reads what testdata/gy/README.md says of outcomes.
func readOutcome(t testing.TB, text string) charging.Outcome {
	t.Helper()
	o := charging.Outcome{Result: charging.Success}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if fields[0] == "service" {
			o.Services = append(o.Services, readService(t, fields[1:]))
			continue
		}
		for _, f := range fields {
			name, value, _ := strings.Cut(f, "=")
			switch name {
			case "result":
				o.Result = resultNamed(t, value)
			case "amount":
				o.Amount = number[int64](t, value)
			case "currency":
				o.Currency = uint16(number[uint32](t, value))
			case "check":
				o.CheckBalance = uint8(number[uint32](t, value)) + 1
			case "remaining":
				o.Remaining, o.HasRemaining = number[int64](t, value), true
			case "low-balance":
				o.LowBalance = uint8(number[uint32](t, value)) + 1
			default:
				t.Fatalf("outcome: no field %q", name)
			}
		}
	}
	return o
}

func readService(t testing.TB, fields []string) charging.ServiceOutcome {
	t.Helper()
	s := charging.ServiceOutcome{Result: charging.Success}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "bare":
			s.Flags |= charging.OutcomeBare
		case "rg":
			s.RatingGroup, s.Flags = number[uint32](t, value), s.Flags|charging.OutcomeRatingGroup
		case "id":
			s.ServiceID, s.Flags = number[uint32](t, value), s.Flags|charging.OutcomeServiceID
		case "result":
			s.Result = resultNamed(t, value)
		case "granted":
			s.Granted, s.Flags = number[uint64](t, value), s.Flags|charging.Grants
		case "unit":
			s.Unit = map[string]charging.GrantUnit{
				"octets": charging.GrantOctets, "seconds": charging.GrantSeconds, "events": charging.GrantEvents,
			}[value]
		case "validity":
			s.Validity = number[uint32](t, value)
		case "threshold":
			s.Threshold = number[uint32](t, value)
		case "holding":
			s.Holding = number[uint32](t, value)
		case "final":
			s.FinalUnit = charging.Terminate
			if value != "" {
				s.Final = readFinalUnit(t, value)
				s.FinalUnit = charging.FinalUnitAction(s.Final.Action)
			}
		case "rule": // underscores for blanks
			s.Final.FilterRules = append(s.Final.FilterRules, strings.ReplaceAll(value, "_", " "))
		case "list":
			s.Final.FilterIDs = append(s.Final.FilterIDs, value)
		case "tariff-change":
			at, err := time.Parse(time.RFC3339, value)
			if err != nil {
				t.Fatal(err)
			}
			s.TariffChange = instant.Of(at)
		case "triggers":
			for name := range strings.SplitSeq(value, ",") {
				s.Triggers |= map[string]charging.Triggers{
					"rat": charging.TriggerRAT, "serving": charging.TriggerServing, "qos": charging.TriggerQoS,
				}[name]
			}
		default:
			t.Fatalf("service: no field %q", name)
		}
	}
	return s
}

// readFinalUnit reads "restrict", or "redirect,", the number of the address's type, "," and the address.
func readFinalUnit(t testing.TB, value string) *rating.FinalUnit {
	t.Helper()
	parts := strings.SplitN(value, ",", 3)
	if parts[0] == "restrict" {
		return &rating.FinalUnit{Action: rating.Restrict}
	}
	return &rating.FinalUnit{
		Action: rating.Redirect, RedirectType: uint8(number[uint32](t, parts[1])), RedirectAddress: parts[2],
	}
}

// resultNames are the results that a credit-control request can come to.
var resultNames = map[string]charging.Result{
	"success": charging.Success, "unknown-session": charging.UnknownSession, "user-unknown": charging.UserUnknown,
	"no-identity": charging.NoIdentity, "contradiction": charging.Contradiction, "rating-failed": charging.RatingFailed,
	"credit-limit": charging.CreditLimitReached, "denied": charging.ServiceDenied, "free": charging.NotApplicable,
	"invalid-value": charging.InvalidValue, "session-exists": charging.SessionExists, "too-many-groups": charging.TooManyGroups,
	"overflow": charging.Overflow,
}

func resultNamed(t testing.TB, name string) charging.Result {
	t.Helper()
	r, ok := resultNames[name]
	if !ok {
		t.Fatalf("no result %q", name)
	}
	return r
}
