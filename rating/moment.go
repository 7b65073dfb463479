package rating

import (
	"fmt"

	"gyro/internal/instant"
)

// moment reads a wall-clock time in the catalogue's time zone, or one with an
// offset, which alone can tell the two hours apart that a clock set back
// passes twice.
func (c *compiler) moment(f field) instant.Instant {
	text, ok := c.text(f)
	if !ok {
		return 0
	}
	at, ok := parseMoment(text, &c.plan.zone)
	if !ok {
		c.fail(f, quote(text)+" is no moment", `write "2026-11-23 10:00" or "2026-11-23T10:00:00+01:00"`)
	}
	return at
}

// formatMoment writes a moment as moment reads it: as a clock on the wall shows
// it in the zone, with the offset in force. It is empty for none.
func formatMoment(at instant.Instant, zone *instant.Zone) string {
	if at == 0 {
		return ""
	}
	civil := zone.CivilAt(at)
	seconds, east, sign := civil.MilliOfDay/instant.Second, zone.OffsetAt(at)/instant.Minute, "+"
	if east < 0 {
		east, sign = -east, "-"
	}
	text := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d", civil.Year, civil.Month, civil.Day, seconds/3600, seconds/60%60)
	if seconds%60 != 0 {
		text += fmt.Sprintf(":%02d", seconds%60)
	}
	return text + fmt.Sprintf("%s%02d:%02d", sign, east/60, east%60)
}

func parseMoment(text string, zone *instant.Zone) (instant.Instant, bool) {
	if len(text) <= len("2006-01-02") {
		return 0, false
	}
	d, ok := parseDate(text[:len("2006-01-02")])
	s := scanner{text: text[len("2006-01-02"):]}
	ok = ok && (s.literal(' ') || s.literal('T'))
	hour := s.number(2)
	ok = ok && s.literal(':')
	minute, second := s.number(2), 0
	if s.literal(':') {
		second = s.number(2)
	}
	if !ok || s.failed || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	ofDay := instant.Span(hour)*instant.Hour + instant.Span(minute)*instant.Minute + instant.Span(second)*instant.Second
	if s.text == "" {
		return zone.InstantOf(d.year, d.month, d.day, ofDay), true
	}
	east, ok := s.offset()
	return instant.Instant(d.number(0) * int64(instant.Day)).Add(ofDay - east), ok
}

// offset reads Z, +HH:MM or -HH:MM.
func (s *scanner) offset() (instant.Span, bool) {
	if s.literal('Z') {
		return 0, s.done()
	}
	sign := instant.Span(1)
	if !s.literal('+') {
		if !s.literal('-') {
			return 0, false
		}
		sign = -1
	}
	hour := s.number(2)
	colon := s.literal(':')
	minute := s.number(2)
	east := instant.Span(hour)*instant.Hour + instant.Span(minute)*instant.Minute
	return sign * east, colon && s.done() && hour < 24 && minute < 60
}
