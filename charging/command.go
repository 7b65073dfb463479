package charging

import (
	"gyro/internal/ident"
	"gyro/internal/instant"
	"gyro/rating"
)

// Kind is the type of a command. Its number is part of the journal's format.
type Kind uint8

// The commands.
const (
	KindCreditControl Kind = 1 // a Credit-Control-Request
	KindPutAccount    Kind = 2
	KindDeleteAccount Kind = 3
	KindTopUp         Kind = 4
	KindAdjust        Kind = 5
	KindPublish       Kind = 6  // a new version of a catalogue
	KindPeerRestart   Kind = 7  // a gateway's Origin-State-Id changed
	KindTick          Kind = 8  // time passed: supervision, retention
	KindConfigure     Kind = 9  // settings that decide outcomes
	KindSetSubscriber Kind = 10 // the state of a subscriber's life, its device
	KindSubscribe     Kind = 11 // to an offer
	KindUnsubscribe   Kind = 12
	KindVouchers      Kind = 13
	KindRedeem        Kind = 14
	KindTransfer      Kind = 15
	KindSessionLost   Kind = 16 // a gateway does not know one of its sessions any more
	KindLoan          Kind = 17
	KindSetLimits     Kind = 18 // what one subscriber may use of what an account shares
	KindSettle        Kind = 19 // what an account owes has been billed elsewhere
	KindAddSubscriber Kind = 20 // to an account, whose others are left alone

	KindRemoveSubscriber Kind = 21
	KindSetTerms         Kind = 22 // of an account, whose subscribers are left alone
)

// Client says what a gateway can do or wants to be told; the edge sets it from
// the peer's profile. It is no part of what makes a request a duplicate.
type Client uint8

// What a gateway can do or wants.
const (
	// SplitsTariffChange: it reports usage before and after a Tariff-Time-Change
	// apart (RFC 8506 section 8.20). For others Validity-Time ends at the switch.
	SplitsTariffChange Client = 1 << iota
	WantsRemaining            // Remaining-Balance (TS 32.299)
	WantsLowBalance           // Low-Balance-Indication (TS 32.299)
	WantsCost                 // Cost-Information in answers to terminations
)

// RequestType is CC-Request-Type (RFC 8506 section 8.3).
type RequestType uint8

// The request types.
const (
	Initial     RequestType = 1
	Update      RequestType = 2
	Termination RequestType = 3
	Event       RequestType = 4

	// RequestTypes is the size of a table by request type.
	RequestTypes = 5
)

// String is the type's name in metrics and records.
func (t RequestType) String() string {
	switch t {
	case Initial:
		return "initial"
	case Update:
		return "update"
	case Termination:
		return "termination"
	case Event:
		return "event"
	}
	return "unknown"
}

// RequestedAction is Requested-Action (RFC 8506 section 8.41), for events.
type RequestedAction uint8

// The requested actions.
const (
	DirectDebiting RequestedAction = 0
	RefundAccount  RequestedAction = 1
	CheckBalance   RequestedAction = 2
	PriceEnquiry   RequestedAction = 3
)

// Limits of one credit-control request. A request beyond them is answered
// with DIAMETER_AVP_OCCURS_TOO_MANY_TIMES or DIAMETER_INVALID_AVP_VALUE by the
// edge and never becomes a command.
const (
	// MaxServices is the most Multiple-Services-Credit-Control AVPs in one
	// request; gateways were seen to send up to a dozen rating groups.
	MaxServices = 32
	// MaxReports is the most Used-Service-Unit AVPs in one of them: before,
	// after and across a tariff change, and one for another unit.
	MaxReports = 4
	// MaxIdentities is the most Subscription-Id AVPs: one of each type.
	MaxIdentities = 5
	// MaxSessionID is the longest Session-Id in octets. RFC 6733 sets no
	// bound; the longest seen from gateways is below 160.
	MaxSessionID = 512
	// MaxName is the longest Origin-Host, Called-Station-Id and called party in
	// octets: the longest DiameterIdentity is a domain name (RFC 6733 section
	// 4.3.1), an APN has at most 100 octets (TS 23.003 section 9.1).
	MaxName = 255
	// MaxAlso is the most recipients of a message beyond the first.
	MaxAlso = 63
	// MaxUnits bounds every count of units on the wire. 2^60 octets are a
	// year at 290 Gbit/s; what is beyond is a fault, not usage.
	MaxUnits = 1 << 60
)

// UnitSet says which members of Units are present.
type UnitSet uint8

// The members of Units.
const (
	HasSeconds UnitSet = 1 << iota
	HasTotal
	HasInput
	HasOutput
	HasEvents
	HasMoney
	HasCurrency // beside HasMoney: the gateway says in which currency
)

// Units is a Requested-, Granted- or Used-Service-Unit: each count at most
// MaxUnits.
type Units struct {
	Seconds uint64 // CC-Time
	Total   uint64 // CC-Total-Octets
	Input   uint64 // CC-Input-Octets
	Output  uint64 // CC-Output-Octets
	Events  uint64 // CC-Service-Specific-Units
	Money   int64  // CC-Money in millionths, refunds only
	// Currency is the Currency-Code of Money; without one it is the account's.
	Currency uint16
	Has      UnitSet // the members that are present
}

