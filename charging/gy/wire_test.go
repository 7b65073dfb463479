package gy

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"gyro/charging/diameter"
)

// overWire sends a request of pgw.example to a real server, whose core takes nothing: what is right up to there is
// answered 3004.
func overWire(t *testing.T, td *datadriven.TestData, text string) string {
	profile := Lenient()
	flags, command, application := uint8(diameter.FlagRequest|diameter.FlagProxiable), diameter.CmdCreditControl, diameter.AppCreditControl
	var patches []string
	for _, arg := range td.CmdArgs {
		switch arg.Key {
		case "profile":
			var err error
			if profile, err = ProfileNamed(arg.SingleVal(t)); err != nil {
				t.Fatal(err)
			}
		case "error":
			flags |= diameter.FlagError
		case "command":
			arg.Scan(t, 0, &command)
		case "application":
			arg.Scan(t, 0, &application)
		case "patch":
			patches = arg.Vals
		}
	}
	b := encode(t, flags, command, text)
	binary.BigEndian.PutUint32(b[8:], application)
	for _, patch := range patches {
		at, octets, _ := strings.Cut(patch, ":")
		value, err := hex.DecodeString(octets)
		if err != nil {
			t.Fatal(err)
		}
		copy(b[number[int](t, at):], value)
	}
	g := newGateway(t, &captured{overloaded: true}, profile, nil)
	g.options.Limits.Flags = profile.Flags
	peer := connect(t, serve(t, g), 1)
	if _, err := peer.Write(b); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, diameter.HeaderLength)
	if _, err := io.ReadFull(peer, head); errors.Is(err, io.EOF) {
		return "closed\n"
	} else if err != nil {
		t.Fatal(err)
	}
	answer := append(head, make([]byte, int(binary.BigEndian.Uint32(head)&0xffffff)-len(head))...)
	if _, err := io.ReadFull(peer, answer[len(head):]); err != nil {
		t.Fatal(err)
	}
	shown := decode(t, answer)
	// A connection on which nothing can be found any more is closed; any other one goes on.
	dwr := diameter.AppendHeader(nil, diameter.FlagRequest, diameter.CmdDeviceWatchdog, diameter.AppBase, 3, 4)
	dwr = diameter.AppendString(dwr, diameter.AVPOriginHost, "pgw.example")
	dwr = diameter.AppendString(dwr, diameter.AVPOriginRealm, "example")
	diameter.FinishMessage(dwr, 0)
	if _, err := peer.Write(dwr); err == nil {
		_, err = io.ReadFull(peer, head)
		if err == nil {
			return shown
		}
	}
	return shown + "closed\n"
}
