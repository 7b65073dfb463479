// Package rating prices usage. A catalogue, written in YAML, compiles into a
// Plan: flat, immutable and safe for any number of readers. A Plan recognises
// which service a credit-control request is for, which rule of the
// subscriber's offers applies at that moment, and what the units cost.
//
// The package is pure: it reads no clock, no file, no random number, and uses
// no floating point. The same source and the same time-zone table give the
// same prices on every machine and in every replay.
//
// The charge of a segment of a session is a function of the cumulative units
// of the segment; each debit is the difference with what was debited before.
// So a session reported in one piece or in a thousand costs the same.
package rating

// Limits of a catalogue. A catalogue enters the charging core in one journal
// entry and is compiled between two batches of charging requests, so both its
// size and the work to compile it are bounded.
const (
	// MaxSource is the largest catalogue in octets: a hundred times the size
	// of a national operator's, and still one journal entry.
	MaxSource = 4 << 20
	// MaxErrors is how many errors one compilation reports: a screenful.
	MaxErrors = 20
	// MaxNodes bounds the values that are read, aliases followed, so that a
	// few nested aliases cannot expand into billions of values.
	MaxNodes = 1 << 20
	// MaxName is the longest name of anything in a catalogue, in octets; it
	// fits a column of an invoice and a label of a metric.
	MaxName = 64
	// MaxServices and MaxOffers bound the table of offers by services, which
	// is dense (one word a cell) so that it is read in one step.
	MaxServices = 256
	MaxOffers   = 4096
	// MaxRecognition bounds the index that recognises services: the sum over
	// all rating groups of the services that could be meant.
	MaxRecognition = 1 << 16
	// MaxAttributes bounds each list by which a service is recognised.
	MaxAttributes = 1024
	// MaxAllowances bounds the allowances of a catalogue, and
	// MaxOfferAllowances those that one offer grants at activation.
	MaxAllowances      = 4096
	MaxOfferAllowances = 16
	// MaxRules bounds the rules of all offers together, and MaxServiceRules
	// those of one service in one offer, which are tried one after another.
	MaxRules        = 1 << 16
	MaxServiceRules = 256
	// MaxZones bounds the zones; a set of them is at most 16 words.
	MaxZones = 1023
	// MaxPrefixes bounds the prefixes and numbers of all zones: ten times the
	// international dialling codes down to area level.
	MaxPrefixes = 1 << 16
	// MaxNetworks bounds the networks of all zones: three times as many as there
	// are (ITU-T E.212 annex).
	MaxNetworks = 1 << 13
	// MaxCounters bounds the counters, which each subscriber and account has,
	// and MaxNotices the parts of a limit that are told.
	MaxCounters = 64
	MaxNotices  = 8
	// MaxDigits is the longest prefix or number (ITU-T E.164 section 6).
	MaxDigits = 15
	// MaxCalendars is the width of the word that says which are in force.
	MaxCalendars = 64
	// MaxPeriods bounds the periods of all calendars together. The day of
	// every combination of them that occurs is laid out in advance; this many
	// periods with dates chosen to combine badly take some tenths of a second.
	MaxPeriods = 128
	// MaxDates bounds the dates and ranges of dates, holidays included: forty
	// years of holidays listed one by one.
	MaxDates = 1024
	// MaxTiers bounds the steps of one price.
	MaxTiers = 16
	// MaxFilters bounds the rules and names of filters of one final unit, and
	// MaxFilterRule and MaxAddress their length in octets: a Credit-Control-
	// Answer with all of them stays below 8 KiB.
	MaxFilters    = 16
	MaxFilterRule = 255
	MaxAddress    = 255
	// MaxPromotions and MaxRelations bound the promotions of one offer, and the
	// offers that it requires or excludes.
	MaxPromotions = 32
	MaxRelations  = 64
	// MaxTests and MaxReports bound the tests inside a catalogue.
	MaxTests   = 4096
	MaxReports = 64
)