// Report is one Used-Service-Unit.
type Report struct {
	Units
	// Reason is Reporting-Reason (TS 32.299 section 7.2.178) plus one; zero
	// is absent.
	Reason uint8
	// TariffChange is Tariff-Change-Usage (RFC 8506 section 8.27) plus one.
	TariffChange uint8
}

// Service is one Multiple-Services-Credit-Control of a request, or the
// request's own units where it has none.
type Service struct {
	Requested   Units // meaningful when Flags has Requests
	Reports     [MaxReports]Report
	RatingGroup uint32
	ServiceID   uint32
	Flags       ServiceFlags
	ReportCount uint8
	// Reason is the Reporting-Reason beside the reports, plus one.
	Reason uint8
}

// ServiceFlags tell what a Service carries.
type ServiceFlags uint8

// The service flags.
const (
	HasRatingGroup ServiceFlags = 1 << iota
	HasServiceID
	Requests // a Requested-Service-Unit is present: quota is wanted
	Bare     // not an MSCC: units at the level of the command
)

// Reporting reasons that decide something (TS 32.299 section 7.2.178).
const (
	ReasonHoldingTime  = 1 // QHT: the quota is given back
	ReasonFinal        = 2
	ReasonRatingChange = 6 // RATING_CONDITION_CHANGE
)

// CreditControl is a Credit-Control-Request as the core sees it: normalised,
// bounded and free of anything that only the wire cares about. The byte slices
// belong to whoever decoded it.
type CreditControl struct {
	SessionID  []byte
	OriginHost []byte   // the gateway
	APN        []byte   // Called-Station-Id, as sent
	Called     []byte   // called party or first recipient: E.164 digits without "+"
	Calling    []byte   // calling party, likewise
	Also       [][]byte // the other recipients of an event that are numbers
	Equipment  []byte   // User-Equipment-Info: the IMEI's digits without check digit
	Services   []Service
	Identities []ident.Identity // in the order of preference
	SubSession uint64           // CC-Sub-Session-Id
	Digest     uint64           // of the request's body; set by AppendCreditControl and by decoding
	EndToEnd   uint32
	Number     uint32     // CC-Request-Number
	Context    uint32     // the service context: 32251, 32260, 32270, 32274; 0 unknown
	Serving    ident.PLMN // the network that serves the subscriber, by the user's location; 0 unknown
	Type       RequestType
	Action     RequestedAction // events only
	Role       uint8           // Role-Of-Node
	RAT        uint8           // 3GPP-RAT-Type (TS 29.061) plus one; 0 unknown
	QCI        uint8           // QoS-Class-Identifier; 0 unknown
	// Recipients is how many recipients an event is for, at least 1; Called and
	// Also are those of them that are numbers.
	Recipients uint8
	Client     Client
}

// Result is the named outcome of a command or of one service in it. Refusals
// are results, never errors: an error is for the environment. Its number is
// part of the state's format.
type Result uint8

// The results. The edge maps them to Diameter Result-Codes and HTTP statuses.
const (
	Success             Result = 1
	UnknownSession      Result = 2  // update or termination of a session that is not open
	UserUnknown         Result = 3  // no subscriber has any of the identities
	NoIdentity          Result = 4  // the request names nobody
	Contradiction       Result = 5  // a known request number or key with another body
	RatingFailed        Result = 6  // no service or no tariff for the request
	CreditLimitReached  Result = 7  // nothing left to reserve or debit
	ServiceDenied       Result = 8  // the tariff denies the service
	NotApplicable       Result = 9  // the service is free and runs uncharged
	InvalidValue        Result = 10 // a value out of range
	SessionExists       Result = 11 // a second CCR-Initial for one session
	TooManyGroups       Result = 12 // more rating groups than a session may have
	AccountUnknown      Result = 13
	IdentityTaken       Result = 14 // an identity belongs to another account
	CurrencyMismatch    Result = 15
	OfferUnknown        Result = 16
	AccountBusy         Result = 17 // open sessions forbid it
	AccountNotEmpty     Result = 18 // a balance forbids it
	Overflow            Result = 19 // the sum leaves the range of an amount
	CatalogInvalid      Result = 20
	InsufficientBalance Result = 21 // an adjustment below what is free
	SubscriberBusy      Result = 22 // a subscriber with open sessions was to be removed
	Invalid             Result = 23 // a command that cannot be carried out as written

	// Of operations on a balance.
	VoucherUnknown    Result = 40 // no voucher has the code: a wrong guess
	VoucherUsed       Result = 41
	VoucherExpired    Result = 42
	VoucherBlocked    Result = 43 // with its batch, or the batch is not complete
	GuessesLocked     Result = 44 // too many wrong codes: nothing is redeemed until Outcome.Until
	TransferRefused   Result = 45 // a limit of transfers, or a debt of the sender, forbids it
	LoanRefused       Result = 46 // the account is not eligible
	ApprovalNeeded    Result = 47 // an adjustment above the threshold without a second person
	VoucherUnsuitable Result = 48 // the account cannot use what the voucher gives
	SettlementRefused Result = 49 // more than is owed, or of an account that owes nothing by its kind
)

