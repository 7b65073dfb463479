package element

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/fiorix/go-diameter/v4/diam/dict"
)

const (
	// maxDepth bounds the nesting of groups; 3GPP's deepest have 7 levels.
	maxDepth = 32
	// maxDecodeInput bounds what is read for decoding: a capture of some ten thousand messages.
	maxDecodeInput = 64 << 20
)

// A DecodeError says what is wrong in a message and where.
type DecodeError struct {
	Offset int // of the byte from the start of the input
	Reason string
}

func (e *DecodeError) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Reason) }

// Decode writes the Diameter messages in data, one after the other, as indented trees for people: names, flags, vendors,
// lengths and values; AVPs that are not in the dictionary in hexadecimal. It walks the bytes itself and takes names and types
// alone from the dictionary, because go-diameter's decoder panics on some malformed groups.
//
// The first fault is returned as a *DecodeError after all that could be decoded was written: a fault in a value or inside a
// group is marked in the tree and decoding goes on behind it; a message whose length is wrong ends it. Other errors are those
// of w.
func (d *Dictionary) Decode(w io.Writer, data []byte) error {
	dec := &decoder{dict: d, w: w, data: data}
	for offset := 0; offset < len(data); {
		if offset > 0 {
			dec.printf(0, "")
		}
		next, ok := dec.message(offset)
		if !ok {
			break
		}
		offset = next
	}
	if dec.writeErr != nil {
		return dec.writeErr
	}
	if dec.fault != nil {
		return dec.fault
	}
	return nil
}

type decoder struct {
	dict     *Dictionary
	w        io.Writer
	data     []byte
	app      uint32
	fault    *DecodeError
	writeErr error
}

func (d *decoder) printf(depth int, format string, args ...any) {
	if d.writeErr == nil {
		_, d.writeErr = fmt.Fprintf(d.w, strings.Repeat("  ", depth)+format+"\n", args...)
	}
}

// fail marks a fault in the tree and keeps the first.
func (d *decoder) fail(depth, offset int, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	if d.fault == nil {
		d.fault = &DecodeError{Offset: offset, Reason: reason}
	}
	d.printf(depth, "!! byte %d: %s", offset, reason)
}

// message decodes one message and returns where the next begins; false if that cannot be known.
func (d *decoder) message(offset int) (int, bool) {
	rest := d.data[offset:]
	if len(rest) < diam.HeaderLength {
		d.fail(0, offset, "%d bytes are too few for a Diameter header of 20: %x", len(rest), rest)
		return 0, false
	}
	if rest[0] != 1 {
		d.fail(0, offset, "version %d, want 1", rest[0])
		return 0, false
	}
	h := parseHeader(rest)
	length := int(binary.BigEndian.Uint32(rest[0:4]) & 0xffffff)
	d.app = h.app
	d.printf(0, "%s", d.headerLine(h, length))
	switch {
	case length < diam.HeaderLength || length%4 != 0:
		d.fail(1, offset+1, "message length %d is not a multiple of 4 from 20 on", length)
		return 0, false
	case length > len(rest):
		d.avps(1, offset+diam.HeaderLength, len(d.data))
		d.fail(1, len(d.data), "input ends %d bytes before the message does", length-len(rest))
		return 0, false
	}
	d.avps(1, offset+diam.HeaderLength, offset+length)
	return offset + length, true
}

func (d *decoder) headerLine(h header, length int) string {
	name, short := d.dict.command(h.app, h.command)
	kind, letter := "Answer", "A"
	if h.request() {
		kind, letter = "Request", "R"
	}
	if name == "" {
		name = "Unknown-" + kind
	} else {
		name += "-" + kind + " (" + short + letter + ")"
	}
	app := strconv.FormatUint(uint64(h.app), 10)
	if label := d.dict.apps[h.app]; label != "" {
		app += " (" + label + ")"
	}
	return fmt.Sprintf("%s command %d application %s flags %s length %d hop-by-hop 0x%08x end-to-end 0x%08x",
		name, h.command, app, flagLetters(h.flags, "RPET"), length, h.hopByHop, h.endToEnd)
}

