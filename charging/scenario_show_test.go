package charging_test

import (
	"fmt"
	"strings"

	"gyro/balance"
	"gyro/charging"
	"gyro/charging/usage"
	"gyro/internal/money"
	"gyro/rating"
)

// resultNames are the results as scripts show them.
var resultNames = map[charging.Result]string{
	charging.Success: "success", charging.UnknownSession: "unknown session (5002)", charging.UserUnknown: "user unknown (5030)",
	charging.NoIdentity: "nobody named", charging.Contradiction: "contradiction (5012)", charging.RatingFailed: "no tariff (5031)",
	charging.CreditLimitReached: "credit limit reached (4012)", charging.ServiceDenied: "denied (4010)",
	charging.NotApplicable: "free (4011)", charging.InvalidValue: "invalid value (5004)", charging.SessionExists: "session exists",
	charging.TooManyGroups: "too many rating groups", charging.AccountUnknown: "account unknown", charging.IdentityTaken: "identity taken",
	charging.CurrencyMismatch: "currency mismatch", charging.OfferUnknown: "offer unknown", charging.AccountBusy: "account busy",
	charging.AccountNotEmpty: "account not empty", charging.Overflow: "overflow", charging.CatalogInvalid: "catalogue invalid",
	charging.InsufficientBalance: "insufficient balance", charging.SubscriberBusy: "subscriber busy", charging.Invalid: "invalid",
	charging.VoucherUnknown: "voucher unknown", charging.VoucherUsed: "voucher used", charging.VoucherExpired: "voucher expired",
	charging.VoucherBlocked: "voucher blocked", charging.GuessesLocked: "locked", charging.TransferRefused: "transfer refused",
	charging.LoanRefused: "loan refused", charging.ApprovalNeeded: "approval needed", charging.VoucherUnsuitable: "voucher unsuitable",
	charging.SettlementRefused: "settlement refused",
}

func resultName(r charging.Result) string {
	if name, ok := resultNames[r]; ok {
		return name
	}
	return fmt.Sprintf("result %d", r)
}

// describe shows the answer to a credit-control request.
func (s *script) describe(o *outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d: %s", o.Type, o.Number, resultName(o.Result))
	if o.Currency != 0 && (o.Amount != 0 || o.Action == charging.PriceEnquiry) {
		fmt.Fprintf(&b, ", %s %s", money.Amount(o.Amount), money.Currency(o.Currency))
	}
	switch o.CheckBalance {
	case 1:
		b.WriteString(", enough credit")
	case 2:
		b.WriteString(", no credit")
	}
	if o.HasRemaining {
		fmt.Fprintf(&b, ", remaining %s %s", money.Amount(o.Remaining), money.Currency(o.Currency))
	}
	switch o.LowBalance {
	case 1:
		b.WriteString(", balance not low")
	case 2:
		b.WriteString(", balance low")
	}
	b.WriteString(replayed(o) + "\n")
	for k := range o.Services {
		b.WriteString("  " + describeService(&o.Services[k]) + "\n")
	}
	return b.String()
}

func describeService(so *charging.ServiceOutcome) string {
	var b strings.Builder
	if so.Flags&charging.OutcomeRatingGroup != 0 {
		fmt.Fprintf(&b, "rg=%d ", so.RatingGroup)
	}
	if so.Flags&charging.OutcomeServiceID != 0 {
		fmt.Fprintf(&b, "service-id=%d ", so.ServiceID)
	}
	if so.Flags&charging.OutcomeBare != 0 {
		b.WriteString("bare ")
	}
	b.WriteString(resultName(so.Result))
	if so.Flags&charging.Grants != 0 {
		fmt.Fprintf(&b, ", granted %s", quantity(int64(so.Granted), grantDenomination[so.Unit]))
	}
	for _, part := range [...]struct {
		name  string
		value uint32
	}{{"validity", so.Validity}, {"threshold", so.Threshold}, {"holding", so.Holding}} {
		if part.value != 0 {
			fmt.Fprintf(&b, ", %s %d", part.name, part.value)
		}
	}
	if so.TariffChange != 0 {
		fmt.Fprintf(&b, ", tariff change at %s", so.TariffChange)
	}
	for _, trigger := range [...]struct {
		bit  charging.Triggers
		name string
	}{{charging.TriggerRAT, "rat"}, {charging.TriggerServing, "serving"}, {charging.TriggerQoS, "qos"}} {
		if so.Triggers&trigger.bit != 0 {
			b.WriteString(", reports change of " + trigger.name)
		}
	}
	return b.String() + describeFinal(so)
}

// describeFinal shows what follows the last quota, with all that the answer
// needs to say of it.
func describeFinal(so *charging.ServiceOutcome) string {
	final := so.Final
	switch {
	case so.FinalUnit == charging.NoFinalUnit:
		return ""
	case so.FinalUnit == charging.Terminate:
		return ", final unit: terminate"
	case so.FinalUnit == charging.Redirect && final.Action == rating.Redirect:
		text := fmt.Sprintf(", final unit: redirect to %s %s", redirectTypes[final.RedirectType], final.RedirectAddress)
		return text + describeFilters(final)
	case so.FinalUnit == charging.Restrict && final.Action == rating.Restrict:
		return ", final unit: restrict" + describeFilters(final)
	}
	return fmt.Sprintf(", final unit %d of %+v", so.FinalUnit, final)
}

var redirectTypes = [...]string{"ipv4", "ipv6", "url", "sip"}

func describeFilters(final *rating.FinalUnit) (text string) {
	for _, rule := range final.FilterRules {
		text += fmt.Sprintf(", rule %q", rule)
	}
	for _, id := range final.FilterIDs {
		text += fmt.Sprintf(", filter %q", id)
	}
	return text
}

