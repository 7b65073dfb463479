package element

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/avp"
	"github.com/fiorix/go-diameter/v4/diam/datatype"
)

const (
	// maxFrame bounds a message from the server. The largest CCA seen in the field has a few KiB.
	maxFrame = 256 << 10
	// handshakeTimeout bounds connecting and the capabilities exchange.
	handshakeTimeout = 10 * time.Second
	// controlFrames is the room in a link's queue for answers and watchdogs beside the CCRs in flight.
	controlFrames = 64
	// backoffFirst and backoffLast bound the wait between attempts to connect. RFC 6733 suggests Tc = 30 s between peers; a
	// simulator should notice sooner that its server is back.
	backoffFirst = 100 * time.Millisecond
	backoffLast  = 5 * time.Second
)

// A link is one transport connection after its capabilities exchange. Only the element's goroutine calls send.
type link struct {
	conn  net.Conn
	out   chan []byte
	done  chan struct{}
	close func()
}

func newLink(conn net.Conn, inFlight int) *link {
	l := &link{conn: conn, out: make(chan []byte, inFlight+controlFrames), done: make(chan struct{})}
	l.close = sync.OnceFunc(func() {
		close(l.done)
		_ = conn.Close() // the reader and the writer see it; nothing is left to be told
	})
	return l
}

// send queues a frame. A full queue means that the peer has stopped reading: the link is closed.
func (l *link) send(frame []byte) {
	select {
	case l.out <- frame:
	default:
		l.close()
	}
}

// write moves frames from the queue to the connection, many in one write.
func (l *link) write() {
	w := bufio.NewWriterSize(l.conn, 64<<10)
	for {
		select {
		case <-l.done:
			return
		case frame := <-l.out:
			_, err := w.Write(frame)
			if err == nil && len(l.out) == 0 {
				err = w.Flush()
			}
			if err != nil {
				l.close()
				return
			}
		}
	}
}

type linkEventKind int

const (
	linkUp linkEventKind = iota
	linkFrame
	linkDown   // err says why
	linkFailed // no connection, or capabilities refused
)

type linkEvent struct {
	kind  linkEventKind
	link  *link
	frame []byte
	at    time.Time
	err   error
}

// readFrame reads one message by its header's length and leaves decoding to others, so that a message that cannot be decoded
// does not end the connection.
func readFrame(r io.Reader) ([]byte, error) {
	var start [4]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(start[:]) & 0xffffff
	if start[0] != 1 || length < diam.HeaderLength || length%4 != 0 || length > maxFrame {
		return nil, fmt.Errorf("not a Diameter message: version %d, length %d", start[0], length)
	}
	frame := make([]byte, length)
	copy(frame, start[:])
	if _, err := io.ReadFull(r, frame[4:]); err != nil {
		return nil, err
	}
	return frame, nil
}

// A RefusedError says that the server answered the capabilities exchange with a failure.
type RefusedError struct{ ResultCode uint32 }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("server refused the capabilities exchange with Result-Code %d: check origin host, realm and its list of peers", e.ResultCode)
}

// connector keeps a connection to the server: it dials, exchanges capabilities, reads until the connection breaks, and starts
// again after a growing pause, until its context ends.
type connector struct {
	o      *Options
	dict   *Dictionary
	events chan<- linkEvent
}

func (c *connector) run(ctx context.Context) {
	backoff := backoffFirst
	for ctx.Err() == nil {
		l, r, err := c.connect(ctx)
		if err != nil {
			if !c.tell(ctx, linkEvent{kind: linkFailed, err: err}) {
				return
			}
		} else {
			backoff = backoffFirst
			c.serve(ctx, l, r)
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, backoffLast)
	}
}

func (c *connector) tell(ctx context.Context, event linkEvent) bool {
	select {
	case c.events <- event:
		return true
	case <-ctx.Done():
		return false
	}
}

// serve announces a link and reads from it until it breaks.
func (c *connector) serve(ctx context.Context, l *link, r *bufio.Reader) {
	defer l.close()
	defer context.AfterFunc(ctx, l.close)()
	go l.write()
	if !c.tell(ctx, linkEvent{kind: linkUp, link: l, at: time.Now()}) {
		return
	}
	for {
		frame, err := readFrame(r)
		event := linkEvent{kind: linkFrame, link: l, frame: frame, at: time.Now()}
		if err != nil {
			event = linkEvent{kind: linkDown, link: l, err: err}
		}
		if !c.tell(ctx, event) || err != nil {
			return
		}
	}
}

// connect dials and exchanges capabilities.
func (c *connector) connect(ctx context.Context) (*link, *bufio.Reader, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn, err := c.o.Dial(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	r := bufio.NewReaderSize(conn, 64<<10)
	if err := c.exchange(conn, r); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	if !stop() {
		return nil, nil, fmt.Errorf("capabilities exchange: %w", context.Cause(ctx))
	}
	return newLink(conn, c.o.InFlight), r, nil
}

func (c *connector) exchange(conn net.Conn, r io.Reader) error {
	cer, err := c.capabilities(conn).Serialize()
	if err != nil {
		return fmt.Errorf("capabilities exchange: %w", err)
	}
	if _, err := conn.Write(cer); err != nil {
		return fmt.Errorf("capabilities exchange: %w", err)
	}
	frame, err := readFrame(r)
	if err != nil {
		return fmt.Errorf("capabilities exchange: %w", err)
	}
	if h := parseHeader(frame); h.command != diam.CapabilitiesExchange || h.request() {
		return fmt.Errorf("capabilities exchange: got command %d instead of an answer", h.command)
	}
	m, err := decodeMessage(c.dict, frame)
	if err != nil {
		return fmt.Errorf("capabilities exchange: %w", err)
	}
	for _, v := range m.AVP {
		if v.Code == avp.ResultCode && v.VendorID == 0 {
			if code := uint32Of(v); code != resultSuccess {
				return &RefusedError{ResultCode: code}
			}
			return nil
		}
	}
	return errors.New("capabilities exchange: answer without Result-Code")
}

// capabilities builds the CER (RFC 6733 s. 5.3.1). Application 4 is announced bare, as RFC 8506 has it, since 3GPP Gy uses the
// IETF's application.
func (c *connector) capabilities(conn net.Conn) *diam.Message {
	m := newMessage(c.dict, diam.CapabilitiesExchange, diam.RequestFlag, 0, 1, c.o.OriginStateID)
	for _, a := range []*diam.AVP{
		base(avp.OriginHost, identity(c.o.OriginHost)),
		base(avp.OriginRealm, identity(c.o.OriginRealm)),
		base(avp.HostIPAddress, hostAddress(conn)),
		base(avp.VendorID, u32(vendor3GPP)),
		optional(avp.ProductName, text("Gyro "+string(c.o.Kind))),
	} {
		m.AddAVP(a)
	}
	if c.o.sendsStateID() {
		m.AddAVP(base(avp.OriginStateID, u32(c.o.OriginStateID)))
	}
	m.AddAVP(base(avp.SupportedVendorID, u32(vendor3GPP)))
	m.AddAVP(base(avp.AuthApplicationID, u32(creditControl)))
	return m
}

// sendsStateID says whether the element announces Origin-State-Id; Open5GS does not.
func (o *Options) sendsStateID() bool { return o.Kind != PGW || o.Style != Open5GS }

func hostAddress(conn net.Conn) datatype.Address {
	if tcp, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		return datatype.Address(tcp.IP)
	}
	return address(127, 0, 0, 1)
}