// flagLetters shows the upper bits of a flags octet as letters, and reserved bits that are set in hexadecimal.
func flagLetters(flags byte, letters string) string {
	out := []byte(letters)
	for i := range out {
		if flags&(0x80>>i) == 0 {
			out[i] = '-'
		}
	}
	if reserved := flags & (0xff >> len(letters)); reserved != 0 {
		return fmt.Sprintf("%s+reserved(0x%02x)", out, reserved)
	}
	return string(out)
}

// avps decodes the AVPs between two offsets. A fault in an AVP's length makes the rest unreadable and is shown as such.
func (d *decoder) avps(depth, offset, end int) {
	for offset < end {
		length, header, reason := avpExtent(d.data[offset:end])
		if reason != "" {
			d.fail(depth, offset, "%s", reason)
			d.printf(depth, "   %d bytes not decoded: %s", end-offset, shortHex(d.data[offset:end]))
			return
		}
		d.avp(depth, offset, length, header)
		padded := (length + 3) &^ 3
		if offset+padded > end {
			if offset+length != end {
				d.fail(depth, offset+length, "padding is missing")
			}
			// The last AVP of a group may leave its padding to the group: RFC 6733 s. 4 counts it, some peers do not.
			return
		}
		offset += padded
	}
}

// avpExtent reads an AVP's length and that of its header, or says why it cannot be one.
func avpExtent(b []byte) (length, header int, reason string) {
	if len(b) < 8 {
		return 0, 0, fmt.Sprintf("%d bytes are too few for an AVP header of 8", len(b))
	}
	length, header = int(binary.BigEndian.Uint32(b[4:8])&0xffffff), 8
	if b[4]&avp.Vbit != 0 {
		header = 12
	}
	switch {
	case length < header:
		return 0, 0, fmt.Sprintf("AVP %d has length %d, shorter than its header of %d", binary.BigEndian.Uint32(b), length, header)
	case length > len(b):
		return 0, 0, fmt.Sprintf("AVP %d has length %d, but %d bytes are left", binary.BigEndian.Uint32(b), length, len(b))
	}
	return length, header, ""
}

func (d *decoder) avp(depth, offset, length, header int) {
	b := d.data[offset : offset+length]
	code, flags, vendor := binary.BigEndian.Uint32(b), b[4], uint32(0)
	if header == 12 {
		vendor = binary.BigEndian.Uint32(b[8:12])
	}
	definition := d.dict.find(d.app, vendor, code)
	line := fmt.Sprintf("%s (%s) %s length %d", avpName(definition), avpCode(vendor, code), flagLetters(flags, "VMP"), length)
	payload := b[header:]
	if definition != nil && definition.Data.Type == datatype.GroupedType {
		d.printf(depth, "%s", line)
		if depth >= maxDepth {
			d.fail(depth+1, offset+header, "groups nested deeper than %d are not decoded", maxDepth)
			return
		}
		d.avps(depth+1, offset+header, offset+length)
		return
	}
	value, reason := formatValue(definition, payload)
	d.printf(depth, "%s: %s", line, value)
	if reason != "" {
		d.fail(depth+1, offset+header, "%s", reason)
	}
}

func avpName(definition *dict.AVP) string {
	if definition == nil {
		return "Unknown-AVP"
	}
	// The dictionary spells 3GPP as TGPP, because names there are Go identifiers.
	if rest, ok := strings.CutPrefix(definition.Name, "TGPP-"); ok {
		return "3GPP-" + rest
	}
	return definition.Name
}

func avpCode(vendor, code uint32) string {
	switch vendor {
	case 0:
		return strconv.FormatUint(uint64(code), 10)
	case vendor3GPP:
		return fmt.Sprintf("3GPP/%d", code)
	default:
		return fmt.Sprintf("%d/%d", vendor, code)
	}
}

// shortHex shows the first bytes of a part that cannot be decoded.
func shortHex(b []byte) string {
	const shown = 32
	if len(b) <= shown {
		return hex.EncodeToString(b)
	}
	return hex.EncodeToString(b[:shown]) + "..."
}
