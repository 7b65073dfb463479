package diameter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// Options of an SCTP socket (RFC 6458 section 8), as Linux numbers them. They are inherited by what the listener accepts.
const (
	levelSCTP             = syscall.IPPROTO_SCTP
	optionNoDelay         = 3
	optionDefaultSendInfo = 34
)

// payloadDiameter is the payload protocol identifier of Diameter in clear text (RFC 6733 section 2.1.1, RFC 4960).
const payloadDiameter = 46

// ListenSCTP listens on an address for associations of SCTP in the one-to-one style (RFC 6458 section 4), one stream each
// way. An association is then like a TCP connection, deadlines and half-closing included, but for the boundaries of
// messages, which its writes keep.
func ListenSCTP(address string) (net.Listener, error) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on SCTP: %w", err)
	}
	fd, err := socketSCTP(at)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "sctp:"+address)
	// A stream socket is known by its type and family, whatever its protocol. The listener has a descriptor of its own.
	l, err := net.FileListener(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("listen on SCTP %s: %w", address, err)
	}
	return sctpListener{l}, nil
}

// socketSCTP returns a listening socket.
func socketSCTP(at *net.TCPAddr) (fd int, err error) {
	family, name := socketName(at)
	fd, err = syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, syscall.IPPROTO_SCTP)
	if errors.Is(err, syscall.EPROTONOSUPPORT) || errors.Is(err, syscall.ESOCKTNOSUPPORT) {
		return -1, fmt.Errorf("this kernel has no SCTP (%w): load its module with modprobe sctp, or listen on TCP", err)
	}
	if err != nil {
		return -1, fmt.Errorf("SCTP socket: %w", err)
	}
	defer func() {
		if err != nil {
			_ = syscall.Close(fd)
		}
	}()
	info := make([]byte, 16) // sctp_sndinfo: stream, flags, payload protocol, context, association
	binary.BigEndian.PutUint32(info[4:], payloadDiameter)
	for _, step := range [...]struct {
		what string
		err  error
	}{
		{"reuse of the address", syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)},
		{"SCTP_NODELAY", syscall.SetsockoptInt(fd, levelSCTP, optionNoDelay, 1)},
		{"SCTP_DEFAULT_SNDINFO", syscall.SetsockoptString(fd, levelSCTP, optionDefaultSendInfo, string(info))},
		{"bind", syscall.Bind(fd, name)},
		{"listen", syscall.Listen(fd, syscall.SOMAXCONN)},
	} {
		if step.err != nil {
			return -1, fmt.Errorf("SCTP %s: %s: %w", at, step.what, step.err)
		}
	}
	return fd, nil
}

func socketName(at *net.TCPAddr) (family int, name syscall.Sockaddr) {
	if v4 := at.IP.To4(); v4 != nil {
		return syscall.AF_INET, &syscall.SockaddrInet4{Port: at.Port, Addr: [4]byte(v4)}
	}
	all := &syscall.SockaddrInet6{Port: at.Port} // without an address: every one, of IPv4 too
	copy(all.Addr[:], at.IP.To16())
	return syscall.AF_INET6, all
}

type sctpListener struct{ net.Listener }

func (l sctpListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return sctpConn{nc.(*net.TCPConn)}, nil
}

// sctpConn writes each Diameter message as a message of SCTP: peers such as freeDiameter take an SCTP message for one of
// Diameter and close the association when it holds several.
type sctpConn struct{ *net.TCPConn }

func (c sctpConn) Write(b []byte) (int, error) { return writeMessages(c.TCPConn, b) }

// writeMessages writes whole messages with one write each.
func writeMessages(w io.Writer, b []byte) (written int, err error) {
	for written < len(b) {
		rest := b[written:]
		n := len(rest)
		if n >= HeaderLength {
			n = min(n, max(HeaderLength, int(binary.BigEndian.Uint32(rest)&kindLength)))
		}
		n, err = w.Write(rest[:n])
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}
