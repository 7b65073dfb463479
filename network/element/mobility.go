package element

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fiorix/go-diameter/v4/diam/datatype"
)

// homeNetwork is MCC and MNC of the network that serves subscribers at home: the test network of TS 23.003.
const homeNetwork = "00101"

// accessEUTRAN is the 3GPP-RAT-Type of 4G, TS 29.061 s. 16.4.7.2.
const accessEUTRAN = 6

// maxAccess is the largest 3GPP-RAT-Type: it is one octet.
const maxAccess = 255

// validateMobility reports radio accesses and networks that do not exist.
func (o *Options) validateMobility() (errs []error) {
	for _, access := range o.Access {
		if access < 0 || access > maxAccess {
			errs = append(errs, fmt.Errorf("access %d: a 3GPP-RAT-Type is between 0 and %d", access, maxAccess))
		}
	}
	for _, network := range o.Visited {
		if len(network) != 5 && len(network) != 6 || strings.Trim(network, "0123456789") != "" {
			errs = append(errs, fmt.Errorf("visited %q: want the three digits of an MCC and the two or three of an MNC", network))
		}
	}
	if o.RoamingPermille > 0 && len(o.Visited) == 0 {
		errs = append(errs, fmt.Errorf("roaming %d: name the networks in visited", o.RoamingPermille))
	}
	return errs
}

// place draws where the subscriber is and by which radio access it is served. It draws nothing where there is no choice, so that
// the traffic of a seed without it stays what it was.
func (s *session) place(o *Options) {
	s.facts.serving, s.facts.access = homeNetwork, o.Access[0]
	if o.RoamingPermille > 0 && s.rng.IntN(maxPermille) < o.RoamingPermille {
		s.facts.serving = o.Visited[s.rng.IntN(len(o.Visited))]
	}
}

// moves draws whether the radio access changed since the session's last turn.
func (s *session) moves(o *Options) bool {
	if o.AccessPermille == 0 || len(o.Access) < 2 || s.rng.IntN(maxPermille) >= o.AccessPermille {
		return false
	}
	at := slices.Index(o.Access, s.facts.access)
	s.facts.access = o.Access[(at+1+s.rng.IntN(len(o.Access)-1))%len(o.Access)]
	return true
}

// planMove reports the rating groups for which the server has armed the trigger of a changed radio access (TS 32.299
// s. 7.2.236); without any, the next request tells it by the way.
func (s *session) planMove(now time.Time, o *Options) (out []usage) {
	if !s.moves(o) {
		return nil
	}
	for _, v := range s.services {
		if v.state == serviceQuota && v.watchesAccess && !v.satisfied() {
			out = append(out, v.consume(now, s.rng, o, reasonRatingCondition))
		}
	}
	return out
}

// userLocation is 3GPP-User-Location-Info with TAI and ECGI, TS 29.061 s. 16.4.7.2 and TS 29.274 s. 8.21.
func userLocation(network string, cell uint32) datatype.OctetString {
	plmn := packed(network)
	out := append([]byte{130}, plmn...)
	out = append(out, 0, servingArea)
	out = append(out, plmn...)
	out = binary.BigEndian.AppendUint32(out, cell)
	return datatype.OctetString(out)
}

// packed writes MCC and MNC two digits an octet, TS 24.008 s. 10.5.1.3: the third digit of the MNC, or 15, is in the middle.
func packed(network string) []byte {
	digit := func(at int) byte {
		if at < len(network) {
			return network[at] - '0'
		}
		return 15
	}
	return []byte{digit(1)<<4 | digit(0), digit(5)<<4 | digit(2), digit(4)<<4 | digit(3)}
}

// wait has a service that was led to a portal ask for nothing for a while.
func (v *service) wait(now time.Time, patience time.Duration) {
	if patience > 0 {
		v.waits = now.Add(patience)
	}
}

// led reports whether the subscriber waits at a portal.
func (s *session) led(now time.Time) bool {
	return slices.ContainsFunc(s.services, func(v *service) bool { return v.alive() && now.Before(v.waits) })
}

// waiting reports whether the session has nothing to say before a service's patience ends or the server asks.
func (s *session) waiting(now time.Time) bool {
	if s.reauth || s.state != sessionOpen || s.mustTerminate() {
		return false
	}
	for _, v := range s.services {
		if !v.satisfied() && !now.Before(v.waits) {
			return false
		}
	}
	return !s.pickup()
}
