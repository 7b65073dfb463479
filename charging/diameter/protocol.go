package diameter

import "strconv"

// Applications (RFC 6733 section 2.4, RFC 8506 section 1.3).
const (
	AppBase          uint32 = 0
	AppCreditControl uint32 = 4
	AppRelay         uint32 = 0xffffffff
)

// Commands (RFC 6733 section 3.1, RFC 8506 section 3). A request and its answer share the code.
const (
	CmdCapabilitiesExchange uint32 = 257
	CmdReAuth               uint32 = 258
	CmdCreditControl        uint32 = 272
	CmdAbortSession         uint32 = 274
	CmdDeviceWatchdog       uint32 = 280
	CmdDisconnectPeer       uint32 = 282
)

// Flags of a message (RFC 6733 section 3).
const (
	// FlagRequest is the R bit.
	FlagRequest = 0x80
	// FlagProxiable is the P bit: the message may be proxied, relayed or redirected.
	FlagProxiable = 0x40
	// FlagError is the E bit: the answer is a protocol error and follows the answer-message grammar.
	FlagError = 0x20
	// FlagRetransmitted is the T bit: the request may be a duplicate, sent again after a link failover.
	FlagRetransmitted = 0x10
)

// Causes in Disconnect-Cause (RFC 6733 section 5.4.3).
const (
	DisconnectRebooting       uint32 = 0
	DisconnectBusy            uint32 = 1
	DisconnectDoNotWantToTalk uint32 = 2
)

// Values of Inband-Security-Id (RFC 6733 section 6.10).
const (
	InbandSecurityNone uint32 = 0
	InbandSecurityTLS  uint32 = 1
)

// Result is a Result-Code (RFC 6733 section 7.1, RFC 8506 section 9).
type Result uint32

// The results that a credit-control server gives or reads.
const (
	ResultSuccess        Result = 2001
	ResultLimitedSuccess Result = 2002

	ResultCommandUnsupported     Result = 3001
	ResultUnableToDeliver        Result = 3002
	ResultRealmNotServed         Result = 3003
	ResultTooBusy                Result = 3004
	ResultLoopDetected           Result = 3005
	ResultRedirectIndication     Result = 3006
	ResultApplicationUnsupported Result = 3007
	ResultInvalidHeaderBits      Result = 3008
	ResultInvalidAVPBits         Result = 3009
	ResultUnknownPeer            Result = 3010

	ResultAuthenticationRejected     Result = 4001
	ResultOutOfSpace                 Result = 4002
	ResultEndUserServiceDenied       Result = 4010
	ResultCreditControlNotApplicable Result = 4011
	ResultCreditLimitReached         Result = 4012

	ResultAVPUnsupported        Result = 5001
	ResultUnknownSessionID      Result = 5002
	ResultAuthorizationRejected Result = 5003
	ResultInvalidAVPValue       Result = 5004
	ResultMissingAVP            Result = 5005
	ResultResourcesExceeded     Result = 5006
	ResultContradictingAVPs     Result = 5007
	ResultAVPNotAllowed         Result = 5008
	ResultAVPOccursTooManyTimes Result = 5009
	ResultNoCommonApplication   Result = 5010
	ResultUnsupportedVersion    Result = 5011
	ResultUnableToComply        Result = 5012
	ResultInvalidBitInHeader    Result = 5013
	ResultInvalidAVPLength      Result = 5014
	ResultInvalidMessageLength  Result = 5015
	ResultInvalidAVPBitCombo    Result = 5016
	ResultNoCommonSecurity      Result = 5017
	ResultUserUnknown           Result = 5030
	ResultRatingFailed          Result = 5031
)

// IsProtocolError reports whether the result is of the class 3xxx, whose answers carry the E bit and follow the
// answer-message grammar (RFC 6733 section 7.1.3).
func (r Result) IsProtocolError() bool { return r/1000 == 3 }

// IsSuccess reports whether the result is of the class 2xxx.
func (r Result) IsSuccess() bool { return r/1000 == 2 }

// String returns the number of the result.
func (r Result) String() string { return strconv.FormatUint(uint64(r), 10) }
