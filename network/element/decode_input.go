package element

import (
	"errors"
	"fmt"
	"io"
)

// ReadBinary reads messages as bytes, at most 64 MiB.
func ReadBinary(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDecodeInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read messages: %w", err)
	case len(data) > maxDecodeInput:
		return nil, fmt.Errorf("read messages: more than %d bytes, split the input", maxDecodeInput)
	case len(data) == 0:
		return nil, errors.New("read messages: the input is empty")
	}
	return data, nil
}

// ReadHex reads messages in hexadecimal. White space, colons, a 0x before a byte and comments, from # to the end of the
// line, are ignored, case does not matter.
func ReadHex(r io.Reader) ([]byte, error) {
	digits, err := ReadBinary(r)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(digits)/2)
	line, column, high := 1, 0, -1
	for i := 0; i < len(digits); i++ {
		c := digits[i]
		column++
		switch {
		case c == '\n':
			line, column = line+1, 0
			continue
		case c == ' ' || c == '\t' || c == '\r' || c == ':':
			continue
		case c == '#':
			for i+1 < len(digits) && digits[i+1] != '\n' {
				i++
			}
			continue
		case c == '0' && high < 0 && i+1 < len(digits) && digits[i+1]|0x20 == 'x':
			i++
			column++
			continue
		}
		n := hexDigit(c)
		if n < 0 {
			return nil, fmt.Errorf("line %d column %d: %q is not a hexadecimal digit", line, column, c)
		}
		if high < 0 {
			high = n
			continue
		}
		out = append(out, byte(high<<4|n))
		high = -1
	}
	if high >= 0 {
		return nil, fmt.Errorf("line %d: an odd number of hexadecimal digits", line)
	}
	if len(out) == 0 {
		return nil, errors.New("read messages: no hexadecimal digits in the input")
	}
	return out, nil
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	default:
		return -1
	}
}