// FinalUnitAction is Final-Unit-Action (RFC 8506 section 8.35) plus one; zero
// is "no Final-Unit-Indication".
type FinalUnitAction uint8

// The final-unit actions.
const (
	NoFinalUnit FinalUnitAction = 0
	Terminate   FinalUnitAction = 1
	Redirect    FinalUnitAction = 2 // to a portal
	Restrict    FinalUnitAction = 3 // RESTRICT_ACCESS: some destinations only
)

// Triggers are the changes that a gateway is to report at once because they
// may change the price (Trigger, TS 32.299): it sends an update with
// Reporting-Reason RATING_CONDITION_CHANGE.
type Triggers uint8

// The triggers.
const (
	TriggerRAT     Triggers = 1 << iota // radio access technology
	TriggerServing                      // serving network: SGSN, location
	TriggerQoS                          // quality of service

	allTriggers = TriggerRAT | TriggerServing | TriggerQoS
)

// FinalRef says where a catalogue has what to do after the last quota: in a
// service's quota policy or in an allowance that ran out.
type FinalRef struct {
	Publication uint32 // its number in the shard; zero is nowhere
	At          uint32 // the service or the allowance in its plan
	Allowance   bool
}

// ServiceOutcome answers one Service of a request.
type ServiceOutcome struct {
	Granted     uint64 // in the service's unit; meaningful when Flags has Grants
	RatingGroup uint32
	ServiceID   uint32
	Validity    uint32 // Validity-Time in seconds; zero is none
	Threshold   uint32 // quota threshold in units below the grant; zero is none
	Holding     uint32 // Quota-Holding-Time in seconds; zero is none
	// TariffChange is when the price changes while the grant lasts
	// (Tariff-Time-Change, RFC 8506 section 8.20); zero is never. The gateway
	// reports what was used before and after it apart.
	TariffChange instant.Instant
	// Final has the details of FinalUnit where it is Redirect or Restrict, and is
	// nil otherwise. It belongs to the catalogue; FinalAt is where.
	Final     *rating.FinalUnit
	FinalAt   FinalRef
	Triggers  Triggers
	Result    Result
	Flags     OutcomeFlags
	Unit      GrantUnit
	FinalUnit FinalUnitAction
}

// OutcomeFlags tell what a ServiceOutcome carries; the first two mirror
// ServiceFlags.
type OutcomeFlags uint8

// The outcome flags.
const (
	OutcomeRatingGroup OutcomeFlags = 1 << iota
	OutcomeServiceID
	Grants      // a Granted-Service-Unit is present
	OutcomeBare // answered at the level of the command
)

// GrantUnit is the member of Granted-Service-Unit that a grant fills.
type GrantUnit uint8

// The grant units, numbered as rating.Unit.
const (
	GrantOctets  GrantUnit = 0
	GrantSeconds GrantUnit = 1
	GrantEvents  GrantUnit = 2

	// GrantUnits is the size of a table by grant unit.
	GrantUnits = 3
)

// String is the unit's name in metrics.
func (u GrantUnit) String() string { return rating.Unit(u).String() }

// Outcome is what a command came to. For a credit-control request it is all
// that the answer says; a duplicate yields the same Outcome again.
type Outcome struct {
	Services []ServiceOutcome
	// Detail explains a refused command of the API in words.
	Detail string
	// Until is when a refusal by a limit ends; zero says nothing. Like Detail
	// it is not stored for duplicates.
	Until instant.Instant
	// Record is the sequence number of the record that a balance command
	// wrote, the version that a publication made, how many vouchers a batch
	// has, or 1 where a subscriber was added or removed, or
	// terms changed.
	Record uint64
	// Amount is the price of an event, what a session charged in the answer to
	// its termination where WantsCost, or the balance after a balance command,
	// in millionths of the currency.
	Amount int64
	// Remaining is the money that the account can still spend, without what is
	// reserved; meaningful when HasRemaining (Remaining-Balance, TS 32.299).
	Remaining int64
	Number    uint32 // CC-Request-Number
	Currency  uint16 // ISO 4217 numeric; zero when Amount says nothing
	Type      RequestType
	Action    RequestedAction
	Result    Result
	// CheckBalance answers CHECK_BALANCE: Check-Balance-Result plus one.
	CheckBalance uint8
	// LowBalance is Low-Balance-Indication (TS 32.299) plus one: 1 not
	// applicable, 2 yes; 0 says nothing.
	LowBalance   uint8
	HasRemaining bool
	// Replayed tells that the request was a duplicate and the outcome is the
	// stored one. It is not part of the answer.
	Replayed bool
}
