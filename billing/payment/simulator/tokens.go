package simulator

import (
	"strings"

	"gyro/billing/payment/provider"
)

// fate is what becomes of a charge to a token.
type fate struct {
	code string // why it is declined; empty: it succeeds
	late bool   // it is pending first
	// silent charges are taken, never answered and never decided.
	silent bool
	// disputed ones succeed, and the payer objects later.
	disputed bool
}

// fates are decided by how a token begins; the first that fits.
var fates = []struct {
	prefix string
	fate   fate
}{
	{"tok_declined", fate{code: "card_declined"}},
	{"tok_insufficient", fate{code: "insufficient_funds"}},
	{"tok_late_declined", fate{code: "card_declined", late: true}},
	{"tok_late", fate{late: true}},
	{"tok_silent", fate{silent: true}},
	{"tok_disputed", fate{disputed: true}},
	{"tok_", fate{}},
	{"mnd_revoked", fate{code: "mandate_revoked"}},
	{"mnd_insufficient", fate{code: "insufficient_funds", late: true}},
	{"mnd_disputed", fate{late: true, disputed: true}},
	{"mnd_", fate{late: true}}, // a direct debit is decided by the payer's bank, days later
}

func fateOf(token string) fate {
	for _, f := range fates {
		if strings.HasPrefix(token, f.prefix) {
			return f.fate
		}
	}
	return fate{code: "token_unknown"}
}

// decided is the state that a fate ends in.
func (f fate) decided() provider.State {
	if f.code != "" {
		return provider.Declined
	}
	return provider.Succeeded
}