var grantDenomination = map[charging.GrantUnit]balance.Denomination{
	charging.GrantOctets: balance.Octets, charging.GrantSeconds: balance.Seconds, charging.GrantEvents: balance.Events,
}

// quantity shows an amount in its denomination.
func quantity(n int64, d balance.Denomination) string {
	switch {
	case d.IsMoney():
		return money.Amount(n).String() + " " + d.String()
	case d == balance.Seconds:
		return fmt.Sprintf("%ds", n)
	case d == balance.Events:
		return fmt.Sprint(n)
	}
	for _, f := range suffixes[4:7] {
		if n != 0 && n%int64(f.factor) == 0 {
			return fmt.Sprintf("%d%s", n/int64(f.factor), f.suffix)
		}
	}
	return fmt.Sprintf("%dB", n)
}

func (s *script) balance() string {
	view, ok := s.state.Account(s.text("account", ""))
	if !ok {
		return "account unknown\n"
	}
	return describeAccount(&view)
}

func describeAccount(v *charging.AccountView) string {
	var b strings.Builder
	for _, k := range v.Buckets {
		name := k.Allowance
		switch {
		case k.Main:
			name = "main"
		case name == "":
			name = "bonus"
		}
		fmt.Fprintf(&b, "%s: %s", name, quantity(k.Remaining, k.Denomination))
		if k.Reserved != 0 {
			fmt.Fprintf(&b, ", reserved %s", quantity(k.Reserved, k.Denomination))
		}
		if k.Until != 0 {
			fmt.Fprintf(&b, ", until %s", k.Until)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "available %s", v.Available)
	if v.Excess != 0 {
		fmt.Fprintf(&b, ", owes %s for excess", v.Excess)
	}
	b.WriteString(debts(v))
	if len(v.OpenSessions) > 0 {
		fmt.Fprintf(&b, ", open: %s", strings.Join(v.OpenSessions, " "))
	}
	return b.String() + "\n"
}

// balances shows every account, to be compared.
func (s *script) balances() string {
	var b strings.Builder
	for _, view := range s.state.Sessions(0, 1000) {
		fmt.Fprintf(&b, "%+v\n", view.Groups)
	}
	fmt.Fprintf(&b, "%+v", s.state.Stats().Totals)
	return b.String()
}

func (s *script) sessions() string {
	var b strings.Builder
	for _, v := range s.state.Sessions(0, 1000) {
		fmt.Fprintf(&b, "%s%s of %s by %s, last request %d, until %s\n", v.SessionID, subSession(v.SubSession), v.Account, v.Subscriber, v.LastRequest, v.Deadline)
		for _, g := range v.Groups {
			fmt.Fprintf(&b, "  %s granted %s, reserved %s", g.Service, quantity(int64(g.Granted), g.Unit), g.ReservedMoney)
			if g.ReservedUnits != 0 {
				fmt.Fprintf(&b, " and %s", quantity(g.ReservedUnits, g.Unit))
			}
			b.WriteString("\n")
		}
	}
	return orNone(&b)
}

func subSession(sub uint64) string {
	if sub == 0 {
		return ""
	}
	return fmt.Sprintf(" sub=%d", sub)
}

// showRecords shows what was written since it was last asked for.
func (s *script) showRecords() string {
	var b strings.Builder
	s.records(s.seen, func(r *usage.Record) {
		s.describeRecord(&b, r)
		s.seen = r.Sequence
	})
	return orNone(&b)
}

func (s *script) describeRecord(b *strings.Builder, r *usage.Record) {
	fmt.Fprintf(b, "#%d %s of %s, %s", r.Sequence, r.Kind, r.Account, r.Cause)
	if r.Kind.IsUsage() {
		fmt.Fprintf(b, ", %s %s", r.SessionID, s.state.Label(r.Service))
		fmt.Fprintf(b, " used %s", quantity(int64(r.Used), r.Unit))
		if r.Billed != r.Used {
			fmt.Fprintf(b, ", billed %s", quantity(int64(r.Billed), r.Unit))
		}
		if r.Rated != r.Billed {
			fmt.Fprintf(b, ", rated %s", quantity(int64(r.Rated), r.Unit))
		}
		fmt.Fprintf(b, ", charged %s", r.Charged)
		if r.Excess != 0 {
			fmt.Fprintf(b, ", excess %s", r.Excess)
		}
		fmt.Fprintf(b, ", %d requests, plan %d", r.Requests, r.Plan)
	}
	for _, flag := range [...]struct {
		flag usage.Flags
		name string
	}{{usage.Free, "free"}, {usage.Unrated, "unrated"}} {
		if r.Flags&flag.flag != 0 {
			b.WriteString(", " + flag.name)
		}
	}
	fmt.Fprintf(b, "%s, %s", operationWords(r)+s.lifeWords(r), r.Opened.Time().Format("15:04:05"))
	if r.Closed != r.Opened {
		fmt.Fprintf(b, "-%s", r.Closed.Time().Format("15:04:05"))
	}
	b.WriteString("\n")
	for _, p := range r.Postings {
		fmt.Fprintf(b, "  %s -> %s %s\n", s.ledgerName(p.From), s.ledgerName(p.To), quantity(p.Amount, p.Denomination))
	}
}

func (s *script) ledgerName(a balance.LedgerAccount) string {
	name := s.state.Label(a.Name)
	if a.Class == balance.CustomerBucket {
		if name == "" {
			name = "main"
		}
		return fmt.Sprintf("%s/%d", name, a.Bucket)
	}
	if name == "" {
		return a.Class.String()
	}
	return a.Class.String() + ":" + name
}

// orNone is what a command shows that lists things.
func orNone(b *strings.Builder) string {
	if b.Len() == 0 {
		return "none\n"
	}
	return b.String()
}
