package element

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
)

// An answer is what an element obeys of a Credit-Control-Answer.
type answer struct {
	sessionID  string
	result     uint32 // 0: the answer carries none
	originHost string
	ccType     uint32 // 0: not echoed
	ccNumber   uint32
	services   []serviceAnswer
	command    serviceAnswer // units at command level: RFC 8506 without MSCC
}

// A serviceAnswer is one Multiple-Services-Credit-Control of an answer.
type serviceAnswer struct {
	hasGroup  bool
	group     uint32
	result    uint32 // 0: the command's result holds
	grant     *grant // nil: no Granted-Service-Unit
	validity  time.Duration
	holding   time.Duration // Quota-Holding-Time
	final     finalAction
	threshold map[Unit]uint64
	// watchesAccess: Trigger asks for a report when the radio access changes.
	watchesAccess bool
}

// A grant is a Granted-Service-Unit.
type grant struct {
	units  map[Unit]uint64
	tariff time.Time // Tariff-Time-Change; zero: none
}

// finalAction is Final-Unit-Action + 1, so that the zero value means no Final-Unit-Indication.
type finalAction int32

const (
	notFinal finalAction = iota
	finalTerminate
	finalRedirect
	finalRestrict
)

func (a *answer) success() bool { return a.result/1000 == 2 }

// decodeMessage decodes a whole message with go-diameter. It panics on some wrongly typed AVPs inside a group (v4.1.0), and
// what a peer sends must not end the element, so that is an error here.
func decodeMessage(d *Dictionary, frame []byte) (m *diam.Message, err error) {
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("decode message: %v", r)
		}
	}()
	m, err = diam.ReadMessage(bytes.NewReader(frame), d.parser)
	if err != nil {
		return nil, fmt.Errorf("decode message: %w", err)
	}
	if m.DecodeErr != nil {
		return nil, fmt.Errorf("decode message: %w", m.DecodeErr)
	}
	return m, nil
}

// parseAnswer decodes a Credit-Control-Answer.
func parseAnswer(d *Dictionary, frame []byte) (*answer, error) {
	m, err := decodeMessage(d, frame)
	if err != nil {
		return nil, err
	}
	a := &answer{}
	for _, v := range m.AVP {
		if v.VendorID != 0 {
			continue
		}
		switch v.Code {
		case avp.SessionID:
			a.sessionID = textOf(v)
		case avp.ResultCode:
			a.result = uint32Of(v)
		case avp.OriginHost:
			a.originHost = textOf(v)
		case avp.CCRequestType:
			a.ccType = uint32Of(v)
		case avp.CCRequestNumber:
			a.ccNumber = uint32Of(v)
		case avp.MultipleServicesCreditControl:
			a.services = append(a.services, parseService(children(v)))
		}
	}
	a.command = parseService(m.AVP)
	if a.sessionID == "" {
		return nil, errors.New("answer without Session-Id")
	}
	return a, nil
}

func parseService(avps []*diam.AVP) serviceAnswer {
	s := serviceAnswer{threshold: map[Unit]uint64{}}
	for _, v := range avps {
		switch [2]uint32{v.VendorID, v.Code} {
		case [2]uint32{0, avp.RatingGroup}:
			s.hasGroup, s.group = true, uint32Of(v)
		case [2]uint32{0, avp.ResultCode}:
			s.result = uint32Of(v)
		case [2]uint32{0, avp.GrantedServiceUnit}:
			s.grant = parseGrant(children(v))
		case [2]uint32{0, avp.ValidityTime}:
			s.validity = time.Duration(uint32Of(v)) * time.Second
		case [2]uint32{0, avp.FinalUnitIndication}:
			s.final = parseFinal(children(v))
		case [2]uint32{vendor3GPP, avp.Trigger}:
			s.watchesAccess = parseTrigger(children(v))
		case [2]uint32{vendor3GPP, avp.QuotaHoldingTime}:
			s.holding = time.Duration(uint32Of(v)) * time.Second
		case [2]uint32{vendor3GPP, avp.VolumeQuotaThreshold}:
			s.threshold[Octets] = uint64(uint32Of(v))
		case [2]uint32{vendor3GPP, avp.TimeQuotaThreshold}:
			s.threshold[Seconds] = uint64(uint32Of(v))
		case [2]uint32{vendor3GPP, avp.UnitQuotaThreshold}:
			s.threshold[Events] = uint64(uint32Of(v))
		}
	}
	return s
}

// parseGrant reads the units of a grant. Granted input and output octets set no quota of their own: no known gateway
// enforces them.
func parseGrant(avps []*diam.AVP) *grant {
	g := &grant{units: map[Unit]uint64{}}
	for _, v := range avps {
		if v.VendorID != 0 {
			continue
		}
		switch v.Code {
		case avp.CCTotalOctets:
			g.units[Octets] = uint64Of(v)
		case avp.CCTime:
			g.units[Seconds] = uint64(uint32Of(v))
		case avp.CCServiceSpecificUnits:
			g.units[Events] = uint64Of(v)
		case avp.TariffTimeChange:
			if t, ok := v.Data.(datatype.Time); ok {
				g.tariff = time.Time(t)
			}
		}
	}
	return g
}

func parseFinal(avps []*diam.AVP) finalAction {
	for _, v := range avps {
		if v.VendorID == 0 && v.Code == avp.FinalUnitAction {
			return finalAction(uint32Of(v)) + 1
		}
	}
	return finalTerminate // the action is mandatory; a peer that leaves it out means the default, RFC 8506 s. 8.35
}

// leads reports whether the subscriber is led to a portal, or restricted to it, where it may buy credit.
func (f finalAction) leads() bool { return f == finalRedirect || f == finalRestrict }

// changeInRAT is the Trigger-Type of a changed radio access, TS 32.299 s. 7.2.237.
const changeInRAT = 4

func parseTrigger(avps []*diam.AVP) bool {
	for _, v := range avps {
		if v.VendorID == vendor3GPP && v.Code == avp.TriggerType && uint32Of(v) == changeInRAT {
			return true
		}
	}
	return false
}

func children(v *diam.AVP) []*diam.AVP {
	if g, ok := v.Data.(*diam.GroupedAVP); ok {
		return g.AVP
	}
	return nil
}

func uint32Of(v *diam.AVP) uint32 {
	switch n := v.Data.(type) {
	case datatype.Unsigned32:
		return uint32(n)
	case datatype.Enumerated:
		return uint32(n)
	case datatype.Integer32:
		return uint32(n)
	default:
		return 0
	}
}

func uint64Of(v *diam.AVP) uint64 {
	if n, ok := v.Data.(datatype.Unsigned64); ok {
		return uint64(n)
	}
	return 0
}

func textOf(v *diam.AVP) string {
	switch s := v.Data.(type) {
	case datatype.UTF8String:
		return string(s)
	case datatype.DiameterIdentity:
		return string(s)
	case datatype.OctetString:
		return string(s)
	default:
		return ""
	}
}
