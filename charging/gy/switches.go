package gy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gyro/charging/diameter"
)

// Derive returns a profile like p with another name and some switches set otherwise: by the names in
// docs/operations/gy-profiles.md, to the words there.
func (p Profile) Derive(name string, values map[string]string) (Profile, error) {
	p.Name = name
	for _, key := range slices.Sorted(maps.Keys(values)) {
		set, ok := switches[key]
		if !ok {
			return Profile{}, fmt.Errorf("there is no switch %q; the switches are %s",
				key, strings.Join(slices.Sorted(maps.Keys(switches)), ", "))
		}
		if err := set(&p, values[key]); err != nil {
			return Profile{}, fmt.Errorf("%s: %w", key, err)
		}
	}
	if err := p.Validate(); err != nil {
		return Profile{}, err
	}
	return p, nil
}

// switches are what can be set in a profile, by name.
var switches = map[string]func(*Profile, string) error{
	"refuse_missing":       truth(func(p *Profile) *bool { return &p.RefuseMissing }),
	"refuse_repeated":      truth(func(p *Profile) *bool { return &p.RefuseRepeated }),
	"refuse_not_allowed":   truth(func(p *Profile) *bool { return &p.RefuseNotAllowed }),
	"refuse_contradicting": truth(func(p *Profile) *bool { return &p.RefuseContradicting }),
	"refuse_invalid":       truth(func(p *Profile) *bool { return &p.RefuseInvalid }),
	"cost_information":     truth(func(p *Profile) *bool { return &p.CostInformation }),
	"refund_information":   truth(func(p *Profile) *bool { return &p.RefundInformation }),
	"remaining_balance":    truth(func(p *Profile) *bool { return &p.Remaining }),
	"low_balance":          truth(func(p *Profile) *bool { return &p.LowBalance }),
	"tariff_change":        truth(func(p *Profile) *bool { return &p.TariffChange }),
	"triggers":             truth(func(p *Profile) *bool { return &p.Triggers }),
	"no_identity": word(func(p *Profile) *diameter.Result { return &p.NoIdentity }, map[string]diameter.Result{
		"5005": diameter.ResultMissingAVP, "5031": diameter.ResultRatingFailed,
	}),
	"avp_flags": word(func(p *Profile) *diameter.FlagCheck { return &p.Flags }, map[string]diameter.FlagCheck{
		"standard": diameter.FlagsStandard, "tolerant": diameter.FlagsTolerant, "strict": diameter.FlagsStrict,
	}),
	"session_failover": word(func(p *Profile) *SessionFailover { return &p.SessionFailover }, map[string]SessionFailover{
		"none": FailoverAbsent, "not_supported": FailoverNotSupported, "supported": FailoverSupported,
	}),
	"failure_handling": word(func(p *Profile) *FailureHandling { return &p.FailureHandling }, map[string]FailureHandling{
		"none": FailureHandlingAbsent, "terminate": FailureTerminate, "continue": FailureContinue,
		"retry_and_terminate": FailureRetryAndTerminate,
	}),
	"direct_debiting_failure": word(func(p *Profile) *DirectDebitingFailureHandling { return &p.DirectDebiting },
		map[string]DirectDebitingFailureHandling{
			"none": DirectDebitingAbsent, "terminate_or_buffer": DirectDebitingTerminateOrBuffer,
			"continue": DirectDebitingContinue,
		}),
	"final_unit": word(func(p *Profile) *FinalUnits { return &p.FinalUnits }, map[string]FinalUnits{
		"any": FinalUnitsAny, "terminate": FinalUnitsTerminate,
	}),
	"reauthorise":        word(func(p *Profile) *Notification { return &p.Reauthorise }, notificationWords),
	"abort":              word(func(p *Profile) *Notification { return &p.Abort }, notificationWords),
	"currency":           count(func(p *Profile) *uint16 { return &p.Currency }, maxCurrency),
	"notices_per_second": count(func(p *Profile) *uint16 { return &p.NoticesPerSecond }, maxNoticesPerSecond),
}

// notificationWords are the words for the requests that a peer understands.
var notificationWords = map[string]Notification{"rar": NotifyReAuth, "abort": NotifyAbort, "none": NotifyNone}

// maxNoticesPerSecond is a notice a millisecond, the finest pace.
const maxNoticesPerSecond = 1000

func truth(field func(*Profile) *bool) func(*Profile, string) error {
	return word(field, map[string]bool{"true": true, "false": false})
}

func word[T any](field func(*Profile) *T, words map[string]T) func(*Profile, string) error {
	return func(p *Profile, value string) error {
		v, ok := words[value]
		if !ok {
			return fmt.Errorf("%q is not one of %s", value, strings.Join(slices.Sorted(maps.Keys(words)), ", "))
		}
		*field(p) = v
		return nil
	}
}

func count(field func(*Profile) *uint16, most uint64) func(*Profile, string) error {
	return func(p *Profile, value string) error {
		v, err := strconv.ParseUint(value, 10, 16)
		if err != nil || v > most {
			return fmt.Errorf("%q is no number from 0 to %d", value, most)
		}
		*field(p) = uint16(v)
		return nil
	}
}
