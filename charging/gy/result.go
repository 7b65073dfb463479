package gy

import (
	"gyro/charging"
	"gyro/charging/diameter"
)

// results are the Result-Codes of the core's results. Those that RFC 6733 and RFC 8506 have no code for are
// UNABLE_TO_COMPLY: a known request number with another body, a second first interrogation, and whatever only a
// command of the API can come to.
//
// The classes matter to clients: 4xxx leaves the session as it is, 5xxx ends it (RFC 8506 section 9).
var results = [...]diameter.Result{
	charging.Success:             diameter.ResultSuccess,
	charging.UnknownSession:      diameter.ResultUnknownSessionID,
	charging.UserUnknown:         diameter.ResultUserUnknown,
	charging.NoIdentity:          0, // by profile
	charging.Contradiction:       diameter.ResultUnableToComply,
	charging.RatingFailed:        diameter.ResultRatingFailed,
	charging.CreditLimitReached:  diameter.ResultCreditLimitReached,
	charging.ServiceDenied:       diameter.ResultEndUserServiceDenied,
	charging.NotApplicable:       diameter.ResultCreditControlNotApplicable,
	charging.InvalidValue:        diameter.ResultInvalidAVPValue,
	charging.SessionExists:       diameter.ResultUnableToComply,
	charging.TooManyGroups:       diameter.ResultUnableToComply, // no AVP of this request is one too many
	charging.AccountUnknown:      diameter.ResultUnableToComply,
	charging.IdentityTaken:       diameter.ResultUnableToComply,
	charging.CurrencyMismatch:    diameter.ResultUnableToComply,
	charging.OfferUnknown:        diameter.ResultUnableToComply,
	charging.AccountBusy:         diameter.ResultUnableToComply,
	charging.AccountNotEmpty:     diameter.ResultUnableToComply,
	charging.Overflow:            diameter.ResultUnableToComply,
	charging.CatalogInvalid:      diameter.ResultUnableToComply,
	charging.InsufficientBalance: diameter.ResultUnableToComply,
	charging.SubscriberBusy:      diameter.ResultUnableToComply,
	charging.Invalid:             diameter.ResultUnableToComply,
}

// resultCode returns the Result-Code for a result. One that is not known here is no success.
func (p *Profile) resultCode(r charging.Result) diameter.Result {
	switch {
	case r == charging.NoIdentity:
		return p.NoIdentity
	case r == 0 || int(r) >= len(results):
		return diameter.ResultUnableToComply
	}
	return results[r]
}

// commandResult returns the result of the command as a whole. A session's command succeeds even if all its services
// fail, each with a result of its own. Where the units are on the level of the command, their result is the command's;
// and an event fails if none of its services succeeds, because a client of one-time events looks no further.
func commandResult(request *charging.CreditControl, o *charging.Outcome) charging.Result {
	if o.Result != charging.Success || len(o.Services) == 0 {
		return o.Result
	}
	if request.Type != charging.Event && o.Services[0].Flags&charging.OutcomeBare == 0 {
		return o.Result
	}
	for i := range o.Services {
		if o.Services[i].Result == charging.Success {
			return charging.Success
		}
	}
	return o.Services[0].Result
}
