package bench

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

	"gyro/charging/diameter"
)

// TestRunRejects has a server send what is no answer: an error each, since the latencies that follow would be of nothing.
func TestRunRejects(t *testing.T) {
	answer := diameter.AppendHeader(nil, 0, diameter.CmdCreditControl, diameter.AppCreditControl, 1, 1)
	diameter.FinishMessage(answer, 0)
	goodbye := diameter.AppendHeader(nil, diameter.FlagRequest, diameter.CmdDisconnectPeer, diameter.AppBase, 1, 1)
	diameter.FinishMessage(goodbye, 0)
	short := binary.BigEndian.AppendUint32(nil, 19)
	for want, sent := range map[string][]byte{
		"the server sent a request, command 282": goodbye,
		"2 answers to 1 requests":                append(append([]byte{}, answer...), answer...),
		"an answer of 19 octets":                 short,
	} {
		client, server := net.Pipe()
		go func() {
			request := make([]byte, len(answer))
			if _, err := server.Read(request); err == nil {
				_, _ = server.Write(sent)
			}
			_ = server.Close()
		}()
		c := newConnection(client, 1)
		c.next = func(dst []byte) []byte { return append(dst, answer...) }
		if err := c.run(time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		_ = client.Close()
	}
}
