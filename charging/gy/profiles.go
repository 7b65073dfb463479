package gy

import "gyro/charging/diameter"

// Lenient returns the profile for gateways as they are, and the default. It tolerates whatever leaves the meaning of
// a request intact.
func Lenient() Profile {
	return Profile{
		Name:       "lenient",
		NoIdentity: diameter.ResultRatingFailed,
		// Session state is durable and duplicates are recognised after a restart, so a client may well move a
		// session to another connection or server, and needs to give no service away while it does.
		SessionFailover: FailoverSupported,
		FailureHandling: FailureRetryAndTerminate,
		DirectDebiting:  DirectDebitingTerminateOrBuffer,
		// Kamailio's charging module sends Event-Timestamp without the M bit.
		Flags:       diameter.FlagsTolerant,
		Triggers:    true,
		Reauthorise: NotifyReAuth,
		Abort:       NotifyAbort,
	}
}

// Strict returns the profile that holds a peer to RFC 8506, for acceptance tests and for peers known to conform.
func Strict() Profile {
	p := Lenient()
	p.Name = "strict"
	p.RefuseMissing = true
	p.RefuseRepeated = true
	p.RefuseNotAllowed = true
	p.RefuseContradicting = true
	p.RefuseInvalid = true
	p.Flags = diameter.FlagsStandard
	p.NoIdentity = diameter.ResultMissingAVP
	p.CostInformation = true
	p.TariffChange = true
	return p
}

// Open5GS returns the profile for the SMF of Open5GS. It answers a Re-Auth-Request and does nothing about it, and does
// not know Abort-Session-Request on Gy; any Final-Unit-Indication makes it release the session at the next report; it
// never reports a change of conditions by itself.
func Open5GS() Profile {
	p := Lenient()
	p.Name = "open5gs"
	p.Triggers = false
	p.FinalUnits = FinalUnitsTerminate
	p.Reauthorise = NotifyNone
	p.Abort = NotifyNone
	return p
}

// Kamailio returns the profile for the charging module of Kamailio's S-CSCF. It answers no request of the server's, and
// knows thresholds, Validity-Time and Final-Unit-Action TERMINATE.
func Kamailio() Profile {
	p := Lenient()
	p.Name = "kamailio"
	p.Triggers = false
	p.FinalUnits = FinalUnitsTerminate
	p.Reauthorise = NotifyNone
	p.Abort = NotifyNone
	return p
}

// StarOS returns the profile for packet gateways that run StarOS, which implement TS 32.299 in full.
func StarOS() Profile {
	p := Lenient()
	p.Name = "staros"
	p.TariffChange = true
	return p
}

// BuiltIn returns the built-in profiles, the default first.
func BuiltIn() []Profile { return []Profile{Lenient(), Strict(), Open5GS(), Kamailio(), StarOS()} }
