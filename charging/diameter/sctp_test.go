package diameter

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestSCTP asks the kernel for a socket and expects of the server what follows: a CER and a CCR over an association where
// there is SCTP, and an error that says what to do where there is not.
func TestSCTP(t *testing.T) {
	fd, probe := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, syscall.IPPROTO_SCTP)
	l, err := ListenSCTP("127.0.0.1:0")
	if probe != nil {
		t.Logf("this kernel has no SCTP: %v", probe)
		if !errors.Is(err, probe) || !strings.Contains(err.Error(), "this kernel has no SCTP") || !strings.Contains(err.Error(), "modprobe sctp") {
			t.Errorf("listening without SCTP: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	startOn(t, testOptions(), newRecorder(), l)
	at := l.Addr().(*net.TCPAddr)
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: at.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "association")
	nc, err := net.FileConn(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, nc)
	c.handshake(1)
	c.send(slices.Concat(appendSmallCCR(nil, 1), appendSmallCCR(nil, 2)))
	for _, want := range []uint32{1, 2} {
		if a := c.receive(); a.HopByHop != want || resultOf(a) != ResultSuccess {
			t.Errorf("hop-by-hop %d, result %v", a.HopByHop, resultOf(a))
		}
	}
}

func TestSCTPBadAddress(t *testing.T) {
	if _, err := ListenSCTP("127.0.0.1:none"); err == nil || !strings.Contains(err.Error(), "SCTP") {
		t.Errorf("%v", err)
	}
}

// TestMessageBoundaries: each message is written by itself, whole, and what is no message ends like any other octets.
func TestMessageBoundaries(t *testing.T) {
	one, two := appendSmallCCR(nil, 1), appendCER(nil, 2)
	var got writes
	n, err := writeMessages(&got, slices.Concat(one, two, one))
	if want := []string{string(one), string(two), string(one)}; err != nil || n != 2*len(one)+len(two) || !slices.Equal(got, want) {
		t.Errorf("%d octets in %d writes, %v", n, len(got), err)
	}
	got = nil
	if n, err := writeMessages(&got, slices.Concat(one, two[:7])); err != nil || n != len(one)+7 || len(got) != 2 {
		t.Errorf("%d octets in %d writes, %v", n, len(got), err)
	}
	got = nil
	if n, err := writeMessages(&got, make([]byte, 50)); err != nil || n != 50 || len(got) != 3 {
		t.Errorf("zeros: %d octets in %d writes, %v", n, len(got), err)
	}
}

// writes are what came with each Write.
type writes []string

func (w *writes) Write(b []byte) (int, error) {
	*w = append(*w, string(b))
	return len(b), nil
}
