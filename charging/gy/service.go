package gy

import (
	"gyro/charging"
	"gyro/charging/diameter"
)

const (
	// maxReason is the greatest Reporting-Reason (TS 32.299): UNUSED_QUOTA_TIMER.
	maxReason = 9
	// unitIndeterminate is the greatest Tariff-Change-Usage (RFC 8506 section 8.27), and the one that claims nothing.
	unitIndeterminate = 2
)

// readServices reads the units of the request: those of each Multiple-Services-Credit-Control or, if it has none,
// those on the level of the command. Multiple-Services-Indicator decides nothing, for Open5GS sends
// MULTIPLE_SERVICES_NOT_SUPPORTED with such an AVP.
func (r *reader) readServices() refusal {
	if !r.root.has(atService) {
		return r.readBare()
	}
	if r.root.has(atUsed) {
		// Used units in two places may be the same or different ones. Any reading of them charges somebody twice
		// or not at all, so no profile tolerates it.
		return contradicting(r.root.at(atUsed))
	}
	if r.root.has(atRequested) && r.profile.RefuseContradicting {
		return contradicting(r.root.at(atRequested))
	}
	_, end := r.m.Members(diameter.Root)
	for group := r.root.at(atService); group != diameter.Root; group = r.m.FindNext(group, end) {
		if f := r.readService(group); !f.ok() {
			return f
		}
	}
	return accepted
}

// addService returns the command's next service, empty.
func (r *reader) addService() *charging.Service {
	n := len(r.command.Services)
	r.command.Services = r.services[:n+1]
	s := &r.services[n]
	*s = charging.Service{}
	return s
}

// readService reads one Multiple-Services-Credit-Control (RFC 8506 section 8.16, extended by TS 32.299).
func (r *reader) readService(group int) refusal {
	if len(r.command.Services) == charging.MaxServices {
		return tooMany(group)
	}
	s := r.addService()
	requested := diameter.Root
	for i, end := r.m.Members(group); i < end; i = r.m.Next(i) {
		f := accepted
		switch r.m.At(i).Code {
		case diameter.AVPRatingGroup:
			f = r.once(i, s.Flags&charging.HasRatingGroup == 0)
			if s.Flags&charging.HasRatingGroup == 0 {
				s.RatingGroup, s.Flags = r.uint32(i), s.Flags|charging.HasRatingGroup
			}
		case diameter.AVPServiceIdentifier:
			// Several may share a quota (RFC 8506 section 5.1.2). The first stands for them, in the answer as well: to
			// repeat them all, they would have to be kept with the session for the answers to duplicates.
			if s.Flags&charging.HasServiceID == 0 {
				s.ServiceID, s.Flags = r.uint32(i), s.Flags|charging.HasServiceID
			}
		case diameter.AVPRequestedServiceUnit:
			f = r.once(i, requested == diameter.Root)
			if requested == diameter.Root {
				requested = i
			}
		case diameter.AVPUsedServiceUnit:
			f = r.readReport(i, s)
		case diameter.AVPReportingReason:
			f = r.readReason(i, &s.Reason)
		case diameter.AVPQoSInformation:
			r.readQoS(i)
		}
		if !f.ok() {
			return f
		}
	}
	if f := r.readRequested(requested, s); !f.ok() {
		return f
	}
	if r.profile.RefuseContradicting && r.named(s) {
		return contradicting(group)
	}
	return r.finish(group, s)
}

// once refuses AVP i where the profile does and it is not the first of its kind.
func (r *reader) once(i int, first bool) refusal {
	if !first && r.profile.RefuseRepeated {
		return tooMany(i)
	}
	return accepted
}

// named reports whether an earlier service has the rating group and service of s.
func (r *reader) named(s *charging.Service) bool {
	const names = charging.HasRatingGroup | charging.HasServiceID
	earlier := r.command.Services[:len(r.command.Services)-1]
	for i := range earlier {
		e := &earlier[i]
		if e.RatingGroup == s.RatingGroup && e.ServiceID == s.ServiceID && e.Flags&names == s.Flags&names {
			return true
		}
	}
	return false
}

// readBare reads the units of a request without Multiple-Services-Credit-Control. A session's request without any
// units has no service: a first interrogation that asks for no quota yet. An event is always for something.
func (r *reader) readBare() refusal {
	root := &r.root
	if !root.has(atRequested) && !root.has(atUsed) && r.command.Type != charging.Event {
		return accepted
	}
	s := r.addService()
	s.Flags = charging.Bare
	if root.has(atRatingGroup) {
		s.RatingGroup, s.Flags = r.uint32(root.at(atRatingGroup)), s.Flags|charging.HasRatingGroup
	}
	if root.has(atServiceID) {
		s.ServiceID, s.Flags = r.uint32(root.at(atServiceID)), s.Flags|charging.HasServiceID
	}
	_, end := r.m.Members(diameter.Root)
	for i := root.at(atUsed); i != diameter.Root; i = r.m.FindNext(i, end) {
		if f := r.readReport(i, s); !f.ok() {
			return f
		}
	}
	if f := r.readRequested(root.at(atRequested), s); !f.ok() {
		return f
	}
	return r.finish(diameter.Root, s)
}

// readRequested reads Requested-Service-Unit, which asks for quota even if it is empty.
func (r *reader) readRequested(group int, s *charging.Service) refusal {
	if group == diameter.Root {
		return accepted
	}
	s.Flags |= charging.Requests
	return r.readUnits(group, &s.Requested)
}

// readReport reads one Used-Service-Unit.
func (r *reader) readReport(group int, s *charging.Service) refusal {
	if s.ReportCount == charging.MaxReports {
		return tooMany(group)
	}
	report := &s.Reports[s.ReportCount]
	if f := r.readUnits(group, &report.Units); !f.ok() {
		return f
	}
	if at := r.m.FindIn(group, diameter.AVPReportingReason); at != diameter.Root {
		if f := r.readReason(at, &report.Reason); !f.ok() {
			return f
		}
	}
	if at := r.m.FindIn(group, diameter.AVPTariffChangeUsage); at != diameter.Root {
		usage := r.uint32(at)
		if usage > unitIndeterminate {
			if r.profile.RefuseInvalid {
				return invalid(at)
			}
			usage = unitIndeterminate
		}
		report.TariffChange = uint8(usage) + 1
	}
	s.ReportCount++
	return accepted
}

// readReason reads a Reporting-Reason. An MSCC may have several; FINAL, which closes the service, outweighs the
// others, which only explain.
func (r *reader) readReason(i int, reason *uint8) refusal {
	v := r.uint32(i)
	switch {
	case v > maxReason:
		if r.profile.RefuseInvalid {
			return invalid(i)
		}
	case *reason == 0 || v == charging.ReasonFinal:
		*reason = uint8(v) + 1
	}
	return accepted
}

// finish puts the units of an event into the form that the core expects.
func (r *reader) finish(group int, s *charging.Service) refusal {
	if r.command.Type != charging.Event {
		return accepted
	}
	return r.finishEvent(group, s)
}
