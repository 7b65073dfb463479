package ledger

import (
	"slices"
	"strings"
)

// Type is the kind of a general-ledger account.
type Type string

// The types of general-ledger accounts. Assets and expenses grow by debits, the
// others by credits.
const (
	Asset     Type = "asset"
	Liability Type = "liability"
	Equity    Type = "equity"
	Revenue   Type = "revenue"
	Expense   Type = "expense"
)

// The accounts that the program itself posts to. Finance may add others for
// revenue (PutAccount) and name them in prices (gl_code).
const (
	Bank             = "1100"
	Cash             = "1110"
	Receivables      = "1200" // the sum of the open receivables
	ProviderClearing = "1300" // what the payment provider took and has not paid out
	CustomerCredit   = "2100" // the sum of the open credits: overpayments, payments not yet allocated
	RefundsPayable   = "2200"
	PrepaidBalances  = "2400" // money of prepaid customers in the charging core, not yet used
	TaxPayable       = "2300" // tax of a region is TaxAccount(region), such as 2300.DE
	RevenueUsage     = "4100"
	RevenueRecurring = "4200"
	RevenueOneTime   = "4300"
	Discounts        = "4400"
	DunningFees      = "4500"
	Rounding         = "4900" // lines as charged less their exact amounts
	BadDebt          = "6100"
	PaymentLosses    = "6200" // charged back when nothing of the payment was left
	Goodwill         = "6300" // given to prepaid balances without a payment, less what was taken from them
)

// Account is one general-ledger account.
type Account struct {
	Code string `bun:"code,pk" json:"code"`
	Name string `bun:"name" json:"name"`
	Type Type   `bun:"type" json:"type"`
}

// Chart is the accounts that every set of books begins with, by code.
func Chart() []Account {
	return []Account{
		{Bank, "Bank", Asset},
		{Cash, "Cash", Asset},
		{Receivables, "Trade receivables", Asset},
		{ProviderClearing, "Payment provider clearing", Asset},
		{CustomerCredit, "Customer credit", Liability},
		{RefundsPayable, "Refunds payable", Liability},
		{TaxPayable, "Tax payable, no region", Liability},
		{PrepaidBalances, "Prepaid balances", Liability},
		{RevenueUsage, "Revenue: usage", Revenue},
		{RevenueRecurring, "Revenue: recurring", Revenue},
		{RevenueOneTime, "Revenue: one-time", Revenue},
		{Discounts, "Discounts granted", Revenue},
		{DunningFees, "Dunning fees", Revenue},
		{Rounding, "Rounding differences", Revenue},
		{BadDebt, "Bad debt", Expense},
		{PaymentLosses, "Payment losses", Expense},
		{Goodwill, "Goodwill and corrections", Expense},
	}
}

// TaxAccount is the code under which the tax of a region is owed: one account a
// region, made when the first tax of it is posted.
func TaxAccount(region string) string {
	if region == "" {
		return TaxPayable
	}
	return TaxPayable + "." + region
}

// taxRegion is the region of a tax account; ok is false for other accounts.
func taxRegion(code string) (region string, ok bool) {
	return strings.CutPrefix(code, TaxPayable+".")
}

// The kinds of invoice lines, as billing names them, and where their revenue
// goes when the price names no account.
var revenueOf = map[string]string{
	"usage": RevenueUsage, "recurring": RevenueRecurring, "one_time": RevenueOneTime,
	"discount": Discounts, "minimum": RevenueRecurring, "credit": RevenueOneTime,
}

// RevenueAccount is the account of a line of the given kind (usage, recurring,
// one_time, discount, minimum, credit): glCode if the price names one.
func RevenueAccount(kind, glCode string) string {
	if glCode != "" {
		return glCode
	}
	if code, ok := revenueOf[kind]; ok {
		return code
	}
	return RevenueOneTime
}

// ofCustomer are the accounts whose postings name a billing account always:
// they are what its open items sum up to.
var ofCustomer = []string{Receivables, CustomerCredit}

func namesCustomer(code string) bool { return slices.Contains(ofCustomer, code) }
